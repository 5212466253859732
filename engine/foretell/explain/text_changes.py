"""Changes that are texts, carried out by DuckDB over a plan."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.errors import ForetellError, nearest
from foretell.explain.assignment import Assignment, shortened
from foretell.explain.changed_plan import ChangedPlan
from foretell.explain.plan_columns import PlanColumn
from foretell.explain.plan_table import item_values, read_table, step_times
from foretell.ingest.store import Store
from foretell.system.big_arrays import pieces

SECONDS: Final = 10.0  # that the query of a change may take
LOOKED_AT: Final = 10_000  # names that the nearest one is looked for among
CELLS: Final = 1 << 22  # of the plan that are looked at in one go


def assign(state: ChangedPlan, change: Assignment, columns: Mapping[str, PlanColumn]) -> ChangedPlan:
    """A plan after `change`.

    Raises ForetellError where no step fits its condition, where it takes too long, and for values that cannot be set.
    """
    by = f"change {shortened(change.text)}"
    cells, values = _query(state, change, by)
    if not len(cells):
        raise ForetellError(f"{by} matches nothing: {_why(state, change, columns)}.")
    after = state.set(change.column, cells, values, by=by)
    said = (*_reaching_back(state, change, by), *_lacking(state, change, columns, by))
    return ChangedPlan(after.plan, after.touched, (*after.findings, *said))


def _query(state: ChangedPlan, change: Assignment, by: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The cells that fit the condition, and their new values: numbers, NaN where missing, or texts, None where missing."""
    value, condition = change.value, change.condition
    select = f"SELECT cell, {value} AS value FROM plan WHERE coalesce({condition}, false) ORDER BY cell"
    found, left, horizon = [], SECONDS, state.plan.horizon
    with Store() as store:
        for some in pieces(len(state.plan.panel), max(CELLS // horizon, 1)):
            plan = state.plan.between(some.start, some.stop)
            store.register("plan", read_table(plan, change.reads, first=some.start * horizon))
            begun = time.monotonic()
            found.append(_asked(store, select, begun + left, by))
            left -= time.monotonic() - begun
    values = pd.concat([frame["value"] for frame in found])
    return np.concatenate([frame["cell"].to_numpy(np.int64) for frame in found]), (
        values.to_numpy(np.float64, na_value=np.nan)
        if change.column.kind == "number"
        else values.astype(object).where(values.notna(), None).to_numpy(object)
    )


def _asked(store: Store, select: str, until: float, by: str) -> pd.DataFrame:
    """What a query finds; raises ForetellError, naming the change, where it ends later than `until` or cannot be carried out."""
    try:
        with store.ending_at(until):
            return store.frame(select)
    except ForetellError as error:
        if time.monotonic() >= until:
            raise ForetellError(f"{by} took longer than {SECONDS:g} seconds.") from error
        raise ForetellError(f"{by}: {error}") from error


def _why(state: ChangedPlan, change: Assignment, columns: Mapping[str, PlanColumn]) -> str:
    """What the plan has, where a condition finds nothing in it."""
    for name, texts in change.texts.items():
        words = _words(state, columns[name])
        lacking = [text for text in texts if text not in words]
        if lacking:
            return f"{name!r} has no {lacking[0]!r}.{nearest(lacking[0], words)} It has: {_some(words)}; {state.span}"
    return state.span


def _lacking(
    state: ChangedPlan, change: Assignment, columns: Mapping[str, PlanColumn], by: str
) -> Iterator[Finding]:
    """Says which texts of a condition nothing in the plan has, where others of it have found something."""
    for name, texts in change.texts.items():
        words = _words(state, columns[name])
        there = set(words)
        lacking = [text for text in dict.fromkeys(texts) if text not in there]
        if lacking:
            shown = ", ".join(map(repr, lacking[:5]))
            near = nearest(lacking[0], words) if len(words) <= LOOKED_AT else ""
            message = f"{by}: {name!r} has no {shown}: that part of the condition finds nothing.{near}"
            yield Finding("warning", "finds_nothing", message, len(lacking))


def _words(state: ChangedPlan, column: PlanColumn) -> list[str]:
    if column.role == "known":
        return list(state.plan.words(column.name) or ())
    values = item_values(state.plan.panel, column)
    return sorted({str(value) for value in values if value is not None})


def _some(words: list[str]) -> str:
    return ", ".join(words[:10]) + (f" and {len(words) - 10:,} more" if len(words) > 10 else "")


def _reaching_back(state: ChangedPlan, change: Assignment, by: str) -> tuple[Finding, ...]:
    """Says so where a condition names a time before the forecast begins: the past stays as it was."""
    times, there = step_times(state.plan)
    first = times[there].min()
    if not any(moment < first for moment in change.times):
        return ()
    origin = state.plan.panel.frequency.spell(int(state.plan.panel.origin.min()))
    message = f"{by} reaches before {origin}, where the forecast begins: what was before stays as it was"
    return (Finding("note", "before_origin", message),)
