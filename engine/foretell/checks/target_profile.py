"""`Profile`: what each item's target looks like, in one pass by chunks; no copy of the whole panel is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.filled_codes import UNFILLED
from foretell.data.layout import Layout
from foretell.data.panel import Panel

# times the spread of an item's middle half, from its median, at which a value counts as an outlier
FAR: Final = 25
ENOUGH: Final = 8  # values other than 0 that an item needs for that
# of the median: an item that hardly varies has no outlier within a few times its level
_LEAST_SPREAD: Final = 0.1
EXACT: Final = 1 << 24  # float32 holds every whole number up to here
_FAR_APART: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Profile:
    """[N] facts about each item's observed target; filled steps do not count."""

    seen: NDArray[np.int64]  # steps observed
    low: NDArray[np.float64]  # the least value; +inf where nothing is observed
    high: NDArray[np.float64]  # the greatest one; -inf
    size: NDArray[np.float64]  # sum of absolute values, in float64
    # fewest steps from one observation to the next; 0 where there are fewer than two
    apart: NDArray[np.int64]
    every: NDArray[np.int64]  # steps that divide all of those distances; 0 likewise
    first: NDArray[np.int64]  # ordinal of the first observed step; that of the first step where there is none
    last: NDArray[np.int64]  # ordinal of the last one; before the first step where there is none
    rows: NDArray[np.int64]  # [steps from the first of all on] items observed at each
    outliers: NDArray[np.int64]  # values that lie far from the others
    rounded: NDArray[np.int64]  # values beyond what float32 holds to the unit
    # item, ordinal, value and the item's median, of the farthest outlier
    worst: tuple[int, int, float, float] | None

    @classmethod
    def of(cls, panel: Panel) -> Profile:
        """The profile of a panel, read once from front to back."""
        n = len(panel)
        out = cls(
            np.zeros(n, np.int64),
            np.full(n, np.inf),
            np.full(n, -np.inf),
            np.zeros(n),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            panel.start.copy(),
            panel.start - 1,
            np.zeros(_extent(panel), np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            None,
        )
        earliest = int(panel.start[panel.lengths > 0].min(initial=np.iinfo(np.int64).max))
        layout, farthest, worst = Layout(panel.start, panel.offsets), 0.0, None
        for segments in layout.chunks():
            part = _Observed.of(panel, layout, segments)
            if len(part.values) == 0:
                continue
            _describe(out, part, segments[0], start=panel.start, earliest=earliest)
            share, found = _find_outliers(out, part, segments[0])
            if found is not None and share > farthest:
                item, step, value, median = found
                farthest, worst = share, (item, int(panel.start[item]) + step, value, median)
        return cls(
            out.seen,
            out.low,
            out.high,
            out.size,
            out.apart,
            out.every,
            out.first,
            out.last,
            out.rows,
            out.outliers,
            out.rounded,
            worst,
        )


@dataclass(frozen=True, slots=True)
class _Observed:
    """The observed steps of a chunk, item by item."""

    values: Array  # [O]
    step: NDArray[np.int64]  # [O] within the item
    segment: NDArray[np.int64]  # [O] which of the items that have some
    have: NDArray[np.int64]  # [R] those items, counted from the chunk's first
    begin: NDArray[np.int64]  # [R] where each begins
    count: NDArray[np.int64]  # [R]

    @classmethod
    def of(cls, panel: Panel, layout: Layout, segments: tuple[int, int]) -> _Observed:
        first, last = segments
        cells = slice(int(layout.offsets[first]), int(layout.offsets[last]))
        values = np.asarray(panel.target[cells])
        seen = ~np.isnan(values)
        if panel.filled is not None:
            seen &= np.asarray(panel.filled[cells]) == UNFILLED
        at = np.flatnonzero(seen)
        edges = layout.offsets[first : last + 1] - layout.offsets[first]
        count = np.diff(np.searchsorted(at, edges))
        have = np.flatnonzero(count)
        count = count[have]
        begin = np.cumsum(count) - count
        segment = np.repeat(np.arange(len(have)), count)
        return cls(values[at], at - edges[have][segment], segment, have, begin, count)


def _extent(panel: Panel) -> int:
    """Steps from the first of all series on to the end of the last."""
    some = panel.lengths > 0
    return int((panel.start + panel.lengths)[some].max() - panel.start[some].min()) if some.any() else 0


def _describe(out: Profile, part: _Observed, first: int, *, start: NDArray[np.int64], earliest: int) -> None:
    """Write the plain facts of a chunk; `earliest` is the first step of all series."""
    item, size = first + part.have, np.abs(part.values)
    out.seen[item] = part.count
    out.low[item] = np.minimum.reduceat(part.values, part.begin)
    out.high[item] = np.maximum.reduceat(part.values, part.begin)
    out.size[item] = np.add.reduceat(size, part.begin, dtype=np.float64)
    out.rounded[item] = np.add.reduceat(size > EXACT, part.begin, dtype=np.int64)
    out.first[item] = start[item] + part.step[part.begin]
    out.last[item] = start[item] + part.step[part.begin + part.count - 1]
    ordinals = np.repeat(start[item], part.count) + part.step
    here = np.bincount(ordinals - earliest)
    out.rows[: len(here)] += here
    apart = np.diff(part.step, append=0)
    final = part.begin + part.count - 1
    apart[final] = _FAR_APART
    several = part.count > 1
    out.apart[item] = np.where(several, np.minimum.reduceat(apart, part.begin), 0)
    apart[final] = 0  # divides into nothing
    wide = out.apart[item] > 1
    if wide.any():
        out.every[item] = np.where(several, np.gcd.reduceat(apart, part.begin), 0)
    else:
        out.every[item] = several


def _find_outliers(
    out: Profile, part: _Observed, first: int
) -> tuple[float, tuple[int, int, float, float] | None]:
    """Count each item's outliers; returns how far out the farthest of the chunk lies, and which it is."""
    some = part.values != 0
    segment, values = part.segment[some], part.values[some]
    count = np.bincount(segment, minlength=len(part.have))
    ordered = _sorted_within(segment, values)
    begin, rest = np.cumsum(count) - count, np.maximum(count - 1, 0)
    last = max(len(values) - 1, 0)
    if len(values) == 0:
        return 0.0, None
    low, median, high = (
        ordered[np.minimum(begin + (rest * quarter) // 4, last)].astype(np.float64) for quarter in (1, 2, 3)
    )
    spread = np.maximum(high - low, _LEAST_SPREAD * np.abs(median))
    spread = np.where((count >= ENOUGH) & (spread > 0), spread, np.inf)
    away = np.abs(values - median[segment]) / spread[segment]
    far = away > FAR
    if not far.any():
        return 0.0, None
    out.outliers[first + part.have] = np.bincount(segment[far], minlength=len(part.have))
    top = int(np.argmax(away))
    owner, step = int(segment[top]), int(part.step[np.flatnonzero(some)[top]])
    return float(away[top]), (first + int(part.have[owner]), step, float(values[top]), float(median[owner]))


def _sorted_within(segment: NDArray[np.int64], values: Array) -> Array:
    """[O] `values`, rising within each segment: one sort of 64-bit integers with the segment in the upper half, the value in the lower."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    sign = np.uint32(1 << 31)
    rising = np.where(bits & sign, ~bits, bits | sign)  # the order of these integers is that of the numbers
    keys = np.sort((segment.astype(np.uint64) << np.uint64(32)) | rising)
    rising = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return np.where(rising & sign, rising & ~sign, ~rising).astype(np.uint32).view(np.float32)
