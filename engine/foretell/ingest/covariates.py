"""Known and past covariates: which columns they are, and their values on the panel's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.columns import OTHER, Column
from foretell.data.findings import Findings
from foretell.data.gap_filling import Gaps, Rule, fill, fills, parse_rule
from foretell.data.layout import Layout
from foretell.errors import ForetellError
from foretell.ingest.column_roles import choose_roles
from foretell.ingest.context import IngestContext
from foretell.ingest.keyed_rows import KeyedRows, first_row, report_commas
from foretell.ingest.placement import expand_groups, scatter_rows
from foretell.ingest.related_tables import Joined
from foretell.ingest.store import Store
from foretell.ingest.text_values import text_values
from foretell.ingest.unseen import report_unseen_rows
from foretell.system.big_arrays import allocate, anywhere, blanked, pieces, zeros
from foretell.system.sql_text import real

_BLOCK: Final = 1 << 14  # cells written at a time: a block of all columns stays in the processor's cache
_FUTURE_AT_LEAST: Final = 64  # steps that a filling of the future reaches where a year is shorter


@dataclass(frozen=True, slots=True)
class Plan:
    """Which columns the panel takes from the related tables, and how."""

    roles: Mapping[str, str]  # source column -> known, past
    vocabularies: Mapping[str, tuple[str, ...]]  # of the text columns
    merged: Mapping[str, tuple[str, ...]]  # of the text columns, where it is kept: the values beside those
    open: str | None
    rules: Mapping[str, Rule]


def make_plan(
    context: IngestContext, tables: Sequence[Joined], ends: NDArray[np.int64], *, cells: int
) -> Plan:
    """The plan for these tables: a model's, or made from what was declared and what the data have.

    `ends` [N] is the step behind the last one of each item's rows, `cells` the number of steps of all items. Raises
    ForetellError where the reading is strict and a role would be guessed.
    """
    options, schema = context.options, context.schema
    if schema is not None:
        texts = {c: words for c, words in schema.vocabularies.items() if c not in schema.static_cat}
        roles = {c: role for c, role in schema.roles.items() if role != "static"}
        for table in tables:
            for column in table.rows.texts & texts.keys():
                merged = schema.merged.get(column)
                report_unseen_rows(
                    context.findings, context.store, table.rows, column, texts[column], merged=merged
                )
        return Plan(roles, texts, schema.merged, schema.open, schema.filling)
    roles = choose_roles(context, tables, ends)
    found = {
        c: text_values(context, t.rows, c, cells=cells)
        for t in tables
        for c in t.rows.columns
        if c in t.rows.texts
    }
    texts = {column: values.words for column, values in found.items()}
    known = {column: values.merged for column, values in found.items() if values.merged is not None}
    for column, words in texts.items():
        report_commas(context.findings, column, words)
    rules = {
        c: parse_rule(c, rule, "known" if roles[c] == "known" else "past", text=c in texts)
        for c, rule in options.filling.items()
        if c in roles
    }
    return Plan(roles, texts, known, options.open, rules)


def future_steps(
    tables: Sequence[Joined], layout: Layout, *, plan: Plan, year: int | None, ahead: int = 0
) -> int:
    """How far the known covariates are stored past each item's end: as far as any goes, or is filled.

    Never farther than the longest series is long (no horizon is), or than `ahead`, the horizon of a trained model.
    """
    end = layout.start + layout.lengths
    farthest = 0
    for table in tables:
        for column in table.rows.columns:
            if plan.roles.get(column) == "known":
                farthest = max(farthest, int((table.reach(column) - end).max(initial=-1)) + 1)
                if fills(plan.rules.get(column), "future"):
                    farthest = max(farthest, year or 0, _FUTURE_AT_LEAST)
    return min(farthest, max(int(layout.lengths.max(initial=0)), ahead))


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a related table on the grid: numbers, or the codes of a text (0 none, 1 .. by vocabulary, then other)."""

    values: Array  # [cells]
    codes: NDArray[np.uint8] | None  # [cells] how each was filled; None where nothing was asked for
    # what it becomes in the panel: a number, a number and its indicator, or the values of a text
    columns: tuple[Column, ...]

    def put(self, out: Array, cells: slice) -> None:
        """Write the panel's columns at some cells into `out` [cells, columns]."""
        values = self.values[cells]
        if self.columns[0].value is None:
            out[:, 0] = values
            if len(self.columns) > 1:
                out[:, 1] = np.isnan(values)
        else:
            out[:] = values[:, None] == np.arange(1, len(self.columns) + 1, dtype=np.float32)
            out[np.isnan(values)] = np.nan


