"""The sums that all else is read off."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.evaluation.metrics import score
from foretell.monitoring import tally as tallies
from foretell.monitoring.blocks import Profile, blocks_of
from foretell.monitoring.tally import Tally, tally

LEVELS = (0.1, 0.5, 0.9)


def made(seed: int = 0, items: int = 6, steps: int = 5, *, origin: int = 100) -> tuple[Tally, tuple]:
    random = np.random.default_rng(seed)
    actual = random.poisson(4.0, (items, steps)).astype(float)
    actual[0, 1] = np.nan
    quantiles = np.sort(random.gamma(4.0, 1.0, (items, steps, 3)), axis=-1)
    mean, group = quantiles[..., 1] + 0.2, np.arange(items) % 2
    found = tally(7, np.full(items, origin), group, actual, mean, quantiles, LEVELS)
    return found, (actual, mean, quantiles, group)


def test_the_sums_give_the_scores_of_the_evaluator() -> None:
    found, (actual, mean, quantiles, _) = made()
    scores = score(actual, mean, quantiles, LEVELS, np.ones(len(actual))).pooled
    total = {name: found.of(name).sum() for name in tallies.SUMS}
    assert total["loss"] / total["size"] == pytest.approx(scores["wQL"])
    assert total["absolute"] / total["size"] == pytest.approx(scores["WAPE"])
    assert total["inside"] / total["open"] == pytest.approx(scores["interval[0.8]"])
    below = found.below.sum(axis=0) / total["open"]
    assert below == pytest.approx([scores[f"coverage[{level}]"] for level in LEVELS])
    assert total["forecast"] - total["observed"] == 1


def test_each_row_is_a_date_a_step_and_a_group() -> None:
    found, (actual, _, _, group) = made()
    assert sorted(zip(found.step.tolist(), found.group.tolist(), strict=True)) == [
        (step, g) for step in range(5) for g in (0, 1)
    ]
    assert (found.date == 100 + found.step).all()
    rows = (found.step == 1) & (found.group == 0)
    assert found.of("size")[rows] == np.nansum(np.abs(actual[group == 0, 1]))


def test_items_in_pieces_add_up_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = made()
    monkeypatch.setattr(tallies, "_CELLS", 10)
    parts, _ = made()
    np.testing.assert_allclose(parts.sums, whole.sums)
    assert (parts.date == whole.date).all()


def test_items_with_origins_of_their_own_are_told_apart_by_date() -> None:
    ones = np.ones((2, 3))
    found = tally(0, np.array([10, 12]), np.zeros(2, int), ones, ones, ones[..., None], (0.5,))
    assert list(zip(found.date.tolist(), found.step.tolist(), strict=True)) == [
        (10, 0),
        (11, 1),
        (12, 2),
        (12, 0),
        (13, 1),
        (14, 2),
    ] or sorted(zip(found.date.tolist(), found.step.tolist(), strict=True)) == [
        (10, 0),
        (11, 1),
        (12, 0),
        (12, 2),
        (13, 1),
        (14, 2),
    ]


def test_a_closed_day_counts_in_no_share_of_coverage() -> None:
    actual, zero = np.array([[0.0, 5.0]]), np.zeros((1, 2, 3))
    quantiles = zero.copy()
    quantiles[0, 1] = [1, 4, 9]
    found = tally(0, np.array([0]), np.zeros(1, int), actual, quantiles[..., 1], quantiles, LEVELS)
    assert found.of("observed").tolist() == [1, 1]
    assert found.of("open").tolist() == [0, 1]
    assert found.below.sum(axis=0).tolist() == [0, 0, 1]


def test_blocks_are_relative_to_what_is_usual_at_their_steps() -> None:
    found, _ = made(steps=4)
    profile = Profile.of(found, 4, smooth=1)
    blocks = blocks_of(found, profile, 2, begin=100, end=104)
    assert blocks.values["wQL"] == pytest.approx([0, 0])
    assert blocks.values["coverage"] == pytest.approx([0, 0])
    assert blocks.values["bias"] == pytest.approx([0, 0])


def test_a_block_of_which_little_has_come_is_not_judged_yet() -> None:
    random = np.random.default_rng(1)
    quantiles = np.sort(random.gamma(4.0, 1.0, (10, 4, 3)), axis=-1)
    actual = random.poisson(4.0, (10, 4)).astype(float)
    found = tally(0, np.zeros(10, int), np.zeros(10, int), actual, quantiles[..., 1], quantiles, LEVELS)
    profile = Profile.of(found, 4, smooth=1)
    late = actual.copy()
    late[:7, 2:] = np.nan  # of 7 items of 10 nothing has come
    found = tally(0, np.zeros(10, int), np.zeros(10, int), late, quantiles[..., 1], quantiles, LEVELS)
    judged = ~np.isnan(blocks_of(found, profile, 2, begin=0, end=4).values["wQL"])
    assert judged.tolist() == [True, False]
