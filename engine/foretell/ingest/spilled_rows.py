"""External bucket sort: rows in any order onto a grid that lives in a file, so that each page of it is written once.

Rows written to their cells as they come would touch every page of the file again and again, and the disk would write each page
as often. Here they are first appended to one temporary file for each region of the grid. Then region by region is filled.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.system.big_arrays import no_room
from foretell.system.scratch import scratch_place

CELLS: Final = 1 << 24  # of a region: 64 MB of each column; a power of two
_MOST: Final = 256  # regions: each has an open file


class RowBuckets:
    """Rows of grids of equal length, kept in a file a region, to be put on the grids later. A context manager."""

    def __init__(self, cells: int, columns: int, *, scratch: str | os.PathLike[str] | None) -> None:
        self._cells = cells
        self._bits = (max(CELLS, -(-cells // _MOST)) - 1).bit_length()  # a region has 2 ** bits cells
        self._row = np.dtype([("cell", np.uint32), ("values", np.float32, (columns,))])
        self._folder = scratch_place(scratch)
        self._files: list[IO[bytes]] = []
        self._open = ExitStack()

    def __enter__(self) -> RowBuckets:
        for _ in range(0, self._cells, 1 << self._bits):
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # the stack closes it
            self._files.append(self._open.enter_context(file))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, cell: NDArray[np.int64], values: Sequence[NDArray[Any]]) -> None:
        """Keep R rows: `cell` [R], and of each grid its values [R]. Raises ForetellError when the disk is full."""
        region = (cell >> self._bits).astype(np.uint8)
        # of bytes: a counting sort; the last of two rows of a cell stays the last
        order = np.argsort(region, kind="stable")
        rows = np.empty(len(cell), self._row)
        rows["cell"] = (cell & ((1 << self._bits) - 1))[order]
        for i, column in enumerate(values):
            rows["values"][:, i] = column[order]
        ends = np.cumsum(np.bincount(region, minlength=len(self._files)))
        try:
            for file, first, last in zip(self._files, [0, *ends[:-1]], ends, strict=True):
                _write(file, rows[first:last])
        except OSError as error:
            raise no_room("a table of the rows of a grid", self._folder, error) from error

    def scatter(self, grids: Sequence[Array], blank: Callable[[slice], None]) -> None:
        """Put all rows on the grids, each [cells]; `blank` is called with each region just before it is filled."""
        for file, part in zip(self._files, self._regions(), strict=True):
            blank(part)
            file.seek(0)
            rows = np.fromfile(file, self._row)
            for i, grid in enumerate(grids):
                grid[part][rows["cell"]] = rows["values"][:, i]

    def _regions(self) -> Iterator[slice]:
        size = 1 << self._bits
        return (slice(first, min(first + size, self._cells)) for first in range(0, self._cells, size))


def _write(file: IO[bytes], rows: NDArray[Any]) -> None:
    """All of the rows: an unbuffered file may take them in several goes."""
    left = memoryview(rows.tobytes())
    while len(left):
        left = left[file.write(left) :]
