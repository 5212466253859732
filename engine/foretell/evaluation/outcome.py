"""`Window`, one origin of a backtest, and `Outcome`, one recipe's forecast of it with its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.evaluation.history import observed_steps, seasonal_error
from foretell.evaluation.metrics import Scores, score
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Summary


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One origin of a backtest: the data as they stood there, and the truth that followed."""

    number: int  # 1 is the earliest
    panel: Panel
    actual: Array  # [N, H], NaN where not observed
    seasonal_error: Floats  # [N]
    has_history: NDArray[np.bool_]  # [N] observed at least once before the origin

    @classmethod
    def at(cls, number: int, panel: Panel, actual: Array) -> Window:
        """The window that begins at the origins of `panel`."""
        return cls(number, panel, actual, seasonal_error(panel), observed_steps(panel) > 0)

    @property
    def origin(self) -> Any:
        """The timestamp (an integer for integer time) of the first step to forecast; of the earliest one, where items differ."""
        return self.panel.frequency.timestamps(self.panel.origin.min(keepdims=True))[0]

    @property
    def day(self) -> str:
        """`origin` as text."""
        return self.panel.frequency.spell(int(self.panel.origin.min()))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One recipe's forecast of one window, and its scores."""

    recipe: str
    window: Window
    forecast: Forecast
    scores: Scores  # `pooled` and `steps` of the items with history, `items` of all
    new_items: Scores | None = None  # of the items without history, where there are any
    fit_seconds: float = np.nan
    predict_seconds: float = np.nan
    before: Scores | None = None  # as `scores`, of the quantiles before they were calibrated
    # what the predictor says of its fit, where this window saw one
    summary: Summary = field(default_factory=dict)
    # the pooled scores of each level of a hierarchy, where one was asked for
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        """Recipe, window and origin: the first columns of each table of results."""
        return {"recipe": self.recipe, "window": self.window.number, "origin": self.window.origin}

    @classmethod
    def of(
        cls,
        recipe: str,
        window: Window,
        forecast: Forecast,
        *,
        median: NDArray[Any] | None = None,  # [N, H], what MASE judges where level 0.5 is not there
        seconds: tuple[float, float] = (np.nan, np.nan),  # fitting, predicting
        summary: Summary | None = None,
        groups: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Outcome:
        """`forecast` scored on the truth of `window`; items without history are scored apart."""
        old, new = np.flatnonzero(window.has_history), np.flatnonzero(~window.has_history)
        scores = _score(window, forecast, median, old)
        raw = None if forecast.before is None else replace(forecast, quantiles=forecast.before)
        before = None if raw is None else _score(window, raw, median, old)
        fit_seconds, predict_seconds = seconds
        made = cls(
            recipe,
            window,
            forecast,
            scores,
            None,
            fit_seconds,
            predict_seconds,
            before,
            summary or {},
            groups or {},
        )
        if len(new) == 0:
            return made
        apart = _score(window, forecast, median, new)
        items = {name: np.empty(len(forecast)) for name in scores.items}
        for name, column in items.items():
            column[old], column[new] = scores.items[name], apart.items[name]
        return replace(made, scores=Scores(scores.pooled, items, scores.steps), new_items=apart)


def _score(
    window: Window, forecast: Forecast, median: NDArray[Any] | None, items: NDArray[np.int64]
) -> Scores:
    return score(
        window.actual,
        forecast.mean,
        forecast.quantiles,
        forecast.levels,
        window.seasonal_error,
        median=median,
        items=items if len(items) < len(forecast) else None,
    )
