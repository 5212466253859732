"""The jobs of CreatePredictor and CreateAutoPredictor: back-tests, the best recipe, the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from foretell.evaluation.outcome import Outcome
from foretell.ingest.dataset import Dataset
from foretell.recipe.registry import make_recipe
from foretell.reporting.report import Report
from foretell.service.amazon.algorithms import ALGORITHMS
from foretell.service.amazon.metrics import WindowScores, best, evaluation
from foretell.service.amazon.schemas import TARGET
from foretell.service.amazon.work.impacts import explain
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import READING, dataset_of, write_tables
from foretell.workflows.backtest import backtest
from foretell.workflows.train import train
from foretell.workflows.tune import tune

MODEL: Final = "model"
BACKTEST: Final = "backtest"
TABLES: Final = "tables"
_AUTO: Final = "auto"  # what stands for the ARN of an AutoPredictor's algorithm
_TRIALS: Final = 10  # of a search with PerformHPO


def run_predictor(place: Workplace) -> None:
    """The report, the model, and what Describe and GetAccuracyMetrics say of them."""
    asked = place.parameters
    tables = write_tables(place, asked["content"], asked["dimensions"], place.folder / TABLES)
    data = dataset_of(tables, asked)
    recipes = _recipes(place, data)
    report = backtest(
        data,
        horizon=asked["horizon"],
        recipes=recipes,
        levels=_levels(asked),
        out=place.folder / BACKTEST,
        overwrite=True,
        resume=(place.folder / BACKTEST).exists(),
        **_windows(asked, data),
    )
    found = {arn: _scores(report, arn, asked["horizon"]) for arn in recipes}
    means = {arn: _mean(scores) for arn, scores in found.items()}
    winner = best(means, asked["metric"], _levels(asked))
    model = train(
        data,
        recipe=recipes[winner],
        horizon=asked["horizon"],
        levels=_levels(asked),
        out=place.folder / "training",
    )
    model.save(place.folder / MODEL, overwrite=True)
    evaluations = [
        evaluation(each, _levels(asked), arn=None if arn == _AUTO else arn) for arn, each in found.items()
    ]
    said = {
        "algorithm": winner,
        "evaluations": evaluations,
        "spans": {arn: [_span(each) for each in scores] for arn, scores in found.items()},
        "mean_is_median": winner != _AUTO and ALGORITHMS[winner].mean_is_median,
        "item": tables.columns[TARGET].domain.item,
        "target": tables.columns[TARGET].domain.target,
        "dimensions": asked["dimensions"],
        "reading": {name: asked[name] for name in READING},
    }
    if asked["explain"] is not None:
        explain(place.beside(asked["explain"]), model, data, said)
    place.finish(**said)


def _levels(asked: Mapping[str, Any]) -> list[float]:
    """Where only the mean is asked for, the median is what is scored."""
    return asked["levels"] or [0.5]


def _recipes(place: Workplace, data: Dataset) -> dict[str, Any]:
    """Each recipe by the ARN of its algorithm, tuned where that is asked."""
    asked = place.parameters
    found = {}
    for arn, (name, settings) in asked["algorithms"].items():
        if arn == _AUTO:
            settings = {**settings, "time_limit": place.auto_time_limit}
        if asked["tune"]:
            tuned = tune(
                data,
                recipe=name,
                settings=settings,
                horizon=asked["horizon"],
                levels=_levels(asked),
                trials=_TRIALS,
            )
            found[arn] = tuned.recipe
        else:
            found[arn] = make_recipe(name, settings)
    return found


def _windows(asked: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
    """The windows of a back-test: the last begins `offset` steps before the end, each a horizon after the one before."""
    count, offset, horizon = asked["windows"]["count"], asked["windows"]["offset"], asked["horizon"]
    if offset == horizon:
        return {"windows": count}
    panel = data.panel
    end = int((panel.start + panel.lengths).max())
    origins = [end - offset - k * horizon for k in range(count)]
    return {"cutoffs": [panel.frequency.spell(origin) for origin in reversed(origins)]}


def _scores(report: Report, recipe: str, horizon: int) -> list[WindowScores]:
    outcomes = [each for each in report.outcomes if each.recipe == recipe]
    return [_of_window(_judged(each), horizon) for each in outcomes]


def _judged(outcome: Outcome) -> Outcome:
    """CNN-QR has no mean of its own: its median stands for it."""
    if outcome.recipe == _AUTO or not ALGORITHMS[outcome.recipe].mean_is_median:
        return outcome
    forecast = replace(outcome.forecast, mean=outcome.forecast.at([0.5])[..., 0])
    return Outcome.of(outcome.recipe, outcome.window, forecast)


def _of_window(outcome: Outcome, horizon: int) -> WindowScores:
    panel = outcome.window.panel
    origin = int(panel.origin.min())
    stamps = panel.frequency.timestamps(np.array([origin, origin + horizon]))
    start, end = (pd.Timestamp(at).timestamp() for at in stamps)
    return WindowScores(start, end, int(outcome.window.has_history.sum()), outcome.scores.pooled)


def _mean(windows: Sequence[WindowScores]) -> dict[str, float]:
    return {name: sum(w.scores[name] for w in windows) / len(windows) for name in windows[0].scores}


def _span(window: WindowScores) -> dict[str, Any]:
    return {"TestWindowStart": window.start, "TestWindowEnd": window.end, "Status": "ACTIVE"}
