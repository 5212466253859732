"""Changes that are a Python function of the plan as a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from traceback import extract_tb
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.errors import ForetellError
from foretell.explain.changed_plan import ChangedPlan
from foretell.explain.plan_columns import PlanColumn, changeable
from foretell.explain.plan_table import cells_of, step_times
from foretell.system.plain_text import printable


def call(
    state: ChangedPlan, function: Callable[[pd.DataFrame], Any], columns: Mapping[str, PlanColumn]
) -> ChangedPlan:
    """A plan as `function` returns it, given it as a frame: the key, the time, metadata and what is known ahead.

    Raises ForetellError for what the function raises, for another thing than that frame with other values of known columns, and
    for values that cannot be set.
    """
    by = f"the function {printable(getattr(function, '__name__', type(function).__name__))!r}"
    frame = plan_frame(state, columns)
    try:
        after = function(frame.copy())
    except MemoryError:
        raise
    except Exception as error:  # whatever a user's function may raise
        said = printable(f"{_place(function, error)} raised {type(error).__name__}: {error}")
        raise ForetellError(f"{by}{said}") from error
    _check_frame(after, frame, by)
    there, before = np.flatnonzero(step_times(state.plan)[1].ravel()), state
    for name in after.columns:
        old, new = frame.get(name), after[name]
        if old is not None and _same(old, new):
            continue
        column = changeable(str(name), columns)
        state = _set(state, column, there, old, new, by)
    if state is before:
        message = f"{by} returns the plan as it is"
        return ChangedPlan(
            state.plan, state.touched, (*state.findings, Finding("warning", "unchanged", message))
        )
    return state


def _place(function: Callable[..., Any], error: Exception) -> str:
    """Where in the function's own file it went wrong: " (plan.py, line 7)"; '' where it is not written in Python."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({file}, line {lines[-1]})" if lines else ""


def plan_frame(state: ChangedPlan, columns: Mapping[str, PlanColumn]) -> pd.DataFrame:
    """One row an item and step: the columns that a change may read, as the user calls them."""
    there = step_times(state.plan)[1].ravel()
    theirs = {column.name: name for name, column in columns.items()}  # a second name is the user's
    return pd.DataFrame(
        {
            theirs[column.name]: cells_of(state.plan, column).ravel()[there]
            for column in dict.fromkeys(columns.values())
            if column.role not in ("past", "target")
        }
    )


def _check_frame(after: Any, frame: pd.DataFrame, by: str) -> None:
    if not isinstance(after, pd.DataFrame):
        raise ForetellError(f"{by} must return the frame that it was given, got {type(after).__name__}.")
    if len(after) != len(frame) or not after.index.equals(frame.index):
        raise ForetellError(
            f"{by} must return the {len(frame):,} rows that it was given, in their order, got {len(after):,} rows."
        )
    if not after.columns.is_unique:
        raise ForetellError(f"{by} returns a column twice: {', '.join(map(str, after.columns))}.")


def _same(old: pd.Series[Any], new: pd.Series[Any]) -> bool:
    return bool(((old == new) | (old.isna() & new.isna())).all())


def _set(
    state: ChangedPlan,
    column: PlanColumn,
    there: NDArray[np.int64],
    old: pd.Series[Any] | None,
    new: pd.Series[Any],
    by: str,
) -> ChangedPlan:
    """The cells of one column that the function changed."""
    assert old is not None, "a known column stands in the frame"
    moved = ~np.asarray((old == new) | (old.isna() & new.isna()), bool)
    return state.set(column, there[moved], _values(column, new[moved], by), by=by)


def _values(column: PlanColumn, new: pd.Series[Any], by: str) -> NDArray[Any]:
    """Numbers, NaN where missing, or texts, None where missing; raises ForetellError for values of another kind."""
    if column.kind == "number":
        try:
            return np.asarray(pd.to_numeric(new).to_numpy(np.float64, na_value=np.nan))
        except (ValueError, TypeError) as error:
            raise ForetellError(
                f"{by} gives {column.name!r}, which holds numbers, other things: {error}."
            ) from error
    texts = new.astype(object).where(new.notna(), None).to_numpy(object)
    odd = [value for value in texts if value is not None and not isinstance(value, str)]
    if odd:
        raise ForetellError(f"{by} gives {column.name!r}, which holds texts, {odd[0]!r}.")
    return texts
