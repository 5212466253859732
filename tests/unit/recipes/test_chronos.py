"""The recipe `chronos`: tiny random weights in a local folder, and folders that are refused with one message each."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.recipe.levels import with_tails
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell_recipes import chronos_weights
from foretell_recipes.chronos import Chronos, _read
from foretell_recipes.chronos_inputs import Rows
from foretell_recipes.chronos_weights import Weights
from panels import daily, weekly_sales
from tiny_chronos import chronos2_folder, needs_chronos, save_bolt, save_chronos2

pytestmark = [needs_chronos, pytest.mark.slow]
TASK = Task(5, (0.1, 0.5, 0.9))
RUN = Run(device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_chronos2(tmp_path / "weights")


@pytest.fixture(scope="module")
def bolt(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_bolt(tmp_path_factory.mktemp("bolt")))


def fitted(folder: object, *, horizon: int = 5, **settings: Any) -> FittedModel:
    recipe = make_recipe("chronos", {"folder": str(folder), **settings})
    return fit_model(recipe, daily(weekly_sales(0)), Task(horizon, TASK.levels), RUN)


def refused(folder: object, match: str) -> None:
    with pytest.raises(ForetellError, match=match) as caught:
        Weights.of(str(folder))
    assert len(str(caught.value)) < 500


def test_no_folder_is_refused_and_says_what_to_give() -> None:
    refused("", r"chronos\.folder=weights/chronos-2")
    refused("nowhere/at/all", "must be a local folder.*Nothing is downloaded")


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "training_args.bin", "old.pkl", "best.ckpt", "model.PT"]
)
def test_a_folder_with_a_pickle_is_refused_though_the_weights_lie_beside_it(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04.")
    refused(folder, f"{name} is refused: such files can run code")


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    refused(folder, "belongs to an adapter")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {"architectures": ["T5ForConditionalGeneration"]},
            "another architecture, T5ForConditionalGeneration",
        ),
        ({"architectures": []}, "another architecture, not named"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "another architecture"),
        ({"d_model": 10**9}, "d_model"),
        ({"d_model": 32}, "does not fit config.json: expected an array of shape"),
        ({"num_layers": 999}, "fewer arrays than that has layers"),
        ({"num_layers": 2}, "does not fit config.json"),
        ({"feed_forward_proj": "gated-gelu"}, "no network that can be built"),
        ({"chronos_config": {}}, "chronos_config"),
    ],
)
def test_another_architecture_and_one_that_its_file_does_not_fit_are_refused(
    folder: Path, changed: dict[str, Any], match: str
) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changed}), encoding="utf-8")
    refused(folder, match)


@pytest.mark.parametrize("keep", [4, 300, -1])
def test_a_cut_file_is_refused(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, "is cut or damaged.*Download it again")


def test_weights_in_parts_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    refused(folder, r"has no model\.safetensors")


def test_a_link_to_a_file_elsewhere_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder / "model.safetensors")
    refused(folder, "is a link")


def test_weights_larger_than_the_memory_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronos_weights, "memory", lambda: 1000)
    refused(folder, "this machine has 0.0 GB.*Take a smaller model")


def test_the_sha256_is_that_of_both_files(folder: Path, tmp_path: Path) -> None:
    same = save_chronos2(tmp_path / "again")
    assert Weights.of(str(same)).sha256 == Weights.of(str(folder)).sha256
    path = folder / "config.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert Weights.of(str(same)).sha256 != Weights.of(str(folder)).sha256


def test_a_saved_model_has_the_folder_and_its_hash_and_no_weights(folder: Path, tmp_path: Path) -> None:
    model = fitted(folder)
    model.save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text(encoding="utf-8"))
    weights = Weights.of(str(folder))
    assert manifest["state"] == {"folder": str(folder), "sha256": weights.sha256}
    assert (tmp_path / "model" / "weights.safetensors").stat().st_size < 10_000
    loaded = foretell.load(tmp_path / "model", device="cpu")
    panel = daily(weekly_sales(0))
    np.testing.assert_array_equal(loaded._fitted.forecast(panel).mean, model.forecast(panel).mean)


def test_a_model_whose_weights_were_replaced_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    fitted(folder).save(tmp_path / "model")
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ForetellError, match="are not those that this model was made with: expected SHA-256"):
        foretell.load(tmp_path / "model")


def test_its_summary_shows_what_the_weights_were_trained_on() -> None:
    rows = fitted(chronos2_folder(), trained_on="a corpus without our sales").summary()["Pretrained weights"]
    assert (rows[0]["model"], rows[0]["trained on"]) == ("Chronos-2", "a corpus without our sales")
    assert fitted(chronos2_folder()).summary()["Pretrained weights"][0]["trained on"] == "not said"


def test_known_and_past_covariates_reach_chronos2_and_the_target_alone_reaches_bolt(bolt: str) -> None:
    panel = daily(weekly_sales(0))
    rising = (np.arange(len(panel.known)) % 9).astype(np.float32)
    known = replace(panel, known=np.stack([rising, panel.known[:, 1]], axis=1))
    past = replace(panel, past=rising[: len(panel.past), None])
    for folder, reads in ((chronos2_folder(), True), (bolt, False)):
        usual, *others = (
            fitted(folder).predictor.predict(p, levels=TASK.levels).mean for p in (panel, known, past)
        )
        assert [not np.allclose(other, usual) for other in others] == [reads, reads]


def test_a_text_is_one_row_with_the_mean_sales_of_its_values() -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame(
        {"item_id": "mug", "timestamp": days[:35], "target": np.where(np.arange(35) % 5 == 0, 50.0, 10.0)}
    )
    related = pd.DataFrame(
        {"item_id": "mug", "timestamp": days, "day": np.where(np.arange(40) % 5 == 0, "market", "quiet")}
    )
    data = foretell.Dataset(sales, related=related, freq="D", known=["day"])
    rows = Rows.of(data.panel, np.array([0]), 35, 5)
    assert (rows.context.shape, rows.known) == ((1, 2, 35), 1)
    mean = data.panel.target.mean()
    market, quiet = (7 * 50 + mean) / 8, (28 * 10 + mean) / 29
    np.testing.assert_allclose(rows.future[0, 1], [market, quiet, quiet, quiet, quiet], rtol=1e-6)
    assert np.isnan(rows.future[0, 0]).all()


@pytest.mark.parametrize("kind", ["two", "bolt"])
def test_both_models_forecast_gaps_short_histories_and_horizons_beyond_their_own(
    kind: str, bolt: str
) -> None:
    series: list[Any] = [*weekly_sales(0), [4.0], [np.nan] * 30, []]
    series[0] = np.where(np.arange(len(series[0])) % 3 == 0, np.nan, series[0])
    horizon = 40  # the tiny models forecast 16 and 8 at once
    model = fitted(bolt if kind == "bolt" else chronos2_folder(), horizon=horizon)
    panel = daily(series)
    forecast = model.predictor.predict(panel, levels=(0.001, 0.1, 0.5, 0.9, 0.999))
    assert forecast.quantiles.shape == (len(series), horizon, 5)
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert forecast.fallbacks.tolist() == [False] * (len(series) - 2) + [True, True]


def test_the_mean_is_the_integral_of_the_quantiles_and_not_the_median() -> None:
    have = tuple(round(0.05 * k, 2) for k in range(1, 20))
    exponential = -np.log(1 - np.array(have))  # its mean is 1, its median .69
    quantiles, mean = _read(exponential[None, None], have, (0.5, 0.99, 0.999), np.array([0.0]))
    np.testing.assert_allclose(mean, 1, atol=0.01)
    # the tail of an exponential distribution is what the engine's tails are
    np.testing.assert_allclose(quantiles[0, 0], -np.log([0.5, 0.01, 0.001]), rtol=1e-5)


def test_tails_begin_where_the_levels_of_a_model_end() -> None:
    levels = (0.05, 0.1, 0.5, 0.8, 0.9, 0.95)
    flat = np.array([1.0, 1, 5, 8, 9, 9])
    with_ends = with_tails(flat, levels, ends=(0.1, 0.9))
    np.testing.assert_allclose(
        with_ends[-1], 10, rtol=1e-6
    )  # from .8 to .9 halves what lies above, and so does .95
    assert with_ends[0] < 1
    np.testing.assert_array_equal(with_tails(flat, levels), flat)


def test_auto_has_it_as_a_member_where_a_folder_is_given_and_only_then() -> None:
    panel, members = daily(weekly_sales(0, steps=120)), ("seasonal_naive", "ets:covariates=none")
    plain = {"members": members, "trials": 0}
    given = {**plain, "chronos_folder": chronos2_folder(), "chronos_trained_on": "noise"}
    for settings, more in ((plain, set()), (given, {"chronos"})):
        tables = fit_model(make_recipe("auto", settings), panel, TASK, RUN).summary()
        assert {row["member"] for row in next(iter(tables.values()))} == {*members, *more}
    with pytest.raises(ForetellError, match="must be a local folder"):
        fit_model(make_recipe("auto", {**given, "chronos_folder": "mistyped"}), panel, TASK, RUN)


def test_the_summary_of_an_average_says_what_its_pretrained_member_was_trained_on() -> None:
    only = {"members": (f"chronos:folder={chronos2_folder()}:trained_on=noise",), "trials": 0}
    tables = fit_model(make_recipe("auto", only), daily(weekly_sales(0, steps=120)), TASK, RUN).summary()
    (rows,) = (rows for title, rows in tables.items() if title.startswith("Pretrained weights"))
    assert rows[0]["trained on"] == "noise"


def test_it_is_no_default_member_and_no_recipe_of_a_backtest_of_all() -> None:
    from foretell.cli.option_groups import RecipeOptions
    from foretell.cli.recipe_choice import chosen_recipes
    from foretell_recipes.auto import default_members

    assert "chronos" not in default_members()
    assert "chronos" not in chosen_recipes(RecipeOptions())
    assert "chronos" in chosen_recipes(RecipeOptions(set=["chronos.folder=weights"]))
    assert isinstance(make_recipe("chronos"), Chronos)
