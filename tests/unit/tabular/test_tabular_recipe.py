"""What recipes of trees share: levels between those that have trees, and the rows that there is time for."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from foretell.system.time_budget import Budget
from foretell.tabular.tabular_recipe import PILOT, TrainingTable, affordable_rows, between_normal
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
