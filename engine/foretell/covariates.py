"""Related tables: whom a row concerns, which columns are known ahead, and their values on the panel's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import ForetellError, nearest
from foretell.filling import Gaps, Rule, fill, fills
from foretell.findings import Findings
from foretell.layout import Layout, place, spread
from foretell.panel import Array, Schema
from foretell.rows import Rows, Spans, first_row
from foretell.sources import Store
from foretell.statics import MISSING_SUFFIX, match

COMMONEST: Final = 32  # values of a text column that get a column of their own
_FUTURE_AT_LEAST: Final = 64  # steps that a filling of the future reaches where a year is shorter


@dataclass(frozen=True, slots=True)
class Related:
    """A related table after pass one."""

    rows: Rows
    spans: Spans
    item_keyed: bool  # its key is the items' whole key: every row concerns one item


@dataclass(frozen=True, slots=True)
class Plan:
    """Which columns the panel takes from the related tables, and how."""

    roles: dict[str, str]  # source column -> known, past
    vocabularies: dict[str, tuple[str, ...]]  # of the text columns
    open: str | None
    rules: Mapping[str, Rule]


def group_of(related: Related, items: pd.DataFrame) -> NDArray[np.int64]:
    """[N] which group of the table concerns each of `items` (their keys and metadata as text); -1 for none."""
    return match(items, related.spans.keys)


def reach(related: Related, column: str, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """[N] the last ordinal that a column has a value at for each item; very early where it has none."""
    position = related.rows.columns.index(column)
    never = np.iinfo(np.int64).min // 2
    seen = related.spans.seen[:, position] > 0
    last = np.where(seen, related.spans.last[:, position], never)
    return np.where(group >= 0, last[group], never) if len(last) else np.full(len(group), never)


def choose_roles(
    tables: Sequence[Related],
    groups: Sequence[NDArray[np.int64]],
    end: NDArray[np.int64],  # [N] ordinal after each item's last step
    *,
    known: Sequence[str],
    past: Sequence[str],
    filled_ahead: Sequence[str],
    findings: Findings,
) -> dict[str, str]:
    """Each column as known or past: as declared, otherwise known if it goes on after the target's end for every item."""
    roles: dict[str, str] = {}
    for table, group in zip(tables, groups, strict=True):
        for column in table.rows.columns:
            if column in roles:
                raise ForetellError(f"column {column!r} is in two related tables. Rename one of them.")
            if column in known or column in past:
                roles[column] = "known" if column in known else "past"
                continue
            ahead = bool((reach(table, column, group) >= end).all()) or column in filled_ahead
            roles[column] = "known" if ahead else "past"
            reason = "has values after the target's end for every item" if ahead else "ends with the target"
            findings.note(
                roles[column], f"{column!r} counts as {roles[column]}: not declared, and it {reason}"
            )
    return roles


def future_steps(
    tables: Sequence[Related],
    groups: Sequence[NDArray[np.int64]],
    layout: Layout,
    *,
    plan: Plan,
    year: int | None,
) -> int:
    """How far the known covariates are stored past each item's end: as far as any goes, or is filled.

    Never farther than the longest series is long: no horizon is.
    """
    end = layout.start + layout.lengths
    farthest = 0
    for table, group in zip(tables, groups, strict=True):
        for column in table.rows.columns:
            if plan.roles.get(column) == "known":
                farthest = max(farthest, int((reach(table, column, group) - end).max(initial=-1)) + 1)
                if fills(plan.rules.get(column), "future"):
                    farthest = max(farthest, year or 0, _FUTURE_AT_LEAST)
    return min(farthest, int(layout.lengths.max(initial=0)))


def vocabulary(store: Store, rows: Rows, column: str) -> tuple[str, ...]:
    """The commonest values of a text column, by name; a value spelt "other" joins the others."""
    value = rows.value(column)
    found = store.rows(
        f"SELECT {value}, count(*) AS n FROM {rows.view} WHERE {value} <> 'other'"
        f" GROUP BY {value} ORDER BY n DESC, {value} LIMIT {COMMONEST}"
    )
    return tuple(sorted(str(row[0]) for row in found))


@dataclass(frozen=True, slots=True)
class Column:
    """A source column on the grid: numbers, or the codes of a text (0 none, 1 .. by vocabulary, then other)."""

    name: str
    values: Array  # [cells]
    codes: NDArray[np.uint8] | None  # [cells] how each was filled; None where nothing was asked for
    words: tuple[str, ...] | None  # the vocabulary of a text
    gaps: Gaps


def place_columns(
    store: Store,
    table: Related,
    columns: Sequence[str],
    *,
    keys: pd.DataFrame,
    group: NDArray[np.int64],
    layout: Layout,
    future: int,
    plan: Plan,
    findings: Findings,
) -> Iterator[Column]:
    """The `columns` of a related table on `layout` (whose last `future` steps lie beyond the series), gaps filled."""
    options = {"vocabularies": plan.vocabularies, "findings": findings}
    if table.item_keyed:
        grids = place(store, table.rows, columns, keys=keys, layout=layout, **options)  # type: ignore[arg-type]  # two named ones
    else:
        lot, mine = _group_layout(group, layout, len(table.spans.keys))
        few = table.spans.keys.iloc[lot]
        raw = place(store, table.rows, columns, keys=few, layout=mine, **options)  # type: ignore[arg-type]  # as above
        position = np.full(len(table.spans.keys) + 1, -1, np.int64)  # the last entry answers for group -1
        position[lot] = np.arange(len(lot))
        grids = spread(raw, groups=mine, group=position[group], layout=layout)
    for name in columns:
        yield _finish(store, table.rows, name, grids.pop(name), layout, future, plan)


