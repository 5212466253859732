"""Manifests of format 1 read as the present format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import foretell
from foretell.models.fitted_model import read_model
from foretell.models.fitting import fit_model
from foretell.models.model import fitted_of
from foretell.models.model_folder import MANIFEST
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import weeks

NETWORK = "mqrnn:hidden_size=4:max_steps=5"


def as_format_1(part: dict[str, Any], *, resolves: bool) -> None:
    """Settings and seed back into the state, where recipes kept them on their own."""
    resolved, seed = part.pop("resolved"), part.pop("seed")
    if resolves:
        part["state"] |= {"settings": resolved, "seed": seed}


def rewrite(folder: Path, *, resolves: bool) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["format"] = 1
    as_format_1(manifest, resolves=resolves)
    (adjusted,) = manifest.pop("adjustments") or [None]
    manifest["calibration"] = adjusted and {key: v for key, v in adjusted.items() if key != "kind"}
    for member in manifest["state"].get("members", []):
        as_format_1(member, resolves=member["recipe"] == "mqrnn")
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_an_ensemble_of_format_1_with_a_calibration_forecasts_the_same(tmp_path: Path) -> None:
    auto = make_recipe("auto", {"members": ("seasonal_naive", NETWORK), "trials": 0})
    model = fit_model(auto, weeks(), Task(5), Run(seed=3, device="cpu"), calibrate=True)
    model.save(tmp_path / "model")
    rewrite(tmp_path / "model", resolves=False)
    again = read_model(tmp_path / "model", Run(device="cpu"))
    assert again.calibration == model.calibration
    np.testing.assert_array_equal(again.forecast(weeks()).quantiles, model.forecast(weeks()).quantiles)


def test_a_network_of_format_1_has_its_resolved_settings_and_seed(tmp_path: Path) -> None:
    recipe = make_recipe("deepar", {"hidden_size": 4, "max_steps": 5})
    model = fit_model(recipe, weeks(), Task(5), Run(seed=7, device="cpu"))
    assert (model.recipe, model.seed) == (recipe, 7)
    assert model.resolved.context_length is not None  # type: ignore[attr-defined]
    model.save(tmp_path / "model")
    rewrite(tmp_path / "model", resolves=True)
    again = read_model(tmp_path / "model", Run(device="cpu"))
    assert (again.recipe, again.resolved, again.seed) == (recipe, model.resolved, 7)
    np.testing.assert_array_equal(again.forecast(weeks()).quantiles, model.forecast(weeks()).quantiles)


def test_a_model_of_format_2_does_not_say_what_it_was_trained_on(tmp_path: Path) -> None:
    model = foretell.load(Path(__file__).parents[2] / "golden/model-format-2", device="cpu")
    assert fitted_of(model).data is None
    model.save(tmp_path / "model")
    again = foretell.load(tmp_path / "model", device="cpu")
    assert fitted_of(again).data is None
    assert again.origin.startswith("mqrnn, saved 20")
