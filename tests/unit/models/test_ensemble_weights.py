"""Greedy weights: worked by hand, and by group only where held-out forecasts say so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foretell.evaluation.metrics import weighted_quantile_loss
from foretell.models.ensemble_weights import (
    EnsembleWeights,
    Grouping,
    ScoredCells,
    choose_shares,
    choose_weights,
    combine,
    effective_forecasts,
    greedy_counts,
    mixed_shares,
    prior_shares,
    trusted,
)
from panels import daily

MEDIAN = (0.5,)


def cells(*members: list[float], actual: list[float]) -> ScoredCells:
    """One window of items with one step each; each member forecasts a median."""
    quantiles = np.array(members, np.float32)[:, None, :, None, None]
    return ScoredCells.of(quantiles, np.array(actual, np.float32)[None, :, None], MEDIAN)


def test_greedy_picks_follow_a_case_worked_by_hand() -> None:
    # Truth 10 and 10. Absolute errors: a (8, 10) 2; b (14, 10) 4; c (10, 16) 6. First pick: a.
    # Then a+a 2, a+b (11, 10) 1, a+c (9, 13) 4: b. Then aab (10, 10) 0: a. Nothing is better than 0.
    assert greedy_counts(cells([8, 10], [14, 10], [10, 16], actual=[10, 10])).tolist() == [2, 1, 0]


def test_the_best_average_of_all_rounds_counts_not_the_last() -> None:
    # a is exact: every further pick of it is as good, none better, so one pick remains.
    assert greedy_counts(cells([10, 10], [14, 10], actual=[10, 10])).tolist() == [1, 0]


def test_the_score_is_the_mean_of_the_windows_weighted_quantile_losses() -> None:
    rng = np.random.default_rng(0)
    actual = rng.gamma(2, 5, (2, 3, 4)).astype(np.float32)
    actual[0, 1, 2] = actual[1, 2] = np.nan
    quantiles = np.sort(rng.gamma(2, 5, (1, 2, 3, 4, 3)), -1).astype(np.float32)
    levels = (0.1, 0.5, 0.9)
    got = ScoredCells.of(quantiles, actual, levels)
    expected = [weighted_quantile_loss(actual[k], quantiles[0, k], levels).mean() for k in range(2)]
    assert got.score(got.quantiles[0]) == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_prior_is_the_loss_to_a_negative_power() -> None:
    # Absolute errors 1, 2 and 4 on one item: shares 1 : 1/32 : 1/1024; the last is below 3 % and counts nothing.
    shares = prior_shares(cells([11], [12], [14], actual=[10]))
    np.testing.assert_allclose(shares, [32 / 33, 1 / 33, 0], rtol=1e-6)
    assert prior_shares(cells([10], [12], actual=[10])).tolist() == [1, 0]


def test_the_effective_number_of_forecasts_is_that_of_as_many_equal_losses() -> None:
    assert effective_forecasts(cells([11, 11, 11, 11], actual=[10, 10, 10, 10])) == pytest.approx(4)
    # losses 3, 1, 0, 0: 4 squared / (9 + 1)
    assert effective_forecasts(cells([13, 11, 10, 10], actual=[10, 10, 10, 10])) == pytest.approx(1.6)
    assert effective_forecasts(cells([10, 10], actual=[10, 10])) == 1


def test_few_forecasts_leave_shares_nearer_to_the_prior_than_many_of_the_same() -> None:
    # the first two members' errors cancel out, the third is as good alone: picks alone would leave it out
    few = cells([12] * 4, [8] * 4, [8.2, 11.8] * 2, actual=[10] * 4)
    many = cells([12] * 400, [8] * 400, [8.2, 11.8] * 200, actual=[10] * 400)
    np.testing.assert_allclose(prior_shares(few), prior_shares(many))
    far, near = choose_shares(many), choose_shares(few)
    prior = prior_shares(few)
    assert np.abs(near - prior).sum() < 0.7 * np.abs(far - prior).sum()


def windows_of_noise(seed: int, windows: int) -> ScoredCells:
    """Six members that are off by noise of their own on two items of `windows` windows."""
    rng = np.random.default_rng(seed)
    actual = np.full((windows, 2, 3), 100, np.float32)
    noise = rng.normal(0, 9, (6, windows, 2, 3, 1)).astype(np.float32)
    return ScoredCells.of(actual[None, ..., None] + noise, actual, MEDIAN)


def test_members_that_differ_by_chance_get_more_equal_shares_where_windows_can_be_held_back() -> None:
    fresh = windows_of_noise(1000, 200)

    def lost(choose: Any) -> float:
        return float(np.mean([fresh.loss(fresh.average(choose(windows_of_noise(s, 6)))) for s in range(8)]))

    assert lost(mixed_shares) < lost(choose_shares)
    assert mixed_shares(windows_of_noise(0, 6)).min() > 0
    three = windows_of_noise(0, 3)
    assert mixed_shares(three).tolist() == choose_shares(three).tolist()


def test_a_member_that_is_right_keeps_all_the_weight_where_windows_are_held_back() -> None:
    noise = windows_of_noise(0, 6)
    right = np.broadcast_to(noise.actual[None, :, None], (1, *noise.quantiles.shape[1:])).astype(np.float32)
    both = replace(
        noise,
        quantiles=np.concatenate([right, noise.quantiles]),
        plausible=np.concatenate([noise.plausible[:1], noise.plausible]),
    )
    assert mixed_shares(both).tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_a_large_item_decides_about_the_score_but_not_alone_about_the_weights() -> None:
    # Errors of 100 and 0 on sizes 10,000 and 1, against 0 and 2. In wQL 100 against 2; sizes balanced by their root,
    # 100 / 100 against 2 / 1.
    both = cells([10100, 1], [10000, 3], actual=[10000, 1])
    large, small = both.quantiles
    assert both.score(large) > 40 * both.score(small)
    # the small item counts as one of 1 % of the mean size, 50: 2 / 7.07 against 100 / 100
    assert both.loss(large) / both.loss(small) == pytest.approx((100 / 100) / (2 / np.sqrt(50.005)), rel=1e-4)


def test_an_average_is_weighted_item_by_item() -> None:
    parts = [np.full((2, 1, 1), 4.0), np.full((2, 1, 1), 8.0)]
    assert combine(parts, np.array([[0.5, 0.5], [0.25, 0.75]])).ravel().tolist() == [6, 7]


def test_a_member_whose_forecast_is_not_plausible_counts_nothing_unless_all_are_so() -> None:
    weights = np.array([[0.5, 0.25, 0.25]] * 3)
    plausible = np.array([[True, True, True], [False, True, True], [False, False, False]])
    np.testing.assert_allclose(
        trusted(weights, plausible), [[0.5, 0.25, 0.25], [0, 0.5, 0.5], [0.5, 0.25, 0.25]], atol=1e-8
    )


def test_one_item_that_a_member_forecasts_wildly_does_not_take_its_weight_for_all_others() -> None:
    # a is exact on nine items and a thousand times too high on the tenth; b is 1 off everywhere.
    actual = [10.0] * 10
    a, b = [10.0] * 9 + [10000.0], [11.0] * 10
    quantiles = np.array([a, b], np.float32)[:, None, :, None, None]
    good = np.ones((2, 1, 10), bool)
    good[0, 0, 9] = False
    truth = np.array(actual, np.float32)[None, :, None]
    assert choose_weights(ScoredCells.of(quantiles, truth, MEDIAN), {}).common == (0, 1)
    robust = ScoredCells.of(quantiles, truth, MEDIAN, good)
    assert choose_weights(robust, {}).common[0] > 0.9
    np.testing.assert_allclose(robust.average(np.array([0.5, 0.5])).ravel(), [10.5] * 9 + [11], rtol=1e-6)


def grouped(*, related: bool) -> tuple[ScoredCells, np.ndarray]:
    """200 items of two classes, two windows; one member is right for the even items, the other for the odd ones.

    Unless `related`, the classes have nothing to do with that.
    """
    rng = np.random.default_rng(1)
    truth = rng.uniform(5, 15, (2, 200, 1)).astype(np.float32)
    odd = np.arange(200) % 2 == 1
    good, bad = rng.normal(0, 0.1, truth.shape), rng.normal(4, 1, truth.shape)
    members = [truth + np.where(odd[:, None], bad, good), truth + np.where(odd[:, None], good, bad)]
    codes = np.arange(200) % 2 + 1 if related else rng.integers(1, 3, 200)
    return ScoredCells.of(np.array(members, np.float32)[..., None], truth, MEDIAN), codes


def test_groups_get_weights_of_their_own_where_that_helps_on_held_back_forecasts() -> None:
    some, codes = grouped(related=True)
    weights = choose_weights(some, {Grouping("kind"): codes})
    assert weights.grouping == Grouping("kind")
    assert weights.groups is not None
    assert weights.groups[1][0] > 0.7
    assert weights.groups[2][1] > 0.7


def test_groups_that_mean_nothing_are_not_used() -> None:
    some, codes = grouped(related=False)
    assert choose_weights(some, {Grouping("kind"): codes}).grouping is None


def test_few_items_get_common_weights() -> None:
    some, codes = grouped(related=True)
    few = some.where(some.item < 20)
    assert choose_weights(few, {Grouping("kind"): codes}).grouping is None


def test_items_are_told_apart_by_category_zeros_and_length_of_history() -> None:
    panel = daily([[0, 0, 0, 1], [5] * 30, [0, 3] * 10, []])
    by = {grouping.by: grouping.codes(panel).tolist() for grouping in Grouping.candidates(panel)}
    assert by["kind"] == [1, 2, 1, 2]
    assert by["intermittency"] == [
        2,
        0,
        2,
        -1,
    ]  # half of the third item's steps are 0, which is no longer below half
    assert by["history length"] == [0, 2, 1, -1]


def test_the_history_alone_tells_items_apart() -> None:
    panel = daily([[0, 0, 0, 0, 9, 9, 9, 9]]).before(4)
    assert Grouping("intermittency", (0.1, 0.5)).codes(panel).tolist() == [2]


def test_weights_survive_json_and_unknown_groups_take_the_common_ones() -> None:
    panel = daily([[1.0], [2.0], [3.0]])  # kinds 1, 2, 1
    weights = EnsembleWeights((0.5, 0.5, 0.0), Grouping("kind"), {2: (1.0, 0.0, 0.0)})
    again = EnsembleWeights.from_json(json.loads(json.dumps(weights.to_json())))
    assert again.of(panel).tolist() == [[0.5, 0.5, 0], [1, 0, 0], [0.5, 0.5, 0]]
    assert again.used().tolist() == [True, True, False]
    assert again.only([0, 1]).of(panel).tolist() == [[0.5, 0.5], [1, 0], [0.5, 0.5]]
    bounded = EnsembleWeights((1.0,), Grouping("history length", (3.0, 9.0)), {0: (1.0,)})
    assert EnsembleWeights.from_json(json.loads(json.dumps(bounded.to_json()))) == bounded
