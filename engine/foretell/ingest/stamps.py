"""The times of the rows against the timestamps of their steps: one offset of nearly all is kept, other rows are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from foretell.data.findings import Findings
from foretell.data.frequency import MONTHS, WEEKDAYS, Frequency, spell
from foretell.errors import ForetellError
from foretell.ingest.context import IngestContext
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, first_row, restepped
from foretell.system.sql_text import integer, literal

NEARLY_ALL: Final = 0.95  # share of the rows whose offset is that of the table
_FINER: Final = 1.5  # rows a step from which the data are finer than the frequency: their times are no steps'
_MINUTE: Final = 60_000_000  # microseconds


def settle(
    context: IngestContext, rows: KeyedRows, spans: KeySpans
) -> tuple[IngestContext, KeyedRows, KeySpans]:
    """The target after pass one on the steps that nearly all of its rows have the timestamps of.

    2h rows at odd hours keep them; weeks asked as `W` begin on the day that the rows have. A model's steps stay as they are.
    Raises ForetellError for rows that lie off them by an offset of their own, and with `strict` for any off the frequency.
    """
    frequency = context.frequency
    if frequency.unit == "step" or spans.off == 0:
        return context, rows, spans
    found = _common_offset(context, rows)
    if found is not None and context.schema is not None:
        _refuse_other_offset(context, rows, *found)
    elif found is not None and _is_open(context):
        shifted, count = found
        frequency = _aligned(context, rows, shifted)
        rows = restepped(context.store, rows, frequency)
        again = Findings(tolerant=True)  # the faults of the rows are found already
        spans = find_spans(context.store, rows, again)
        _report_kept(context, rows, frequency, count)
        context = replace(context, frequency=frequency)
    if context.options.strict and spans.off:
        refuse_off_grid(context, rows)
    return context, rows, spans


def _is_open(context: IngestContext) -> bool:
    """Whether the steps may begin elsewhere: hours and minutes always, others where no anchor was asked for."""
    options = context.options
    return context.frequency.minutes > 0 or not (options.anchored or options.strict)


def _common_offset(context: IngestContext, rows: KeyedRows) -> tuple[Frequency, int] | None:
    """The frequency with the steps that nearly all rows begin, and how many do; None where it is as it is, or there is none."""
    place = _place(context.frequency)
    if place is None:
        return None
    offset, count, total = context.store.rows(
        f"SELECT place, count(*) AS n, sum(count(*)) OVER () FROM (SELECT {place} AS place FROM {rows.view}"
        f" WHERE moment IS NOT NULL) GROUP BY place ORDER BY n DESC, place LIMIT 1"
    )[0]
    if offset is None or count < NEARLY_ALL * total:
        return None
    frequency = context.frequency
    if frequency.minutes:
        found = replace(frequency, phase=int(offset))
    else:
        found = replace(frequency, anchor=int(offset))
    return None if found == frequency else (found, int(count))


def _place(frequency: Frequency) -> str | None:
    """SQL of the phase or the anchor that a row's `moment` would begin a step by; NULL where it cannot."""
    if frequency.minutes:
        minutes, width = f"(epoch_us(moment) // {_MINUTE})", integer(frequency.minutes)
        within = f"(({minutes} % {width}) + {width}) % {width}"
        return f"CASE WHEN epoch_us(moment) % {_MINUTE} = 0 THEN {within} END"
    if frequency.unit == "W":
        return "isodow(moment) - 1"
    if frequency.unit not in ("Q", "Y"):
        return None
    day = "moment" if frequency.stamp == "start" else "(moment + INTERVAL 1 DAY)"
    return f"CASE WHEN day({day}) = 1 THEN (month({day}) - 1) % {3 if frequency.unit == 'Q' else 12} END"


def _aligned(context: IngestContext, rows: KeyedRows, frequency: Frequency) -> Frequency:
    """The frequency with its multiples counted from the first row."""
    first = context.store.rows(f"SELECT min(moment) FROM {rows.view}")[0][0]
    return frequency.aligned(np.datetime64(first))


def _report_kept(context: IngestContext, rows: KeyedRows, frequency: Frequency, count: int) -> None:
    label, asked = rows.table.label, context.frequency
    if frequency.minutes:
        begin = ", ".join(spell(each)[-5:] for each in _clock(frequency))
        context.findings.note(
            "offset_kept",
            f"{count:,} rows of {label} lie {frequency.phase} minutes after the full steps of {asked.alias!r}: that is"
            f" kept, steps begin at {begin}",
            count,
        )
        return
    context.findings.warn(
        "anchor_kept",
        f"{count:,} rows of {label} are stamped {_anchor_in_words(frequency)}, where {asked.alias!r} begins no step: read as"
        f" freq={frequency.alias!r}, so that forecasts are stamped likewise. Say so: freq={frequency.alias!r}.",
        count,
    )


def _clock(frequency: Frequency) -> list[np.datetime64]:
    """The first steps of a day, spelt with their time of day."""
    day = np.datetime64("2001-01-01", "us")
    first = int(frequency.ordinals(np.asarray([day]))[0])
    stamps = frequency.timestamps(first + np.arange(5)).astype("datetime64[us]")
    return list(stamps[stamps >= day][:3])


def _anchor_in_words(frequency: Frequency) -> str:
    if frequency.unit == "W":
        return f"on {WEEKDAYS[frequency.anchor]}"
    start = frequency.stamp == "start"
    month = MONTHS[(frequency.anchor if start else frequency.anchor - 1) % 12]
    return f"on the {'first' if start else 'last'} days of {'quarters' if frequency.unit == 'Q' else 'years'} by {month}"


