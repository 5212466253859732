"""Calls spread over processes of one thread each."""

from __future__ import annotations

import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from foretell.errors import ForetellError
from foretell.system.listener import shielded

R = TypeVar("R")

logger = logging.getLogger(__name__)
_STARTED_BY: list[int] = []  # the process that asked others; a fork inherits it

# Threads of one training, unless `Run.threads` says otherwise. The steps of a small recurrent network are over before a second
# thread has woken up, and on a shared machine the threads wait for one another: a training step of 0.1 s on one thread took up
# to 15 s on two beside other work.
CPU_THREADS = 1


def across_processes(
    function: Callable[..., R], calls: Iterable[tuple[Any, ...]], *, workers: int
) -> Generator[R, None, None]:
    """The results of `function` on each of `calls`, in order, by processes of one thread each.

    joblib's processes are fresh ones (safe when torch has been imported) that do not import the caller's script again, so
    that a script needs no `if __name__ == "__main__"`; they stay for the next call and end with this process. Where this is
    closed before its end, they are killed. Where there can be none, this process does it all, with a warning.
    """
    why = _cannot()
    if why:
        logger.warning("series are fitted in this process alone: %s", why)
        yield from (function(*call) for call in calls)
        return
    from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # type: ignore[import-untyped]

    try:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            tasks = (delayed(function)(*call) for call in calls)
            results = Parallel(n_jobs=workers, return_as="generator", batch_size=1, max_nbytes=None)(tasks)
        wanted = True
        try:
            for result in results:  # noqa: UP028  (`yield from` would close joblib's generator itself, which warns)
                yield result
            wanted = False
        finally:
            if wanted:
                _end(results)
    except TerminatedWorkerError as error:
        raise ForetellError(
            "a process that fitted series was killed, most likely for want of memory. Ask for fewer: processes=1"
        ) from error


def _cannot() -> str:
    """Why no other processes can be asked; nothing where they can."""
    if not _STARTED_BY:
        _STARTED_BY.append(os.getpid())
    if _STARTED_BY[0] != os.getpid():  # joblib would wait for the processes of another
        return "it was forked from one that had asked others"
    try:
        multiprocessing.get_context().Lock()
    except (ImportError, OSError) as error:  # as where /dev/shm is missing or cannot be written
        return f"this system gives no semaphores ({error})"
    return ""


def _end(results: Generator[Any, None, None]) -> None:
    """End joblib's processes: those that still work, for nobody, and those that are done."""
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    with shielded(), warnings.catch_warnings():  # of results that nobody wants
        warnings.simplefilter("ignore")
        results.close()
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
