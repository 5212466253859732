"""A tiny data set and recipes for the tests of the evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import State
from foretell.recipe.task import Run, Task

DAYS = pd.date_range("2024-01-01", periods=12)


@dataclass(frozen=True)
class Last:
    """Repeats the last value; `level + training` added to the quantiles, where training is the mean it was fitted on."""

    name: ClassVar[str] = "last"
    add: float = 0.0  # to every forecast
    learn: bool = False  # add the mean of all it was trained on

    def fit(self, panel: Panel, task: Task, run: Run) -> LastFitted:
        learnt = [float(np.nansum(panel.history(i))) for i in range(len(panel))]
        return LastFitted(self, task, sum(learnt) if self.learn else 0.0)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LastFitted:
        return LastFitted(self, task, state[0]["learnt"])


@dataclass(frozen=True)
class LastFitted:
    recipe: Last
    task: Task
    learnt: float

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        wanted = np.asarray(levels)
        histories = [panel.history(i) for i in range(len(panel))]
        last = np.array([h[~np.isnan(h)][-1] if (~np.isnan(h)).any() else 0 for h in histories], float)
        mean = np.repeat((last + self.recipe.add + self.learnt)[:, None], self.task.horizon, axis=1)
        quantiles = mean[..., None] + wanted
        quantiles[..., wanted < 0.1] = 0  # so low that the last value may be the mean
        quantiles[mean == 0] = 0
        return Forecast.build(panel, tuple(wanted), quantiles, mean)

    def state(self) -> State:
        return {"learnt": self.learnt}, {}


@dataclass(frozen=True)
class Broken:
    name: ClassVar[str] = "broken"
    user: bool = False  # fail as for something the user did

    def fit(self, panel: Panel, task: Task, run: Run) -> Any:
        raise ForetellError("give more data") if self.user else ZeroDivisionError("oh dear")

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Any:
        raise NotImplementedError


def sales(**series: ArrayLike) -> pd.DataFrame:
    """A long table, one item an argument, from 2024-01-01 on; NaN rows are left out."""
    frames = [
        pd.DataFrame(
            {"item_id": name, "timestamp": DAYS[: np.size(values)], "target": np.asarray(values, float)}
        )
        for name, values in series.items()
    ]
    return pd.concat(frames, ignore_index=True).dropna()


def dataset(**series: ArrayLike) -> Dataset:
    """Twelve days of `series`."""
    return Dataset(sales(**series), freq="D", season=1)


RISING = tuple(float(k) for k in range(1, 13))  # 1 to 12
FLAT = (10.0,) * 12
