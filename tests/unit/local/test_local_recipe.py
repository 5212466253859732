"""One model a series: fall-backs, time limits, processes, gaps."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

import local_models
from foretell.errors import ForetellError
from foretell.local.local_recipe import fit_each
from foretell.local.seasonal_naive import seasonal_naive
from foretell.local.statsforecast_adapter import fill_gaps
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.recipe.variants import Variants, predict_variants
from foretell.system.time_limit import TimeUp, time_limit
from panels import daily

LEVELS = (0.1, 0.5, 0.9)
ALONE = Run(processes=1)


def histories(means: list[float], steps: int = 28) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, (len(means), steps))
    return np.asarray(means)[:, None] + noise


@pytest.mark.slow
@pytest.mark.parametrize("run", [ALONE, Run(processes=2)])
def test_a_failing_model_is_replaced_by_seasonal_naive_and_marked(run: Run) -> None:
    history = histories([10.0] * 20 + [1000.0] + [10.0] * 9)
    got = fit_each(local_models.average_unless_large, history, 7, 4, LEVELS, run, limit=5)
    naive = seasonal_naive(history, 7, 4, LEVELS)
    assert np.flatnonzero(got.failed).tolist() == [20]
    np.testing.assert_array_equal(got.quantiles[20], naive.quantiles[20])
    np.testing.assert_allclose(got.mean[0], history[0].mean())


@pytest.mark.slow
@pytest.mark.parametrize("run", [ALONE, Run(processes=2)])
def test_a_model_that_runs_past_its_time_is_replaced_and_marked(run: Run) -> None:
    history = histories([1000.0] + [10.0] * 29)
    begun = time.monotonic()
    got = fit_each(local_models.endless_when_large, history, 7, 4, LEVELS, run, limit=0.3)
    assert np.flatnonzero(got.failed).tolist() == [0]
    assert np.isfinite(got.quantiles).all()
    assert time.monotonic() - begun < 30  # a fresh process takes some seconds to start


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run_with_a_message_and_the_next_run_is_well() -> None:
    history = histories([1000.0] + [10.0] * 29)
    with pytest.raises(ForetellError, match=r"was killed, most likely for want of memory.*processes=1"):
        fit_each(local_models.killed_when_large, history, 7, 4, LEVELS, Run(processes=2), limit=5)
    got = fit_each(local_models.average, history, 7, 4, LEVELS, Run(processes=2), limit=5)
    assert not got.failed.any()


def test_a_forecast_that_is_no_number_counts_as_failure() -> None:
    got = fit_each(local_models.nothing, histories([5.0, 6.0]), 7, 3, LEVELS, ALONE, limit=5)
    assert got.failed.all()
    assert np.isfinite(got.quantiles).all()


def test_constant_and_very_short_series_are_no_failures() -> None:
    history = np.full((2, 10), np.nan)
    history[0], history[1, -2:] = 4.0, [1.0, 3.0]
    got = fit_each(local_models.nothing, history, 7, 3, LEVELS, ALONE, limit=5)
    assert not got.failed.any()
    assert (got.quantiles[0] == 4).all()
    np.testing.assert_array_equal(got.mean[1], [3, 3, 3])


@pytest.mark.slow
def test_several_processes_forecast_what_one_does() -> None:
    history = histories(list(range(40)))
    one = fit_each(local_models.average, history, 7, 4, LEVELS, ALONE, limit=5)
    two = fit_each(local_models.average, history, 7, 4, LEVELS, Run(processes=2), limit=5)
    np.testing.assert_array_equal(one.mean, two.mean)


def test_a_time_limit_leaves_the_alarm_of_others_as_it_was() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeUp), time_limit(0.1):
            time.sleep(5)
        time.sleep(0.5)
        assert rung == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_gap_is_filled_with_its_place_in_the_season_on_the_level_around_it() -> None:
    values = np.array([0.0, 10, 0, 10, 0, 10, 0, 10, 0, 10])
    values[[4, 5]] = np.nan
    np.testing.assert_allclose(fill_gaps(values, 2), [0, 10, 0, 10, 0, 10, 0, 10, 0, 10])


def test_a_place_in_the_season_never_observed_is_filled_from_its_neighbours() -> None:
    values = np.array([1.0, 1, np.nan, 1, 1, np.nan, 1, 1, np.nan])
    np.testing.assert_allclose(fill_gaps(values, 3), 1.0)


def sleep_twice_within_limits() -> None:
    with time_limit(0.2):
        try:
            with time_limit(60):
                time.sleep(60)
        except TimeUp:  # as where a series failed: the outer limit must end the loop over the others too
            time.sleep(60)


def test_a_limit_within_a_limit_has_no_more_time_than_the_outer_one() -> None:
    began = time.monotonic()
    with pytest.raises(TimeUp):
        sleep_twice_within_limits()
    assert time.monotonic() - began < 30


def test_what_one_predictor_fitted_is_never_taken_for_anothers_at_the_same_place_in_memory() -> None:
    panel = daily([np.arange(40.0) % 7, np.arange(40.0)], covariates=False)
    variants = Variants.none(panel)
    recipes = [make_recipe(name, {"covariates": "none"}) for name in ("seasonal_naive", "theta")]
    for turn in range(20):  # a predictor that is gone leaves its place to the next one
        recipe = recipes[turn % 2]
        fitted = recipe.fit(panel, Task(3), Run(processes=1))
        made = predict_variants(fitted, panel, variants, levels=(0.5,))
        del fitted
        plain = recipe.fit(panel, Task(3), Run(processes=1)).predict(panel, levels=(0.5,))
        np.testing.assert_array_equal(made.mean, plain.mean)
