"""Steps at the ends of the data that are not whole: daily rows to the 3rd of July make July a month of three days.

Whether a step is whole is decided by the calendar: by the days of the week, hours of the day or minutes of the hour that have rows
as a rule. It is decided for the whole table, or where each item ends on its own, for each item; never by an item's number of rows. Related tables
are judged by the same calendar (`partial_covariates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency, spell
from foretell.ingest.context import IngestContext
from foretell.ingest.item_metadata import match
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, spell_key
from foretell.system.sql_text import integer

_FINER: Final = 1.5  # times a step, on average, from which the rows are finer than the steps
CYCLES: Final = 2  # weeks, days or hours that the rows must span to show which of their parts are used
_LONG_GAP: Final = 0.95  # quantile of the gaps between rows: a longer one at the end is no usual gap
NEVER: Final = np.iinfo(np.int64).min // 2  # a step that no row is in


@dataclass(frozen=True, slots=True)
class Level:
    """A finer grid, and the cycle in which its times come again."""

    sql: str  # of the time of a row, counted from 1970
    unit: str  # of the time, as numpy calls it
    cycle: int
    share: float  # of its turns in which a time must have rows to count as one that has them as a rule

    def moments(self, times: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """The times as datetime64."""
        return times.astype(f"datetime64[{self.unit}]")


_MONTHS: Final = Level("(year(moment) - 1970) * 12 + month(moment) - 1", "M", 1, 0.8)
_DAYS: Final = Level("floor(epoch_us(moment) / 86400000000.0)", "D", 7, 0.8)  # a weekday has holidays
_HOURS: Final = Level("floor(epoch_us(moment) / 3600000000.0)", "h", 24, 0.95)
_MINUTES: Final = Level("floor(epoch_us(moment) / 60000000.0)", "m", 60, 0.95)


@dataclass(frozen=True, slots=True)
class _Ends:
    """The first and last time of G groups on a level, and which of the steps there are partial."""

    times: NDArray[np.int64]  # [G] how many there are
    first: NDArray[np.bool_]  # [G] whether the step of the first one is partial
    last: NDArray[np.bool_]  # [G]


def without_partial_steps(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> KeySpans:
    """The spans of the target (its first column) without the values of partial steps, unless these are to be kept; reports them."""
    frequency = context.frequency
    if frequency.unit == "step" or spans.off == 0 or not spans.seen[:, 0].any():
        return spans
    own = context.options.ends == "own"
    first, last = partial_ends(context, rows, spans.keys if own else spans.keys.iloc[:1], own=own)
    have = spans.seen[:, 0] > 0
    low, high = spans.first[:, 0].copy(), spans.last[:, 0].copy()
    if not own:
        low[:], high[:] = low[have].min(), high[have].max()
    first, last = (np.broadcast_to(each, len(have)) & have for each in (first, last))
    whole = high - low + 1 - first - last
    if not (first.any() or last.any()) or not (whole[have] > 0).any():
        return spans
    _report(context, rows, spans, low=low, high=high, first=first, last=last)
    if context.options.partial == "keep":
        return spans
    return _blanked(context, rows, spans, np.where(first, low, NEVER), np.where(last, high, NEVER))


def partial_ends(
    context: IngestContext,
    rows: KeyedRows,
    keys: pd.DataFrame,
    *,
    own: bool,
    counted: str = "v0 IS NOT NULL",
    by_gaps: bool = True,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the first and the last step are partial, [G] by item, or [1] for the whole table.

    `counted` is SQL of the rows that count; `by_gaps`, whether gaps decide where no weekday has rows as a rule.
    """
    first = last = np.zeros(len(keys), bool)
    coarser = _count_steps(context, rows, keys, own=own, counted=counted)
    for level in _levels(context.frequency):
        ends = _ends(context, rows, keys, level, own=own, counted=counted, by_gaps=by_gaps)
        finer = ends.times >= _FINER * np.maximum(coarser, 1)
        first, last = first | (finer & ends.first), last | (finer & ends.last)
        coarser = ends.times if level is _DAYS else coarser
    return first, last


def _levels(frequency: Frequency) -> tuple[Level, ...]:
    if frequency.minutes:
        return (_MINUTES,) if frequency.minutes <= 60 else (_HOURS,)
    if frequency.unit in ("Q", "Y") or (frequency.unit == "M" and frequency.multiple > 1):
        return (_MONTHS, _DAYS, _HOURS)
    whole_days = frequency.unit == "B" or (frequency.unit == "D" and frequency.multiple == 1)
    return (_HOURS,) if whole_days else (_DAYS, _HOURS)


def finest_level(frequency: Frequency) -> Level:
    """The level at which the rows of an item are looked at: the days of long steps, the hours of days, the minutes of hours."""
    levels = _levels(frequency)
    return _DAYS if _DAYS in levels else levels[0]


