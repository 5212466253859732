"""NPTS: weighted quantiles by hand and against a plain loop, and what it chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.recipe.task import Run, Task
from foretell_recipes.npts import NPTS, weighted_quantiles
from panels import daily, weekly_sales

LEVELS = (0.1, 0.5, 0.9)
nan = np.nan


def forecast(recipe: NPTS, history: np.ndarray, *, season: int = 7, horizon: int = 4):
    return recipe.forecast_all(np.atleast_2d(history), season, horizon, LEVELS, Run())


def test_a_quantile_is_the_first_value_whose_weight_reaches_the_level() -> None:
    # Sorted 1 2 5 with weights .1 .6 .3: the shares reached are .1, .7 and 1.
    values, weight = np.array([[5.0, nan, 1.0, 2.0]]), np.array([[0.3, 0.0, 0.1, 0.6]])
    got = weighted_quantiles(values[..., None], weight[..., None], (0.05, 0.1, 0.11, 0.7, 0.71, 0.99))
    np.testing.assert_array_equal(got[0, 0], [1, 1, 2, 2, 5, 5])


def test_a_value_of_half_the_life_before_weighs_half() -> None:
    # Weights .25 .5 1 of the values 8 2 4, half-life 1: shares of 2, 4, 8 are 2/7, 6/7, 7/7.
    got = forecast(NPTS(half_life=1.0, seasonal="never"), np.array([8.0, 2, 4]), season=1, horizon=2)
    np.testing.assert_allclose(got.mean[0], (8 * 0.25 + 2 * 0.5 + 4) / 1.75)
    np.testing.assert_array_equal(got.quantiles[0, 1], [2, 4, 8])


def test_with_a_season_it_is_what_a_plain_loop_over_the_same_place_says() -> None:
    rng = np.random.default_rng(0)
    history = np.where(rng.random((5, 45)) < 0.2, nan, rng.poisson(3, (5, 45)).astype(float))
    got = forecast(NPTS(half_life=10.0, seasonal="always"), history, horizon=9)
    for i, k in np.ndindex(5, 9):
        steps = [t for t in range(45) if (45 + k - t) % 7 == 0 and not np.isnan(history[i, t])]
        weight = {t: 2.0 ** (-(45 - t) / 10) for t in steps}
        wanted = sum(weight[t] * history[i, t] for t in steps) / sum(weight.values())
        np.testing.assert_allclose(got.mean[i, k], wanted)
        for q, level in enumerate(LEVELS):
            ranked, reached = sorted(steps, key=lambda t: history[i, t]), 0.0
            for t in ranked:
                reached += weight[t] / sum(weight.values())
                if reached >= level - 1e-12:
                    assert got.quantiles[i, k, q] == history[i, t]
                    break


def test_a_place_never_observed_takes_all_values() -> None:
    got = forecast(NPTS(half_life=1e6, seasonal="always"), np.array([1.0, nan, 3, nan]), season=2, horizon=2)
    np.testing.assert_allclose(got.mean[0], [2, 2], rtol=1e-4)
    np.testing.assert_array_equal(got.quantiles[0, 1, [0, 2]], [1, 3])


def test_the_season_is_used_where_there_is_one_and_not_where_there_is_none() -> None:
    rng, days = np.random.default_rng(1), np.arange(140)
    seasonal, plain = rng.poisson(2 + 8 * (days % 7 == 0)), rng.poisson(2, 140)
    got = forecast(NPTS(), np.stack([seasonal, plain]).astype(float), horizon=7)
    assert got.mean[0, 0] > 7
    assert got.mean[0, 1:].max() < 4
    assert np.ptp(got.mean[1]) == 0


def test_after_a_change_of_level_the_old_values_are_forgotten() -> None:
    rng = np.random.default_rng(2)
    changed, steady = rng.normal(10, 1, 200), rng.normal(10, 1, 200)
    changed[100:] += 40
    got = forecast(NPTS(), np.stack([changed, steady]), horizon=3)
    assert got.quantiles[0, 0, 0] > 45
    # What is steady is best told by all of it: the mean of 200 values, not of the last few.
    assert abs(got.mean[1, 0] - steady.mean()) < 0.2


def test_intermittent_demand_is_forecast_as_zeros_and_whole_numbers() -> None:
    rng = np.random.default_rng(3)
    sales = (rng.random((3, 90)) < 0.2) * rng.integers(1, 9, (3, 90))
    panel = daily(list(sales), covariates=False)
    got = NPTS().fit(panel, Task(6, LEVELS), Run()).predict(panel, levels=LEVELS)
    assert (got.quantiles[..., :2] == 0).all()
    assert (got.quantiles == np.round(got.quantiles)).all()
    assert got.quantiles[..., 2].min() > 0


def test_closed_days_take_no_part() -> None:
    panel = daily(weekly_sales(1))
    closed = (np.concatenate([np.arange(a, 20_000) for a in panel.start]) % 7) == 3
    forecasts = [
        NPTS(covariates="none", seasonal="never").fit(p, Task(6), Run()).predict(p, levels=Task(6).levels)
        for p in (replace(panel, target=np.where(closed, np.float32(x), panel.target)) for x in (0, 999))
    ]
    np.testing.assert_array_equal(forecasts[0].quantiles, forecasts[1].quantiles)
    assert forecasts[0].quantiles.min() > 5  # each series sells about 20 and more on open days


def test_covariates_make_it_better() -> None:
    rng = np.random.default_rng(0)
    panel = daily([np.zeros(140)] * 6)
    promo = rng.random((6, 146)) < 0.4
    sales = 50 + 30 * promo + rng.normal(0, 2, promo.shape)
    known = panel.known.copy()
    known[:, 0] = promo.ravel()
    panel = replace(panel, known=known, target=sales[:, :140].astype(np.float32).ravel())
    pooled, plain = (
        NPTS(covariates=c).fit(panel, Task(6), Run()).predict(panel, levels=Task(6).levels).mean
        for c in ("pooled", "none")
    )
    open_days = ~panel.closed(6)
    error = [np.abs(mean - sales[:, 140:])[open_days].mean() for mean in (pooled, plain)]
    assert error[0] < 4
    assert error[0] < 0.4 * error[1]


def test_a_half_life_that_is_none_is_refused() -> None:
    panel = daily(weekly_sales(0))
    with pytest.raises(ForetellError, match=r"npts\.half_life must be a number from 0\.001 to"):
        fit_model(NPTS(half_life=0.0), panel, Task(6), Run())
