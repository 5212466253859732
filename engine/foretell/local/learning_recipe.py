"""Local recipes that learn something of all series at once, beside the pooled regression, and keep it in the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.local.local_recipe import Learnt, LocalPredictor, LocalRecipe
from foretell.local.pooled_regression import Pooled, learnt_items, pooled_regression
from foretell.local.seasonal_naive import LocalForecast
from foretell.recipe.author_code import note_the_cpu
from foretell.recipe.protocols import State
from foretell.recipe.task import Run, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRecipe(LocalRecipe):
    """A recipe whose series share what was learnt of all of them; a subclass writes `learn` and `learnt_of`.

    Example:
        >>> from dataclasses import dataclass
        >>> from foretell.local import LearningRecipe, LocalForecast
        >>> @dataclass(frozen=True)
        ... class Level:
        ...     level: float
        ...
        ...     def forecast_all(self, history, season, horizon, levels, run):
        ...         n = len(history)
        ...         quantiles = np.full((n, horizon, len(levels)), self.level)
        ...         return LocalForecast(quantiles[..., 0], quantiles, np.zeros(n, bool))
        ...
        ...     def state(self):
        ...         return {"level": self.level}, {}
        >>> @dataclass(frozen=True, kw_only=True)
        ... class SameForAll(LearningRecipe):
        ...     name = "same_for_all"
        ...
        ...     def learn(self, series, season, horizon, run):
        ...         return Level(float(np.mean([np.nanmean(values) for values in series])))
        ...
        ...     def learnt_of(self, state, horizon):
        ...         return Level(float(state[0]["level"]))
        >>> SameForAll().learn([np.array([1.0, 3.0]), np.array([5.0, 5.0])], season=1, horizon=2, run=None).level
        3.5
    """

    def fit(self, panel: Panel, task: Task, run: Run) -> LocalPredictor:
        """Learn the pooled regression, and then of what it leaves."""
        note_the_cpu(self, run)
        bare = LocalPredictor(self, pooled_regression(panel, task.horizon, run.seed), task, run)
        some = panel.take(learnt_items(panel, run.seed))
        series = [_trimmed(row) for each in bare.explained(some) for row in each.residual]
        season = self.season or panel.season
        return replace(bare, learnt=self.learn(series, season, task.horizon, run))

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LocalPredictor:
        """The predictor whose `state` this is."""
        return LocalPredictor(self, Pooled.of_state(*state), task, run, self.learnt_of(state, task.horizon))

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """Of these series alone, as if there were no others."""
        learnt = self.learn([_trimmed(row) for row in history], season, horizon, run)
        return learnt.forecast_all(history, season, horizon, levels, run)

    @abstractmethod
    def learn(self, series: Sequence[Floats], season: int, horizon: int, run: Run) -> Learnt:
        """What is to be known of `series`, each [L] from its first observation to its origin, NaN where not observed.

        Args:
            series: what the pooled regression leaves of each item.
            season: steps of the seasonal period.
            horizon: H.
            run: processes and seed.

        Raises ForetellError where they are too short.
        """

    @abstractmethod
    def learnt_of(self, state: State, horizon: int) -> Learnt:
        """What `Learnt.state` kept; raises ForetellError or KeyError for anything else."""


def _trimmed(history: Floats) -> Floats:
    seen = ~np.isnan(history)
    return history[int(seen.argmax()) :] if seen.any() else history[:0]
