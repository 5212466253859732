"""What an import of new target rows tells of the forecasts that a monitor watches."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.service.amazon.context import FORECAST_FILE, RESULT
from foretell.service.amazon.schemas import TARGET, columns_of
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import GroupTables, dataset_of, join_imports
from foretell.system.atomic_files import write_text
from foretell.workflows.evaluate import evaluate

MOST_KEPT: Final = 1000  # evaluations of a monitor
_SCORES: Final = ("WAPE", "RMSE", "MASE", "MAPE")


def evaluate_monitors(place: Workplace) -> None:
    """Score the forecasts that the newest rows reach into, and note the scores with each monitor."""
    for monitor in place.parameters["monitors"]:
        trained = place.result(monitor["predictor"])
        data = _actuals(place, monitor, trained)
        found = [each for forecast in monitor["forecasts"] for each in _evaluations(place, forecast, data)]
        for each in found:
            each["MonitorDataSource"]["PredictorArn"] = monitor["predictor_arn"]
        _note(place.of(monitor["folder"]), found)


def _actuals(place: Workplace, monitor: Mapping[str, Any], trained: Mapping[str, Any]) -> Dataset:
    """The target alone, with the rows of this import."""
    asked = place.parameters
    columns = columns_of(asked["domain"], asked["type"], asked["schema"])
    file = place.folder / f"{monitor['folder']}.parquet"
    join_imports(place, [*asked["before"], asked["folder"]], columns, trained["dimensions"], file)
    target = {n: t for n, t in trained["reading"]["transformations"].items() if n == columns.domain.target}
    reading = {**trained["reading"], "transformations": target, "holidays": []}
    return dataset_of(GroupTables(file, None, None, {TARGET: columns}), reading)


def _evaluations(place: Workplace, forecast: Mapping[str, Any], data: Dataset) -> Iterator[dict[str, Any]]:
    frame = pd.read_parquet(place.of(forecast["folder"]) / FORECAST_FILE)
    panel = data.panel
    end = pd.Timestamp(panel.frequency.timestamps((panel.start + panel.lengths - 1).max(keepdims=True))[0])
    reached = frame[frame["timestamp"] <= end]
    if reached.empty:
        return
    said: dict[str, Any] = {
        "EvaluationTime": time.time(),
        "WindowStartDatetime": reached["timestamp"].min().timestamp(),
        "WindowEndDatetime": reached["timestamp"].max().timestamp(),
        "MonitorDataSource": {"DatasetImportJobArn": place.parameters["arn"], "ForecastArn": forecast["arn"]},
        "NumItemsEvaluated": int(reached["item_id"].nunique()),
    }
    try:
        report = evaluate(reached, data)
    except ForetellError as error:
        yield {**said, "EvaluationState": "FAILURE", "Message": str(error)}
        return
    scores = report.leaderboard.iloc[0]
    metrics = {"AverageWeightedQuantileLoss": float(scores["wQL"]), **{n: float(scores[n]) for n in _SCORES}}
    results = [{"MetricName": n, "MetricValue": v} for n, v in metrics.items() if math.isfinite(v)]
    yield {**said, "EvaluationState": "SUCCESS", "MetricResults": results}


def _note(folder: Path, found: list[dict[str, Any]]) -> None:
    """Add evaluations to those of a monitor, the newest first."""
    if not found:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESULT
    there = json.loads(path.read_bytes())["evaluations"] if path.exists() else []
    imports = {each["MonitorDataSource"]["DatasetImportJobArn"] for each in found}
    # An import that is done again after its process was killed replaces what it had noted.
    kept = [each for each in there if each["MonitorDataSource"]["DatasetImportJobArn"] not in imports]
    write_text(path, json.dumps({"evaluations": [*reversed(found), *kept][:MOST_KEPT]}))
