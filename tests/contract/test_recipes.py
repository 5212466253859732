"""What every registered recipe must do."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import contract_panels as panels
import numpy as np
import pytest
from contract_panels import HORIZON, shop

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.models.model import Model
from foretell.models.model_folder import MANIFEST, WEIGHTS, _pack
from foretell.recipe.hyperparameters import hyperparameters, settings_of
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names
from foretell.recipe.task import Run, Task
from foretell.workflows.train import load

TASK = Task(HORIZON, (0.1, 0.5, 0.9))
SMALL = {  # for recipes that have such hyperparameters
    "max_steps": 12,
    "hidden_size": 8,
    "batch_size": 16,
    "members": ("seasonal_naive", "ets:covariates=none", "mqrnn:max_steps=12:hidden_size=8:batch_size=16"),
    "trials": 1,
}


def small(name: str) -> Recipe:
    known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    return make_recipe(name, {key: value for key, value in SMALL.items() if key in known})


def fit(name: str, panel: Panel, seed: int = 0) -> Model:
    return fit_model(small(name), panel, TASK, Run(seed=seed, device="cpu", processes=1))


@cache
def fitted(name: str) -> Model:
    return fit(name, shop())


@pytest.fixture(scope="module", params=recipe_names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> Model:
    return fitted(name)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every recipe's model, and its forecasts from one fresh process."""
    folder = tmp_path_factory.mktemp("models")
    for each in recipe_names():
        fitted(each).save(folder / each)
    subprocess.run([sys.executable, panels.__file__, str(folder)], check=True, timeout=300)
    return folder


def test_any_level_may_be_asked_and_quantiles_are_finite_and_rise(model: Model) -> None:
    forecast = model.forecast(shop(), levels=[0.003, 0.2, 0.5, 0.77, 0.996])
    assert forecast.quantiles.shape == (len(shop()), HORIZON, 5)
    assert np.isfinite(forecast.quantiles).all()
    assert np.isfinite(forecast.mean).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()


def test_a_forecast_begins_at_each_origin_and_keeps_the_order_of_items(model: Model) -> None:
    forecast = model.forecast(shop())
    assert forecast.levels == TASK.levels
    assert (forecast.origin == shop().origin).all()
    assert list(forecast.keys["item_id"]) == list(shop().keys["item_id"])


def test_levels_far_apart_differ_where_the_data_vary(model: Model) -> None:
    quantiles = model.forecast(shop(), levels=[0.05, 0.95]).quantiles[0]
    open_days = ~shop().closed(HORIZON)[0]
    assert (quantiles[open_days, 1] > quantiles[open_days, 0]).all()


def test_saved_and_loaded_in_a_fresh_process_it_forecasts_the_same(
    name: str, model: Model, saved: Path
) -> None:
    there, here = np.load(saved / f"{name}.npz"), model.forecast(shop())
    np.testing.assert_array_equal(there["quantiles"], here.quantiles)
    np.testing.assert_array_equal(there["mean"], here.mean)


def test_closed_days_are_exactly_zero(model: Model) -> None:
    forecast, closed = model.forecast(shop()), shop().closed(HORIZON)
    assert closed.any()
    assert (forecast.quantiles[closed] == 0).all()
    assert (forecast.mean[closed] == 0).all()


def test_what_is_never_negative_is_forecast_so(model: Model) -> None:
    forecast = model.forecast(shop(), levels=[0.001, 0.5])
    assert forecast.quantiles.min() >= 0
    assert forecast.mean.min() >= 0


def test_series_of_constants_zeros_gaps_or_one_step_are_forecast(model: Model) -> None:
    panel = panels.panel_of(
        [
            np.full(60, 7, np.float32),
            np.full(60, 1e6, np.float32),
            np.zeros(50, np.float32),
            np.full(50, np.nan, np.float32),
            np.array([3], np.float32),
            np.zeros(0, np.float32),
        ]
    )
    forecast = model.forecast(panel)
    assert np.isfinite(forecast.quantiles).all()
    assert (forecast.quantiles >= 0).all()


