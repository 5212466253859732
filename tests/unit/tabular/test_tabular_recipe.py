"""What recipes of trees share: levels between those that have trees, and the rows that there is time for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from foretell.recipe.task import Run, Task
from foretell.system.time_budget import Budget
from foretell.tabular.tabular_recipe import PILOT, TrainingTable, affordable_rows, between_normal, likely_mean
from foretell.testing.panels import panel_of
from foretell_recipes.boosting import Boosting


def test_between_levels_of_a_normal_distribution_it_is_exact() -> None:
    have, want = (0.025, 0.1, 0.5, 0.9, 0.975), (0.001, 0.05, 0.3, 0.5, 0.95, 0.999)
    got = between_normal(3 + 2 * ndtri(np.array([have])), have, want)
    np.testing.assert_allclose(got[0], 3 + 2 * ndtri(np.array(want)))


def test_a_time_limit_takes_fewer_rows() -> None:
    features = np.random.default_rng(0).normal(size=(3 * PILOT, 2)).astype(np.float32)
    table, two = TrainingTable(features, features[:, 0].astype(float), 0), Boosting(max_steps=2)
    # begun, the first model begun and grown in one second, what is left then
    clock = iter([0.0, 10.0, 11.0, 11.0])
    budget = Budget(30.0, clock=lambda: next(clock))
    # eight models of PILOT rows would take 8 s; up to 90 % of 30 s there are 16: twice as many rows
    assert affordable_rows(two, table, 1, budget) == 2 * PILOT
    assert affordable_rows(two, table, 1, Budget(math.inf)) == 3 * PILOT


def test_a_mean_above_p90_is_no_more_than_twice_what_the_quantiles_say() -> None:
    levels, flat = (0.1, 0.5, 0.9), np.zeros(3)
    exponential = np.tile(
        -np.log(1 - np.array(levels)), (5, 1)
    )  # p90 2.3, mean 1: as lines in the normal score .97
    quantiles = np.concatenate([exponential[:4], flat[None]])[:, None]
    mean = np.array([1.0, 2.2, 4.0, 4.0, 4.0])[:, None]
    floor = np.array([0.0, 0.0, 0.0, -np.inf, 0.0])
    got = likely_mean(mean, quantiles, levels, floor=floor)[:, 0]
    # below p90 it stays; far above it is cut; without a floor, and where nothing is known above it, it stays
    np.testing.assert_allclose(got, [1.0, 2.2, np.log(10), 4.0, 4.0])
    skewed = np.array([[[0.0, 0.1, 1.0]]])
    wide = likely_mean(np.array([[9.0]]), skewed, levels, floor=np.zeros(1))
    said = np.maximum(between_normal(skewed, levels, np.arange(0.01, 1, 0.02).tolist()), 0).mean()
    np.testing.assert_allclose(wide, max(2 * said, 1.0))


@pytest.mark.slow
def test_the_mean_of_a_spiky_set_is_not_decided_by_a_hundredth_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    sales = rng.poisson(rng.gamma(1, 1, (80, 1)), (80, 150)).astype(np.float32)
    spikes = rng.random(sales.shape) < 0.01
    sales[spikes] += rng.lognormal(4, 1.5, int(spikes.sum()))
    panel = panel_of({f"{k}": row for k, row in enumerate(sales)})
    recipe = Boosting(max_rows=6000, max_steps=60, context_length=28).resolved(panel, Task(14))
    forecast = recipe.fit(panel, Task(14), Run()).predict(panel, levels=(0.1, 0.5, 0.9))
    over = forecast.mean > np.maximum(forecast.quantiles[..., 2], 0)
    assert over.mean() < 0.06  # a tenth before
