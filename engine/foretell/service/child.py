"""The process that does one job: `python -m foretell.service.child`. It knows no database.

Standard input brings the order as a line of JSON, and then `cancel`; when it closes, the worker is gone and the child ends with all
that it started. Standard output takes a line of JSON an event; what libraries print goes to standard error, which is the log.

What the work makes it writes whole, under its final name; `result.json` in the job's folder says that it is done. A child that
finds it there has nothing to do: so a job is done once, however often its worker was killed.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from foretell.errors import ForetellError, Interrupted
from foretell.service.home import open_home
from foretell.service.resources import is_disk_full
from foretell.service.work.order import RESULT, Order, work_named
from foretell.system.atomic_files import write_text
from foretell.system.listener import CancelToken, Event, listening
from foretell.system.strict_json import parse_json

OK: Final = 0
REFUSED: Final = 3  # the library said why: trying again is of no use
CANCELLED: Final = 4
FULL: Final = 5  # the disk is full
BUSY: Final = 6  # an earlier child of the job does not end
_BETWEEN: Final = 0.5  # seconds between two events
_LOCK_WAIT: Final = 60.0  # seconds that an earlier child of the job may take to end


def main() -> None:
    """Do the job that standard input orders; the exit status is one of the above, or that of a death."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    told = parse_json(sys.stdin.buffer.readline())
    token = CancelToken()
    threading.Thread(target=_hear, args=(token,), daemon=True).start()
    order = Order(home=open_home(told["home"]), **{k: v for k, v in told.items() if k != "home"})
    try:
        with _alone(order.folder):
            status = _done(order, token, channel)
    except BlockingIOError:
        status = BUSY
    channel.flush()
    logging.shutdown()
    os._exit(status)  # no library's thread or worker keeps it


def _done(order: Order, token: CancelToken, channel: Any) -> int:
    if (order.folder / RESULT).exists():
        return OK
    if order.kept.is_dir() and any(order.kept.iterdir()):
        logging.info("goes on from what an earlier process of job %s has kept", order.job)
    try:
        with listening(_Teller(channel), cancel=token):
            result = work_named(order.work)(order)
        write_text(order.folder / RESULT, json.dumps(dict(result)))
    except (ForetellError, OSError, MemoryError) as error:
        with suppress(OSError):  # the log may be on a disk that is full
            traceback.print_exc()
        if is_disk_full(error):
            return FULL
        _send(channel, {"refused": str(error) or type(error).__name__})
        return REFUSED
    except Interrupted:
        return CANCELLED
    return OK


class _Teller:
    """Sends events of the library on, at a bounded rate."""

    def __init__(self, channel: Any) -> None:
        self._channel, self._last, self._stage = channel, 0.0, ""

    def __call__(self, event: Event) -> None:
        stage, at = f"{event.stage} {event.recipe} {event.message}", time.monotonic()
        if stage == self._stage and at - self._last < _BETWEEN:
            return
        self._stage, self._last = stage, at
        told = {name: getattr(event, name) for name in ("stage", "done", "total", "recipe", "message")}
        numbers = {name: getattr(event, name) for name in ("loss", "score")}
        known = {name: value for name, value in numbers.items() if value is not None and value == value}
        _send(self._channel, {"progress": {**told, **known}})


def _send(channel: Any, message: Mapping[str, Any]) -> None:
    channel.write(json.dumps(message) + "\n")


def _hear(token: CancelToken) -> None:
    """Cancel when told to; end everything when the worker is gone."""
    for line in sys.stdin.buffer:
        if line.strip() == b"cancel":
            token.cancel()
    os.killpg(os.getpgrp(), signal.SIGKILL)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside, no other child writes the job's folder; one that still ends is waited for."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + _LOCK_WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    try:
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
