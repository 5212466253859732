"""One task's results: what was measured, beside the published figures and whether they count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from benchmarks.accuracy.measure import CHECK
from benchmarks.accuracy.naive import agreement, agrees
from benchmarks.accuracy.suites import BenchmarkTask


@dataclass(frozen=True)
class RecipeResults:
    """The rows of one recipe on one task."""

    scores: Mapping[str, float]  # medians over the seeds; none where a seed failed
    seeds: int
    errors: tuple[str, ...]  # one a failed seed


@dataclass(frozen=True)
class TaskResults:
    """One task: what was measured, and which published figures count."""

    task: BenchmarkTask
    recipes: Mapping[str, RecipeResults]
    check: RecipeResults | None  # Seasonal Naive, the published way
    fingerprints: tuple[str, ...]

    @property
    def ratios(self) -> dict[str, float]:
        """By score: Seasonal Naive here / published."""
        return agreement(self.task, dict(self.check.scores)) if self.check else {}

    def counts(self, score: str) -> bool:
        """Whether the published figures of `score` count: it was checked, or, where it cannot be, all that could be."""
        ratios = self.ratios
        return (
            agrees(ratios[score]) if score in ratios else bool(ratios) and all(map(agrees, ratios.values()))
        )

    def relative(self, value: float) -> float:
        """`value`, a wQL, over the one of Seasonal Naive here; NaN where that was not measured."""
        return value / self.check.scores.get("wQL", math.nan) if self.check else math.nan


def task_results(rows: pd.DataFrame, task: BenchmarkTask) -> TaskResults:
    """The results of `task` among `rows`."""
    mine = rows[rows["task"] == task.name]
    recipes = {str(name): _measured(group) for name, group in mine.groupby("recipe")}
    check = recipes.pop(CHECK, None)
    return TaskResults(task, recipes, check, tuple(sorted(set(mine["fingerprint"].dropna()))))


def geometric_mean(values: Iterable[float]) -> float:
    """NaN of no values."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def _measured(group: pd.DataFrame) -> RecipeResults:
    errors = tuple(group["error"].dropna())
    numbers = group.select_dtypes("number").drop(columns="seed").astype(float).dropna(axis=1, how="all")
    medians = {} if errors else numbers.median().to_dict()
    return RecipeResults({str(name): float(value) for name, value in medians.items()}, len(group), errors)
