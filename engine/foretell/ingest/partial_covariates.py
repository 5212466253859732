"""Last steps of related tables that are not whole: a plan to Monday makes the promotion of one day one of the whole week.

They are judged by the calendar that judges the target (`partial_steps`): for the whole table, or where keys end at different times,
for each key; and apart for columns that end before their table does. What the first step of a table averages harms no forecast: it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.ingest.context import IngestContext
from foretell.ingest.item_metadata import match
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, spell_key
from foretell.ingest.partial_steps import NEVER, edge, foremost, partial_ends
from foretell.system.sql_text import integer

_AT_ONCE: Final = 256  # columns that one query looks at


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns of a table that end at the same times; `whole` rows where these are the ends of its rows."""

    columns: tuple[str, ...]
    whole: bool
    counted: str  # SQL of the rows that have a value
    own: bool  # its keys end at different times
    last: NDArray[np.int64]  # [G] the last step with a value
    several: NDArray[np.bool_]  # [G] whether it is not the only one


@dataclass(frozen=True, slots=True)
class _Cut:
    """The partial step of each key that a group of columns ends with."""

    group: _Group
    steps: NDArray[np.int64]  # [G] very early where there is none


def without_partial_ends(
    context: IngestContext, rows: KeyedRows, spans: KeySpans, *, target: KeySpans
) -> tuple[KeyedRows, KeySpans]:
    """A related table without the values of partial last steps, unless these are to be kept; reports them."""
    if context.frequency.unit == "step" or spans.off == 0 or not rows.columns:
        return rows, spans
    spans = _with_all_rows(context, rows, spans)
    cuts = []
    for group in _groups(context, rows, spans):
        own = bool(rows.key) and group.own
        keys = spans.keys if own else spans.keys.iloc[:1]
        _, last = partial_ends(context, rows, keys, own=own, counted=group.counted, by_gaps=False)
        partial = np.broadcast_to(last, len(spans.rows)) & group.several
        if partial.any():
            cuts.append(_Cut(group, np.where(partial, group.last, NEVER)))
    for cut in cuts:
        if not _is_told(context, cut, target):
            _report(context, rows, spans, cut)
    if not cuts or context.options.partial == "keep":
        return rows, spans
    return _blanked(context, rows, spans, cuts)


