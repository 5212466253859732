"""`Layout`: where each series stands in a flat array; and pass two, which streams rows to their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

# cells that one vectorised step works on: bounds its temporary arrays to some hundred MB
CHUNK: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Layout:
    """N runs of steps, end to end: run i begins at ordinal start[i] and occupies offsets[i] .. offsets[i + 1]."""

    start: NDArray[np.int64]  # [N]
    offsets: NDArray[np.int64]  # [N + 1]

    @classmethod
    def of(cls, start: NDArray[np.int64], lengths: NDArray[np.int64]) -> Layout:
        """The layout of runs of these lengths."""
        return cls(start, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @property
    def cells(self) -> int:
        return int(self.offsets[-1])

    def reaching(self, future: int) -> Layout:
        """The layout with every run `future` steps longer."""
        return Layout.of(self.start, self.lengths + future)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Ranges of runs that hold about `CHUNK` cells each (one run at least)."""
        first = 0
        while first < len(self.start):
            last = int(np.searchsorted(self.offsets, self.offsets[first] + CHUNK, side="right")) - 1
            last = min(max(last, first + 1), len(self.start))
            yield first, last
            first = last

    def expand(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The run and the step within it of every cell of the runs first .. last."""
        lengths = self.lengths[first:last]
        run = np.repeat(np.arange(first, last), lengths)
        cells = np.arange(self.offsets[first], self.offsets[last])
        return run, cells - self.offsets[run]
