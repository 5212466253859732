"""Large arrays: in memory, or past a size in a nameless file that the operating system pages in and out."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from foretell.errors import ForetellError
from foretell.system.scratch import scratch_place

SHARE: Final = 8  # a grid larger than memory / SHARE lives in a file
_PIECE: Final = 1 << 22  # entries that one vectorised step looks at
_BLOCK: Final = 1 << 24  # bytes written at a time where a file system cannot reserve space


def memory() -> int:
    """Bytes of memory that the machine has; 64 GiB where that is not known."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PAGE_SIZE" in names and "SC_PHYS_PAGES" in names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 1 << 36


def allocate(
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float32,
    *,
    scratch: str | os.PathLike[str] | None = None,
    beside: int = 1,
) -> NDArray[Any]:
    """A grid that is yet to be written; a large one is a nameless file in `scratch` (default: the temporary folder).

    It is one of `beside` such grids that are held together. The file vanishes with the array, also when the process is killed.
    Raises ForetellError where the disk is full.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size * beside <= memory() // SHARE:
        return np.empty(shape, dtype)
    folder = scratch_place(scratch)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file, size)
            return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
    except OSError as error:
        raise no_room(f"a grid of {size / 1e9:.1f} GB", folder, error) from error


def no_room(what: str, folder: str, error: OSError) -> ForetellError:
    """The error for something that the disk of `folder` does not hold."""
    return ForetellError(
        f"{what} does not fit into {folder!r}: {error.strerror}. Free some space, or name another folder: scratch= (or"
        " the environment variable TMPDIR)."
    )


def in_file(grid: NDArray[Any]) -> bool:
    """Whether `allocate` made the grid in a file."""
    return isinstance(grid.base, np.memmap)


def reserve(file: IO[bytes], size: int) -> None:
    """Give an open file `size` bytes of the disk now: a mapped page without room kills the process, an OSError does not."""
    if hasattr(os, "posix_fallocate") and size:
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for first in range(0, size, _BLOCK):
        file.write(bytes(min(_BLOCK, size - first)))
    file.flush()


def zeros(shape: tuple[int, ...], dtype: DTypeLike, *, scratch: str | None = None) -> NDArray[Any]:
    """As `allocate`, full of zeros; memory is used only where something else is written."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.zeros(shape, dtype) if size <= memory() // SHARE else allocate(shape, dtype, scratch=scratch)


def pieces(count: int, size: int = _PIECE) -> Iterator[slice]:
    """0 .. count in slices of `size`: bounds the temporary arrays of one vectorised step."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def blanked(array: NDArray[Any], test: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> int:
    """How many entries `test` holds for; they become NaN. Done in pieces."""
    count = 0
    for part in pieces(len(array)):
        hit = test(array[part])
        count += int(hit.sum())
        array[part][hit] = np.nan
    return count


def anywhere(array: NDArray[Any], test: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> bool:
    """Whether `test` holds for any entry; asked in pieces."""
    return any(bool(test(array[part]).any()) for part in pieces(len(array)))
