"""The benchmark of the monitor: its histories are what they are said to be, and its rates hold at a smaller count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.monitoring import simulated
from benchmarks.monitoring.rates import A_FIFTH, WORLDS, measure, verdicts
from benchmarks.monitoring.simulated import World, history

SMALL = 60  # histories
WEEKLY = WORLDS["weekly"]


def test_a_history_is_that_of_its_seed_and_changes_only_from_the_change_on() -> None:
    calm, again = history(WEEKLY, 3), history(WEEKLY, 3)
    np.testing.assert_array_equal(calm.runs.sums, again.runs.sums)
    worse = history(replace(WEEKLY, worse_from=10, worse=2.0), 3)
    before = calm.runs.date < calm.begin + 10 * WEEKLY.stride
    np.testing.assert_array_equal(calm.runs.sums[before], worse.runs.sums[before])
    assert worse.runs.of("loss")[~before].sum() > 1.5 * calm.runs.of("loss")[~before].sum()
    np.testing.assert_array_equal(calm.windows.sums, worse.windows.sums)


def test_errors_larger_by_a_fifth_raise_wql_by_a_fifth() -> None:
    assert simulated.rise(replace(WEEKLY, worse=A_FIFTH, items=100), seeds=4) == pytest.approx(0.2, abs=0.01)


def test_forecasts_are_right_on_average() -> None:
    found = history(replace(WEEKLY, common=0.0, drifting=0.0, items=400), 0).runs
    below = found.below.sum(axis=0) / found.of("open").sum()
    assert below == pytest.approx([0.1, 0.5, 0.9], abs=0.01)


def test_a_verdict_uses_nothing_that_comes_later() -> None:
    whole = verdicts(WEEKLY, history(WEEKLY, 5))
    worse = verdicts(WEEKLY, history(replace(WEEKLY, worse_from=15, worse=3.0), 5))
    assert worse[:15] == whole[:15]
    assert worse[18][0] == "retrain"


@pytest.mark.slow
def test_the_rates_hold() -> None:
    found = measure("weekly", WEEKLY, SMALL)
    # of 60 histories: three standard errors of 5 % are 8.4 %, of 80 % they are 15.5 %
    assert found.retrain <= 0.05 + 0.084
    assert found.found >= 0.80 - 0.155
    assert found.naive == pytest.approx(1 / 3, abs=0.12)  # 26 runs of 20 histories, whose runs overlap


@pytest.mark.slow
def test_the_rates_hold_of_runs_end_to_end() -> None:
    found = measure("end to end", World(stride=28, common=0.1, items=100), SMALL // 2)
    assert found.retrain <= 0.05 + 0.12  # three standard errors of 30 histories
    assert found.found >= 0.9