def _count_steps(
    context: IngestContext, rows: KeyedRows, keys: pd.DataFrame, *, own: bool, counted: str
) -> NDArray[np.int64]:
    """[G] how many steps have a row that counts."""
    parts = rows.keys if own else []
    frame = context.store.frame(
        f"SELECT {', '.join([*parts, 'count(DISTINCT step) AS n'])} FROM {rows.view}"
        f" WHERE {counted} AND step IS NOT NULL{_by(parts)}"
    )
    steps = np.zeros(len(keys), np.int64)
    where = _where(frame, rows, keys, own=own)
    steps[where[where >= 0]] = frame["n"].to_numpy(np.int64)[where >= 0]
    return steps


def _ends(
    context: IngestContext,
    rows: KeyedRows,
    keys: pd.DataFrame,
    level: Level,
    *,
    own: bool,
    counted: str,
    by_gaps: bool,
) -> _Ends:
    """The first and last times, and whether times that have rows as a rule are missing in the steps before and behind them."""
    parts, cycle = rows.keys if own else [], integer(level.cycle)
    time = f"CAST({level.sql} AS BIGINT) AS t"
    times = (
        f"SELECT DISTINCT {', '.join([*parts, time])} FROM {rows.view} WHERE {counted} AND step IS NOT NULL"
    )
    slot = f"((t % {cycle}) + {cycle}) % {cycle}"
    found = context.store.frame(
        f"SELECT {', '.join([*parts, f'{slot} AS slot', 'count(*) AS n', 'min(t) AS low', 'max(t) AS high'])}"
        f" FROM ({times}){_by([*parts, 'slot'])}"
    )
    where = _where(found, rows, keys, own=own)
    found, where = found[where >= 0], where[where >= 0]
    count = np.zeros((len(keys), level.cycle), np.int64)
    low, high = np.full(len(keys), np.iinfo(np.int64).max), np.full(len(keys), NEVER)
    count[where, found["slot"].to_numpy(np.int64)] = found["n"].to_numpy(np.int64)
    np.minimum.at(low, where, found["low"].to_numpy(np.int64))
    np.maximum.at(high, where, found["high"].to_numpy(np.int64))
    some = count.sum(1) > 0
    low, high = np.where(some, low, 0), np.where(some, high, 0)
    usual = _usual(count, low, high, level) & (high - low + 1 >= CYCLES * level.cycle)[:, None]
    first = _same_step(context.frequency, low, _next(low, usual, -1), level)
    last = _same_step(context.frequency, high, _next(high, usual, 1), level)
    if by_gaps and not own and level is _DAYS and not usual.any():
        first, last = _beyond_usual_gaps(context, times, low, high)
    return _Ends(count.sum(1), first & some, last & some)


def _usual(
    count: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], level: Level
) -> NDArray[np.bool_]:
    """[G, cycle] which times of the cycle have rows as a rule."""
    slot = np.arange(level.cycle)
    turns = (high[:, None] - slot) // level.cycle - (low[:, None] - 1 - slot) // level.cycle
    return np.asarray((turns > 0) & (count >= level.share * turns))


def _next(time: NDArray[np.int64], usual: NDArray[np.bool_], direction: int) -> NDArray[np.int64]:
    """[G] the nearest usual time behind (or, backwards, before) `time`; a very early one where there is none."""
    cycle = usual.shape[1]
    ahead = time[:, None] + direction * np.arange(1, cycle + 1)
    there = np.take_along_axis(usual, ahead % cycle, axis=1)
    nearest = np.take_along_axis(ahead, there.argmax(1)[:, None], axis=1)[:, 0]
    return np.where(there.any(1), nearest, NEVER)


def _same_step(
    frequency: Frequency, time: NDArray[np.int64], other: NDArray[np.int64], level: Level
) -> NDArray[np.bool_]:
    """[G] whether there is another time, and it lies in the same step. Which days have rows is no question of hours."""
    there = other != NEVER
    step, beside = (frequency.ordinals(level.moments(each)) for each in (time, np.where(there, other, time)))
    same = there & (step == beside)
    if level is _HOURS and not frequency.minutes:
        same &= time // level.cycle == other // level.cycle
    return np.asarray(same)