@dataclass(frozen=True, slots=True)
class Covariates:
    """The columns of one role, on the grid."""

    values: Array  # [cells, columns]
    columns: tuple[Column, ...]
    filled: NDArray[np.uint8] | None  # [cells, columns] codes of past ones; None where nothing was asked for


def read_covariates(
    context: IngestContext,
    tables: Sequence[Joined],
    role: Literal["known", "past"],
    *,
    keys: pd.DataFrame,
    layout: Layout,
    future: int,
    plan: Plan,
) -> Covariates:
    """Pass two over the related tables: the columns of one role on `layout` and `future` steps beyond it."""
    grid = layout.reaching(future)
    sources = [
        source
        for table in tables
        for source in _place_columns(context, table, role, keys=keys, grid=grid, future=future, plan=plan)
    ]
    columns = tuple(column for source in sources for column in source.columns)
    if context.schema is not None:
        columns = context.schema.known if role == "known" else context.schema.past
    coded = role == "past" and any(source.codes is not None for source in sources)
    if len(columns) == 1 and columns[0].value is None:  # nothing to put side by side: the grid is the array
        codes = sources[0].codes if coded else None
        return Covariates(sources[0].values[:, None], columns, None if codes is None else codes[:, None])
    return _side_by_side(sources, columns, cells=grid.cells, coded=coded, scratch=context.store.scratch)


def _side_by_side(
    sources: Sequence[SourceColumn], columns: tuple[Column, ...], *, cells: int, coded: bool, scratch: str
) -> Covariates:
    """The grids of all sources as one array, in the order of `columns`; with their codes where it is `coded`."""
    values = allocate((cells, len(columns)), scratch=scratch)
    places = {column: i for i, column in enumerate(columns)}
    where = [places[source.columns[0]] for source in sources]
    spans = [slice(first, first + len(source.columns)) for first, source in zip(where, sources, strict=True)]
    for block in pieces(cells, _BLOCK):
        for source, span in zip(sources, spans, strict=True):
            source.put(values[block, span], block)
    if not coded:
        return Covariates(values, columns, None)
    filled = zeros(values.shape, np.uint8, scratch=scratch)
    for source, span in zip(sources, spans, strict=True):
        if source.codes is not None:
            filled[:, span] = source.codes[:, None]
    return Covariates(values, columns, filled)


def _place_columns(
    context: IngestContext,
    table: Joined,
    role: str,
    *,
    keys: pd.DataFrame,
    grid: Layout,
    future: int,
    plan: Plan,
) -> Iterator[SourceColumn]:
    wanted = [c for c in table.rows.columns if plan.roles.get(c) == role]
    if not wanted:
        return
    values = _from_shared_table(context, table, wanted, grid=grid, future=future)
    if values is None:
        values = _on_grid(context, table, wanted, keys=keys, grid=grid, plan=plan)
    for name in wanted:
        yield _finish(context, table.rows, name, values=values.pop(name), grid=grid, future=future, plan=plan)


def _from_shared_table(
    context: IngestContext, table: Joined, columns: Sequence[str], *, grid: Layout, future: int
) -> dict[str, Array] | None:
    """The columns, where they were placed together with the target."""
    if context.shared is None:
        return None
    layout = Layout.of(grid.start, grid.lengths - future)
    return context.shared.take(context.store, table.rows, columns, layout=layout, future=future)


def _on_grid(
    context: IngestContext,
    table: Joined,
    columns: Sequence[str],
    *,
    keys: pd.DataFrame,
    grid: Layout,
    plan: Plan,
) -> dict[str, Array]:
    """The columns as numbers and codes; a table with a coarser key is laid out by that first, then spread to the items."""
    store, findings, texts = context.store, context.findings, plan.vocabularies
    if table.item_keyed:
        return scatter_rows(
            store, table.rows, columns, keys=keys, layout=grid, vocabularies=texts, findings=findings
        )
    used, group = np.unique(table.group, return_inverse=True)
    if used.size and used[0] < 0:
        used, group = used[1:], group - 1
    first, last = int(grid.start.min()), int((grid.start + grid.lengths).max())
    coarse = Layout.of(np.full(len(used), first, np.int64), np.full(len(used), last - first, np.int64))
    some = table.spans.keys.iloc[used]
    raw = scatter_rows(
        store, table.rows, columns, keys=some, layout=coarse, vocabularies=texts, findings=findings
    )
    return expand_groups(store, raw, groups=coarse, group=group, layout=grid)


