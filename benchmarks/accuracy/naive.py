"""The check that a task's data and scores are the published ones: Seasonal Naive, made and scored the published way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.suites import NAIVE, BenchmarkTask
from foretell.data.panel import Panel
from foretell.evaluation.outcome import Outcome, Window
from foretell.local.seasonal_naive import seasonal_naive
from foretell.recipe.forecast import Forecast
from foretell.workflows.backtest import make_windows, window_steps

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

TOLERANCE = 0.02  # share by which our figure may differ from the published one


def naive_outcomes(data: Dataset, task: BenchmarkTask) -> list[Outcome]:
    """Seasonal Naive in each window, not cut off at 0 and not 0 on closed days, as the published ones are.

    `task.naive` may say `season` (default: the data's), `intervals` ("normal", or "none": all levels alike), `context`, the
    number of steps before the origin that are looked at, and `gaps`: "previous" puts the value before a gap into it,
    otherwise a step takes the last value that was observed a multiple of the season before it.
    """
    panel = data.panel
    steps = window_steps(panel, task.horizon, windows=task.windows)
    return [_outcome(window, task) for window in make_windows(panel, steps, task.horizon)]


def agreement(task: BenchmarkTask, checked: dict[str, float]) -> dict[str, float]:
    """By score: our Seasonal Naive / the published one, where there are both."""
    return {
        score: checked[score] / systems[NAIVE]
        for score, systems in task.published.items()
        if NAIVE in systems and not np.isnan(checked.get(score, np.nan))
    }


def agrees(ratio: float | None) -> bool:
    """Whether a figure of `agreement` lets the published row of that score count."""
    return ratio is not None and abs(ratio - 1) <= TOLERANCE


def _outcome(window: Window, task: BenchmarkTask) -> Outcome:
    how = task.naive
    histories = _histories(window.panel)
    if how.get("gaps") == "previous":
        histories = pd.DataFrame(histories).ffill(axis=1).to_numpy()
    made = seasonal_naive(
        histories[:, -how.get("context", 0) :],
        how.get("season", window.panel.season),
        task.horizon,
        task.levels,
        intervals=how.get("intervals", "normal") == "normal",
    )
    # an item that was never observed before the origin has no naive forecast; it is scored apart
    mean, quantiles = np.nan_to_num(made.mean), np.nan_to_num(made.quantiles)
    return Outcome.of("naive", window, Forecast.build(window.panel, task.levels, quantiles, mean))


def _histories(panel: Panel) -> NDArray[np.float64]:
    """[N, L] what lies before each origin, ending there; NaN in front of a shorter one."""
    rows = np.full((len(panel), int(panel.stop.max())), np.nan)
    for item, stop in enumerate(panel.stop):
        if stop:
            rows[item, -stop:] = panel.history(item)
    return rows
