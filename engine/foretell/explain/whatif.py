"""`whatif`: the forecast that a model makes of the plan as it stands, beside those of other plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.data.future_plan import FuturePlan
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.explain.assignment import parse_assignment
from foretell.explain.changed_plan import ChangedPlan, untouched
from foretell.explain.function_changes import call
from foretell.explain.plan_columns import PlanColumn, plan_columns
from foretell.explain.row_changes import replace_rows
from foretell.explain.text_changes import assign
from foretell.explain.whatif_result import BASELINE, Scenario, WhatIf
from foretell.models.item_lookup import find_items
from foretell.models.returned_forecast import arrays_of
from foretell.recipe.forecast import Forecast
from foretell.system.big_arrays import allocate, pieces

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset
    from foretell.models.fitted_model import FittedModel

Change = str | Callable[[pd.DataFrame], pd.DataFrame] | Any  # a text, a function of the plan, a table of rows
ITEMS_AT_A_TIME = 1 << 13  # whose history is copied at a time
_SAME = 1e-6  # of its size, by which a forecast may differ and still be called the same


def whatif(
    model: FittedModel,
    data: Dataset | None,
    scenarios: Mapping[str, Change | Sequence[Change]],
    *,
    items: Sequence[str | Sequence[object]] | None = None,
    levels: Sequence[float] | None = None,
) -> WhatIf:
    """What `model` forecasts after the end of `data` (None: its training data), and what it would with other plans.

    `scenarios` are the plans by name, each one change or several, one after the other. A change is a text, "promo = 1 where family =
    'MUG' and timestamp between '2011-11-14' and '2011-11-20'", that sets a column known ahead; a table of rows with the key, the
    time and the columns to replace; or a function of the plan as a frame, which returns it changed. Only the steps to forecast
    change. `items` and `levels` are as in `predict`.

    Raises ForetellError, naming the scenario, for a change that is not allowed, names a column that is not known ahead, matches no
    step, or takes longer than 10 seconds.
    """
    panel = model.panel_of(data)
    names = _their_names(data, panel.schema)
    if items is not None:
        panel = panel.take(find_items(panel.keys, items))
    panel.check_horizon(model.task.horizon, trained=True)
    plan = FuturePlan(panel, model.task.horizon)
    columns = plan_columns(plan, names)
    asked = _checked(scenarios)
    changed = {name: _changed(plan, columns, name, changes) for name, changes in asked.items()}
    baseline = model.forecast_in_arrays(panel, levels=levels, beside=1 + len(changed), joint=True)
    found = [
        replace(_scenario(model, baseline, name, each, levels), changes=tuple(map(_in_words, asked[name])))
        for name, each in changed.items()
    ]
    baseline = replace(baseline, findings=(*model.read_as(data), *baseline.findings))
    return WhatIf(baseline, tuple(found), columns)


def _in_words(change: Any) -> str:
    """A change as a page shows it."""
    if isinstance(change, str):
        return change.strip()
    if callable(change):
        return f"a function of the plan: {getattr(change, '__name__', 'without a name')}"
    if isinstance(change, Path):
        return f"the rows of {change.name}"
    return f"a table of {len(change):,} rows" if hasattr(change, "__len__") else "a table"


def _their_names(data: Dataset | None, schema: Schema) -> dict[str, str]:
    """What the user calls the key's parts and the time -> what the schema calls them."""
    if data is None:
        return {}
    names = {theirs: ours for ours, theirs in data.names.key.items()}
    return {**names, data.names.timestamp: schema.timestamp}


def _checked(scenarios: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The changes of each scenario as a list; raises ForetellError for names and lists that are none."""
    if not isinstance(scenarios, Mapping) or not scenarios:
        raise ForetellError(
            "scenarios must be changes by name, such as {'promotion': [\"promo = 1 where family = 'MUG'\"]},"
            f" got {scenarios!r}"
        )
    checked = {}
    for name, changes in scenarios.items():
        if not isinstance(name, str) or not name.strip() or name == BASELINE:
            raise ForetellError(f"a scenario needs a name of its own, other than {BASELINE!r}, got {name!r}")
        checked[name] = list(changes) if isinstance(changes, (list, tuple)) else [changes]
        if not checked[name]:
            raise ForetellError(f"scenario {name!r} has no change. Give it one, or leave it out.")
    return checked


def _changed(
    plan: FuturePlan, columns: Mapping[str, PlanColumn], name: str, changes: Sequence[Any]
) -> ChangedPlan:
    state = untouched(plan)
    try:
        for change in changes:
            if isinstance(change, str):
                state = assign(state, parse_assignment(change, columns), columns)
            elif callable(change):
                state = call(state, change, columns)
            else:
                state = replace_rows(state, change, columns)
    except ForetellError as error:
        raise ForetellError(f"scenario {name!r}: {error}") from error
    return state


def _scenario(
    model: FittedModel, baseline: Forecast, name: str, state: ChangedPlan, levels: Sequence[float] | None
) -> Scenario:
    """The forecast of a changed plan: of the items that are touched, for all others it is the baseline's."""
    chosen = np.flatnonzero(state.touched.any(axis=1))
    whole: dict[str, Any] = {part: _copied(values) for part, values in arrays_of(baseline).items()}
    found: dict[str, Finding] = {each.message: each for each in state.findings}
    for some in pieces(len(chosen), ITEMS_AT_A_TIME):
        try:
            made = model.forecast_in_arrays(
                state.plan.take(chosen[some]).applied(), levels=levels, joint=True
            )
        except ForetellError as error:
            raise ForetellError(f"scenario {name!r}: {error}") from error
        for part, values in arrays_of(made).items():
            whole[part][chosen[some]] = values
        found |= {each.message: each for each in made.findings if each not in baseline.findings}
    margins = whole.pop("margins", None)
    if baseline.margins is not None:
        whole["margins"] = replace(baseline.margins, quantiles=margins)
    forecast = replace(baseline, **whole, findings=tuple(found.values()))
    return Scenario(
        name,
        forecast,
        state.touched,
        (*found.values(), *_without_effect(model, baseline, forecast, name, state)),
    )


def _copied(values: NDArray[Any]) -> NDArray[Any]:
    copy = allocate(values.shape, values.dtype)
    copy[...] = values
    return copy


def _without_effect(
    model: FittedModel, baseline: Forecast, forecast: Forecast, name: str, state: ChangedPlan
) -> tuple[Finding, ...]:
    """Says so where a forecast is the baseline's: a recipe that does not look at a column forecasts the same, whatever it is."""
    same = np.allclose(forecast.mean, baseline.mean, rtol=_SAME, atol=_SAME) and np.allclose(
        forecast.quantiles, baseline.quantiles, rtol=_SAME, atol=_SAME
    )
    if not same or not state.differs:
        return ()
    message = (
        f"scenario {name!r} changes no forecast: {model.recipe.name} does not look at what was changed, or its training saw no"
        " such values"
    )
    return (Finding("warning", "no_effect", message),)
