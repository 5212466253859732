"""What a dependence is learnt from: planted shares and autocorrelations are found again."""

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.hierarchy.learning import learn_dependence
from foretell.hierarchy.moments import Moments, sharing
from foretell.hierarchy.normal_scores import normal_scores, ranked_scores
from foretell.recipe.dependence import Dependence
from foretell.recipe.protocols import HeldOut
from foretell.recipe.task import Task

LEVELS = tuple(round(step / 20, 2) for step in range(1, 20))


def sales(
    items: int = 60, days: int = 420, *, all_share: float = 0.3, store_share: float = 0.2
) -> pd.DataFrame:
    """Noise around 100, of which items share parts: all of them, and those of a store."""
    generator = np.random.default_rng(1)
    store = np.arange(items) % 6
    common, own = generator.normal(size=(days, 1)), generator.normal(size=(days, items))
    of_store = generator.normal(size=(days, 6))[:, store]
    left = 1 - all_share - store_share
    noise = np.sqrt(all_share) * common + np.sqrt(store_share) * of_store + np.sqrt(left) * own
    frame = pd.DataFrame(100 + 10 * noise, columns=[f"i{k}" for k in range(items)])
    frame["timestamp"] = pd.date_range("2024-01-01", periods=days)
    return frame.melt("timestamp", var_name="item_id", value_name="target")


def learnt(frame: pd.DataFrame, *, horizon: int = 14) -> Dependence:
    items = pd.DataFrame({"item_id": frame["item_id"].unique()})
    items["store"] = [f"s{k % 6}" for k in range(len(items))]
    data = foretell.Dataset(target=frame, items=items, freq="D")
    return learn_dependence(data.panel, Task(horizon), held=None, seed=0)


def test_planted_shares_are_found_from_a_reference_over_past_windows() -> None:
    found = learnt(sales())
    shares = {part.by: part.share for part in found.shared}
    assert shares[""] == pytest.approx(
        0.3, abs=0.1
    )  # 24 windows of 14 steps: some 300 draws of the common part
    assert shares["store"] == pytest.approx(0.2, abs=0.07)
    assert found.windows == 24
    assert max(np.abs(found.own[1:7])) < 0.2  # white noise, but for the error of the reference's level


def test_items_that_err_alone_share_next_to_nothing() -> None:
    found = learnt(sales(all_share=0.0, store_share=0.0))
    assert sum(part.share for part in found.shared) < 0.05


def test_where_histories_are_too_short_each_item_and_step_errs_alone() -> None:
    found = learnt(sales(items=5, days=20))
    assert found.shared == ()
    assert found.own == pytest.approx((1.0, *[0.0] * 13))
    assert found.windows == 0


def test_items_that_are_learnt_from_together_may_all_be_too_young_for_the_first_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("foretell.hierarchy.learning._ROWS", 420 * 6)  # six items at a time
    frame = sales()
    young = frame["item_id"].isin([f"i{k}" for k in range(12, 24)]) & (frame["timestamp"] < "2025-01-01")
    found = learnt(frame[~young])
    assert found.windows == 24
    assert (
        found.forecasts == 48 * 24 + 12 * 3
    )  # 54 days of the young ones: three windows of 14, before the first 12 days


def test_held_out_forecasts_come_before_the_reference() -> None:
    frame = sales(items=8, days=60)
    panel = foretell.Dataset(target=frame, freq="D").panel
    rising = np.tile(np.linspace(70, 130, 19), (3, 8, 14, 1)).astype(np.float32)
    over = np.full((3, 8, 14), 125, np.float32)  # far above the median, always
    held = HeldOut(rising, over, LEVELS, np.arange(8))
    found = learn_dependence(panel, Task(14), held=held, seed=0)
    assert found.source == "forecasts of held-out windows"
    assert (found.windows, found.forecasts) == (3, 24)
    assert sum(part.share for part in found.shared) == pytest.approx(0.98)
    assert min(found.own) > 0.9


def test_normal_scores_of_a_plain_case() -> None:
    quantiles = np.array([[10.0, 20, 30]])  # at .25, .5 and .75
    scores = [
        float(normal_scores(quantiles, (0.25, 0.5, 0.75), np.array([value]), seed=0)[0])
        for value in (20.0, 15.0, 25.0, np.nan)
    ]
    # standard normal quantiles at .5 and, half between two levels, .375 and .625
    assert scores[:3] == pytest.approx([0.0, -0.3186, 0.3186], abs=1e-3)
    assert np.isnan(scores[3])


def test_an_actual_that_several_levels_have_is_drawn_among_them() -> None:
    quantiles = np.zeros((4_000, 3))
    quantiles[:, 2] = 5  # zero at .25 and .5
    scores = normal_scores(quantiles, (0.25, 0.5, 0.75), np.zeros(4_000), seed=0)
    from scipy.special import ndtr

    drawn = ndtr(scores)
    assert drawn.max() <= 0.5
    assert drawn.mean() == pytest.approx(0.25, abs=0.01)


def test_ranked_scores_of_an_item_are_standard_normal_and_leave_gaps() -> None:
    errors = np.array([[3.0, np.nan, -50, 7], [1, 1, 1, 1]])
    scores = ranked_scores(errors)
    assert scores[0, [2, 0, 3]] == pytest.approx([-0.967, 0, 0.967], abs=1e-3)  # ndtri(1/6), 0, ndtri(5/6)
    assert np.isnan(scores[0, 1])
    assert scores[1] == pytest.approx(np.zeros(4))


def test_moments_are_those_of_plain_loops() -> None:
    generator = np.random.default_rng(0)
    z = generator.normal(size=(2, 5, 4))
    z[0, 1, 2] = np.nan
    codes = np.array([0, 0, 1, 1, 1])
    found = Moments.of(z, [codes])
    for lag in range(4):
        products = {
            (i, j): [z[k, i, h] * z[k, j, h + lag] for k in range(2) for h in range(4 - lag)]
            for i in range(5)
            for j in range(5)
        }

        def mean(pairs: list[tuple[int, int]], of: dict[tuple[int, int], list[float]] = products) -> float:
            return float(np.nanmean([value for pair in pairs for value in of[pair]]))

        apart = [(i, j) for i in range(5) for j in range(5) if i != j]
        assert found.single[lag] == pytest.approx(mean([(i, i) for i in range(5)]))
        assert found.everyone[lag] == pytest.approx(mean(apart))
        assert found.groups[0][lag] == pytest.approx(mean([p for p in apart if codes[p[0]] == codes[p[1]]]))


def test_how_often_pairs_share_two_columns() -> None:
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 0])
    # 12 ordered pairs; 4 share the first column, 6 the second, 2 both (items 2 and 3)
    expected = [[1, 4 / 12, 6 / 12], [1, 1, 2 / 4], [1, 2 / 6, 1]]
    np.testing.assert_allclose(sharing([first, second], 4), expected)
