"""Monitors: accuracy of a predictor's forecasts as new data are imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import Maker, create
from foretell.service.amazon.errors import already_exists, invalid_input
from foretell.service.amazon.filters import parsed_filters
from foretell.service.amazon.paging import page_of
from foretell.service.amazon.schemas import TARGET
from foretell.service.amazon.store import ACTIVE, Resource

STOPPED: Final = "ACTIVE_STOPPED"


def create_monitor(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateMonitor."""
    predictor = context.active(request["ResourceArn"], "predictor")
    return {"MonitorArn": watch(context, predictor, request)}


def watch(
    context: Context, predictor: Resource, request: Mapping[str, Any], *, made_by: Maker | None = None
) -> str:
    """The ARN of a new monitor; raises InvalidInput for a legacy predictor, ResourceAlreadyExists for a second one."""
    if not predictor.request["Automatic"]:
        raise invalid_input("Only predictors that CreateAutoPredictor made can be monitored.")
    for child in context.database.children(predictor.arn):
        if child.kind == "monitor":
            raise already_exists(child.arn)
    made = create(
        context,
        "monitor",
        request["MonitorName"],
        request,
        parent=predictor,
        group=predictor.dataset_group,
        made_by=made_by,
    )
    return made.arn


def monitors_of(context: Context, dataset: Resource) -> list[dict[str, Any]]:
    """The monitors that an import into a target watches forecasts for, as its job is told of them."""
    if dataset.request["DatasetType"] != TARGET:
        return []
    groups = context.database.of_kind("dataset-group", context.place.region)
    mine = {group.arn for group in groups if dataset.arn in group.request["DatasetArns"]}
    found = []
    for monitor in context.database.of_kind("monitor", context.place.region):
        predictor = context.database.get(str(monitor.parent)) if monitor.dataset_group in mine else None
        if predictor is None or predictor.status != ACTIVE or monitor.status != ACTIVE:
            continue
        forecasts = [
            {"arn": child.arn, "folder": child.folder}
            for child in context.database.children(predictor.arn)
            if child.kind == "forecast" and child.status == ACTIVE
        ]
        said = {"folder": monitor.folder, "predictor": predictor.folder, "predictor_arn": predictor.arn}
        found.append({**said, "forecasts": forecasts})
    return found


def evaluations_of(context: Context, monitor: Resource) -> list[dict[str, Any]]:
    """What the monitor has found, newest first."""
    found: list[dict[str, Any]] = context.result(monitor).get("evaluations", [])
    return [{**each, "MonitorArn": monitor.arn, "ResourceArn": monitor.parent} for each in found]


def list_evaluations(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListMonitorEvaluations."""
    monitor = context.find(request["MonitorArn"], "monitor")
    filters = parsed_filters("ListMonitorEvaluations", request.get("Filters", []))
    rows = [
        each
        for each in evaluations_of(context, monitor)
        if all((each["EvaluationState"] == f.value) == f.wanted for f in filters)
    ]
    found, token = page_of(context, "ListMonitorEvaluations", request, rows)
    return {"PredictorMonitorEvaluations": found} | ({} if token is None else {"NextToken": token})


def monitor_extras(context: Context, monitor: Resource) -> dict[str, Any]:
    """The last evaluation, and what the predictor scored when it was trained."""
    found: dict[str, Any] = {}
    evaluations = evaluations_of(context, monitor)
    if evaluations:
        found["LastEvaluationTime"] = evaluations[0]["EvaluationTime"]
        found["LastEvaluationState"] = evaluations[0]["EvaluationState"]
    predictor = context.database.get(str(monitor.parent))
    if predictor is not None and predictor.status == ACTIVE:
        windows = context.result(predictor)["evaluations"][0]["TestWindows"]
        scores = windows[0]["Metrics"]
        values = {
            **scores["ErrorMetrics"][0],
            "AverageWeightedQuantileLoss": scores.get("AverageWeightedQuantileLoss"),
        }
        metrics = [{"Name": n, "Value": v} for n, v in values.items() if isinstance(v, float)]
        found["Baseline"] = {"PredictorBaseline": {"BaselineMetrics": metrics}}
    return found


OPERATIONS: Final = {"CreateMonitor": create_monitor, "ListMonitorEvaluations": list_evaluations}
