"""Changes that are a table: rows with a key, a time, and the columns to replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding, Findings
from foretell.data.layout import Layout
from foretell.errors import ForetellError
from foretell.explain.changed_plan import ChangedPlan
from foretell.explain.plan_columns import PlanColumn, changeable
from foretell.explain.plan_table import item_values
from foretell.ingest.item_metadata import match
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, read_rows, spell_key
from foretell.ingest.placement import scatter_rows
from foretell.ingest.sources import files_of, open_table
from foretell.ingest.store import Store
from foretell.ingest.table import Table
from foretell.system.sql_text import integer

BY: Final = "the table of replacements"


@dataclass(frozen=True, slots=True)
class _Roles:
    """What the columns of a table are to the plan."""

    key: Mapping[str, PlanColumn]  # column of the table -> part of the key, or column of the metadata
    time: str
    values: Mapping[str, PlanColumn]  # column of the table -> known column


def replace_rows(state: ChangedPlan, source: object, columns: Mapping[str, PlanColumn]) -> ChangedPlan:
    """A plan with the values of a table's rows: a frame, or the path of a CSV or Parquet file.

    Its rows are about an item, about all items of a part of the key or of a category, or about all of them. An empty cell leaves
    the plan as it is. Raises ForetellError for a table that cannot be read, or has columns that the plan lacks or that cannot be
    changed, and where no row meets the plan.
    """
    panel, findings = state.plan.panel, Findings()
    layout = Layout.of(panel.origin, np.full(len(panel), state.plan.horizon))
    with Store(panel.schema.timezone, files=files_of(source)) as store:
        table = open_table(store, source, name="replacement")
        roles = _roles(table, columns)
        texts = {name: state.plan.words(each.name) or () for name, each in roles.values.items()}
        rows = read_rows(
            store,
            table,
            key={each.name: name for name, each in roles.key.items()},
            timestamp=roles.time,
            frequency=panel.frequency,
            columns=list(roles.values),
            texts=[name for name, words in texts.items() if words],
        )
        spans = find_spans(store, rows, findings)
        keys = pd.DataFrame(
            {each.name: item_values(panel, each) for each in roles.key.values()}, index=range(len(panel))
        )
        known = {name: words[:-1] for name, words in texts.items() if words}
        grids = scatter_rows(
            store, rows, list(roles.values), keys=keys, layout=layout, vocabularies=known, findings=findings
        )
        said = (*_warnings(findings), *_outside(store, rows, spans, keys, state))
    for name, column in roles.values.items():
        state = _set(state, column, grids[name], words=texts[name])
    if not state.touched.any():
        raise ForetellError(f"{BY} meets no step of the plan: {state.span}.")
    return ChangedPlan(state.plan, state.touched, (*state.findings, *said))


def _set(
    state: ChangedPlan, column: PlanColumn, grid: NDArray[Any], *, words: tuple[str, ...]
) -> ChangedPlan:
    """The cells of one column that the table has a value for; texts come as codes, 0 where there is none."""
    cells = np.flatnonzero(grid > 0 if words else ~np.isnan(grid))
    if not len(cells):
        return state
    values: NDArray[Any] = grid[cells]
    if words:
        values = np.array(words, object)[values.astype(np.int64) - 1]
    return state.set(column, cells, values, by=BY)


def _roles(table: Table, columns: Mapping[str, PlanColumn]) -> _Roles:
    """Which column of a table is what; raises ForetellError for one that the plan lacks, and without a time or a value."""
    key: dict[str, PlanColumn] = {}
    values: dict[str, PlanColumn] = {}
    times: list[str] = []
    for name in table.kinds:
        column = columns.get(name)
        if column is not None and (
            column.role == "key" or (column.role == "static" and column.kind == "text")
        ):
            key[name] = column
        elif column is not None and column.role == "time":
            times.append(name)
        else:
            values[name] = changeable(name, columns)
    if len(times) != 1:
        asked = next(name for name, each in reversed(list(columns.items())) if each.role == "time")
        raise ForetellError(f"{table.label} needs one column of times, {asked!r}, got {len(times)}.")
    if not values:
        raise ForetellError(f"{table.label} has no column to replace: it holds {', '.join(table.kinds)}.")
    return _Roles(key, times[0], values)


def _warnings(findings: Findings) -> list[Finding]:
    return [each for each in findings.all() if each.severity == "warning" or each.code == "aggregated"]


def _outside(
    store: Store, rows: KeyedRows, spans: KeySpans, keys: pd.DataFrame, state: ChangedPlan
) -> list[Finding]:
    """Rows that change nothing: of items that are not forecast, before the forecast begins, and after it ends."""
    panel, found = state.plan.panel, []
    if len(keys.columns):
        strange = np.flatnonzero(match(spans.keys, keys.drop_duplicates()) < 0)
        if len(strange):
            first = spell_key(tuple(keys.columns), list(spans.keys.iloc[strange[0]]))
            message = (
                f"{BY}: {len(strange):,} of its keys are not forecast, first {first}: their rows are left out"
            )
            found.append(Finding("warning", "not_forecast", message, len(strange)))
    first_step, last_step = int(panel.origin.min()), int(panel.origin.max()) + state.plan.horizon - 1
    early, late = store.rows(
        f"SELECT count(*) FILTER (WHERE step < {integer(first_step)}), count(*) FILTER (WHERE step > {integer(last_step)})"
        f" FROM {rows.view}"
    )[0]
    for count, code, where in (
        (early, "before_origin", f"before {panel.frequency.spell(first_step)}, where the forecast begins"),
        (late, "beyond_horizon", f"after {panel.frequency.spell(last_step)}, where the forecast ends"),
    ):
        if count:
            found.append(
                Finding("note", code, f"{BY}: {count:,} rows are {where}: they change nothing", count)
            )
    return found