def _beyond_usual_gaps(
    context: IngestContext, times: str, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[1] each: whether more days are missing than lie between one row of the table and the next; where no weekday is a rule."""
    days = context.store.frame(f"SELECT t FROM ({times}) ORDER BY t")["t"].to_numpy(np.int64)
    if len(days) <= 2 * CYCLES:
        return np.zeros(1, bool), np.zeros(1, bool)
    usual = float(np.quantile(np.diff(days), _LONG_GAP, method="higher"))
    frequency = context.frequency
    begin = _first_day(frequency, low)
    stop = _first_day(frequency, high, 1)
    return low - begin >= usual, stop - 1 - high >= usual


def _first_day(frequency: Frequency, day: NDArray[np.int64], later: int = 0) -> NDArray[np.int64]:
    """[G] the first day of the step of `day`, or of the step so many later."""
    plain = replace(frequency, stamp="start")
    step = plain.ordinals(day.astype("datetime64[D]")) + later
    return plain.timestamps(step).astype("datetime64[D]").astype(np.int64)


def _where(frame: pd.DataFrame, rows: KeyedRows, keys: pd.DataFrame, *, own: bool) -> NDArray[np.int64]:
    """[rows of the frame] the group that each is about; -1 for keys that are left out."""
    if not own:
        return np.zeros(len(frame), np.int64)
    return match(frame[rows.keys].set_axis(list(keys.columns), axis=1), keys)


def _by(parts: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(parts)}" if parts else ""


def _blanked(
    context: IngestContext, rows: KeyedRows, spans: KeySpans, low: NDArray[np.int64], high: NDArray[np.int64]
) -> KeySpans:
    """Pass one without the target's values at the steps `low` and `high` [G] of each key."""
    view = f"{rows.view}_whole"
    if context.options.ends == "own":
        columns = {f"k{i}": pa.array(spans.keys[name], pa.string()) for i, name in enumerate(spans.keys)}
        context.store.register("cuts", pa.table({**columns, "low": low, "high": high}))
        on = " AND ".join(f"r.{part} = c.{part}" for part in rows.keys) or "true"
        source = f"{rows.view} r LEFT JOIN cuts c ON {on}"
        within = "r.step = c.low OR r.step = c.high"
    else:  # one step of all keys: no row has to be looked up
        steps = f"{integer(int(low.max()))}, {integer(int(high.max()))}"
        source = f"{rows.view} r"
        within = f"r.step IN ({steps})"
    value = f"CASE WHEN {within} THEN NULL ELSE r.v0 END AS v0"
    context.store.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT r.* REPLACE ({value}) FROM {source}")
    plain = replace(rows, view=view, table=replace(rows.table, costly=False))
    found = find_spans(context.store, plain, Findings(tolerant=True))  # their faults are found already
    at = match(spans.keys, found.keys)
    final = found.final[at]
    if context.options.ends == "last":
        cut = high[high != NEVER]
        final = np.minimum(final, cut.max() - 1) if len(cut) else final
    ends = np.where(high == NEVER, spans.final, high) + 1
    return replace(
        spans, final=final, first=found.first[at], last=found.last[at], seen=found.seen[at], ends=ends
    )


def _report(
    context: IngestContext,
    rows: KeyedRows,
    spans: KeySpans,
    *,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    first: NDArray[np.bool_],
    last: NDArray[np.bool_],
) -> None:
    """One finding an end: which step is partial, and where forecasts begin."""
    kept = context.options.partial == "keep"
    report = context.findings.note if kept else context.findings.warn
    for where, partial, step, end in (("last", last, high, "max"), ("first", first, low, "min")):
        if not partial.any():
            continue
        item = foremost(spans.keys, partial)
        name = context.frequency.spell(int(step[item]))
        own = context.options.ends == "own"
        whose = spell_key(list(spans.keys.columns), list(spans.keys.iloc[item])) if own else rows.table.label
        count = int(partial.sum()) if own else 1
        message = f"the {where} step of {whose}, {name}, is partial: {edge(context, rows, end, spans if own else None, item)}."
        if own and count > 1:
            message = f"{count:,} items {'begin' if where == 'first' else 'end'} within a step; {message}"
        if where == "last":
            begin = name if not kept else context.frequency.spell(int(step[item]) + 1)
            message += f" It is {'kept' if kept else 'left out'}: the first step forecast is {begin}."
        else:
            message += f" It is {'kept' if kept else 'left out'}."
        report("partial", message + ("" if kept else " partial='keep' keeps it."), count)


def foremost(keys: pd.DataFrame, chosen: NDArray[np.bool_]) -> int:
    """The position of the first key in order among those chosen [G]: pass one finds keys in any order."""
    places = np.flatnonzero(chosen)
    return int(places[keys.iloc[places].reset_index(drop=True).sort_values(list(keys.columns)).index[0]])


def edge(
    context: IngestContext,
    rows: KeyedRows,
    end: str,
    spans: KeySpans | None,
    item: int,
    *,
    what: str = "its rows",
    counted: str = "v0 IS NOT NULL",
) -> str:
    """Where the rows of the table, or of one item of `spans`, that count begin ("min") or end ("max")."""
    only = ""
    if spans is not None:
        store = context.store
        one = spans.keys.iloc[[item]]
        store.register(
            "single", pa.table({f"k{i}": pa.array(one[n], pa.string()) for i, n in enumerate(one)})
        )
        on = " AND ".join(f"r.{part} = s.{part}" for part in rows.keys)
        only = f" JOIN single s ON {on}"
    way = "max" if end == "max" else "min"
    ((moment,),) = context.store.rows(f"SELECT {way}(r.moment) FROM {rows.view} r{only} WHERE {counted}")
    clock = f" {moment:%H:%M}" if spell(moment) == f"{moment:%Y-%m-%d}" and _has_hours(context, rows) else ""
    return f"{what} {'end' if end == 'max' else 'begin'} {spell(moment)}{clock}"


def _has_hours(context: IngestContext, rows: KeyedRows) -> bool:
    """Whether any row has a time of day: midnight is then a time like another."""
    return bool(
        context.store.rows(f"SELECT bool_or(r.moment <> date_trunc('day', r.moment)) FROM {rows.view} r")[0][
            0
        ]
    )
