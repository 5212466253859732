"""The scores of a back-test in the shape and the order that GetAccuracyMetrics has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_OF_MEAN: Final = ("WAPE", "RMSE", "MASE", "MAPE")


@dataclass(frozen=True, slots=True)
class WindowScores:
    """One window of a back-test."""

    start: float  # seconds since 1970 of the first step
    end: float  # of the step after the last
    items: int
    scores: Mapping[str, float]  # by the library's names: wQL[0.1], RMSE, WAPE, MASE, MAPE


def evaluation(
    windows: Sequence[WindowScores], levels: Iterable[float], *, arn: str | None
) -> dict[str, Any]:
    """One EvaluationResult: the plain mean of the windows first, without times, then each window."""
    levels = list(levels)
    mean = {
        name: _mean([window.scores[name] for window in windows if name in window.scores])
        for name in windows[0].scores
    }
    results: list[dict[str, Any]] = [{"EvaluationType": "SUMMARY", "Metrics": metrics(mean, levels)}]
    for window in windows:
        results.append(
            {
                "TestWindowStart": window.start,
                "TestWindowEnd": window.end,
                "ItemCount": window.items,
                "EvaluationType": "COMPUTED",
                "Metrics": metrics(window.scores, levels),
            }
        )
    return ({} if arn is None else {"AlgorithmArn": arn}) | {"TestWindows": results}


def metrics(scores: Mapping[str, float], levels: Sequence[float]) -> dict[str, Any]:
    """One Metrics: the highest quantile first, as the service has it; a score that could not be computed is left out."""
    losses = {level: scores[f"wQL[{level:g}]"] for level in sorted(levels, reverse=True)}
    finite = {level: loss for level, loss in losses.items() if math.isfinite(loss)}
    of_mean = {name: scores[name] for name in _OF_MEAN if math.isfinite(scores.get(name, math.nan))}
    found: dict[str, Any] = {"RMSE": of_mean["RMSE"]} if "RMSE" in of_mean else {}
    found["WeightedQuantileLosses"] = [
        {"Quantile": level, "LossValue": loss} for level, loss in finite.items()
    ]
    found["ErrorMetrics"] = [{"ForecastType": "mean", **of_mean}]
    if finite:
        found["AverageWeightedQuantileLoss"] = sum(finite.values()) / len(finite)
    return found


def best(scores: Mapping[str, Mapping[str, float]], metric: str, levels: Sequence[float]) -> str:
    """The candidate with the least mean of `metric`, an OptimizationMetric."""

    def value(name: str) -> float:
        found = scores[name]
        one = (
            _mean([found[f"wQL[{level:g}]"] for level in levels])
            if metric == "AverageWeightedQuantileLoss"
            else found.get(metric, math.inf)
        )
        return one if math.isfinite(one) else math.inf

    return min(scores, key=value)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
