"""Any GluonTS estimator as a recipe: what it is given, what it may be told, and what it leaves behind."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from gluonts.model.forecast import QuantileForecast

from foretell.data.frequency import Frequency
from foretell.errors import ForetellError
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell_recipes.gluonts import GluonTSPredictor, _read
from foretell_recipes.gluonts_estimators import estimators, period
from panels import daily, weekly_sales

TASK = Task(6, (0.1, 0.5, 0.9))
SMALL = {"max_steps": 6, "num_samples": 20}
RUN = Run(device="cpu")


def fit(settings: dict[str, object] | None = None) -> GluonTSPredictor:
    recipe = make_recipe("gluonts", {**SMALL, **(settings or {})})
    return recipe.fit(daily(weekly_sales(0)), TASK, RUN)  # type: ignore[return-value]


@pytest.mark.parametrize("name", sorted(estimators()))
def test_every_estimator_forecasts_and_is_loaded_from_its_state(name: str) -> None:
    panel = daily(weekly_sales(0))
    fitted = fit({"estimator": name})
    facts, arrays = fitted.state()
    again = fitted.recipe.load(panel.schema, TASK, (facts, arrays), RUN)
    one, two = (each.predict(panel, levels=(0.05, 0.5, 0.95)) for each in (fitted, again))
    assert np.isfinite(one.quantiles).all()
    assert not one.fallbacks.any()
    np.testing.assert_array_equal(one.quantiles, two.quantiles)
    np.testing.assert_array_equal(one.mean, two.mean)


def test_estimators_are_those_that_gluonts_exports_and_trains_with_lightning() -> None:
    assert {"SimpleFeedForward", "DeepAR", "TemporalFusionTransformer", "PatchTST"} <= set(estimators())
    assert "PyTorchLightning" not in estimators()
    assert "DeepNPTS" not in estimators()  # has a training loop of its own


def test_an_estimator_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(ForetellError, match=r"no estimator 'DeepAr'.*Did you mean 'DeepAR'"):
        fit({"estimator": "DeepAr"})


def test_settings_reach_the_estimator() -> None:
    fitted = fit({"settings": "hidden_dimensions=[7, 5],batch_norm=True"})
    shapes = {tuple(array.shape) for name, array in fitted.state()[1].items() if name.startswith("network.")}
    assert {(7, 12), (30, 7)} <= shapes  # 12 steps of context; of 5 numbers each for 6 steps ahead


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "hidden_dimensions=__import__('os')",
        "hidden_dimensions=[40]) or print(1",
        "hidden_dimensions=[40])(batch_norm=True",
        "**{'batch_norm': True}",
        "hidden_dimensions=[x for x in (1, 2)]",
        "40",
        "hidden_dimensions",
    ],
)
def test_settings_that_are_no_plain_values_are_refused(text: str) -> None:
    with pytest.raises(ForetellError, match="names and plain values"):
        fit({"settings": text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=0.1", "set by the hyperparameter 'learning_rate'"),
        ("hiden_dimensions=[3]", "no setting 'hiden_dimensions'.*Did you mean 'hidden_dimensions'"),
        ("trainer_kwargs={'default_root_dir': '/tmp'}", "no setting 'trainer_kwargs'"),
        ("prediction_length=3", "no setting 'prediction_length'"),
        ("hidden_dimensions=3", "refuses its settings"),
    ],
)
def test_settings_that_the_estimator_does_not_take_are_refused(text: str, message: str) -> None:
    with pytest.raises(ForetellError, match=message):
        fit({"settings": text})


def test_an_entry_holds_the_observed_history_and_covariates_through_the_horizon() -> None:
    panel = daily(weekly_sales(0))
    entries = fit().entries(panel, ahead=6)
    entry = next(iter(entries))
    days = np.arange(20_000 - 80, 20_000)
    expected = np.where(days % 7 == 3, np.nan, panel.target[:80])  # the closed days are not observed
    np.testing.assert_array_equal(entry["target"], expected)
    assert entry["start"] == pd.Period("2024-07-16", "D") == period(panel.frequency, 19_920)
    assert entry["feat_dynamic_real"].shape == (entries.windows.covariate_size, 86)
    assert entry["past_feat_dynamic_real"].shape == (entries.windows.past_size, 80)
    assert entry["feat_static_cat"].tolist() == [1]


def test_series_below_zero_are_read_as_differences_from_their_mean() -> None:
    panel = daily([values - 40 for values in weekly_sales(0)], covariates=False)
    fitted = make_recipe("gluonts", SMALL).fit(panel, TASK, RUN)
    assert isinstance(fitted, GluonTSPredictor)
    target = next(iter(fitted.entries(panel, ahead=0)))["target"]
    assert abs(target.mean()) < 1e-4
    assert np.abs(fitted.predict(panel, levels=TASK.levels).mean[0] - panel.target[:80].mean()).max() < 15


def test_items_without_an_observation_are_forecast_from_their_statics_and_counted() -> None:
    panel = daily([*weekly_sales(0), [], [np.nan] * 9])
    fitted = fit()
    forecast = fitted.predict(panel, levels=TASK.levels)
    assert forecast.fallbacks.tolist() == [False] * 4 + [True] * 2
    guess = fitted.scale.predict(panel)[4]
    # the 0.9 quantile of a normal distribution lies 1.2816 deviations above its mean
    np.testing.assert_allclose(
        forecast.quantiles[4, 0], guess[0] + guess[1] * np.array([-1.2816, 0, 1.2816]), rtol=1e-4
    )
    np.testing.assert_allclose(forecast.mean[4], guess[0])


def test_series_shorter_than_the_horizon_alone_can_be_learnt_from() -> None:
    panel = daily([[3.0], [4.0, 5.0, 4.0]], covariates=False)
    forecast = make_recipe("gluonts", SMALL).fit(panel, TASK, RUN).predict(panel, levels=TASK.levels)
    assert np.isfinite(forecast.quantiles).all()


@pytest.mark.parametrize("alias", ["15min", "h", "D", "B", "W-FRI", "MS", "2ME", "QS-FEB", "YE", "1"])
def test_every_frequency_is_read(alias: str) -> None:
    panel = daily([values[:40] for values in weekly_sales(0)], covariates=False)
    early = panel.start - 19_920  # years after 1970
    schema = replace(panel.schema, frequency=Frequency.parse(alias))
    panel = replace(panel, start=early, origin=early + 40, schema=schema)
    for name in ("DeepAR", "TiDE"):
        recipe = make_recipe("gluonts", {"estimator": name, "max_steps": 2, "num_samples": 5})
        assert np.isfinite(recipe.fit(panel, TASK, RUN).predict(panel, levels=TASK.levels).quantiles).all()


def test_the_mean_of_quantiles_is_the_integral_of_the_quantile_function() -> None:
    forecast = QuantileForecast(
        np.array([[1.0], [2.0], [4.0]]), pd.Period("2024-01-01", "D"), ["0.1", "0.5", "0.9"]
    )
    quantiles, mean = _read(forecast, (0.05, 0.3, 0.9))
    np.testing.assert_allclose(quantiles, [[1.0, 1.5, 4.0]])
    # flat to 0.1, then from 1 to 2 and from 2 to 4 over 0.4 each, then flat: 0.1 + 0.6 + 1.2 + 0.4
    np.testing.assert_allclose(mean, [2.3])


def _global_state() -> Any:
    """Of numpy's global generator."""
    state: Any = np.random.get_state()  # noqa: NPY002
    return state[1]


def test_a_host_program_keeps_its_random_states_and_finds_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    numpy_before, torch_before = _global_state(), torch.get_rng_state()
    fit().predict(daily(weekly_sales(0)), levels=TASK.levels)
    assert (_global_state() == numpy_before).all()
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_training_ends_with_the_time_limit() -> None:
    recipe = make_recipe("gluonts", {**SMALL, "max_steps": 1_000_000})
    began = time.perf_counter()
    recipe.fit(daily(weekly_sales(0)), TASK, replace(RUN, time_limit=1.0))
    assert time.perf_counter() - began < 30  # a million steps would take hours
