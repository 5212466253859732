"""What the steps of a target say of the rows: sales written only where something sold, or rows of another calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.filled_codes import UNFILLED
from foretell.data.finding_advice import ZERO_FILLING
from foretell.data.findings import Findings
from foretell.data.frequency import Frequency, spell
from foretell.data.layout import Layout
from foretell.ingest.keyed_rows import KeyedRows
from foretell.ingest.store import Store

_FEWEST: Final = 30  # values and gaps from which they say something
_GAPS: Final = 0.1  # share of the inner steps that are gaps, from which rows stand for sales
_NET_ZERO: Final = (
    0.01  # share of the values that may be 0 where others are negative: returns that balance sales
)
_SCATTERED: Final = (
    0.05  # share of the values before a gap from which gaps are no outages but steps without sales
)
_WHOLE: Final = 0.95  # share of the values that are whole numbers
_EVEN: Final = (
    0.15  # deviation of the distances, in their mean, up to which rows have longer steps of their own
)
_CLOSED: Final = 0.05  # share of a season's turns below which a place in it is closed: nothing can sell there


class _Counts(NamedTuple):
    """Of some items: observed values, zeros, whole and negative ones; inner steps and gaps by place in the season; how far values lie apart."""

    seen: int
    zeros: int
    whole: int
    negative: int
    steps: NDArray[np.int64]  # [season]
    gaps: NDArray[np.int64]  # [season]
    apart: NDArray[
        np.float64
    ]  # [4] pairs of values that follow each other, the sum of their distances and of its square; pairs with a gap between

    def plus(self, other: _Counts) -> _Counts:
        """The counts of both."""
        return _Counts(
            self.seen + other.seen,
            self.zeros + other.zeros,
            self.whole + other.whole,
            self.negative + other.negative,
            self.steps + other.steps,
            self.gaps + other.gaps,
            self.apart + other.apart,
        )

    @property
    def sold(self) -> bool:
        """Whether the values may be sales of steps with sales alone: none is 0, or hardly any where some are returns."""
        return self.zeros == 0 or (self.negative > 0 and self.zeros <= _NET_ZERO * self.seen)


def report_transactions(
    findings: Findings, values: Array, codes: NDArray[np.uint8], layout: Layout, frequency: Frequency
) -> None:
    """Warn where a target is never 0, mostly whole, and has many inner gaps: rows may be there only where something sold.

    Places in the season that are hardly ever observed (Sundays, nights) are closed: their gaps do not count. Rows at even
    distances have longer steps of their own: that is another finding.
    """
    season = frequency.seasons[0]
    none = np.zeros(season, np.int64)
    found = _Counts(0, 0, 0, 0, none, none, np.zeros(4))
    for part in _count(values, codes, layout, season):
        found = found.plus(part)
        if not found.sold:
            return
    used = found.steps - found.gaps >= _CLOSED * found.steps
    lacking, of = int(found.gaps[used].sum()), int(found.steps[used].sum())
    if _is_even(found.apart[:3]) or found.seen < _FEWEST or lacking < max(_FEWEST, _GAPS * of):
        return
    if found.zeros == 0 and found.whole >= _WHOLE * found.seen:
        findings.warn(
            "transactions",
            f"{lacking / of:.0%} of the steps inside the series have no row, and no value is ever 0: if no row means that"
            f" nothing was sold, forecasts are too high without {ZERO_FILLING}",
            lacking,
        )
    elif found.apart[3] >= max(_FEWEST, _SCATTERED * found.apart[:1].sum()):
        what = "hardly any value is 0" if found.zeros else "no value is ever 0"
        findings.warn(
            "transactions",
            f"{lacking / of:.0%} of the steps inside the series have no row, at {int(found.apart[3]):,} places, and {what}: such"
            " are sales in money or weight, or with returns, that are written only where there were some. If that is so,"
            f" forecasts are too high without {ZERO_FILLING}",
            lacking,
        )


def _is_even(apart: NDArray[np.float64]) -> bool:
    """Whether values lie at about one distance from each other."""
    pairs, total, squares = apart
    mean = total / max(pairs, 1.0)
    return bool(squares / max(pairs, 1.0) - mean**2 <= (_EVEN * mean) ** 2)


def _count(values: Array, codes: NDArray[np.uint8], layout: Layout, season: int) -> Iterator[_Counts]:
    for first, last in layout.chunks():
        cells = slice(int(layout.offsets[first]), int(layout.offsets[last]))
        part = np.asarray(values[cells])
        there = ~np.isnan(part) & (np.asarray(codes[cells]) == UNFILLED)
        at = np.flatnonzero(there)
        some = part[at]
        whole, negative = int((some == np.round(some)).sum()), int((some < 0).sum())
        counts = (len(at), int((some == 0).sum()), whole, negative)
        none = np.zeros(season, np.int64)
        if (counts[1] and not negative) or not len(at):
            yield _Counts(*counts, none, none, np.zeros(4))
            continue
        segment, step = layout.expand(first, last)
        edges = layout.offsets[first : last + 1] - layout.offsets[first]
        begin, end = np.searchsorted(at, edges[:-1]), np.searchsorted(at, edges[1:])
        have = end > begin
        low = np.where(have, at[np.minimum(begin, len(at) - 1)], len(part))
        high = np.where(have, at[end - 1], -1)
        distance = np.diff(at)[np.diff(segment[at]) == 0].astype(float)
        cell, mine = np.arange(len(part)), segment - first
        inner = (cell >= low[mine]) & (cell <= high[mine])
        place = (layout.start[segment] + step)[inner] % season
        yield _Counts(
            *counts,
            np.bincount(place, minlength=season),
            np.bincount(place[np.isnan(part[inner])], minlength=season),
            np.array([len(distance), distance.sum(), np.square(distance).sum(), (distance > 1).sum()]),
        )


def report_other_calendar(store: Store, rows: KeyedRows, source: str, findings: Findings) -> None:
    """Warn where steps hold two rows beside steps that hold none, as months do of which rows are periods of 4 and 5 weeks."""
    steps = (
        f"SELECT p.segment AS s, r.step AS step, count(DISTINCT r.instant) AS n, min(r.moment) AS moment FROM {source}"
        " GROUP BY p.segment, r.step"
    )
    beside = (
        "SELECT n, moment, step - lag(step) OVER w AS before, lead(step) OVER w - step AS behind"
        f" FROM ({steps}) WINDOW w AS (PARTITION BY s ORDER BY step)"
    )
    alone = "n > 1 AND (before > 1 OR behind > 1)"
    total, doubled, found, first, empty = store.rows(
        f"SELECT count(*), count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE {alone}),"
        f" min(moment) FILTER (WHERE {alone}), sum(greatest(before - 1, 0)) FROM ({beside})"
    )[0]
    if found > 1 and 2 * found >= doubled and 3 * doubled <= total and 4 * int(empty or 0) <= total:
        findings.warn(
            "other_calendar",
            f"{found:,} steps of {rows.table.label} hold several rows beside a step that has none, first at {spell(first)}: its"
            " rows follow another calendar than freq=",
            found,
        )