def _finish(
    context: IngestContext,
    rows: KeyedRows,
    name: str,
    *,
    values: Array,
    grid: Layout,
    future: int,
    plan: Plan,
) -> SourceColumn:
    """Check a column's values, fill their gaps, and say which columns of the panel it becomes."""
    words = plan.vocabularies.get(name) if name in rows.texts else None
    rule: dict[str, Any] = dict(plan.rules.get(name, {}))
    if words is not None:
        rule = {where: _coded(method, words) for where, method in rule.items()}
    else:
        _check_numbers(context, rows, name, values, is_open=name == plan.open)
    codes, gaps = fill(values, grid, rule=rule, future=future)
    report_gaps(context.findings, name, gaps, plan.rules.get(name))
    columns: tuple[Column, ...] = (Column(name),)
    if words is not None:
        columns = tuple(Column.of_value(name, word) for word in (*words, OTHER))
    elif _needs_indicator(context, name, values, grid, future):
        columns = (Column(name), Column.missing(name))
    return SourceColumn(values, codes if rule else None, columns)


def _check_numbers(
    context: IngestContext, rows: KeyedRows, name: str, values: Array, *, is_open: bool
) -> None:
    """Numbers beyond float32, and other ones than 0 and 1 of the open column, are faults; where found, they become NaN."""
    check_finite(context, rows, name, values)
    if is_open and anywhere(values, _is_no_flag):
        value = rows.value(name)
        where, got = first_row(context.store, rows, f"{value} NOT IN (0, 1)", value)
        error = ForetellError(f"{where}: the open column {name!r} must be 0 or 1, got {got:g}.")
        context.findings.fault("not_open", error, blanked(values, _is_no_flag))


def _is_no_flag(values: Array) -> NDArray[np.bool_]:
    return np.asarray((values != 0) & (values != 1) & ~np.isnan(values))


def check_finite(context: IngestContext, rows: KeyedRows, name: str, values: Array) -> None:
    """Values of a column on the grid that float32 cannot hold are a fault; where it is found, they become NaN."""
    if anywhere(values, np.isinf):
        error = infinite(context.store, rows, name)
        context.findings.fault("infinite", error, blanked(values, np.isinf))


def _coded(method: Any, words: tuple[str, ...]) -> Any:
    if not isinstance(method, Mapping):
        return method
    word = method["value"]
    return {"value": float(words.index(word) + 1 if word in words else len(words) + 1)}


def infinite(store: Store, rows: KeyedRows, name: str) -> ForetellError:
    """The error for a value that float32 cannot hold, naming the first."""
    value = rows.value(name)
    beyond = f"abs({value}) > {real(float(np.finfo(np.float32).max))}"
    if not store.rows(f"SELECT count(*) FROM {rows.view} WHERE {beyond}")[0][0]:
        return ForetellError(f"{name!r}: a sum over one step goes beyond 3.4e38. Scale the column down.")
    where, got = first_row(store, rows, beyond, value)
    return ForetellError(
        f"{where}: {name!r} must be a finite number (below 3.4e38), got {got}."
        f" Correct it, or leave it empty where nothing was observed."
    )


def _needs_indicator(context: IngestContext, name: str, values: Array, grid: Layout, future: int) -> bool:
    """Whether a number is missing somewhere (a model's schema knows).

    Beyond a series' end a column may simply stop: that is no gap, unless an item has no value at all.
    """
    if context.schema is not None:
        return Column.missing(name) in (*context.schema.known, *context.schema.past)
    for first, last in grid.chunks():
        missing = np.isnan(values[grid.offsets[first] : grid.offsets[last]])
        if not missing.any():
            continue
        segment, step = grid.expand(first, last)
        if (missing & (step < grid.lengths[segment] - future)).any():
            return True
        present = np.bincount(segment[~missing] - first, minlength=last - first)
        if ((present == 0) & (grid.lengths[first:last] > 0)).any():
            return True
    return False


def report_gaps(findings: Findings, column: str, gaps: Gaps, rule: Rule | None) -> None:
    """Note how many steps of a column are missing, where, and how they are read.

    Beyond a series' end a column may simply stop: that is a gap only where a filling is asked for.
    """
    missing = {place: n for place, n in gaps.steps.items() if n and place != "future"}
    total = sum(missing.values())
    ahead = ""
    if gaps.steps["future"] and fills(rule, "future"):
        ahead = f"{column}: filled by {_spelt_method((rule or {})['future'])} beyond the end of its rows"
    if total == 0:
        if ahead:
            findings.note("gaps", ahead)
        return
    parts = []
    for where, steps in missing.items():
        method = _spelt_method((rule or {}).get(where, "nan"))
        parts.append(f"{steps:,} {where} ({'not observed' if method == 'nan' else f'filled by {method}'})")
    findings.note(
        "gaps",
        f"{column}: {total:,} missing steps in {gaps.series:,} series: {', '.join(parts)}"
        + (f"; {ahead.removeprefix(f'{column}: ')}" if ahead else ""),
        total,
    )


def _spelt_method(method: Any) -> str:
    return f"the value {method['value']}" if isinstance(method, Mapping) else str(method)
