"""Writing files whole or not at all: to a temporary name beside the target, then renamed."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from foretell.errors import ForetellError
from foretell.system.temporary_names import beside, temporary_file, temporary_folder

_EXCHANGE = 2  # Linux' RENAME_EXCHANGE: two names swap in one step
_HERE = -100  # AT_FDCWD


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name to write a file to; it becomes `path` on success and vanishes on failure.

    Raises ForetellError where it cannot be written, as all functions here do.
    """
    path = Path(path)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as temporary:
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with plain line ends, whole or not at all."""
    write_bytes(path, text.encode())


@contextmanager
def new_folder(path: str | Path, *, drop: Collection[str] = ()) -> Iterator[Path]:
    """A temporary folder to fill; on success it becomes `path` in one step, on failure nothing is left of it.

    What an older folder at `path` holds under other names is kept, but for what fits the patterns `drop`. Where nothing can
    be made beside `path` (a volume mounted there), and where it is the current folder, its files are replaced one by one. Raises ForetellError where `path` is a
    file or cannot be written.
    """
    path = Path(path).resolve()
    if path.exists() and not path.is_dir():
        raise ForetellError(f"{path} is a file; a folder is needed there. Name another one.")
    if path.is_dir() and _stays(path):
        with staged(path) as temporary:
            yield temporary
            new = {entry.name for entry in temporary.iterdir()}
        _remove(path, drop, new)
        return
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _recover(path)
        with temporary_folder(path) as temporary:
            yield temporary
            for file in temporary.rglob("*"):
                _flush(file)
            _put(temporary, path, drop)


@contextmanager
def staged(folder: str | Path) -> Iterator[Path]:
    """A temporary folder inside `folder` (made if need be) for files that move up together once all are written."""
    folder = Path(folder)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder / "files") as temporary:
            yield temporary
            files = sorted(temporary.iterdir())
            for file in files:
                _flush(file)
            for file in files:
                os.replace(file, folder / file.name)


def ensure_writable(folder: str | Path) -> None:
    """Raises ForetellError unless files can be written in `folder`, or in the folder that it would be made in.

    Leaves no trace: to be called before long work whose result goes there.
    """
    folder = Path(folder)
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    with _explained(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial = beside(folder / "trial")
            trial.touch()
            trial.unlink()
        finally:
            for parent in missing:
                if parent.is_dir():
                    parent.rmdir()


def _stays(folder: Path) -> bool:
    """Whether `folder` cannot change places: a mount, one that we can make nothing beside, or where this program runs.

    A program whose current folder was replaced stands in one that is no more, and its shell too.
    """
    closed = not os.access(folder.parent, os.W_OK | os.X_OK)
    return closed or os.path.ismount(folder) or os.path.samefile(os.curdir, folder)


def _put(new: Path, path: Path, drop: Collection[str]) -> None:
    """Move the folder `new` to `path`; what only the folder that stood there held moves along, but for what fits `drop`."""
    if not path.exists() or not any(path.iterdir()):
        if path.exists() and os.name == "nt":
            path.rmdir()  # Windows does not rename onto an empty folder, POSIX does
        os.replace(new, path)
        return
    _keep(
        path, new, drop
    )  # before they change places: whatever ends this process then, these stand at `path`
    _exchange(new, path)
    _keep(new, path, drop)  # what came in the meantime


def _keep(old: Path, new: Path, drop: Collection[str]) -> None:
    """Give the folder `new` what only the folder `old` holds, but for what fits `drop`: as links, else as copies."""
    for entry in old.iterdir():
        kept = new / entry.name
        if os.path.lexists(kept) or any(fnmatchcase(entry.name, each) for each in drop):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, kept, symlinks=True, copy_function=_link)
        else:
            _link(entry, kept)


def _link(source: str | Path, target: str | Path) -> None:
    """The same file under another name; a copy where the file system has no such thing."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(folder: Path, drop: Collection[str], but: Collection[str]) -> None:
    """Remove the files of `folder` that fit the patterns `drop`, but for some."""
    for entry in folder.iterdir():
        if entry.name not in but and any(fnmatchcase(entry.name, each) for each in drop) and entry.is_file():
            entry.unlink()


def _exchange(one: Path, other: Path) -> None:
    """Two folders swap names: in one step on Linux, in three elsewhere."""
    if sys.platform == "linux":
        swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if swap is not None and swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
            return
    spare = _spare(other)
    os.replace(other, spare)
    os.replace(one, other)
    os.replace(spare, one)


def _spare(path: Path) -> Path:
    """Where a folder waits while another takes its name, if that takes more than one step; no sweep takes it away."""
    return path.with_name(f".{path.name}.before")


def _recover(path: Path) -> None:
    """What a process that was killed amid such an exchange left: the old folder goes back, unless the new one is there."""
    spare = _spare(path)
    if spare.is_dir() and not spare.is_symlink():
        if path.exists():
            shutil.rmtree(spare)
        else:
            os.replace(spare, path)


def _flush(path: Path) -> None:
    """Bring a file's bytes to the disk, so that a power cut after the rename finds them there."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """An OSError inside becomes a ForetellError that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ForetellError(
            f"cannot write to {str(path)!r}: {reason}. Name a place that can be written."
        ) from error
