"""The log of the library at the prompt: warnings in the words of the command line, names out of data as they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from foretell.cli.console import say
from foretell.cli.option_names import as_options

_VERBOSE: Final = logging.Formatter("%(asctime)s %(name)s: %(message)s")
_CHATTY: Final = ("alembic.runtime.plugins",)  # tell each start what they are made of


class _Shown(logging.Handler):
    """Writes each record to standard error, as all that accompanies a result."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.formatter or not record.name.startswith(
                "matplotlib"
            ):  # which has no home to keep its cache in
                say(as_options(self.format(record)))
        except Exception:  # a log must not end what it tells of
            self.handleError(record)


@contextmanager
def shown_log() -> Iterator[None]:
    """Inside, warnings are shown; all of the log after `show_all`."""
    root, handler = logging.getLogger(), _Shown(logging.WARNING)
    level = root.level
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def show_all() -> None:
    """From here on, and until `shown_log` ends, the whole log is shown, with its times."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in root.handlers:
        if isinstance(handler, _Shown):
            handler.setLevel(logging.INFO)
            handler.setFormatter(_VERBOSE)
            handler.addFilter(lambda record: record.name not in _CHATTY)
