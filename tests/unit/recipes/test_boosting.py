"""Boosting: what its rows hold, what it learns, and what is stored of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.errors import ForetellError
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.system.time_budget import Budget
from foretell.windows.covariate_scale import CovariateScale
from foretell_recipes import boosting
from foretell_recipes.boosting import (
    FARTHEST,
    PILOT,
    Boosting,
    _affordable,
    _ranked,
    _ranks,
    _Table,
    between_levels,
)
from panels import END, daily, weekly_sales

TASK = Task(6)
SMALL = Boosting(context_length=28, max_steps=30, min_samples_leaf=10, max_rows=5000)


def table(panel: Panel, recipe: Boosting = SMALL) -> _Table:
    return _Table(recipe, panel, TASK, CovariateScale.of(panel), StaticScale.fit(panel))


def rows_at(panel: Panel, origin: int, step: int, kept: int | None = None):  # type: ignore[no-untyped-def]
    items = torch.arange(len(panel))
    hidden = None if kept is None else torch.full_like(items, kept)
    return table(panel).rows(items, torch.full_like(items, origin), torch.full_like(items, step), hidden)


def test_the_base_is_the_mean_of_the_last_values_of_the_same_weekday() -> None:
    panel = daily(weekly_sales(0), covariates=False)
    rows = rows_at(panel, END - 10, 2)
    for item in range(len(panel)):
        history = panel.history(item)
        same = [history[80 - 10 + 2 - 7 * week] for week in (1, 2, 3, 4)]
        np.testing.assert_allclose(rows.location[item], np.mean(same), rtol=1e-5)


def test_a_row_knows_nothing_from_its_origin_on() -> None:
    panel = daily(weekly_sales(0))
    cut = END - 20
    changed = replace(panel, target=panel.target.copy(), past=panel.past.copy())
    for item in range(len(panel)):
        later = slice(int(panel.offsets[item + 1]) - 20, int(panel.offsets[item + 1]))
        changed.target[later], changed.past[later] = 1e6, -1e6
    same = (CovariateScale.of(panel), StaticScale.fit(panel))
    for step in range(6):
        items = torch.arange(len(panel))
        at = (items, torch.full_like(items, cut), torch.full_like(items, step))
        # The past covariates' own mean per item is of the whole history: compare without them.
        width = panel.past.shape[1] * 3
        ours, theirs = (_Table(SMALL, p, TASK, *same).rows(*at) for p in (panel, changed))
        np.testing.assert_array_equal(ours.features[:, :-width], theirs.features[:, :-width])
        np.testing.assert_array_equal(ours.location, theirs.location)
        np.testing.assert_array_equal(ours.scale, theirs.scale)


def test_a_row_of_hidden_history_is_that_of_a_new_item() -> None:
    panel = daily(weekly_sales(0))
    hidden = rows_at(panel, END, 3, kept=0)
    new = replace(panel, target=np.full_like(panel.target, np.nan))
    items = torch.arange(len(panel))
    fresh = _Table(SMALL, new, TASK, CovariateScale.of(panel), StaticScale.fit(panel)).rows(
        items, torch.full_like(items, END), torch.full_like(items, 3)
    )
    np.testing.assert_array_equal(hidden.location, fresh.location)
    np.testing.assert_array_equal(hidden.scale, fresh.scale)
    without_past = slice(0, hidden.features.shape[1] - 3 * panel.past.shape[1])
    np.testing.assert_array_equal(hidden.features[:, without_past], fresh.features[:, without_past])
    assert np.isnan(hidden.features[:, -1]).all()


def test_training_rows_are_observed_open_and_within_bounds() -> None:
    series = weekly_sales(1)
    series[0][10:30] = np.nan
    series[1][50] = 1e5  # a slip
    features, target = table(daily(series)).training(0, Budget(math.inf))
    assert len(features) == len(target) > 500
    assert np.isfinite(target).all()
    assert np.abs(target).max() <= FARTHEST
    assert len(features) <= SMALL.max_rows


def test_between_levels_of_a_normal_distribution_it_is_exact() -> None:
    have, want = (0.025, 0.1, 0.5, 0.9, 0.975), (0.001, 0.05, 0.3, 0.5, 0.95, 0.999)
    got = between_levels(3 + 2 * ndtri(np.array([have])), have, want)
    np.testing.assert_allclose(got[0], 3 + 2 * ndtri(np.array(want)))


def test_codes_become_ranks_and_those_never_seen_are_missing() -> None:
    seen = np.array([[3], [7], [3], [0]], np.float32)
    ranks = _ranks(seen, 1)
    got = _ranked(np.array([[0], [3], [7], [5], [9]], np.float32), ranks)[:, 0]
    np.testing.assert_array_equal(got, [0, 1, 2, np.nan, np.nan])


def test_of_too_many_codes_the_rarest_are_missing() -> None:
    codes = np.repeat(np.arange(300), np.where(np.arange(300) < 45, 1, 2)).astype(np.float32)[:, None]
    got = _ranked(codes, _ranks(codes, 1))[:, 0]
    assert np.isnan(got[:45]).all()
    np.testing.assert_array_equal(got[45:], np.repeat(np.arange(255), 2))


def promoted() -> tuple[Panel, np.ndarray]:
    """Six series with promotions that matter, and the truth of the six days ahead."""
    panel = daily([np.zeros(140)] * 6)
    rng = np.random.default_rng(0)
    promo = rng.random((6, 146)) < 0.4
    known = panel.known.copy()
    known[:, 0] = promo.ravel()
    sales = 50 + 30 * promo + rng.normal(0, 2, promo.shape)
    return replace(panel, known=known, target=sales[:, :140].astype(np.float32).ravel()), sales[:, 140:]


def test_it_learns_what_a_covariate_does() -> None:
    panel, truth = promoted()
    forecast = SMALL.fit(panel, TASK, Run()).predict(panel, levels=TASK.levels)
    open_days = ~panel.closed(6)
    assert np.abs(forecast.mean - truth)[open_days].mean() < 5  # 30 apart with and without a promotion
    inside = (truth > forecast.quantiles[..., 0]) & (truth < forecast.quantiles[..., 2])
    assert inside[open_days].mean() > 0.5


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


def test_what_is_stored_are_numbers_and_it_forecasts_the_same_when_loaded() -> None:
    panel, _ = promoted()
    fitted = SMALL.fit(panel, TASK, Run())
    facts, arrays = fitted.state()
    assert all(array.dtype.kind in "biuf" for array in arrays.values())
    loaded = make_recipe("boosting").load(panel.schema, TASK, (facts, arrays), Run())
    asked = [0.01, 0.37, 0.9]
    ours, theirs = (p.predict(panel, levels=asked) for p in (fitted, loaded))
    np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)
    np.testing.assert_array_equal(ours.mean, theirs.mean)


def test_more_leaves_than_bits_are_refused() -> None:
    with pytest.raises(ForetellError, match="max_leaf_nodes must be from 2 to 32, got 64"):
        Boosting(max_leaf_nodes=64).fit(daily(weekly_sales(0)), TASK, Run())


def test_a_panel_without_two_steps_to_learn_from_is_refused() -> None:
    with pytest.raises(ForetellError, match="two steps of history"):
        Boosting().fit(daily([[1.0], []]), TASK, Run())


def test_a_time_limit_takes_fewer_rows() -> None:
    features = np.random.default_rng(0).normal(size=(3 * PILOT, 2)).astype(np.float32)
    target = features[:, 0].astype(float)
    # begun, the first model begun and grown in one second, what is left then
    clock = iter([0.0, 10.0, 11.0, 11.0])
    budget = Budget(30.0, clock=lambda: next(clock))
    # eight models of PILOT rows would take 8 s; up to 90 % of 30 s there are 16: twice as many rows
    assert _affordable(Boosting(max_steps=2), features, target, 0, budget) == 2 * PILOT
    assert _affordable(Boosting(max_steps=2), features, target, 0, Budget(math.inf)) == 3 * PILOT


def test_rows_are_made_no_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "_NUMBERS", 1)  # parts of 256 rows
    clock = iter([0.0, *[9.0] * 9])
    panel = daily(weekly_sales(0), covariates=False)
    hurried, _ = table(panel).training(0, Budget(1.0, clock=lambda: next(clock)))
    unhurried, _ = table(panel).training(0, Budget(math.inf))
    assert len(hurried) <= 256 < len(unhurried)
    np.testing.assert_array_equal(hurried, unhurried[: len(hurried)])
