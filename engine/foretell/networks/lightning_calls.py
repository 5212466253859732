"""Around calls to Lightning: it is kept quiet, and cancels and Ctrl-C pass through it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from foretell.errors import Interrupted
from foretell.system.listener import shielded
from foretell.system.quiet import quieted, unwarned


class _PastLightning(BaseException):
    """An interruption on its way through Lightning, which would end the process on a KeyboardInterrupt."""

    def __init__(self, stop: Interrupted) -> None:
        super().__init__(stop)
        self.stop = stop


@contextmanager
def past_lightning() -> Iterator[None]:
    """An Interrupted inside, called by Lightning, is raised from `interrupted_lightning` around the call to it."""
    try:
        yield
    except Interrupted as stop:
        raise _PastLightning(stop) from stop


@contextmanager
def interrupted_lightning() -> Iterator[None]:
    """A cancel is heard only where code calls `tell` in `past_lightning`, and raised as Interrupted.

    Ctrl-C stays a KeyboardInterrupt: Lightning turns it into SystemExit and leaves the signal switched off.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        with shielded():
            yield
    except _PastLightning as passed:
        raise passed.stop from None
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's hints about loaders, loggers and devices kept away from a host program's log and warnings.

    So is cuDNN's on the weights of LSTM layers that are run one by one (`own_draws`), which torch lays to our account.
    """
    with (
        quieted("lightning.pytorch", "lightning.fabric"),
        unwarned({"lightning": Warning, "torch": UserWarning, "foretell.networks": UserWarning}),
    ):
        yield
