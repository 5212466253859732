"""Names that files and folders have until they are whole, and what dead processes left under such names."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_DIGITS: Final = 12  # of a name's random part
_TRIES: Final = 100
_OURS: Final = re.compile(rf"\..+\.([0-9a-f]{{{_DIGITS}}}\.tmp|lock)", re.DOTALL)


def is_temporary(name: str) -> bool:
    """Whether `name` is that of a file or folder which is not whole yet, or of a lock."""
    return _OURS.fullmatch(name) is not None


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """An empty file beside `path` to write to; others see that its process lives. It is removed, unless it was renamed."""
    with _held(path, folder=False) as temporary:
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(path: Path, *, mode: int = 0o777) -> Iterator[Path]:
    """An empty folder beside `path` to fill; others see that its process lives. What is there at the end is removed."""
    with _held(path, folder=True, mode=mode) as temporary:
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def beside(path: Path) -> Path:
    """A new name beside `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(_DIGITS // 2)}.tmp")


def sweep(path: Path) -> None:
    """Remove what dead processes left beside `path` under temporary names of exactly that name.

    A living process holds a lock on its own; a number of a process says nothing, for numbers are used again.
    """
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{_DIGITS}}}\.tmp")
    try:
        names = [name for name in os.listdir(path.parent) if ours.fullmatch(name)]
    except OSError:
        return
    for name in names:
        left = path.with_name(name)
        handle = _locked(left)
        if handle is None:
            continue
        try:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        finally:
            os.close(handle)


@contextmanager
def _held(path: Path, *, folder: bool, mode: int = 0o777) -> Iterator[Path]:
    """A new file or folder beside `path`, with its lock where the file system has locks; dead ones are swept before."""
    sweep(path)
    temporary, handle = _made(path, folder=folder, mode=mode)
    try:
        yield temporary
    finally:
        if handle is not None:
            os.close(handle)


def _made(path: Path, *, folder: bool, mode: int) -> tuple[Path, int | None]:
    for _ in range(_TRIES):
        temporary = beside(path)
        if folder:
            temporary.mkdir(mode)
        else:
            temporary.touch(exist_ok=False)
        if not _has_locks():
            return temporary, None
        handle = _locked(temporary)
        if handle is not None and _same(handle, temporary):
            return temporary, handle
        if handle is not None:  # somebody who swept saw it before it was locked
            os.close(handle)
        elif temporary.exists():  # a file system without locks
            return temporary, None
    raise OSError(f"no temporary name can be made beside {path}")


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _has_locks() -> bool:
    return sys.platform != "win32"


def _locked(path: Path) -> int | None:
    """A handle of a file or folder with its lock; None where another process has that, or there are no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
