"""One writer at a time for a folder that takes long to write."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foretell.errors import ForetellError

_MINE: set[Path] = set()  # folders that this process has claimed


@contextmanager
def claimed(folder: str | Path) -> Iterator[None]:
    """Inside, no other process writes `folder`; what an interrupted one left beside it is removed.

    Raises ForetellError where another process is writing it. The claim ends with the process, however that ends.
    """
    folder = Path(folder).resolve()
    if folder in _MINE:
        yield
        return
    path = folder.with_name(f".{folder.name}.lock")
    handle = _claim(folder, path)
    _MINE.add(folder)
    try:
        for left in folder.parent.glob(f".{folder.name}.*.tmp"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        _MINE.discard(folder)
        if os.name != "nt":  # Windows removes no open file; an old lock file does no harm
            path.unlink(missing_ok=True)
        os.close(handle)


def _claim(folder: Path, path: Path) -> int:
    """A handle of the lock file at `path`; raises ForetellError where another process has it, or it cannot be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        handle = _open_locked(path)
    except OSError as error:
        raise ForetellError(
            f"cannot write to {str(folder)!r}: {error.strerror}. Name a place that can be written."
        ) from error
    if handle is None:
        raise ForetellError(
            f"another process is writing {str(folder)!r}. Wait until it is done, or name another folder."
        )
    return handle


def _open_locked(path: Path) -> int | None:
    """A handle of the file at `path` with its lock; None where another process has that."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(handle):
            os.close(handle)
            return None
        try:
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)  # its last owner has just removed the file: take the new one


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
