"""Explanations of effects that were planted, by recipes that learn them; and variants beside the items that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.columns import Column
from foretell.data.future_plan import FuturePlan
from foretell.explain.other_dates import OtherDates, make_tracks
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model, fitted_of
from foretell.recipe.variants import Variants

HORIZON = 14
QUICK: Mapping[str, Mapping[str, Any]] = {
    "mqrnn": {"max_steps": 400, "hidden_size": 24, "context_length": 28},
    "deepar": {"max_steps": 20, "context_length": 14},
    "auto": {"members": ("ets", "boosting", "seasonal_naive"), "trials": 0, "time_limit": "20s"},
}


def planted(items: int = 20, days: int = 280) -> Dataset:
    """Sales with a week, of items of different sizes; 30 % more with a promotion, 10 % more with a fair, nothing with a moon."""
    rng = np.random.default_rng(5)
    dates = pd.date_range("2023-01-02", periods=days + HORIZON)
    names = [f"item-{k:02}" for k in range(items)]
    plan = pd.DataFrame([(name, day) for name in names for day in dates], columns=["item_id", "timestamp"])
    for column, share in {"promo": 0.3, "fair": 0.4, "moon": 0.5}.items():
        plan[column] = (rng.random(len(plan)) < share).astype(float)
    size = np.repeat(rng.uniform(20, 100, items), len(dates))
    week = 1 + 0.2 * np.sin(2 * np.pi * np.tile(np.arange(len(dates)), items) / 7)
    plan["level"] = size * week * (1 + 0.3 * plan["promo"]) * (1 + 0.1 * plan["fair"])
    past = plan["timestamp"] < dates[days]
    noisy = plan["level"] * rng.normal(1, 0.03, len(plan))
    sales = plan.loc[past, ["item_id", "timestamp"]].assign(target=noisy[past])
    return Dataset(sales, plan.drop(columns="level"), freq="D", known=["promo", "fair", "moon"])


@pytest.fixture(scope="module")
def data() -> Dataset:
    return planted()


def trained(data: Dataset, recipe: str) -> Model:
    return foretell.train(data, recipe=recipe, horizon=HORIZON, settings=dict(QUICK.get(recipe, {})))


def effect_of(explained: foretell.Explanation, column: str, data: Dataset, without: np.ndarray) -> float:
    """How much more is forecast where a column is 1, in shares of the forecast `without` it."""
    plan = FuturePlan(data.panel, HORIZON).values(column)
    shares = explained.contributions[..., explained.names.index(column)] / without
    return float(shares[plan == 1].mean() - shares[plan == 0].mean())


@pytest.mark.parametrize("recipe", ["boosting", "ets", "mqrnn"])
def test_planted_effects_are_what_the_model_forecasts_with_and_without_the_column(data, recipe):
    model = trained(data, recipe)
    explained = model.explain(data)
    for column, effect in {"promo": 0.3, "fair": 0.1}.items():
        plan = FuturePlan(data.panel, HORIZON).values(column)
        result = model.whatif(data, {"never": f"{column} = 0"})
        without = result["never"].forecast.mean
        really = float((result.baseline.mean / without - 1)[plan == 1].mean())
        assert effect_of(explained, column, data, without) == pytest.approx(really, abs=0.02)
        assert really == pytest.approx(effect, abs=0.05)  # the model has learned it
    impact = explained.impact().set_index("driver")["share"]
    assert impact["moon"] < 0.02


@pytest.mark.parametrize("recipe", ["seasonal_naive", "ets", "npts", "boosting", "mqrnn", "auto"])
def test_variants_are_forecast_as_the_items_that_they_stand_for(data, recipe):
    few = planted(items=6, days=120)
    model = trained(few, recipe)
    panel = few.panel
    plan = FuturePlan(panel, HORIZON)
    changed = plan.changed("promo", np.ones((len(panel), HORIZON), np.float32)).applied()
    of = np.array([2, 0, 2])
    made = fitted_of(model).forecast_variants(Variants(changed.take(of), panel, of))
    plain = fitted_of(model).forecast(changed)
    assert made.mean == pytest.approx(plain.mean[of], rel=2e-3)
    assert made.quantiles == pytest.approx(plain.quantiles[of], rel=5e-3)
    same = fitted_of(model).forecast_variants(Variants.none(panel))
    np.testing.assert_array_equal(same.mean, fitted_of(model).forecast(panel).mean)


def test_variants_of_sampled_paths_add_up_to_the_forecast():
    few = planted(items=4, days=100)
    model = trained(few, "deepar")
    explained = model.explain(few, permutations=4)
    forecast = model.predict(few)
    assert explained.baseline + explained.contributions.sum(-1) == pytest.approx(forecast.mean, abs=1e-4)
    of = np.arange(4)
    copies = fitted_of(model).forecast_variants(Variants(few.panel.take(of), few.panel, of))
    assert copies.mean == pytest.approx(forecast.mean, rel=1e-4)


def test_the_series_of_an_item_is_fitted_once_however_many_variants_it_has(monkeypatch):
    from foretell.local import local_recipe

    few = planted(items=3, days=100)
    model = trained(few, "ets")
    fitted: list[int] = []
    real = local_recipe.fit_each

    def counted(model: Any, history: np.ndarray, *rest: Any, **more: Any) -> Any:
        fitted.append(len(history))
        return real(model, history, *rest, **more)

    monkeypatch.setattr(local_recipe, "fit_each", counted)
    explained = model.explain(few)
    assert sum(fitted) == 2 * 3  # their histories, and these at their level
    level = np.array([few.panel.history(item).mean(dtype=float) for item in range(3)])
    assert explained.baseline == pytest.approx(np.tile(level[:, None], HORIZON), rel=1e-4)


def test_a_calendar_of_other_dates_is_that_of_the_past_from_the_origin_on_alone():
    panel = planted(items=1, days=50).panel
    frequency, origin = panel.frequency, int(panel.origin[0])
    tracks = make_tracks(
        np.array([origin]), np.array([20, 37]), first=origin - 60, last=origin + 20, seasons=(7,)
    )
    other = OtherDates.of(frequency, tracks)
    now = origin + np.arange(-5, 10)
    assert (other.timestamps(now) == frequency.timestamps(now)).all()
    for moved, back in zip(tracks.moved, (20, 37), strict=True):
        shown = other.timestamps(now + moved)
        assert (shown[:5] == frequency.timestamps(now[:5])).all()
        assert (shown[5:] == frequency.timestamps(now[5:] - back)).all()
        assert ((now + moved)[5:] % 7 == (now[5:] - back) % 7).all()
        assert (other.calendar(now + moved)[5:] == frequency.calendar(now[5:] - back)).all()


def test_items_that_end_apart_are_explained_each_from_its_own_end():
    frames = []
    for k, name in enumerate("abc"):
        days = pd.date_range("2023-01-02", periods=100 + 3 * k)
        week = 10 + 5.0 * (days.dayofweek == 5)
        frames.append(pd.DataFrame({"item_id": name, "timestamp": days, "target": week}))
    apart = Dataset(pd.concat(frames), freq="D", ends="own")
    model = foretell.train(apart, recipe="boosting", horizon=7)
    explained = model.explain(apart)
    assert len(set(explained.origin.tolist())) == 3
    assert explained.baseline == pytest.approx(np.full((3, 7), 10.7), abs=0.2)
    with pytest.raises(foretell.ForetellError, match="do not add up"):
        explained.plot()
    with pytest.raises(foretell.ForetellError, match="do not add up"):
        model.explain(apart, by=[])


def test_a_known_column_is_read_past_the_seen_range_as_predict_reads_it(data):
    few = planted(items=3, days=100)
    model = trained(few, "boosting")
    k = few.panel.schema.known.index(Column("promo"))
    known = few.panel.known.copy()
    known[known[:, k] == 1, k] = 7.0
    beyond = replace(few.panel, known=known)
    assert fitted_of(model).seen is not None
    shown, _ = fitted_of(model).seen.apply(beyond)
    assert np.nanmax(shown.known[:, k]) == 1
    object.__setattr__(few._read, "panel", beyond)
    explained = model.explain(few)
    np.testing.assert_array_equal(explained.forecast, model.predict(few).mean)
    assert [finding.code for finding in explained.findings] == ["beyond_seen"]
