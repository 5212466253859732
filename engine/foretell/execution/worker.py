"""A process that does one task after the other: `python -m foretell.execution.worker`. Only `LocalExecutor` starts it.

A task is a line of JSON on standard input; lines of JSON on standard output say what is told and logged meanwhile, and how it
ended. It ends when its standard input does, with all that it started.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from queue import Queue
from typing import Final

from foretell.errors import ForetellError
from foretell.execution.executor import Json, on_gpu, run_task
from foretell.recipe.author_code import RecipeFailed
from foretell.system.listener import Event, listening

_TRACE: Final = 40  # lines of a trace that are passed on
PAUSE: Final = 0.1  # seconds between two events of one stage that are passed on
_Say = Callable[[Json], None]


def main() -> None:
    """Do tasks until there are no more."""
    say = _speaker()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    warnings.simplefilter("ignore")  # upstream libraries' notices to programmers
    jobs: Queue[Json | None] = Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    while (job := jobs.get()) is not None:
        say({"number": job["number"], **_done(job, say)})


def _speaker() -> _Say:
    """Writes lines to what was standard output; what else is printed goes to standard error."""
    out, lock = os.fdopen(os.dup(1), "w", encoding="utf-8"), threading.Lock()
    os.dup2(2, 1)

    def say(message: Json) -> None:
        text = json.dumps(message) + "\n"
        with lock:
            out.write(text)
            out.flush()

    return say


def _listen(jobs: Queue[Json | None]) -> None:
    """Take tasks in; once there is nobody any more to give some, however that went, end with all that was started here."""
    for line in sys.stdin:
        jobs.put(json.loads(line))
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _done(job: Json, say: _Say) -> Json:
    """Do a task; its result, or how it failed."""
    handler = _Forwarded(say, job["level"])
    logging.getLogger().addHandler(handler)
    loggers = [logging.getLogger(name) for name in ("foretell", "foretell_recipes")]
    for logger in loggers:
        logger.setLevel(job["level"])
    try:
        with on_gpu(job["gpu"]), listening(_Told(say)) if job["heard"] else nullcontext():
            return {"result": run_task(job["task"], job["module"], job["arguments"])}
    except ForetellError as error:
        if isinstance(error, RecipeFailed):
            return _failed("RecipeFailed", str(error), error.said)
        return _failed("ForetellError", str(error))
    except MemoryError:
        few = "ran out of memory. Ask for fewer at a time: processes=1"
        return _failed("ForetellError", f"the task {job['task']!r} {few}")
    except Exception as error:
        return _failed("crash", f"{type(error).__name__}: {error}")
    finally:
        logging.getLogger().removeHandler(handler)


def _failed(kind: str, message: str, said: str = "") -> Json:
    trace = traceback.format_exc().splitlines()[-_TRACE:]
    return {"failed": message, "kind": kind, "said": said, "trace": trace}


class _Told:
    """Passes on what is told, of one stage ten times a second at most."""

    def __init__(self, say: _Say) -> None:
        self._say, self._last = say, dict[str, float]()

    def __call__(self, event: Event) -> None:
        now, key = time.monotonic(), f"{event.recipe} {event.stage}"
        if event.done and event.done != event.total and now - self._last.get(key, 0.0) < PAUSE:
            return
        self._last[key] = now
        self._say({"event": json.loads(json.dumps(asdict(event), default=str))})


class _Forwarded(logging.Handler):
    """Passes on what is logged."""

    def __init__(self, say: _Say, level: int) -> None:
        super().__init__(level)
        self._say_line = say

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or record.name.partition(".")[0] in (
            "foretell",
            "foretell_recipes",
        ):
            self._say_line({"log": record.getMessage(), "name": record.name, "level": record.levelno})


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)
