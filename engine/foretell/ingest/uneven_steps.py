"""What the steps of a target say of the rows: sales written only where something sold, or rows of another calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.filled_codes import UNFILLED
from foretell.data.findings import Findings
from foretell.data.frequency import Frequency, spell
from foretell.data.layout import Layout
from foretell.ingest.keyed_rows import KeyedRows
from foretell.ingest.store import Store

_FEWEST: Final = 30  # values and gaps from which they say something
_GAPS: Final = 0.1  # share of the inner steps that are gaps, from which rows stand for sales
_WHOLE: Final = 0.95  # share of the values that are whole numbers
_EVEN: Final = (
    0.15  # deviation of the distances, in their mean, up to which rows have longer steps of their own
)
_CLOSED: Final = 0.05  # share of a season's turns below which a place in it is closed: nothing can sell there


class _Counts(NamedTuple):
    """Of a chunk: observed values, zeros, whole ones; inner steps and gaps by place in the season; how far values lie apart."""

    seen: int
    zeros: int
    whole: int
    steps: NDArray[np.int64]  # [season]
    gaps: NDArray[np.int64]  # [season]
    apart: NDArray[
        np.float64
    ]  # [3] pairs of values that follow each other, the sum of their distances and of its square


def report_transactions(
    findings: Findings, values: Array, codes: NDArray[np.uint8], layout: Layout, frequency: Frequency
) -> None:
    """Warn where a target is never 0, mostly whole, and has many inner gaps: rows may be there only where something sold.

    Places in the season that are hardly ever observed (Sundays, nights) are closed: their gaps do not count. Rows at even
    distances have longer steps of their own: that is another finding.
    """
    season = frequency.seasons[0]
    seen = zeros = whole = 0
    steps, gaps = np.zeros(season, np.int64), np.zeros(season, np.int64)
    apart = np.zeros(3)
    for part in _count(values, codes, layout, season):
        seen, zeros, whole = seen + part.seen, zeros + part.zeros, whole + part.whole
        if zeros:
            return
        steps, gaps, apart = steps + part.steps, gaps + part.gaps, apart + part.apart
    used = steps - gaps >= _CLOSED * steps
    lacking, of = int(gaps[used].sum()), int(steps[used].sum())
    if _is_even(apart):
        return
    if seen >= _FEWEST and lacking >= max(_FEWEST, _GAPS * of) and whole >= _WHOLE * seen:
        findings.warn(
            "transactions",
            f"{lacking / of:.0%} of the steps inside the series have no row, and no value is ever 0: if no row means that"
            " nothing was sold, forecasts are too high without filling={'target': {'middle': 'zero'}}",
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
        counts = (len(at), int((some == 0).sum()), int((some == np.round(some)).sum()))
        none = np.zeros(season, np.int64)
        if counts[1] or not len(at):
            yield _Counts(*counts, none, none, np.zeros(3))
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
            np.array([len(distance), distance.sum(), np.square(distance).sum()]),
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
            " rows follow another calendar than freq",
            found,
        )