def _refuse_other_offset(context: IngestContext, rows: KeyedRows, found: Frequency, count: int) -> None:
    """Raise where nearly all rows begin other steps than a model's, unless another day was asked for by name all along."""
    if not _is_open(context):
        return
    where, moment = first_row(context.store, rows, f"NOT ({rows.stamped})", "moment")
    step = context.frequency.spell(context.frequency.ordinal(moment))
    error = ForetellError(
        f"{where}: the model's step there begins {step}, and {count:,} rows of {rows.table.label} have times between its"
        f" steps ({_steps_in_words(found)}, the model has {_steps_in_words(context.frequency)}). Correct the times, or"
        f" train again."
    )
    context.findings.fault("other_offset", error, count)


def _steps_in_words(frequency: Frequency) -> str:
    if frequency.minutes:
        return f"{frequency.alias} with an offset of {frequency.phase} minutes"
    return frequency.alias


def refuse_off_grid(context: IngestContext, rows: KeyedRows) -> None:
    """Raise for the first timestamp that is not the one its step has."""
    distinct = f"SELECT DISTINCT moment FROM {rows.view} WHERE NOT ({rows.stamped}) ORDER BY moment"
    off = context.store.frame(distinct)["moment"].to_numpy().astype("datetime64[us]")
    if len(off):
        moment = f"TIMESTAMP {literal(str(pd.Timestamp(off[0])))}"
        where, _ = first_row(context.store, rows, f"moment = {moment}", "written")
        error = ForetellError(
            f"{where}: not on the frequency {context.frequency.alias!r} ({len(off)} such timestamps in"
            f" {rows.table.label}). Correct them, choose another freq=, or leave strict= out to have them aggregated."
        )
        context.findings.fault("off_grid", error, len(off))


def report_stamps(context: IngestContext, tables: Sequence[tuple[KeyedRows, KeySpans]]) -> None:
    """Count the rows whose time is not the timestamp of their step, with the first and what would keep it.

    Where rows are finer than the steps, as days are in months, that is how data are aggregated: a note.
    """
    for rows, spans in tables:
        if not spans.off:
            continue
        if context.frequency.unit == "B":
            _report_weekend(context, rows)
        finer = _rows_a_step(context, rows, spans) >= _FINER
        where, moment = first_row(context.store, rows, f"NOT ({rows.stamped})", "moment")
        step = context.frequency.spell(context.frequency.ordinal(moment))
        hint = "" if finer else _hint(context, rows)
        message = (
            f"{spans.off:,} of {int(spans.rows.sum()):,} rows of {rows.table.label} have another time than their step of"
            f" {context.frequency.alias!r}: {where} belongs to {step}.{hint}"
        )
        if finer:
            context.findings.note("stamps", message, spans.off)
        else:
            context.findings.warn("stamps", message, spans.off)


def _rows_a_step(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> float:
    """How many rows a step with rows has, on average; no more than needed where even the whole grid has as many."""
    seen = spans.seen > 0
    steps = np.where(seen, spans.last - spans.first + 1, 0).max(axis=1, initial=0).sum()
    if seen.any() and spans.rows.sum() >= _FINER * steps:
        return float(spans.rows.sum() / steps)
    keys = ", ".join([*rows.keys, "step"])
    total, steps = context.store.rows(
        f"SELECT sum(n), count(*) FROM (SELECT count(*) AS n FROM {rows.view} WHERE step IS NOT NULL GROUP BY {keys})"
    )[0]
    return float(total or 0) / max(int(steps), 1)


def _hint(context: IngestContext, rows: KeyedRows) -> str:
    """The frequency that has the times of nearly all rows, where there is one."""
    frequency = context.frequency
    found = _common_offset(context, rows)
    if found is None:
        found = _other_end(context, rows)
    if found is not None:
        return f" Nearly all fit freq={found[0].alias!r}."
    if frequency.unit == "D" and frequency.multiple == 1 and _one_time_of_day(context, rows):
        return " All have one time of day: freq='24h' keeps it."
    return ""


def _other_end(context: IngestContext, rows: KeyedRows) -> tuple[Frequency, int] | None:
    """The same months named by their other end, where nearly all rows are."""
    frequency = context.frequency
    if frequency.unit not in ("M", "Q", "Y"):
        return None
    other = replace(frequency, stamp="end" if frequency.stamp == "start" else "start")
    count, total = context.store.rows(
        f"SELECT count(*) FILTER (WHERE {other.stamped_sql('moment')}), count(moment) FROM {rows.view}"
    )[0]
    if count >= NEARLY_ALL * total:
        return other, int(count)
    return None if frequency.unit == "M" else _common_offset(replace(context, frequency=other), rows)


def _one_time_of_day(context: IngestContext, rows: KeyedRows) -> bool:
    day = "epoch_us(moment) % 86400000000"
    low, high = context.store.rows(f"SELECT min({day}), max({day}) FROM {rows.view}")[0]
    return bool(low == high and low % _MINUTE == 0)


def _report_weekend(context: IngestContext, rows: KeyedRows) -> None:
    """Business days have no Saturday: its rows join Friday's."""
    weekend = "isodow(moment) > 5"
    count = int(context.store.rows(f"SELECT count(*) FROM {rows.view} WHERE {weekend}")[0][0])
    if count:
        where, _ = first_row(context.store, rows, weekend, "moment")
        ways = ", ".join(
            f"{rows.aggregation.get(column, 'last' if column in rows.texts else 'mean')} ({column})"
            for column in rows.columns
        )
        context.findings.warn(
            "weekend_rows",
            f"{count:,} rows of {rows.table.label} are of a Saturday or Sunday, first {where}: 'B' has no such step, they join"
            f" the Friday before by {ways}. freq='D' keeps them apart.",
            count,
        )
