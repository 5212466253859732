"""What a training scored on the windows that it held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from foretell.evaluation.metrics import score
from foretell.models.fitted_model import FittedModel
from foretell.recipe.protocols import HeldOut, validated_by


def validation_scores(model: FittedModel) -> Mapping[str, float]:
    """Scores by the names of the leaderboard's columns; none where the training held out no window.

    Of forecasts that were held out (of `auto`, and to calibrate) wQL, coverage and intervals at the model's levels, averaged over the
    windows; of a network the wQL by which its training chose the best weights.
    """
    if model.held is not None:
        return _of_forecasts(model.held, (*model.task.levels, 0.5))
    wql = validated_by(model.predictor)
    return {} if wql is None else {"wQL": wql}


def _of_forecasts(held: HeldOut, levels: tuple[float, ...]) -> dict[str, float]:
    wanted = tuple(level for level in held.levels if round(level, 6) in {round(each, 6) for each in levels})
    quantiles = held.quantiles[..., [held.levels.index(level) for level in wanted]]
    median = quantiles[..., [round(level, 6) for level in wanted].index(0.5)]
    unscaled = np.full(held.actual.shape[1], np.nan)
    windows = [
        score(actual, middle, each, wanted, unscaled).pooled
        for actual, middle, each in zip(held.actual, median, quantiles, strict=True)
    ]
    names = [name for name in windows[0] if name.startswith(("wQL", "coverage", "interval"))]
    return {name: _mean([window[name] for window in windows]) for name in names}


def _mean(values: list[float]) -> float:
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