def test_an_item_without_history_alone_is_forecast(model: Model) -> None:
    for item in (panels.NEW, panels.NEW_TOO):
        forecast = model.forecast(shop().take(np.array([item])))
        assert forecast.quantiles.shape == (1, HORIZON, 3)
        assert np.isfinite(forecast.quantiles).all()
        assert np.isfinite(forecast.mean).all()


def test_a_category_that_training_never_saw_is_forecast(model: Model) -> None:
    panel = shop()
    unseen = replace(panel, static_cat=np.zeros_like(panel.static_cat))
    assert np.isfinite(model.forecast(unseen).quantiles).all()


def test_missing_covariates_and_statics_are_forecast(model: Model) -> None:
    panel = shop()
    past, real = panel.past.copy(), panel.static_real.copy()
    past[::2], real[::2] = np.nan, np.nan
    assert np.isfinite(model.forecast(replace(panel, past=past, static_real=real)).quantiles).all()


def test_equal_seeds_give_equal_forecasts(name: str, model: Model) -> None:
    again = fit(name, shop()).forecast(shop())
    np.testing.assert_array_equal(again.quantiles, model.forecast(shop()).quantiles)
    np.testing.assert_array_equal(again.mean, model.forecast(shop()).mean)


def test_nothing_at_or_beyond_the_origin_is_seen(name: str, model: Model) -> None:
    panel = shop()
    secret = np.concatenate(
        [np.arange(length) >= stop for length, stop in zip(panel.lengths, panel.stop, strict=True)]
    )
    changed = replace(
        panel,
        target=np.where(secret, np.float32(9999), panel.target),
        past=np.where(secret[:, None], np.float32(-77), panel.past),
    )
    assert secret.sum() > HORIZON
    np.testing.assert_array_equal(model.forecast(changed).quantiles, model.forecast(panel).quantiles)
    np.testing.assert_array_equal(
        fit(name, changed).forecast(panel).quantiles, model.forecast(panel).quantiles
    )


def test_the_order_of_items_is_irrelevant_at_fixed_weights(model: Model) -> None:
    panel = shop()
    order = np.random.default_rng(0).permutation(len(panel))
    shuffled, straight = model.forecast(panel.take(order)), model.forecast(panel)
    # A matrix product rounds otherwise when its rows stand elsewhere: 1e-5 is a hundred float32 steps.
    np.testing.assert_allclose(shuffled.quantiles, straight.quantiles[order], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shuffled.mean, straight.mean[order], rtol=1e-5, atol=1e-5)


def test_negative_data_may_be_forecast_negative(name: str) -> None:
    series = [panels.weekly(80, level=9, seed=seed) / 10 - 40 for seed in range(3)]
    forecast = fit(name, panels.panel_of(series, schema=panels.BARE)).predict()
    assert np.isfinite(forecast.quantiles).all()
    assert (forecast.quantiles[..., 1] < 0).all()


def test_a_panel_without_covariates_calendar_and_season_is_forecast(name: str) -> None:
    panel = panels.panel_of(
        [panels.weekly(60, level=9, seed=1), panels.weekly(30, level=4, seed=2)], schema=panels.BARE
    )
    forecast = fit(name, panel).predict(levels=[0.25, 0.75])
    assert np.isfinite(forecast.quantiles).all()
    assert forecast.quantiles.min() >= 0


def test_every_hyperparameter_says_what_it_means_and_survives_as_text(name: str) -> None:
    recipe = make_recipe(name)
    assert all(parameter.meaning for parameter in hyperparameters(type(recipe)))
    as_text = {key: str(value) for key, value in settings_of(recipe).items()}
    assert make_recipe(name, as_text) == recipe


def test_weights_that_lack_an_array_are_refused(name: str, model: Model, tmp_path: Path) -> None:
    _, arrays = model.predictor.state()
    model.save(tmp_path)
    for missing in arrays:
        weights = _pack(name, {key: array for key, array in arrays.items() if key != missing})
        manifest = json.loads((tmp_path / MANIFEST).read_text())
        manifest["weights"]["sha256"] = hashlib.sha256(weights).hexdigest()
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        (tmp_path / WEIGHTS).write_bytes(weights)
        with pytest.raises(ForetellError, match="weights"):
            load(tmp_path)
