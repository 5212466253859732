"""A plan as the table that changes read: one row an item and step, a column for each name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.future_plan import FuturePlan, as_written
from foretell.data.panel import Panel
from foretell.data.wall_times import wall_times
from foretell.explain.plan_columns import PlanColumn


def item_values(panel: Panel, column: PlanColumn) -> NDArray[Any]:
    """[N] a part of the key, or a column of the metadata: texts, None where missing, or float64."""
    if column.role == "key":
        return panel.keys[column.name].astype(str).to_numpy(object)
    schema = panel.schema
    if column.kind == "text":
        codes = panel.static_cat[:, schema.static_cat.index(column.name)]
        return np.array([None, *schema.vocabularies[column.name]], object)[codes]
    places = [k for k, each in enumerate(schema.static_real) if each.source == column.name]
    return as_written(panel.static_real[:, places[0]])


def step_times(plan: FuturePlan) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """[N, H] the timestamps of the steps, and whether the clock shows them at all."""
    schema, steps = plan.panel.schema, plan.steps()
    stamps, there = wall_times(schema.frequency, schema.timezone, steps.ravel())
    return stamps.reshape(steps.shape), there.reshape(steps.shape)


def cells_of(plan: FuturePlan, column: PlanColumn) -> NDArray[Any]:
    """[N, H] a column that a change may read, as the user's tables have it."""
    if column.role == "known":
        return plan.shown(column.name)
    if column.role == "time":
        return step_times(plan)[0]
    return np.repeat(item_values(plan.panel, column)[:, None], plan.horizon, axis=1)


def read_table(plan: FuturePlan, columns: tuple[PlanColumn, ...], *, first: int = 0) -> Any:
    """An Arrow table of the cells: `cell`, their numbers from `first` on, and these columns by alias.

    Steps that no clock shows are left out.
    """
    import pyarrow as pa

    there = step_times(plan)[1].ravel()
    table: dict[str, Any] = {"cell": first + np.flatnonzero(there)}
    for column in columns:
        if column.kind == "text":
            table[column.alias] = _dictionary(*_coded(plan, column), there)
            continue
        values = cells_of(plan, column).ravel()[there]
        if column.kind == "number":
            table[column.alias] = pa.array(values.astype(np.float64), from_pandas=True)
        else:
            table[column.alias] = pa.array(values.astype("datetime64[us]"))
    return pa.table(table)


def _coded(plan: FuturePlan, column: PlanColumn) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """[N, H] the code of each cell of a text, -1 where there is none, and the texts."""
    if column.role == "known":
        words = np.array(plan.words(column.name), object)
        return np.nan_to_num(plan.values(column.name)).astype(np.int64) - 1, words
    codes, words = pd.factorize(item_values(plan.panel, column))
    return np.repeat(codes[:, None], plan.horizon, axis=1), words


def _dictionary(codes: NDArray[np.int64], words: NDArray[Any], there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    some = codes.ravel()[there]
    return pa.DictionaryArray.from_arrays(
        pa.array(some, pa.int32(), mask=some < 0), pa.array(words, pa.string())
    )
