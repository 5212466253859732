"""One writer at a time for a folder that takes long to write."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from foretell.errors import ForetellError
from foretell.system.regular_files import read_regular
from foretell.system.temporary_names import sweep

P = ParamSpec("P")
R = TypeVar("R")

_MINE: dict[Path, int] = {}  # folders that this process has claimed -> its thread that did
_GUARD = threading.Lock()
_MOST = 1000  # bytes of what a lock file says


@contextmanager
def claimed(folder: str | Path) -> Iterator[None]:
    """Inside, nobody else writes `folder`; what dead processes left beside it under temporary names is removed.

    Its owner may claim it again. Raises ForetellError, naming the process, where another one (or another thread) is writing
    it. The claim ends with the process, however that ends.
    """
    folder, me = Path(folder).resolve(), threading.get_ident()
    with _GUARD:
        owner = _MINE.get(folder)
        if owner not in (None, me):
            raise _busy(folder, f"another thread of this process, {os.getpid()},")
        path = _lock_file(folder)
        made = [parent for parent in folder.parents if not parent.exists()]  # for the lock file alone
        handle = _claim(folder, path) if owner is None else None
        _MINE[folder] = me
    if handle is None:
        yield
        return
    try:
        sweep(folder)
        yield
    finally:
        with _GUARD:
            del _MINE[folder]
            if os.name != "nt":  # Windows removes no open file; an old lock file does no harm
                path.unlink(missing_ok=True)
            os.close(handle)
            with suppress(OSError):  # what holds something by now stays
                for parent in made:
                    parent.rmdir()


def claiming_out(function: Callable[P, R]) -> Callable[P, R]:
    """`function` with the place that its argument `out` names, where it names one, claimed until it returns."""

    @wraps(function)
    def claims(*args: P.args, **kwargs: P.kwargs) -> R:
        out = kwargs.get("out")
        if not isinstance(out, (str, os.PathLike)):
            return function(*args, **kwargs)
        with claimed(os.fspath(out)):
            return function(*args, **kwargs)

    return claims


def _lock_file(folder: Path) -> Path:
    """Beside the folder, or inside where nothing can be made beside it: a volume that is mounted there."""
    if folder.is_dir() and not os.access(folder.parent, os.W_OK | os.X_OK):
        return folder / f".{folder.name}.lock"
    return folder.with_name(f".{folder.name}.lock")


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
        raise _busy(folder, "another process", _owner(path))
    with suppress(OSError):  # who it is, for others' messages: a full disk is no reason to stop
        os.ftruncate(handle, 0)
        os.pwrite(handle, _signature().encode(), 0)
    return handle


def _busy(folder: Path, who: str, more: str = "") -> ForetellError:
    return ForetellError(
        f"{who} is writing {str(folder)!r}{more}. Wait until it is done, or name another folder."
    )


def _signature() -> str:
    """This process, for people."""
    program = Path(sys.argv[0] if sys.argv else "").name
    command = " ".join(["foretell", *sys.argv[1:2]]) if program in ("foretell", "__main__.py") else program
    command = "python" if command in ("", "-c", "-") else command
    began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = platform.node() or "this machine"
    return f"process {os.getpid()} on {where} ({command}), since {began}"


def _owner(path: Path) -> str:
    """What the lock file says of its owner, after a colon; nothing where it says nothing."""
    try:
        text = read_regular(path, most=_MOST).decode(errors="replace")
    except (OSError, ForetellError):
        return ""
    shown = "".join(mark for mark in text if mark.isprintable())
    return f": {shown}" if shown else ""


def _open_locked(path: Path) -> int | None:
    """A handle of the file at `path` with its lock; None where another process has that."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
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
