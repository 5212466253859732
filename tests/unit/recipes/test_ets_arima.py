"""ETS and ARIMA: the textbook model is statsforecast's, and covariates, gaps and new items are taken care of."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statsforecast.models import AutoARIMA, AutoETS

from foretell.data.panel import Panel
from foretell.models.model_folder import plain
from foretell.recipe.protocols import Recipe
from foretell.recipe.task import Run, Task
from foretell_recipes.arima import Arima
from foretell_recipes.ets import ETS
from panels import daily, weekly_sales

LEVELS = (0.05, 0.3, 0.5, 0.7, 0.975)
TASK = Task(6, LEVELS)
RUN = Run(processes=1)
BOTH = pytest.mark.parametrize("build", [ETS, Arima])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "theirs"),
    [
        (ETS, AutoETS(season_length=7)),
        (Arima, AutoARIMA(season_length=7, approximation=True, max_p=2, max_q=2, max_P=1, max_Q=1)),
    ],
)
def test_without_covariates_it_is_statsforecast_s_model(build: Callable[..., Recipe], theirs: object) -> None:
    panel = daily(weekly_sales(0, items=2), covariates=False)
    ours = build(covariates="none").fit(panel, TASK, RUN).predict(panel, levels=LEVELS)
    for i in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # AutoARIMA tells of its search
            wanted = theirs.forecast(panel.history(i).astype(float), 6, level=[90.0, 40.0, 95.0])  # type: ignore[attr-defined]
        np.testing.assert_allclose(ours.mean[i], wanted["mean"], rtol=1e-6)
        for q, end in enumerate(["lo-90.0", "lo-40.0", None, "hi-40.0", "hi-95.0"]):
            if end is not None:
                np.testing.assert_allclose(ours.quantiles[i, :, q], wanted[end], rtol=1e-5)
        np.testing.assert_allclose(
            ours.quantiles[i, :, 2], wanted["mean"], rtol=1e-6
        )  # normal: median = mean
    assert not ours.fallbacks.any()


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
@BOTH
def test_covariates_make_it_better(build: Callable[..., Recipe]) -> None:
    panel, truth = promoted()
    open_days = ~panel.closed(6)
    pooled, plain = (
        build(covariates=c).fit(panel, TASK, RUN).predict(panel, levels=LEVELS).mean[open_days]
        for c in ("pooled", "none")
    )
    error = np.abs(pooled - truth[open_days]).mean()
    assert error < 4
    assert error < 0.4 * np.abs(plain - truth[open_days]).mean()


@pytest.mark.slow
@BOTH
def test_the_state_forecasts_what_the_fitted_recipe_does(build: Callable[..., Recipe]) -> None:
    panel, _ = promoted()
    recipe = build()
    fitted = recipe.fit(panel, TASK, RUN)
    facts, arrays = fitted.state()
    loaded = recipe.load(panel.schema, TASK, (plain(facts, "state"), arrays), RUN)
    np.testing.assert_array_equal(
        loaded.predict(panel, levels=LEVELS).quantiles, fitted.predict(panel, levels=LEVELS).quantiles
    )


@pytest.mark.slow
@BOTH
def test_gaps_single_steps_and_new_items_are_forecast_without_a_fallback(
    build: Callable[..., Recipe],
) -> None:
    gappy, full = weekly_sales(3, items=2)
    gappy[20:40], gappy[-5:] = np.nan, np.nan
    panel = daily([gappy, full, [3.0], [], [np.nan] * 10])
    for covariates in ("pooled", "none"):
        forecast = build(covariates=covariates).fit(panel, TASK, RUN).predict(panel, levels=LEVELS)
        assert np.isfinite(forecast.quantiles).all()
        assert np.isfinite(forecast.mean).all()
        assert not forecast.fallbacks.any()
        assert (forecast.quantiles[3:, :, 4] > forecast.quantiles[3:, :, 0]).all()  # a new item is uncertain


@pytest.mark.slow
@BOTH
def test_a_closed_day_in_the_history_changes_nothing_whatever_stands_there(
    build: Callable[..., Recipe],
) -> None:
    panel, _ = promoted()
    closed = np.tile(np.arange(20_000 - 140, 20_000) % 7 == 3, 6)
    changed = replace(panel, target=np.where(closed, np.float32(999), panel.target))
    there, here = (build().fit(p, TASK, RUN).predict(p, levels=LEVELS).quantiles for p in (changed, panel))
    np.testing.assert_allclose(there, here, rtol=1e-4)


@pytest.mark.slow
def test_a_series_that_takes_too_long_falls_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = daily(weekly_sales(0, items=3), covariates=False)
    slow = panel.history(1).mean()
    real = AutoETS.forecast

    def sometimes_slow(self: AutoETS, y: np.ndarray, **kwargs: Any) -> object:
        if abs(y.mean() - slow) < 1e-3:
            time.sleep(20)
        return real(self, y=y, **kwargs)

    monkeypatch.setattr(AutoETS, "forecast", sometimes_slow)
    forecast = ETS(time_limit=1.0, model="ANA").fit(panel, TASK, RUN).predict(panel, levels=LEVELS)
    assert forecast.fallbacks.tolist() == [False, True, False]
    np.testing.assert_allclose(forecast.mean[1], panel.history(1)[-7:-1])


def year_of_weeks(years: float, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """[weeks] a smooth season of 52 weeks on a level of 100."""
    weeks = np.arange(round(52 * years))
    return (
        100 + 30 * np.sin(2 * np.pi * weeks / 52) + np.random.default_rng(seed).normal(0, noise, len(weeks))
    )


def test_a_season_above_24_is_continued() -> None:
    """It was a flat line: off by 60 where the season swings from 130 to 70."""
    whole = year_of_weeks(5, noise=1)
    mean, quantiles = ETS().forecast_one(whole[:-26], 52, 26, (0.1, 0.5, 0.9))
    np.testing.assert_allclose(mean, whole[-26:], atol=6)
    assert (np.diff(quantiles, axis=1) > 0).all()


def test_the_levels_around_a_long_season_hold_what_they_say() -> None:
    inside = []
    for seed in range(30):
        whole = year_of_weeks(4, noise=5, seed=seed)
        _, quantiles = ETS().forecast_one(whole[:-13], 52, 13, (0.1, 0.9))
        inside.append((whole[-13:] >= quantiles[:, 0]) & (whole[-13:] <= quantiles[:, 1]))
    assert 0.72 < np.mean(inside) < 0.88


@pytest.mark.parametrize(("years", "model"), [(1.9, "ZZZ"), (4.0, "ZZN")])
def test_a_long_season_seen_less_than_twice_or_not_wanted_is_left_out(years: float, model: str) -> None:
    values = year_of_weeks(years, noise=1)
    mean, _ = ETS(model=model).forecast_one(values, 52, 8, (0.5,))
    theirs = AutoETS(season_length=1, model="ZZN").forecast(values, 8)["mean"]
    np.testing.assert_allclose(mean, theirs, rtol=1e-6)
