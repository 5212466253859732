"""The scores: worked by hand, by plain loops, and against gluonts.ev."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.evaluation import history, metrics
from foretell.evaluation.metrics import score

NINE = tuple(round(0.1 * k, 1) for k in range(1, 10))
NAN = np.nan


def panel_of(
    series: list[list[float]], *, stop: list[int] | None = None, season: int = 1, **more: Any
) -> Panel:
    """A panel of these series without covariates; origins at their ends, or after `stop` steps."""
    lengths = np.array([len(values) for values in series])
    n, steps = len(series), int(lengths.sum())
    return Panel(
        keys=pd.DataFrame({"item_id": [f"item {i}" for i in range(n)]}),
        start=np.zeros(n, np.int64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.asarray(lengths if stop is None else stop, np.int64),
        target=np.concatenate([np.asarray(values, np.float32) for values in series]),
        known=np.zeros((steps, 0), np.float32),
        past=np.zeros((steps, 0), np.float32),
        static_real=np.zeros((n, 0), np.float32),
        static_cat=np.zeros((n, 0), np.int32),
        future=0,
        schema=Schema(seasons=(season,)),
        **more,
    )


def random_window(*, missing: float = 0.2, levels: tuple[float, ...] = NINE, n: int = 30, horizon: int = 7):
    """Actuals with gaps, a mean, rising quantiles and seasonal errors."""
    rng = np.random.default_rng(3)
    actual = rng.normal(5, 10, (n, horizon)).astype(np.float32)
    actual[rng.random((n, horizon)) < missing] = NAN
    quantiles = np.sort(rng.normal(5, 10, (n, horizon, len(levels))), axis=-1).astype(np.float32)
    return actual, rng.normal(5, 10, (n, horizon)).astype(np.float32), quantiles, rng.uniform(1, 4, n)


def test_wql_is_twice_the_pinball_loss_over_the_size_of_the_actuals() -> None:
    # level 0.1: y=10, q=12 -> 2 * .9 * 2 = 3.6; y=30, q=20 -> 2 * .1 * 10 = 2; missing left out; over 10 + 30
    # level 0.9: y=10, q=15 -> 2 * .1 * 5 = 1;   y=30, q=26 -> 2 * .9 * 4 = 7.2
    actual = np.array([[10.0, NAN, 30.0]])
    quantiles = np.array([[[12.0, 15.0], [0.0, 0.0], [20.0, 26.0]]])
    got = metrics.weighted_quantile_loss(actual, quantiles, [0.1, 0.9])
    np.testing.assert_allclose(got, [5.6 / 40, 8.2 / 40], rtol=1e-12)


def pooled(
    actual: np.ndarray,
    mean: np.ndarray,
    *,
    median: np.ndarray | None = None,
    quantiles: np.ndarray | None = None,
    levels: tuple[float, ...] = (0.5,),
    scale: Any = None,
) -> dict[str, float]:
    """The scores of the leaderboard; what a test does not judge is as the mean."""
    middle = mean if median is None else median
    steps = np.repeat(middle[..., None], len(levels), axis=-1) if quantiles is None else quantiles
    errors = np.ones(len(actual)) if scale is None else np.asarray(scale)
    return score(actual, mean, steps, levels, errors, median=middle).pooled


def test_point_scores_by_hand() -> None:
    # errors 1, -2, 3 on y = 2, 4, -5 (f = 1, 6, -8): squares 1 + 4 + 9; |e| 6 over 11; 1/2 + 2/4 + 3/5; 2/3 + 4/10 + 6/13
    got = pooled(np.array([[2.0, 4.0], [-5.0, NAN]]), np.array([[1.0, 6.0], [-8.0, 9.0]]))
    assert got["RMSE"] == pytest.approx((14 / 3) ** 0.5)
    assert got["WAPE"] == pytest.approx(6 / 11)
    assert got["bias"] == pytest.approx((-1 + 2 - 3) / 11)  # forecast less actual: above 0 is too high
    assert got["MAPE"] == pytest.approx((0.5 + 0.5 + 0.6) / 3)
    assert got["sMAPE"] == pytest.approx((2 / 3 + 4 / 10 + 6 / 13) / 3)


def test_mase_is_the_mean_over_items_not_over_cells() -> None:
    # item 0: MAE (1 + 3) / 2 = 2 over 4 = 0.5; item 1: its one actual is 6 off, over 2 = 3; mean 1.75 (cells: 1.33)
    actual, median = np.array([[1.0, 5.0], [7.0, NAN]]), np.array([[2.0, 2.0], [1.0, 1.0]])
    assert pooled(actual, median, scale=[4.0, 2.0])["MASE"] == pytest.approx(1.75)


def test_mase_judges_the_median_and_not_the_mean() -> None:
    actual, median = np.array([[4.0]]), np.array([[3.0]])
    got = pooled(actual, np.array([[9.0]]), median=median)
    assert (got["MASE"], got["RMSE"]) == (1.0, 5.0)


def test_mase_leaves_out_items_whose_seasonal_error_is_zero_or_not_defined() -> None:
    actual, median = np.array([[1.0], [7.0], [3.0]]), np.array([[2.0], [1.0], [3.5]])
    assert pooled(actual, median, scale=[0.0, NAN, 0.25])["MASE"] == pytest.approx(2.0)
    assert np.isnan(pooled(actual, median, scale=[0.0, NAN, 0.0])["MASE"])


def test_msis_adds_the_width_and_the_misses() -> None:
    # alpha .2: y=5 in [4, 6] -> 2; y=9 in [4, 6] -> 2 + 2/.2 * 3 = 32; mean 17, over a seasonal error of 2 -> 8.5
    # y=3 in [4, 6] -> 2 + 2/.2 * 1 = 12, over a seasonal error of 3 -> 4; items 8.5 and 4 -> 6.25 (cells: 7)
    actual, middle = np.array([[5.0, 9.0], [3.0, NAN]]), np.full((2, 2), 5.0)
    quantiles = np.broadcast_to([4.0, 5.0, 6.0], (2, 2, 3))
    got = pooled(actual, middle, quantiles=quantiles, levels=(0.1, 0.5, 0.9), scale=[2.0, 3.0])
    assert got["MSIS[0.8]"] == pytest.approx(6.25)
    assert score(actual, middle, quantiles, (0.1, 0.5, 0.9), np.array([2.0, 3.0])).items["MSIS[0.8]"] == (
        pytest.approx([8.5, 4.0])
    )


def test_coverage_counts_an_actual_on_the_quantile_as_covered() -> None:
    actual = np.array([[1.0, 2.0, 3.0, NAN]])
    quantiles = np.array([[[1.0, 3.0], [1.0, 3.0], [1.0, 3.0], [9.0, 9.0]]])
    got = pooled(actual, actual, quantiles=quantiles, levels=(0.1, 0.9))
    assert (got["coverage[0.1]"], got["coverage[0.9]"]) == pytest.approx((1 / 3, 1.0))
    got = pooled(actual, actual, quantiles=quantiles + np.array([1.0, 0.0]), levels=(0.1, 0.9))
    assert got["interval[0.8]"] == pytest.approx(2 / 3)


def plain_scores(
    window: tuple[np.ndarray, ...], levels: tuple[float, ...], cells: list[tuple[int, int]]
) -> dict[str, float]:
    """The scores of some cells, by their definitions and one cell at a time; MASE and MSIS as means of these cells."""
    actual, mean, quantiles, scale = (array.astype(float) for array in window)
    seen = [c for c in cells if not np.isnan(actual[c])]
    size, n = sum(abs(actual[c]) for c in seen), len(seen)
    error = {c: abs(actual[c] - mean[c]) for c in seen}
    scores = {
        "RMSE": (sum(e**2 for e in error.values()) / n) ** 0.5,
        "WAPE": sum(error.values()) / size,
        "bias": sum(mean[c] - actual[c] for c in seen) / size,
        "MAPE": sum(e / abs(actual[c]) for c, e in error.items()) / n,
        "sMAPE": sum(2 * e / (abs(actual[c]) + abs(mean[c])) for c, e in error.items()) / n,
        "MASE": sum(abs(actual[c] - quantiles[c][levels.index(0.5)]) / scale[c[0]] for c in seen) / n,
    }
    for q, level in enumerate(levels):
        gaps = [actual[c] - quantiles[c][q] for c in seen]
        loss = sum(2 * level * gap if gap >= 0 else 2 * (level - 1) * gap for gap in gaps)
        scores |= {f"wQL[{level}]": loss / size, f"coverage[{level}]": sum(gap <= 0 for gap in gaps) / n}
    for low, level in enumerate(levels[: len(levels) // 2]):
        width, alpha, cost, inside = round(1 - 2 * level, 6), 2 * level, 0.0, 0
        for c in seen:
            y, lower, upper = actual[c], quantiles[c][low], quantiles[c][-1 - low]
            cost += (upper - lower + 2 / alpha * (max(lower - y, 0) + max(y - upper, 0))) / scale[c[0]]
            inside += lower <= y <= upper
        scores |= {f"MSIS[{width:.6g}]": cost / n, f"interval[{width:.6g}]": inside / n}
    return scores | {"wQL": sum(scores[f"wQL[{level}]"] for level in levels) / len(levels)}


def test_all_scores_equal_plain_loops_over_cells_however_they_are_pooled() -> None:
    levels = (0.05, 0.1, 0.5, 0.9, 0.95)
    window = random_window(levels=levels)
    n, horizon = window[0].shape
    got = score(window[0], window[1], window[2], levels, window[3])
    each_item = [plain_scores(window, levels, [(i, h) for h in range(horizon)]) for i in range(n)]
    each_step = [plain_scores(window, levels, [(i, h) for i in range(n)]) for h in range(horizon)]
    whole = plain_scores(window, levels, [(i, h) for i in range(n) for h in range(horizon)])
    for name in ("MASE", "MSIS[0.8]", "MSIS[0.9]"):  # the mean over items, not over cells
        whole[name] = float(np.mean([scores[name] for scores in each_item]))
    assert list(got.pooled) == metrics.score_columns(levels)
    assert set(whole) == set(got.pooled)
    for name in got.pooled:
        assert got.pooled[name] == pytest.approx(whole[name], rel=1e-12), name
        np.testing.assert_allclose(got.items[name], [s[name] for s in each_item], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(got.steps[name], [s[name] for s in each_step], rtol=1e-12, err_msg=name)


def test_scores_do_not_depend_on_where_the_blocks_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    window = random_window()
    whole = score(window[0], window[1], window[2], NINE, window[3])
    monkeypatch.setattr(metrics, "_BLOCK", 20)  # two items at a time
    cut = score(window[0], window[1], window[2], NINE, window[3])
    for name, value in whole.pooled.items():
        assert cut.pooled[name] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(cut.items[name], whole.items[name], rtol=1e-12)
        np.testing.assert_allclose(cut.steps[name], whole.steps[name], rtol=1e-12)


def gluonts_scores(actual: Any, mean: Any, quantiles: Any, axis: int | None, scale: Any) -> dict[str, Any]:
    from gluonts.ev import metrics as ev

    data = {"label": np.ma.masked_invalid(actual), "mean": mean, "seasonal_error": scale[:, None]}
    data |= {str(level): quantiles[..., q] for q, level in enumerate(NINE)}
    wanted = {
        "RMSE": ev.RMSE("mean"),
        "WAPE": ev.ND("mean"),
        "MAPE": ev.MAPE("mean"),
        "sMAPE": ev.SMAPE("mean"),
        "MASE": ev.MASE("0.5"),
        "wQL": ev.MeanWeightedSumQuantileLoss(NINE),
        "wQL[0.9]": ev.WeightedSumQuantileLoss(0.9),
    }
    return {name: metric(axis=axis).update(data).get() for name, metric in wanted.items()}


def test_pooled_scores_equal_gluonts_with_missing_actuals() -> None:
    actual, mean, quantiles, scale = random_window(n=200)
    theirs = gluonts_scores(actual.astype(float), mean, quantiles, None, scale)
    ours = score(actual, mean, quantiles, NINE, scale).pooled
    for name in ("wQL", "wQL[0.9]", "RMSE", "WAPE", "MAPE", "sMAPE"):  # gluonts' pooled MASE averages cells
        assert ours[name] == pytest.approx(float(theirs[name]), abs=1e-6), name


def test_scores_per_item_equal_gluonts_with_missing_actuals() -> None:
    actual, mean, quantiles, scale = random_window(n=200)
    theirs = gluonts_scores(actual.astype(float), mean, quantiles, 1, scale)
    ours = score(actual, mean, quantiles, NINE, scale)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours.items[name], np.ma.filled(value, NAN), rtol=1e-6, err_msg=name)
    assert ours.pooled["MASE"] == pytest.approx(float(np.mean(theirs["MASE"])), abs=1e-6)


def test_a_zero_denominator_gives_the_numerator_for_wql_and_not_defined_otherwise() -> None:
    # all actuals 0, forecasts 3: level .5 -> |e| = 3 a cell, two cells -> 6; level .9 -> 2 * .1 * 3 * 2 = 1.2
    zero, three = np.zeros((1, 2)), np.full((1, 2), 3.0)
    got = score(zero, three, np.full((1, 2, 2), 3.0), (0.5, 0.9), np.zeros(1)).pooled
    assert (got["wQL[0.5]"], got["wQL[0.9]"], got["wQL"]) == pytest.approx((6.0, 1.2, 3.6))
    assert np.isnan([got["WAPE"], got["MAPE"], got["MASE"]]).all()
    assert (got["RMSE"], got["sMAPE"]) == (3.0, 2.0)
    perfect = score(zero, zero, np.zeros((1, 2, 2)), (0.5, 0.9), np.zeros(1)).pooled
    assert perfect["wQL"] == 0.0
    assert np.isnan(perfect["sMAPE"])


def test_a_zero_actual_has_no_percentage_error_and_never_an_infinite_one() -> None:
    assert pooled(np.array([[0.0, 4.0]]), np.array([[1.0, 5.0]]))["MAPE"] == pytest.approx(0.25)


def test_without_any_actual_no_score_is_defined() -> None:
    actual = np.full((2, 3), NAN)
    scores = score(actual, np.ones((2, 3)), np.ones((2, 3, 1)), (0.5,), np.ones(2))
    assert np.isnan(list(scores.pooled.values())).all()
    assert all(np.isnan(column).all() for column in (*scores.items.values(), *scores.steps.values()))


def test_an_item_without_actuals_changes_no_pooled_score() -> None:
    actual, mean, quantiles, scale = random_window()
    before = score(actual[1:], mean[1:], quantiles[1:], NINE, scale[1:]).pooled
    actual[0] = NAN
    assert score(actual, mean, quantiles, NINE, scale).pooled == pytest.approx(before, rel=1e-12)


def test_a_forecast_that_is_not_finite_where_there_is_an_actual_is_refused() -> None:
    actual, mean, quantiles, scale = random_window(missing=0.0)
    mean[4, 2] = np.inf
    with pytest.raises(ForetellError, match=r"must be finite, got inf"):
        score(actual, mean, quantiles, NINE, scale)
    actual[4, 2] = NAN
    assert np.isfinite(score(actual, mean, quantiles, NINE, scale).pooled["RMSE"])


def test_shapes_that_disagree_are_named() -> None:
    with pytest.raises(ForetellError, match=r"shapes \[2, 3\] and \[2, 3, 1\], got \[2, 3\] and \[2, 1, 3\]"):
        score(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1, 3)), (0.5,), np.ones(2))


def test_mase_needs_the_median() -> None:
    with pytest.raises(ForetellError, match=r"levels must contain 0\.5, got 0\.1"):
        score(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3, 1)), (0.1,), np.ones(2))


def test_central_intervals_are_those_whose_both_ends_are_there() -> None:
    columns = [
        name for name in metrics.score_columns((0.025, 0.1, 0.25, 0.5, 0.9, 0.975)) if "interval" in name
    ]
    assert columns == ["interval[0.8]", "interval[0.95]"]


def test_seasonal_error_by_hand() -> None:
    # season 2: item 0 |3-1|, |8-2| (its fifth step lies at the origin) -> 4; item 1 too short; item 2 one pair: |4-4| = 0
    panel = panel_of([[1, 2, 3, 8, 99], [7, 9], [4, 1, 4]], stop=[4, 2, 3], season=2)
    np.testing.assert_array_equal(history.seasonal_error(panel), [4.0, NAN, 0.0])


def test_seasonal_error_leaves_out_pairs_with_a_missing_end() -> None:
    # season 1, 1 nan 4 6 nan 8: only |6 - 4|; a value that a filling made up (code 2) is no observation either
    panel = panel_of([[1, NAN, 4, 6, NAN, 8], [NAN, NAN]])
    np.testing.assert_array_equal(history.seasonal_error(panel), [2.0, NAN])
    filled = panel_of([[1, 2, 5, 9]], filled=np.array([0, 0, 0, 2], np.uint8))
    np.testing.assert_array_equal(history.seasonal_error(filled), [2.0])


def test_seasonal_error_and_observed_steps_equal_a_loop_over_items(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    series = [np.where(rng.random(n) < 0.2, NAN, rng.normal(0, 5, n)) for n in rng.integers(0, 30, 40)]
    stop = [int(rng.integers(0, len(values) + 1)) for values in series]
    panel = panel_of([list(values) for values in series], stop=stop, season=3)
    blocks = history._item_blocks
    for steps in (1, 50, 1 << 20):  # blocks of one item, of a few, of all
        monkeypatch.setattr(history, "_item_blocks", lambda panel, steps=steps: blocks(panel, steps))
        errors, counts = history.seasonal_error(panel), history.observed_steps(panel)
        for i in range(len(panel)):
            values = panel.history(i).astype(float)
            gaps = np.abs(values[3:] - values[:-3])
            gaps = gaps[~np.isnan(gaps)]
            wanted = gaps.mean() if len(gaps) else NAN
            assert errors[i] == pytest.approx(wanted, rel=1e-12, nan_ok=True)
            assert counts[i] == np.sum(~np.isnan(values))


def test_item_blocks_cover_every_item_once() -> None:
    panel = panel_of([[1.0] * n for n in (5, 0, 3, 9, 0, 0, 1)])
    for steps in (1, 4, 8, 100):
        blocks = list(history._item_blocks(panel, steps))
        assert blocks[0].start == 0
        assert blocks[-1].stop == len(panel)
        assert all(one.stop == other.start for one, other in pairwise(blocks))


def test_seasonal_naive_as_a_point_forecast_scores_as_published_on_m4_hourly(real_data: Path) -> None:
    train = pd.read_parquet(real_data / "m4_hourly" / "hourly_train.parquet").sort_values(["item_id", "t"])
    test = pd.read_parquet(real_data / "m4_hourly" / "hourly_test.parquet").sort_values(["item_id", "h"])
    panel = panel_of(
        [list(values) for _, values in train.groupby("item_id", observed=True)["target"]], season=24
    )
    actual = test["target"].to_numpy().reshape(len(panel), 48)
    naive = np.stack([np.tile(panel.history(i)[-24:], 2) for i in range(len(panel))])
    quantiles = np.repeat(naive[..., None], 9, axis=-1)
    got = score(actual, naive, quantiles, NINE, history.seasonal_error(panel)).pooled
    assert round(got["wQL"], 4) == 0.0483
    assert round(got["MASE"], 3) == 1.193
    official = pd.read_parquet(real_data / "m4_hourly" / "official_scores.parquet").set_index("method")
    assert 100 * got["sMAPE"] == pytest.approx(official.loc["sNaive", "sMAPE_Hourly"], abs=1e-3)
