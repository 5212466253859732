"""Boosting: what it learns, and what is stored of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.recipe.task import Run, Task
from foretell_recipes.boosting import Boosting
from panels import daily, weekly_sales

TASK = Task(6)
SMALL = Boosting(context_length=28, max_steps=30, min_samples_leaf=10, max_rows=5000)


def promoted() -> tuple[Panel, np.ndarray]:
    """Six series with promotions that matter, and the truth of the six days ahead."""
    panel = daily([np.zeros(140)] * 6)
    rng = np.random.default_rng(0)
    promo = rng.random((6, 146)) < 0.4
    known = panel.known.copy()
    known[:, 0] = promo.ravel()
    sales = 50 + 30 * promo + rng.normal(0, 2, promo.shape)
    return replace(panel, known=known, target=sales[:, :140].astype(np.float32).ravel()), sales[:, 140:]


@pytest.mark.slow
def test_it_learns_what_a_covariate_does() -> None:
    panel, truth = promoted()
    forecast = SMALL.fit(panel, TASK, Run()).predict(panel, levels=TASK.levels)
    open_days = ~panel.closed(6)
    assert np.abs(forecast.mean - truth)[open_days].mean() < 5  # 30 apart with and without a promotion
    inside = (truth > forecast.quantiles[..., 0]) & (truth < forecast.quantiles[..., 2])
    assert inside[open_days].mean() > 0.5


@pytest.mark.slow
def test_new_items_get_the_level_and_the_season_that_their_statics_suggest() -> None:
    sizes = np.repeat([10.0, 100.0], 6)
    days = np.arange(100)
    shape = 1 + 0.5 * np.sin(2 * np.pi * days / 7)
    series = [
        size * shape + np.random.default_rng(i).normal(0, size / 20, 100) for i, size in enumerate(sizes)
    ]
    panel = daily(series)
    panel = replace(panel, static_cat=(1 + (sizes > 50)).astype(np.int32)[:, None])
    cold = daily([[], []])
    cold = replace(cold, static_cat=np.array([[1], [2]], np.int32))
    forecast = SMALL.fit(panel, TASK, Run()).predict(cold, levels=TASK.levels)
    wanted = 1 + 0.5 * np.sin(2 * np.pi * np.arange(100, 106) / 7)
    open_days = ~cold.closed(6)
    for item, size in enumerate((10, 100)):
        error = np.abs(forecast.mean[item] - size * wanted)[open_days[item]]
        assert error.mean() < 0.35 * size


@pytest.mark.slow
def test_what_is_stored_are_numbers_and_it_forecasts_the_same_when_loaded() -> None:
    panel, _ = promoted()
    fitted = SMALL.fit(panel, TASK, Run())
    facts, arrays = fitted.state()
    assert all(array.dtype.kind in "biuf" for array in arrays.values())
    loaded = fitted.recipe.load(panel.schema, TASK, (facts, arrays), Run())
    asked = [0.01, 0.37, 0.9]
    ours, theirs = (p.predict(panel, levels=asked) for p in (fitted, loaded))
    np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)
    np.testing.assert_array_equal(ours.mean, theirs.mean)


def test_more_leaves_than_bits_are_refused() -> None:
    with pytest.raises(
        ForetellError, match=r"boosting\.max_leaf_nodes must be a whole number from 2 to 32, got 64"
    ):
        fit_model(Boosting(max_leaf_nodes=64), daily(weekly_sales(0)), TASK, Run())


def test_a_panel_without_two_steps_to_learn_from_is_refused() -> None:
    with pytest.raises(ForetellError, match="two steps of history"):
        Boosting().fit(daily([[1.0], []]), TASK, Run())
