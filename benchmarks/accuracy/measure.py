"""One row of the results: the scores of one recipe with one seed on one task."""

from __future__ import annotations

import hashlib
import json
import platform
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import foretell
from benchmarks.accuracy.cell_losses import CellLosses, losses_path
from benchmarks.accuracy.data_files import NoData, data_folder
from benchmarks.accuracy.loaders import historical_quantiles, read_tables
from benchmarks.accuracy.naive import naive_outcomes
from benchmarks.accuracy.suites import BenchmarkTask
from benchmarks.machine import cores
from foretell.errors import ForetellError
from foretell.evaluation.metrics import quantile_loss, weighted_quantile_loss
from foretell.evaluation.outcome import Outcome
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.levels import level_column
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import make_recipe

CHECK = "naive_check"  # Seasonal Naive made and scored the published way; no recipe
BASELINE = "historical_quantiles"  # of the task rossmann_cold; no recipe
CALIBRATED = "+calibrated"  # after a recipe: its levels adjusted by what windows before the origin say
SCORES = (
    "wQL",
    "wQL[0.1]",
    "wQL[0.5]",
    "wQL[0.9]",
    "RMSE",
    "WAPE",
    "MASE",
    "coverage[0.1]",
    "coverage[0.9]",
    "interval[0.8]",
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A task with its data, read when they are first asked for."""

    task: BenchmarkTask
    back: int = 0  # end the data so many steps earlier, to choose defaults by
    folder: Path | None = None  # default: `data_folder`
    losses: Path | None = None  # keep the losses of each item and window below it

    @cached_property
    def tables(self) -> dict[str, Any]:
        return read_tables(self.task, self.folder or data_folder())

    @cached_property
    def data(self) -> foretell.Dataset:
        tables = {key: value for key, value in self.tables.items() if key != "truth"}
        if self.back:
            target = tables["target"]
            frame = target if isinstance(target, pd.DataFrame) else pd.read_parquet(target)
            key = ["item_id", *self.task.reading.get("dimensions", ())]
            shorter = frame.sort_values("timestamp").groupby(key, observed=True).head(-self.back)
            tables = tables | {"target": shorter}
        return foretell.Dataset(**tables)


def identity(loaded: Loaded, spoken: str, seed: int) -> Row:
    """What a result is of: two rows with the same values need not both be measured. Raises NoData."""
    row: Row = {"task": loaded.task.name, "recipe": spoken, "seed": seed, "version": foretell.__version__}
    try:
        row["fingerprint"] = loaded.data.fingerprint[:12]
    except NoData:
        raise
    except ForetellError:  # `measure` says what it was
        row["fingerprint"] = "unread"
    return row | {"setup": _setup(loaded.task, spoken)}


def measure(loaded: Loaded, spoken: str, seed: int) -> Row:
    """The scores, times and fallbacks; or, where anything failed, the error and no score."""
    row = identity(loaded, spoken, seed)
    machine = {"machine": f"{cores()}, {platform.machine()}"}
    try:
        return row | _measured(loaded, spoken, seed) | machine
    except Exception as error:  # a row that says so, and the next recipe; where it was goes to standard error
        traceback.print_exc()
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return row | {"error": text[:400]} | machine


def parse_recipe(spoken: str) -> Recipe:
    """The recipe of `name` or `name:setting=value,setting=value`, with or without CALIBRATED after it."""
    name, _, settings = spoken.removesuffix(CALIBRATED).partition(":")
    pairs = [pair.partition("=") for pair in settings.split(",") if pair]
    return make_recipe(name, {key: value for key, _, value in pairs})


def _measured(loaded: Loaded, spoken: str, seed: int) -> Row:
    task = loaded.task
    if spoken == BASELINE:
        return _baseline(loaded)
    if spoken == CHECK:
        began = time.perf_counter()
        outcomes = naive_outcomes(loaded.data, task)
        return _scores(task, outcomes) | {"predict_seconds": time.perf_counter() - began}
    recipe = parse_recipe(spoken)
    if "truth" in loaded.tables:
        return _cold(loaded, recipe, seed, calibrate=spoken.endswith(CALIBRATED))
    return _backtested(loaded, spoken, recipe, seed)


def _backtested(loaded: Loaded, spoken: str, recipe: Recipe, seed: int) -> Row:
    task = loaded.task
    report = foretell.backtest(
        loaded.data,
        horizon=task.horizon,
        recipes={spoken: recipe},
        levels=task.levels,
        windows=task.windows,
        refit=task.refit,
        seed=seed,
        calibrate=spoken.endswith(CALIBRATED),
    )
    line = report.leaderboard.iloc[0]
    if loaded.losses:
        CellLosses.of(_counted(task, report.outcomes)).save(
            losses_path(task.name, spoken, seed, loaded.losses)
        )
    return _scores(task, report.outcomes) | {
        "fit_seconds": line["fit_seconds"],
        "predict_seconds": line["predict_seconds"],
        "fallbacks": int(line["fallbacks"]),
    }


def _scores(task: BenchmarkTask, outcomes: Sequence[Outcome]) -> Row:
    """The mean over the windows of the scores of each."""
    counted = _counted(task, outcomes)
    table = pd.DataFrame([outcome.scores.pooled | _by_group(task, outcome) for outcome in counted])
    return {score: float(table[score].mean()) for score in SCORES if score in table}


def _counted(task: BenchmarkTask, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    return outcomes[:-1] if task.skip_last else outcomes


def _by_group(task: BenchmarkTask, outcome: Outcome) -> dict[str, float]:
    """wQL as the mean over groups of items, where the task asks for that."""
    if not task.by:
        return {}
    groups = outcome.forecast.keys[task.by].astype(str).to_numpy()
    losses = [
        group_loss(
            outcome.window.actual[groups == group],
            outcome.forecast.quantiles[groups == group],
            outcome.forecast.levels,
            least_size=task.least_size,
        )
        for group in np.unique(groups)
    ]
    means = np.mean(losses, axis=0)
    by_level = zip(outcome.forecast.levels, means.tolist(), strict=True)
    return {"wQL": float(means.mean()), **{level_column("wQL", level): loss for level, loss in by_level}}


def group_loss(
    actual: np.ndarray, quantiles: np.ndarray, levels: Sequence[float], *, least_size: float
) -> np.ndarray:
    """[Q] mean quantile loss / mean |y|, which counts as at least `least_size`."""
    seen = ~np.isnan(actual)
    losses = quantile_loss(actual, quantiles, levels)[seen]
    return np.asarray(losses.mean(axis=0) / max(np.abs(actual[seen]).mean(dtype=float), least_size))


def _cold(loaded: Loaded, recipe: Recipe, seed: int, *, calibrate: bool) -> Row:
    """Forecast the items that the target table lacks; the score is theirs alone."""
    task, truth = loaded.task, loaded.tables["truth"]
    if calibrate:
        raise ForetellError(f"{CALIBRATED} is for back-tests, and {task.name} is none")
    model = foretell.train(loaded.data, recipe=recipe, horizon=task.horizon, levels=task.levels, seed=seed)
    began = time.perf_counter()
    frame = model.predict(items=sorted(truth["item_id"].unique())).to_frame()
    seconds = time.perf_counter() - began
    both = truth.merge(frame, on=["item_id", "timestamp"], validate="one_to_one")
    assert len(both) == len(truth), "every cold item and step must be forecast"
    return {
        "wQL": _pooled_loss(both, task.levels),
        "fit_seconds": model.fit_seconds,
        "predict_seconds": seconds,
    }


def _baseline(loaded: Loaded) -> Row:
    """What cold start is judged by: the other stores' quantiles by StoreType, weekday, Promo and Open."""
    levels = loaded.task.levels
    frame = historical_quantiles(loaded.tables, levels)
    both = loaded.tables["truth"].merge(frame, on=["item_id", "timestamp"], validate="one_to_one")
    return {"wQL": _pooled_loss(both, levels)}


def _pooled_loss(both: pd.DataFrame, levels: Sequence[float]) -> float:
    """wQL of a table that has the truth as `target` beside the quantiles p10, p20, ..."""
    names = [f"p{level * 100:.10g}" for level in levels]
    # [1, rows]: pooled, so which item a row is of does not matter
    actual = both["target"].to_numpy(float)[None]
    return float(np.mean(weighted_quantile_loss(actual, both[names].to_numpy(float)[None], levels)))


def _setup(task: BenchmarkTask, spoken: str) -> str:
    """A short digest of all that decides about the scores beside data, seed and version."""
    asked: dict[str, Any] = {
        "horizon": task.horizon,
        "levels": task.levels,
        "windows": task.windows,
        "skip_last": task.skip_last,
        "refit": task.refit,
        "by": task.by,
        "least_size": task.least_size,
        "recipe": spoken,
    }
    if spoken == CHECK:
        asked["naive"] = dict(task.naive)
    elif spoken != BASELINE:
        try:
            asked["settings"] = settings_of(parse_recipe(spoken))
        except ForetellError:  # no such recipe or setting: `measure` says so
            asked["settings"] = None
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:12]
