"""Trace minimisation: what hierarchicalforecast gets, and what the items' forecasts become."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import foretell
from foretell import ForetellError
from foretell.hierarchy import mint
from foretell.hierarchy.mint import Level, moved, reconciled
from foretell.models.model import fitted_of
from foretell.recipe.item_groups import ItemGroups
from unit.hierarchy.test_hierarchy import H, dataset, tables

QUICK: dict[str, object] = {"horizon": H, "recipe": "seasonal_naive", "processes": 1}


def levels(total: float, items: list[float], *, wrong: tuple[float, float]) -> list[Level]:
    """A total and its items, one step, whose past errors have these deviations and nothing in common."""
    random = np.random.default_rng(1)
    keys = dataset().panel.keys.iloc[: len(items)]
    return [
        Level(
            ItemGroups(keys.iloc[:1], np.arange(len(items)), np.array([0])),
            np.array([[total]]),
            random.normal(0, wrong[0], (1, 4000, 1)),
        ),
        Level(
            ItemGroups(keys, np.arange(len(keys)), np.arange(len(keys))),
            np.array(items)[:, None],
            random.normal(0, wrong[1], (len(items), 4000, 1)),
        ),
    ]


def test_items_go_where_the_level_that_errs_less_says() -> None:
    trusted = reconciled(levels(120.0, [60.0, 40.0], wrong=(0.01, 10.0)), seed=0)
    assert trusted.sum() == pytest.approx(120, abs=0.1)
    assert trusted[:, 0] == pytest.approx([70, 50], abs=1)  # both items err alike: each takes half of the 20
    doubted = reconciled(levels(120.0, [60.0, 40.0], wrong=(10.0, 0.01)), seed=0)
    assert doubted[:, 0] == pytest.approx([60, 40], abs=0.1)


def test_the_weights_are_those_of_generalised_least_squares() -> None:
    # independent errors of variance 4 (total) and 1 (items): b = (S' W^-1 S)^-1 S' W^-1 y, by hand
    found = reconciled(levels(13.0, [4.0, 5.0], wrong=(2.0, 1.0)), seed=0)[:, 0]
    sums, weight = np.array([[1.0, 1], [1, 0], [0, 1]]), np.diag([1 / 4, 1, 1])
    by_hand = np.linalg.solve(sums.T @ weight @ sums, sums.T @ weight @ [13, 4, 5])
    assert found == pytest.approx(by_hand, abs=0.1)


def test_series_without_errors_of_their_own_are_reconciled_too() -> None:
    made = levels(120.0, [60.0, 40.0], wrong=(1.0, 1.0))
    gaps = made[1].errors.copy()
    gaps[0] = np.nan
    gaps[1] = 0
    found = reconciled([made[0], replace(made[1], errors=gaps)], seed=0)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(120, abs=2)  # the total is the one that is known to be right


def test_quantiles_move_with_the_mean_and_closed_steps_stay_0() -> None:
    model = foretell.train(dataset(), **QUICK)  # type: ignore[arg-type]
    forecast = model.predict()
    wanted = forecast.mean.astype(np.float64) * 1.5
    made = moved(forecast, fitted_of(model).panel_of(None), wanted)
    np.testing.assert_allclose(made.mean, wanted, rtol=1e-6)
    np.testing.assert_allclose(made.quantiles, forecast.quantiles * 1.5, rtol=1e-5)
    below = moved(forecast, fitted_of(model).panel_of(None), wanted - 1e6)
    assert not below.mean.any()  # sales were never negative
    assert not below.quantiles.any()


def test_series_that_may_be_negative_move_by_the_difference() -> None:
    sales, _ = tables()
    sales["target"] -= 50
    model = foretell.train(dataset(sales), **QUICK)  # type: ignore[arg-type]
    forecast = model.predict()
    made = moved(forecast, fitted_of(model).panel_of(None), forecast.mean.astype(np.float64) - 7)
    np.testing.assert_allclose(made.quantiles, forecast.quantiles - 7, rtol=1e-4)


def test_mint_makes_levels_that_agree_and_other_means_than_the_items_alone() -> None:
    tree = foretell.reconcile(dataset(), by=["region/store", "family"], method="mint", **QUICK)  # type: ignore[arg-type]
    alone = foretell.reconcile(dataset(), by=["region/store", "family"], method="paths", **QUICK)  # type: ignore[arg-type]
    assert (tree.method, alone.method) == ("mint", "paths")
    whole = tree["all items"].mean.sum()
    for name in tree:
        assert tree[name].mean.sum() == pytest.approx(whole, rel=1e-5)
    assert not np.allclose(tree["items"].mean, alone["items"].mean, rtol=1e-3)
    assert (np.diff(tree["region"].quantiles, axis=-1) >= 0).all()


def test_equal_seeds_give_equal_levels() -> None:
    first, second = (
        foretell.reconcile(dataset(), by=["region"], method="mint", seed=3, **QUICK).to_frame()  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert first.equals(second)


def test_what_mint_cannot_do_is_said_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, message in (
        ({"method": "mnt"}, "method must be 'paths' or 'mint', got 'mnt'.*Did you mean 'mint'"),
        ({"horizon": 12}, "too short for method='mint': it needs 48 steps, of which the longest has 42"),
        ({"settings": {"x": 1}}, "no hyperparameter 'x'"),
    ):
        with pytest.raises(ForetellError, match=message):
            foretell.reconcile(dataset(), by=["region"], **{**QUICK, **asked})  # type: ignore[arg-type]
    monkeypatch.setattr(mint, "MOST_SERIES", 5)
    with pytest.raises(ForetellError, match="5 series of all levels at most, and these are 9"):
        foretell.reconcile(dataset(), by=["region"], **QUICK)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "hierarchicalforecast", None)
    with pytest.raises(ForetellError, match=r"needs hierarchicalforecast.*pip install foretell\[hierarchy\]"):
        foretell.reconcile(dataset(), by=["region"], **QUICK)  # type: ignore[arg-type]
