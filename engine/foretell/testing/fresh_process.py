"""Saved models loaded and asked in a fresh process, several in one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from foretell.data.arrays import Array
from foretell.testing.panels import shop
from foretell.testing.recipe_check import Broken, RecipeCheck, doing, spoken

DID = "saved the model fitted on the shop panel and loaded it in a fresh process"
EXPECTED = "the forecast that it made before"
_LIMIT = 300  # seconds


def forecast_afresh(checks: Sequence[RecipeCheck]) -> None:
    """Fill in `afresh` of each check; all share one process, whose start takes seconds."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for check in checks:
            try:
                with doing("saved the model fitted on the shop panel", "a folder"):
                    check.model.save(folder / check.recipe.name)
            except Broken as broken:
                check.afresh = broken
        code = f"from {__name__} import forecast_saved; forecast_saved({str(folder)!r})"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False)
        for check in checks:
            if check.afresh is None:
                check.afresh = _read(folder, check.recipe.name, done.stderr)


def _read(folder: Path, recipe: str, errors: str) -> tuple[Array, Array] | Broken:
    arrays, failure = folder / f"{recipe}.npz", folder / f"{recipe}.txt"
    if arrays.is_file():
        with np.load(arrays) as read:
            return read["quantiles"], read["mean"]
    lines = errors.strip().splitlines() or ["a process that ended without a word"]
    return Broken(DID, EXPECTED, failure.read_text(encoding="utf-8") if failure.is_file() else lines[-1])


def forecast_saved(models: str) -> None:
    """Load each model under a folder and write what it forecasts for the shop beside it, or how it failed."""
    from foretell.models.model import fitted_of
    from foretell.workflows.train import load

    folder = Path(models)
    for model in sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            forecast = fitted_of(load(model, device="cpu")).forecast(shop().panel)
        except Exception as error:
            (folder / f"{model.name}.txt").write_text(spoken(error), encoding="utf-8")
        else:
            np.savez(folder / f"{model.name}.npz", quantiles=forecast.quantiles, mean=forecast.mean)
