"""How soon mqrnn is as accurate on M4 hourly as GluonTS' DeepAR is when its default training has ended."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.accuracy.data_files import NoData, data_folder
from benchmarks.accuracy.loaders import read_tables
from benchmarks.accuracy.suites import read_suites
from benchmarks.speed import gluonts_side
from benchmarks.speed.settings import LEVELS, Row, Settings
from benchmarks.speed.timing import Case, Sample, row_of, timed
from foretell.data.panel import Panel
from foretell.evaluation.metrics import weighted_quantile_loss
from foretell.ingest.dataset import Dataset
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task

TASK = "m4_hourly"
EPOCHS = 100  # of GluonTS' DeepAR, by default
STEPS = (100, 200, 400, 800, 1600, 3200)  # of mqrnn's training: each a training of its own, from nothing


def accuracy(settings: Settings) -> list[Row]:
    """Seconds of training and forecasting until the wQL (nine levels) of the last window is that of GluonTS' DeepAR."""
    case = Case("time to accuracy", "M4 hourly, wQL of GluonTS' DeepAR", "trainings", 5)
    task = read_suites()[TASK]
    try:
        panel = Dataset(**read_tables(task, data_folder())).panel
    except NoData as reason:
        return [row_of(case, "foretell mqrnn", Sample(0, 0.0, 0.0), str(reason))]
    theirs, goal = _gluonts(panel, task.horizon, settings)
    epochs = _epochs(settings)
    trained = "its defaults" if epochs == EPOCHS else f"{epochs} of the {EPOCHS} epochs it trains by default"
    rows = [row_of(case, "GluonTS DeepAREstimator", theirs, f"{trained}: wQL {goal:.4f}")]
    for steps in STEPS:
        ours, reached = _foretell(panel, task.horizon, steps, settings)
        if reached <= goal or steps == STEPS[-1]:
            note = f"{steps} steps: wQL {reached:.4f}" + ("" if reached <= goal else ", not reached")
            return [*rows, row_of(case, "foretell mqrnn", ours, note)]
    return rows


def _foretell(panel: Panel, horizon: int, steps: int, settings: Settings) -> tuple[Sample, float]:
    early, recipe = panel.until(horizon), make_recipe("mqrnn", {"max_steps": steps})
    run, forecasts = Run(device=settings.device, threads=settings.threads), []
    took = timed(
        1,
        lambda: forecasts.append(recipe.fit(early, Task(horizon, LEVELS), run).predict(early, levels=LEVELS)),
        settings.device,
    )
    return took, _wql(panel.actuals(horizon, horizon), forecasts[0].quantiles)


def _gluonts(panel: Panel, horizon: int, settings: Settings) -> tuple[Sample, float]:
    """DeepAREstimator with all its defaults, but for a share of its epochs."""
    import pandas as pd
    from gluonts.torch import DeepAREstimator

    early = panel.until(horizon)
    start = pd.Period("2015-07-01 00:00", freq="h")
    entries = [
        {"start": start, "target": early.history(item), "item_id": name}
        for item, name in enumerate(panel.names)
    ]
    quiet: dict[str, Any] = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": settings.accelerator,
    }
    wall, cpu = time.perf_counter(), time.process_time()
    with gluonts_side.quiet(), tempfile.TemporaryDirectory(prefix="foretell-speed-") as folder:
        quiet |= {"default_root_dir": folder, "max_epochs": _epochs(settings)}
        made = DeepAREstimator(freq="h", prediction_length=horizon, trainer_kwargs=quiet).train(entries)
        forecasts = [[f.quantile(level) for level in LEVELS] for f in made.predict(entries)]
    took = Sample(1, time.perf_counter() - wall, time.process_time() - cpu)
    return took, _wql(panel.actuals(horizon, horizon), np.array(forecasts).transpose(0, 2, 1))


def _epochs(settings: Settings) -> int:
    return settings.amount(EPOCHS)


def _wql(actual: Any, quantiles: Any) -> float:
    return float(weighted_quantile_loss(actual, quantiles, LEVELS).mean())