def _group_layout(group: NDArray[np.int64], layout: Layout, count: int) -> tuple[NDArray[np.int64], Layout]:
    """The groups that concern an item, and a layout for them over all steps that any item has."""
    used = np.unique(group[group >= 0])
    ends = layout.start + layout.lengths
    first, last = int(layout.start.min()), int(ends.max())
    size = np.full(len(used), max(last - first, 0), np.int64)
    return used, Layout.of(np.full(len(used), first, np.int64), size)


def _finish(
    store: Store, rows: Rows, name: str, values: Array, layout: Layout, future: int, plan: Plan
) -> Column:
    words = plan.vocabularies.get(name) if name in rows.texts else None
    rule: dict[str, Any] = dict(plan.rules.get(name, {}))
    if words is None:
        _refuse_infinity(store, rows, name, values)
        if name == plan.open:
            _refuse_halves(store, rows, name, values)
    else:
        rule = {place: _coded(method, words) for place, method in rule.items()}
    codes, gaps = fill(values, layout, rule=rule, future=future)
    return Column(name, values, codes if codes.any() else None, words, gaps)


def _coded(method: Any, words: tuple[str, ...]) -> Any:
    if not isinstance(method, Mapping):
        return method
    word = method["value"]
    return {"value": float(words.index(word) + 1 if word in words else len(words) + 1)}


def _refuse_infinity(store: Store, rows: Rows, name: str, values: Array) -> None:
    if np.isinf(values).any():
        limit = float(np.finfo(np.float32).max)
        where, value = first_row(store, rows, f"abs({rows.value(name)}) > {limit!r}", rows.value(name))
        raise ForetellError(
            f"{where}: {name!r} must be a finite number (below 3.4e38), got {value}. Correct it, or leave it empty."
        )


def _refuse_halves(store: Store, rows: Rows, name: str, values: Array) -> None:
    if ((values != 0) & (values != 1) & ~np.isnan(values)).any():
        value = rows.value(name)
        where, got = first_row(store, rows, f"{value} NOT IN (0, 1)", value)
        raise ForetellError(f"{where}: the open column {name!r} must be 0 or 1, got {got:g}.")


def names_of(column: Column, *, future: int, layout: Layout, schema_names: Sequence[str] | None) -> list[str]:
    """The names under which a column stands in the panel.

    A number with missing values gets an indicator. Beyond a series' end a column may simply stop: that is no gap.
    """
    if column.words is not None:
        return [*(f"{column.name}={word}" for word in column.words), f"{column.name}=other"]
    indicator = column.name + MISSING_SUFFIX
    if schema_names is not None:
        return [column.name, indicator] if indicator in schema_names else [column.name]
    return [column.name, indicator] if _has_holes(column.values, layout, future) else [column.name]


def _has_holes(values: Array, layout: Layout, future: int) -> bool:
    """Whether a step within a series' own grid, or all steps of an item, are missing."""
    for first, last in layout.chunks():
        missing = np.isnan(values[layout.offsets[first] : layout.offsets[last]])
        if not missing.any():
            continue
        run, step = layout.expand(first, last)
        own = step < layout.lengths[run] - future
        if (missing & own).any():
            return True
        present = np.bincount(run[~missing] - first, minlength=last - first)
        if ((present == 0) & (layout.lengths[first:last] > 0)).any():
            return True
    return False


def write_column(column: Column, matrix: Array, names: Sequence[str]) -> None:
    """Put a column into `matrix` [cells, len(names)] under each of its names."""
    for position, name in enumerate(names):
        if column.words is not None:
            parts = [f"{column.name}={word}" for word in column.words]
            if name in parts or name == f"{column.name}=other":
                code = parts.index(name) + 1 if name in parts else len(parts) + 1
                hot = (column.values == code).astype(np.float32)
                matrix[:, position] = np.where(np.isnan(column.values), np.float32(np.nan), hot)
        elif name == column.name:
            matrix[:, position] = column.values
        elif name == column.name + MISSING_SUFFIX:
            matrix[:, position] = np.isnan(column.values)


def check_declared(
    tables: Sequence[Related], target_columns: Sequence[str], declared: Mapping[str, Sequence[str]]
) -> None:
    """Raises ForetellError for a declared column that no related table has."""
    have = [column for table in tables for column in table.rows.columns]
    for argument, names in declared.items():
        for name in names:
            if name not in have:
                hint = (
                    " It is in the target table: give that as related= too."
                    if name in target_columns
                    else nearest(name, have)
                )
                listed = f"They have: {', '.join(have)}." if have else "None was given."
                raise ForetellError(f"{argument} column {name!r} is in no related table.{hint} {listed}")


def check_schema(tables: Sequence[Related], schema: Schema) -> None:
    """Raises ForetellError for a column of a model that no related table has."""
    have = {column for table in tables for column in table.rows.columns}
    for column, role in schema.roles.items():
        if role in ("known", "past") and column not in have:
            raise ForetellError(
                f"the model was trained with the {role} column {column!r}, which no related table has."
                f"{nearest(column, have)} Give it as it was given in training."
            )
