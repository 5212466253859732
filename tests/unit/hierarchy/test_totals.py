"""Paths and totals: margins, means, groups; a forecast made in place, without any recipe."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foretell import Forecast, ForetellError
from foretell.data.schema import Schema
from foretell.recipe.dependence import Dependence, SharedPart, possible
from foretell.recipe.forecast_parts import paths_of
from foretell.recipe.paths import PATH_LEVELS, Margins

H = 6


def dependence(*shared: tuple[str, float], lags: float = 0.5) -> Dependence:
    own = tuple(lags**lag for lag in range(H))
    parts = tuple(SharedPart(by, share) for by, share in shared)
    return Dependence(shared=parts, own=own, common=own, source="a test", windows=1, forecasts=1)


def forecast(items: int = 12, *, found: Dependence | None = None, seed: int = 0) -> Forecast:
    """Gamma margins of different scales; the last step is closed for all."""
    generator = np.random.default_rng(seed)
    levels = PATH_LEVELS
    draws = np.sort(generator.gamma(2.0, size=(items, H, len(levels))), axis=-1)
    quantiles = (draws * generator.uniform(1, 50, (items, 1, 1))).astype(np.float32)
    quantiles[:, -1] = 0
    printed = [levels.index(level) for level in (0.1, 0.5, 0.9)]
    keys = pd.DataFrame(
        {"item_id": [f"i{k}" for k in range(items)], "store": [f"s{k % 3}" for k in range(items)]}
    )
    return Forecast(
        keys=keys,
        origin=np.full(items, 100),
        levels=(0.1, 0.5, 0.9),
        quantiles=quantiles[..., printed],
        mean=quantiles.mean(-1),
        schema=Schema(key=("item_id", "store")),
        fallbacks=np.arange(items) == 4,
        margins=Margins(levels, quantiles),
        dependence=dependence(("", 0.2), ("store", 0.3)) if found is None else found,
    )


def test_paths_have_the_margins_of_the_forecast() -> None:
    made = forecast()
    paths = made.paths(1_000)
    assert paths.shape == (12, 1_000, H)
    read = np.moveaxis(np.quantile(paths, [0.1, 0.5, 0.9], axis=1, method="hazen"), 0, -1)
    # a quantile lies between two of 1,000 values: the margins bend at each level
    np.testing.assert_allclose(read, made.quantiles, rtol=0.01, atol=1e-6)


def test_a_shorter_forecast_has_the_first_steps_of_the_same_paths_and_totals() -> None:
    uneven = replace(dependence(("", 0.2), ("store", 0.3)), own=(1.0, 0.9, -0.8, 0.7, 0.1, 0.6))
    made = forecast(found=uneven)
    short = made.first(4)
    assert (short.horizon, short.quantiles.shape, short.mean.shape) == (4, (12, 4, 3), (12, 4))
    np.testing.assert_array_equal(short.quantiles, made.quantiles[:, :4])
    np.testing.assert_array_equal(short.paths(50), made.paths(50)[:, :, :4])
    one, other = short.total(steps=3, by=["store"]), made.total(steps=3, by=["store"])
    np.testing.assert_array_equal(one.quantiles, other.quantiles)
    np.testing.assert_array_equal(one.mean, other.mean)


@pytest.mark.parametrize("steps", [0, H + 1, 1.5])
def test_steps_that_a_forecast_does_not_have_are_refused(steps: float) -> None:
    with pytest.raises(ForetellError, match=f"steps must be a whole number from 1 to {H}, got"):
        forecast().first(steps)  # type: ignore[arg-type]


def test_closed_steps_are_0_in_every_path() -> None:
    assert not forecast().paths(50)[:, :, -1].any()


def test_paths_of_an_item_do_not_depend_on_which_other_items_are_drawn() -> None:
    made = forecast()
    some = paths_of(made, np.array([7, 2]), paths=60, seed=3)
    np.testing.assert_array_equal(some, made.paths(60, seed=3)[[7, 2]])
    assert not np.array_equal(some, made.paths(60, seed=4)[[7, 2]])


def test_a_total_of_one_item_and_one_step_has_the_quantiles_of_that_item() -> None:
    made = forecast(3)
    single = made.total(steps=1, by=["item_id", "store"])
    np.testing.assert_array_equal(single.quantiles, made.quantiles[:, :1])
    np.testing.assert_array_equal(made.total(steps=slice(2, 3)).quantiles, made.quantiles[:, 2:3])


def test_the_mean_of_a_total_is_the_sum_of_the_means() -> None:
    made = forecast()
    for by, steps in (([], 4), (["store"], None), (None, 3), (["store"], slice(1, 5))):
        found = made.total(by=by, steps=steps)
        span = (
            slice(0, 4)
            if steps == 4
            else slice(0, H)
            if steps is None
            else slice(0, 3)
            if steps == 3
            else steps
        )
        np.testing.assert_allclose(found.mean.sum(), made.mean[:, span].sum(), rtol=1e-6)


def test_a_smaller_total_lies_inside_a_larger_one_path_by_path() -> None:
    made = forecast()  # values of 0 or more: a part is never more than the whole
    paths = made.paths(100)
    store = paths[made.keys["store"] == "s1"].sum(0)
    assert (store <= paths.sum(0) + 1e-3).all()
    assert (store[:, :3].sum(1) <= store.sum(1) + 1e-3).all()


def test_totals_by_group_are_those_of_their_paths() -> None:
    made = forecast()
    found = made.total(steps=4, by=["store"], paths=300, seed=5)
    sums = made.paths(300, seed=5)[:, :, :4].sum(2)
    for g, store in enumerate(found.keys["store"]):
        expected = np.quantile(sums[made.keys["store"] == store].sum(0), made.levels, method="hazen")
        np.testing.assert_allclose(found.quantiles[g, 0], expected, rtol=1e-5)
    assert found.fallbacks.tolist() == [False, True, False]  # item 4 is of store s1


def test_totals_are_the_same_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = forecast(40)
    whole = made.total(steps=5, by=["store"], paths=200)
    monkeypatch.setattr("foretell.recipe.paths._CELLS", 200 * H * 7)  # seven items at a time
    in_chunks = made.total(steps=5, by=["store"], paths=200)
    np.testing.assert_allclose(in_chunks.quantiles, whole.quantiles, rtol=1e-5)
    everyone = made.total(by=[], paths=200)
    assert everyone.keys["item_id"].tolist() == ["all items"]


def test_errors_that_hang_together_widen_a_total() -> None:
    def width(found: Dependence) -> float:
        total = forecast(found=found).total(steps=5, by=[], paths=2_000)
        return float(total.quantiles[0, 0, 2] - total.quantiles[0, 0, 0])

    alone, over_steps = dependence(lags=0.0), dependence(lags=0.9)
    assert width(alone) < width(over_steps) < width(dependence(("", 0.6), lags=0.9))


def test_items_of_one_group_err_alike_and_others_do_not() -> None:
    paths = forecast(found=dependence(("store", 0.9), lags=0.0)).paths(4_000)[:, :, 0]
    ranks = paths.argsort(1).argsort(1)
    alike = np.asarray(np.corrcoef(ranks))
    # Spearman's correlation of normal variables that share .9 of their variance is 6 / pi asin(.9 / 2) = .89
    assert alike[0, 3] == pytest.approx(0.89, abs=0.03)
    assert abs(alike[0, 1]) < 0.08  # five deviations of 4,000 independent pairs


def test_a_total_of_any_level_is_read_from_the_paths() -> None:
    found = forecast().total(steps=3, by=[], levels=[0.05, 0.95, 0.5])
    assert found.levels == (0.05, 0.5, 0.95)
    assert (np.diff(found.quantiles) >= 0).all()


def test_what_is_not_asked_of_a_total_is_explained() -> None:
    made = forecast()
    for arguments, said in (
        ({}, "steps=14"),
        ({"steps": 7}, "from 1 to 6"),
        ({"steps": 0}, "from 1 to 6"),
        ({"steps": True}, "from 1 to 6"),
        ({"by": "store"}, "list of columns"),
        ({"by": ["stores"]}, "'store'"),
        ({"by": ["store", "store"]}, "overlap"),
        ({"by": ["store"], "paths": 1}, "from 2 to"),
        ({"by": ["store"], "levels": [50]}, "between 0 and 1"),
    ):
        with pytest.raises(ForetellError, match=said):
            made.total(**arguments)


def test_a_total_of_items_that_begin_at_different_times_names_the_first() -> None:
    made = forecast()
    made.origin[5] += 3
    with pytest.raises(ForetellError, match=r"'i5 / s2' begins"):
        made.total(by=["store"])
    made.total(steps=2)  # each alone is no trouble


def test_a_forecast_without_a_learnt_dependence_says_so() -> None:
    with pytest.raises(ForetellError, match="Train it again"):
        replace(forecast(), dependence=None).paths(10)
    with pytest.raises(ForetellError, match="a total already"):
        forecast().total(by=[]).paths(10)


def test_an_autocorrelation_that_no_series_has_becomes_one() -> None:
    impossible = np.array([1.0, 0.9, -0.9, 0.9])
    made = possible(impossible)
    steps = np.arange(4)
    apart = np.abs(np.subtract.outer(steps, steps))
    assert made[0] == 1
    assert np.linalg.eigvalsh(np.take(impossible, apart)).min() < -0.1
    assert np.linalg.eigvalsh(np.take(made, apart)).min() > -1e-9


@pytest.mark.parametrize(
    "change",
    [
        {"shared": [{"by": "", "share": 1.5}]},
        {"shared": [{"by": "", "share": -0.1}]},
        {"own": []},
        {"own": [0.5] * H},
        {"common": [1.0]},
        {"own": [1.0, 7.0]},
        {"windows": "two"},
        {"strange": 1},
    ],
)
def test_a_tampered_dependence_is_refused(change: dict[str, object]) -> None:
    read = json.loads(json.dumps(dependence(("store", 0.4)).to_json()))
    assert Dependence.from_json(read) == dependence(("store", 0.4))
    with pytest.raises(ForetellError):
        Dependence.from_json(read | change)


def test_a_total_whose_mean_lies_outside_its_p10_to_p90_is_a_warning_that_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = forecast()
    apart = replace(made, mean=made.mean + made.quantiles[..., -1:].max(-1))  # a mean above each p90
    item = apart.total(steps=H, by=["item_id"])
    (found,) = item.findings
    assert (found.severity, found.code, found.count) == ("warning", "mean_outside", 12)
    assert (
        "the mean of 12 of 12 totals lies outside its p10 to p90, first 'i0' from 1970-04-11: 2"
        in found.message
    )
    assert found.message in caplog.messages
    assert "calibrate=True" in found.option
    assert [f.code for f in apart.total(by=["store"]).findings] == ["mean_outside"]


def test_a_mean_inside_a_rare_item_and_one_value_of_an_item_give_no_warning_of_totals() -> None:
    made = forecast()
    assert made.total(steps=H, by=[]).findings == ()
    apart = replace(made, mean=made.mean * 50)
    assert apart.total(by=["item_id"]).findings == ()  # one item, one step: its own quantiles
    assert made.margins is not None
    never = replace(made.margins, quantiles=np.zeros_like(made.margins.quantiles))
    rare = replace(made, mean=made.mean * 0 + 0.01, margins=never)
    assert (
        rare.total(steps=H, by=[]).findings == ()
    )  # p10 = p90 = 0 and a mean of .06: an item that hardly sells
