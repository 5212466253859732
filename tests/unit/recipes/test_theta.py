"""Theta: statsforecast's point forecast, and intervals of our own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from statsforecast.models import AutoTheta

from foretell.data.panel import Panel
from foretell.recipe.task import Run, Task
from foretell_recipes.theta import Theta, _growth
from panels import daily, weekly_sales

LEVELS = (0.05, 0.3, 0.5, 0.7, 0.975)
TASK = Task(6, LEVELS)
RUN = Run(processes=1)


@pytest.mark.parametrize("decomposition", ["multiplicative", "additive"])
def test_without_covariates_the_mean_is_statsforecast_s(decomposition: str) -> None:
    panel = daily(weekly_sales(0, items=2), covariates=False)
    recipe = Theta(covariates="none", decomposition=decomposition)  # type: ignore[arg-type]
    ours = recipe.fit(panel, TASK, RUN).predict(panel, levels=LEVELS)
    for i in range(2):
        theirs = AutoTheta(season_length=7, decomposition_type=decomposition)
        wanted = theirs.forecast(panel.history(i).astype(float), 6)["mean"]
        np.testing.assert_allclose(ours.mean[i], wanted, rtol=1e-5)
        np.testing.assert_allclose(ours.quantiles[i, :, 2], wanted, rtol=1e-5)  # normal: median = mean
    assert not ours.fallbacks.any()


def test_an_additive_season_is_no_noise() -> None:
    days = np.arange(140)
    noise = np.random.default_rng(0).normal(0, 1, 140)
    values = 10 + 100 * np.sin(2 * np.pi * days / 7) + noise  # negative too: hence additive
    _, quantiles = Theta().forecast_one(values, 7, 1, (0.1, 0.9))
    deviation = (quantiles[0, 1] - quantiles[0, 0]) / (2 * ndtri(0.9))
    assert 0.8 < deviation < 1.4  # that of the noise, not of the season, which is 70


def test_a_multiplicative_season_scales_the_interval() -> None:
    days = np.arange(140)
    factor = np.where(days % 7 == 0, 3.0, 2 / 3)
    values = 100 * factor * (1 + np.random.default_rng(0).normal(0, 0.05, 140))
    _, quantiles = Theta(model="STM").forecast_one(values, 7, 7, (0.1, 0.9))
    width = quantiles[:, 1] - quantiles[:, 0]
    assert 3.5 < width[0] / width[1:].mean() < 5.5  # 3 / (2 / 3) = 4.5; day 140 is one of those of factor 3


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_deviation_grows_as_that_of_simulated_paths(dynamic: bool) -> None:
    alpha, theta, n, horizon = 0.4, 3.0, 30, 8
    got = _growth(n, horizon, {"alpha": alpha, "theta": theta}, dynamic=dynamic)
    errors = np.random.default_rng(0).normal(0, 1, (40_000, horizon))
    level: Any = 5.0
    mean: Any = 4.0
    slope: Any = 0.2
    intercept: Any = 1.0
    paths = []
    for k in range(horizon):  # the state space form of Fiorucci et al. 2016, path by path
        i = n + k
        faded = (1 - alpha) ** i
        drift = intercept * faded + slope * (1 - (1 - alpha) ** (i + 1)) / alpha
        value = level + (1 - 1 / theta) * drift + errors[:, k]
        paths.append(value)
        level = alpha * value + (1 - alpha) * level
        if dynamic:
            mean = (i * mean + value) / (i + 1)
            slope = ((i - 1) * slope + 6 * (value - mean) / (i + 1)) / (i + 2)
            intercept = mean - slope * (i + 2) / 2
    # 40,000 draws tell a deviation to 1/sqrt(80,000) = 0.35 %; four times that.
    np.testing.assert_allclose(got, np.std(paths, axis=1), rtol=0.014)


def test_a_static_model_s_deviation_is_that_of_exponential_smoothing() -> None:
    # The variance of simple smoothing k steps ahead: 1 + (k - 1) alpha^2.
    got = _growth(50, 3, {"alpha": 0.5, "theta": 2.0}, dynamic=False)
    np.testing.assert_allclose(got, np.sqrt([1, 1.25, 1.5]))


def promoted() -> tuple[Panel, np.ndarray]:
    panel = daily([np.zeros(140)] * 6)
    rng = np.random.default_rng(0)
    promo = rng.random((6, 146)) < 0.4
    known = panel.known.copy()
    known[:, 0] = promo.ravel()
    sales = 50 + 30 * promo + rng.normal(0, 2, promo.shape)
    return replace(panel, known=known, target=sales[:, :140].astype(np.float32).ravel()), sales[:, 140:]


def test_covariates_make_it_better() -> None:
    panel, truth = promoted()
    open_days = ~panel.closed(6)
    pooled, plain = (
        Theta(covariates=c).fit(panel, TASK, RUN).predict(panel, levels=LEVELS).mean[open_days]
        for c in ("pooled", "none")
    )
    error = np.abs(pooled - truth[open_days]).mean()
    assert error < 4
    assert error < 0.4 * np.abs(plain - truth[open_days]).mean()


@pytest.mark.parametrize("covariates", ["pooled", "none"])
def test_gaps_few_steps_and_new_items_are_forecast_without_a_fallback(covariates: str) -> None:
    gappy, full = weekly_sales(3, items=2)
    gappy[20:40], gappy[-5:] = np.nan, np.nan
    few = [[3.0, 4, 6, 5, 7][:n] for n in (1, 3, 4, 5)]
    panel = daily([gappy, full, *few, [], [np.nan] * 10])
    forecast = Theta(covariates=covariates).fit(panel, TASK, RUN).predict(panel, levels=LEVELS)  # type: ignore[arg-type]
    assert np.isfinite(forecast.quantiles).all()
    assert np.isfinite(forecast.mean).all()
    assert not forecast.fallbacks.any()
    assert (forecast.quantiles[6:, :, 4] > forecast.quantiles[6:, :, 0]).all()  # a new item is uncertain
