"""`Layout`: where each series is in a flat array."""

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
    """N segments of steps, end to end: segment i begins at ordinal start[i] and occupies offsets[i] .. offsets[i + 1]."""

    start: NDArray[np.int64]  # [N]
    offsets: NDArray[np.int64]  # [N + 1]

    @classmethod
    def of(cls, start: NDArray[np.int64], lengths: NDArray[np.int64]) -> Layout:
        """The layout of segments of these `lengths` [N]."""
        return cls(start, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[N] steps of each segment."""
        return np.diff(self.offsets)

    @property
    def cells(self) -> int:
        """Steps of all segments together."""
        return int(self.offsets[-1])

    def reaching(self, future: int) -> Layout:
        """The layout with every segment `future` steps longer."""
        return Layout.of(self.start, self.lengths + future)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Ranges of segments that hold about `CHUNK` cells each (one segment at least)."""
        first = 0
        while first < len(self.start):
            last = int(np.searchsorted(self.offsets, self.offsets[first] + CHUNK, side="right")) - 1
            last = min(max(last, first + 1), len(self.start))
            yield first, last
            first = last

    def expand(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[cells], [cells]: the segment of each cell of the segments first .. last - 1, and the step within it."""
        lengths = self.lengths[first:last]
        segment = np.repeat(np.arange(first, last), lengths)
        cells = np.arange(self.offsets[first], self.offsets[last])
        return segment, cells - self.offsets[segment]