def _with_all_rows(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> KeySpans:
    """The spans with the last step that has rows; those of a table that is the target too end before its partial step."""
    if spans.ends is None:
        return spans
    frame = context.store.frame(
        f"SELECT {', '.join([*rows.keys, 'max(step) AS final'])} FROM {rows.view} GROUP BY {', '.join(rows.keys)}"
    )
    at = match(spans.keys, frame[rows.keys].set_axis(list(spans.keys.columns), axis=1))
    return replace(spans, final=frame["final"].to_numpy(np.int64)[at], ends=None)


def _groups(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> list[_Group]:
    """The columns by the times at which they end, those first that end where the rows do; texts do by definition."""
    numbers = [c for c in rows.columns if c not in rows.texts]
    by_end: dict[int, list[str]] = {}
    several: dict[int, bool] = {}
    for first in range(0, max(len(numbers), 1), _AT_ONCE):
        part = numbers[first : first + _AT_ONCE]
        whole, *found = _ends_of(context, rows, [None, *part])
        by_end.setdefault(whole[0], list(rows.texts) if first == 0 else [])
        several[whole[0]] = whole[1]
        for column, (ends, apart) in zip(part, found, strict=True):
            by_end.setdefault(ends, []).append(column)
            several[ends] = apart
    first_end = next(iter(by_end))
    return [
        _group(rows, spans, columns, whole=ends == first_end, own=several[ends])
        for ends, columns in by_end.items()
        if columns
    ]


def _group(rows: KeyedRows, spans: KeySpans, columns: Sequence[str], *, whole: bool, own: bool) -> _Group:
    at = [rows.places[column] for column in (rows.columns if whole else columns[:1])]
    begin = np.where(spans.seen[:, at] > 0, spans.first[:, at], np.iinfo(np.int64).max).min(axis=1)
    last = spans.final if whole else spans.last[:, at[0]]
    counted = "true" if whole else f"{rows.value(columns[0])} IS NOT NULL"
    return _Group(tuple(columns), whole, counted, own, last, begin < last)


def _ends_of(
    context: IngestContext, rows: KeyedRows, columns: Sequence[str | None]
) -> list[tuple[int, bool]]:
    """Of each column (None: of the rows) a number that is equal for equal last times of all keys, and whether these differ."""
    values = [
        "moment" if c is None else f"CASE WHEN {rows.value(c)} IS NOT NULL THEN moment END" for c in columns
    ]
    inner = ", ".join([*rows.keys, *(f"max({value}) AS m{i}" for i, value in enumerate(values))])
    by = f" GROUP BY {', '.join(rows.keys)}" if rows.key else ""
    outer = ", ".join(
        f"sum(hash(concat_ws('/', {', '.join([*rows.keys, f'm{i}'])})) % 4294967296), count(DISTINCT m{i}) > 1"
        for i in range(len(columns))
    )
    found = context.store.rows(f"SELECT {outer} FROM (SELECT {inner} FROM {rows.view}{by})")[0]
    return [(int(ends or 0), bool(apart)) for ends, apart in zip(found[::2], found[1::2], strict=True)]


def _is_told(context: IngestContext, cut: _Cut, target: KeySpans) -> bool:
    """Whether a cut is the target's own partial last step, which is told, and no column that is known ahead lies there."""
    options, schema = context.options, context.schema
    known = {*options.known, options.open}
    if schema is not None:
        known = {column for column, role in schema.roles.items() if role == "known"}
    if target.ends is None or options.ends == "own" or not known.isdisjoint(cut.group.columns):
        return False
    steps = cut.steps[cut.steps != NEVER]
    return bool((steps == target.ends.max() - 1).all() and target.final.max() < target.ends.max() - 1)


def _report(context: IngestContext, rows: KeyedRows, spans: KeySpans, cut: _Cut) -> None:
    """Say which step is partial, of what, and what that means for the horizon."""
    group, kept = cut.group, context.options.partial == "keep"
    partial = cut.steps != NEVER
    item, count = foremost(spans.keys, partial) if rows.key else 0, int(partial.sum())
    own = bool(rows.key) and group.own
    what = "its rows" if group.whole else f"its values of {', '.join(map(repr, group.columns))}"
    whose = rows.table.label if not own else spell_key(rows.key, list(spans.keys.iloc[item]))
    named = rows.table.label + (
        f": {count:,} of its {len(partial):,} keys end within a step; first {whose}" if own else ""
    )
    ends = edge(context, rows, "max", spans if own else None, item, what=what, counted=group.counted)
    message = f"{named}: the last step, {context.frequency.spell(int(cut.steps[item]))}, is partial: {ends}."
    if kept:
        context.findings.note(
            "partial", f"{message} It is kept: the values there are those of a part of it.", count
        )
        return
    context.findings.warn(
        "partial",
        f"{message} It is left out: give rows to the end of that step, or partial='keep' takes the part for the whole.",
        count,
    )


def _blanked(
    context: IngestContext, rows: KeyedRows, spans: KeySpans, cuts: Sequence[_Cut]
) -> tuple[KeyedRows, KeySpans]:
    """The table without the rows, or the values of columns, at the steps to be cut, and pass one of what is left."""
    view, joined = f"{rows.view}_whole", {}
    replaced, where = [], ""
    for i, cut in enumerate(cuts):
        step = integer(int(cut.steps[0]))
        if (cut.steps != cut.steps[0]).any():
            step = f"c.cut{i}"
            joined[f"cut{i}"] = pa.array(cut.steps)
        if cut.group.whole:
            where = f" WHERE coalesce(r.step <> {step}, true)"
        else:
            replaced += [
                f"CASE WHEN r.step = {step} THEN NULL ELSE r.{value} END AS {value}"
                for value in map(rows.value, cut.group.columns)
            ]
    source = f"{rows.view} r"
    if joined:
        keys = {f"k{i}": pa.array(spans.keys[name], pa.string()) for i, name in enumerate(spans.keys)}
        context.store.register(f"{rows.view}_cuts", pa.table({**keys, **joined}))
        on = " AND ".join(f"r.{part} = c.{part}" for part in rows.keys)
        source += f" LEFT JOIN {rows.view}_cuts c ON {on}"
    replace_values = f" REPLACE ({', '.join(replaced)})" if replaced else ""
    context.store.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT r.*{replace_values} FROM {source}{where}")
    plain = replace(rows, view=view)
    once = replace(plain, table=replace(rows.table, costly=False))
    found = find_spans(context.store, once, Findings(tolerant=True))  # their faults are found already
    at = match(spans.keys, found.keys) if rows.key else np.zeros(1, np.int64)
    kept = replace(
        spans, final=found.final[at], first=found.first[at], last=found.last[at], seen=found.seen[at]
    )
    return plain, kept
