"""The tests for drift, on numbers drawn for them."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.monitoring.drift import MOST, Quantum, cumulative, reference_of

RISE = Quantum(shift=0.2, spread=0.1)


def alarms(
    *,
    share: float,
    lean: float = 0.0,
    blocks: int = 12,
    deviation: float = 0.08,
    rise: float = 0.0,
    histories: int = 300,
):
    """In how many histories of 26 blocks the chance falls to `share`, where the last 8 have risen."""
    random = np.random.default_rng(5)
    quantum = Quantum(shift=0.2, spread=0.1, lean=lean)
    count = 0
    for _ in range(histories):
        usual = random.normal(3.0, deviation, blocks)
        now = random.normal(3.0, deviation, 26)
        now[-8:] += rise
        reference = reference_of(usual, np.arange(blocks), quantum, blocks=26)
        count += bool((reference.chance(cumulative(now - reference.mean, quantum), 26) <= share).any())
    return count / histories


def test_the_cumulative_sum_is_that_of_a_plain_loop() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.1, 40)
    sums, now, before = [], 0.0, 0.0
    for value in values:
        now = max(0.0, now + min(value - 0.1, max(MOST * 0.2, before - 0.1)))
        before = value
        sums.append(now)
    np.testing.assert_allclose(cumulative(values, RISE), sums)


def test_of_two_sides_the_further_one_counts() -> None:
    values = np.random.default_rng(0).normal(0.0, 0.3, 20)
    both = Quantum(shift=0.2, spread=0.1, sides=2)
    np.testing.assert_allclose(
        cumulative(values, both), np.maximum(cumulative(values, RISE), cumulative(-values, RISE))
    )


def test_a_block_that_says_nothing_changes_nothing() -> None:
    assert cumulative(np.array([0.2, np.nan, 0.2]), RISE) == pytest.approx([0.1, 0.1, 0.2])


def test_one_block_alone_adds_little_however_bad_it_is() -> None:
    assert cumulative(np.array([50.0]), RISE) == pytest.approx([MOST * RISE.shift])


def test_a_block_as_bad_as_the_one_before_it_adds_all_that_it_has() -> None:
    sums = cumulative(np.array([0.9, 0.9, np.nan, 0.9, 0.5]), RISE)
    assert sums == pytest.approx([0.15, 0.95, 0.95, 1.1, 1.5])  # after a block without a value, as after none


def test_losses_that_double_and_stay_are_found_in_three_blocks_and_one_lost_block_is_not() -> None:
    usual, quiet = np.random.default_rng(1).normal(0, 0.08, (2, 12))
    for bad, found in ((1, False), (3, True)):
        now = np.concatenate([quiet, np.full(bad, np.log(2)), quiet])
        reference = reference_of(usual, np.arange(12), RISE, blocks=len(now))
        chance = reference.chance(cumulative(now - reference.mean, RISE), len(now))
        assert (chance[: 12 + bad] <= 0.015).any() == found


@pytest.mark.parametrize("blocks", [6, 12, 32])
def test_a_chance_of_a_twentieth_comes_in_about_a_twentieth_of_quiet_histories(blocks: int) -> None:
    # 300 histories: a standard error of 1.3 %
    assert alarms(share=0.05, blocks=blocks) <= 0.05 + 3 * 0.013


def test_a_rise_is_found() -> None:
    assert alarms(share=0.05, blocks=32, rise=0.2) > 0.9


def test_few_blocks_find_less_than_many() -> None:
    found = [alarms(share=0.05, blocks=blocks, rise=0.2, histories=60) for blocks in (4, 8, 32)]
    assert found[0] < found[1] < found[2]


def test_correlated_blocks_make_the_reference_wider() -> None:
    random = np.random.default_rng(2)
    wide: list[float] = []
    narrow: list[float] = []
    for _ in range(20):
        shocks = random.normal(0, 0.1, 40)
        slow = shocks.copy()
        for k in range(1, 40):
            slow[k] = 0.8 * slow[k - 1] + 0.6 * shocks[k]
        for values, kept in ((shocks, narrow), (slow, wide)):
            reference = reference_of(values, np.arange(40), RISE, blocks=26)
            kept.append(np.quantile(reference.peaks[:, -1], 0.95))
    assert np.mean(wide) > 1.5 * np.mean(narrow)


def test_equal_data_give_equal_chances() -> None:
    values = np.random.default_rng(3).normal(0, 0.1, 10)
    first, second = (reference_of(values, np.arange(10), RISE, blocks=26) for _ in range(2))
    assert (first.peaks == second.peaks).all()
