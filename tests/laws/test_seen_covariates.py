"""A covariate beyond what training saw forecasts as the nearest value that it saw, for every recipe."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from foretell.data.panel import Panel
from foretell.data.seen_range import SeenRange
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names
from foretell.recipe.task import Run, Task
from foretell.windows.covariate_scale import CovariateScale
from panels import FUTURE, daily, weekly_sales
from tiny_chronos import settings_of

STEPS = 80
TASK = Task(FUTURE, (0.1, 0.5, 0.9))
SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "context_length": 14,
    "max_steps": 8,
    "batch_size": 16,
    "max_rows": 2000,
    "num_samples": 10,
    "members": ("seasonal_naive", "mqrnn:max_steps=8:hidden_size=8:batch_size=16:context_length=14"),
    "trials": 1,
}


def shops(ahead: float | None = None, *, history: bool = True) -> Panel:
    """Four shops; `ahead` is the price over the horizon, NaN where it is missing, and without `history` before it too."""
    panel = daily(weekly_sales(2))
    known = panel.known.copy().reshape(4, STEPS + FUTURE, 2)
    if not history:
        known[:, :STEPS, 0] = np.nan
    if ahead is not None:
        known[:, STEPS:, 0] = ahead
    return replace(panel, known=known.reshape(-1, 2))


@cache
def fitted(name: str, *, history: bool = True) -> FittedModel:
    known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    settings = {key: value for key, value in SMALL.items() if key in known}
    recipe = make_recipe(name, settings | settings_of(name))
    return fit_model(recipe, shops(history=history), TASK, Run(device="cpu"))


def test_nothing_is_said_of_past_values_that_no_forecast_can_see() -> None:
    """A backtest's window has them from its origin on."""
    every = daily(weekly_sales(2))
    rising = np.tile(np.arange(STEPS, dtype=np.float32), len(every))[:, None]
    panel = replace(every, past=rising).until(FUTURE)
    seen = SeenRange.of(panel)
    assert seen.past.tolist() == [[0, STEPS - FUTURE - 1]]
    assert not [each for each in seen.apply(panel)[1] if each.name == "visits"]
    late = replace(panel, origin=panel.origin + 2)  # two days later these are history
    found = [each for each in seen.apply(late)[1] if each.name == "visits"]
    assert [(each.farthest, each.items) for each in found] == [(STEPS - FUTURE + 1, len(panel))]


@pytest.mark.parametrize("name", recipe_names())
def test_a_price_beyond_all_that_was_seen_forecasts_as_the_highest_that_was(name: str) -> None:
    model = fitted(name)
    highest = float(shops().known.reshape(4, -1, 2)[:, :STEPS, 0].max())
    far, edge = model.forecast(shops(1e4)), model.forecast(shops(highest))
    np.testing.assert_array_equal(far.quantiles, edge.quantiles)
    np.testing.assert_array_equal(far.mean, edge.mean)
    (finding,) = far.findings
    assert (finding.code, finding.count, edge.findings) == ("beyond_seen", 4, ())
    assert "'price': training saw 6.00024 to 13.987" in finding.message


@pytest.mark.parametrize("name", recipe_names())
def test_a_column_that_training_never_saw_forecasts_as_a_missing_one(name: str) -> None:
    model = fitted(name, history=False)
    there, missing = (model.forecast(shops(price, history=False)) for price in (1e4, np.nan))
    np.testing.assert_array_equal(there.quantiles, missing.quantiles)
    assert "training saw none of its values" in there.findings[0].message


def test_the_open_column_stays_and_nothing_is_copied_within_the_range() -> None:
    panel = shops()
    never_closed = replace(panel, known=np.where([False, True], 1, panel.known).astype(np.float32))
    seen = SeenRange.of(never_closed)
    assert seen.known[1].tolist() == [1, 1]
    inside = shops(10.0)
    assert SeenRange.of(panel).apply(inside)[0] is inside
    changed, found = seen.apply(shops(1e4))
    np.testing.assert_array_equal(changed.known[:, 1], panel.known[:, 1])
    assert [each.finding.count for each in found] == [4]


def test_a_forecast_in_pieces_says_once_what_is_beyond_with_the_items_of_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("foretell.models.fitted_model.ITEMS_AT_A_TIME", 1)
    model = fitted("seasonal_naive")
    caplog.clear()
    whole = model.forecast_in_arrays(shops(1e4))
    assert [(each.code, each.count) for each in whole.findings] == [("beyond_seen", 4)]
    assert [record.getMessage() for record in caplog.records] == [whole.findings[0].message]


def test_nothing_is_said_of_values_behind_the_horizon() -> None:
    panel = shops(1e4)
    assert [each.items for each in SeenRange.of(panel).apply(panel, horizon=1)[1]] == [4]
    panel.known.reshape(4, -1, 2)[:, STEPS : STEPS + 3, 0] = 10.0
    changed, found = SeenRange.of(panel).apply(panel, horizon=3)
    assert not found
    assert changed.known.max() < 1e4
    assert SeenRange.of(panel).apply(panel, horizon=4)[1]


def test_what_was_seen_goes_through_json() -> None:
    seen = SeenRange.of(shops(history=False))
    assert seen.to_json()["known"][0] is None
    again = SeenRange.from_json(*(tuple(seen.to_json()[name]) for name in ("known", "past")))
    np.testing.assert_array_equal(again.known, seen.known)
    np.testing.assert_array_equal(again.past, seen.past)


def test_a_column_counts_by_how_much_of_it_was_observed() -> None:
    panel = shops()
    known = panel.known.copy()
    known[np.arange(len(known)) % (STEPS + FUTURE) < 0.9 * (STEPS + FUTURE), 0] = np.nan
    whole, late = (CovariateScale.of(each).known for each in (panel, replace(panel, known=known)))
    spread = float(np.nanstd(known[:, 0]))
    assert whole[1, 0] == pytest.approx(float(panel.known[:, 0].std()), rel=1e-5)
    assert late[1, 0] == pytest.approx(spread / 0.2, rel=0.1)
