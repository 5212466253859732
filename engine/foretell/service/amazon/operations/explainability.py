"""CreateExplainability of predictors and forecasts, and its export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import Maker, create
from foretell.service.amazon.errors import invalid_input
from foretell.service.amazon.selection import selection_of
from foretell.service.amazon.store import RUNNING, Resource

_ALL: Final = {"TimeSeriesGranularity": "ALL", "TimePointGranularity": "ALL"}


def create_explainability(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateExplainability."""
    subject = context.active(request["ResourceArn"], "predictor", "forecast")
    config = request["ExplainabilityConfig"]
    predictor = subject if subject.kind == "predictor" else context.find(str(subject.parent), "predictor")
    if not predictor.request["Automatic"]:
        raise invalid_input(
            "Only predictors that CreateAutoPredictor made, and their forecasts, can be explained."
        )
    _check_config(request, config, subject)
    parameters = {
        "predictor": predictor.folder,
        "forecast": subject.folder if subject.kind == "forecast" else None,
        "selection": _series(context, request),
        "first": request.get("StartDateTime"),
        "last": request.get("EndDateTime"),
    }
    made = create(
        context,
        "explainability",
        request["ExplainabilityName"],
        request,
        parent=subject,
        group=subject.dataset_group,
        job=("amazon-explainability", parameters),
    )
    return {"ExplainabilityArn": made.arn}


def explain_predictor(context: Context, predictor: Resource, folder: str) -> None:
    """What ExplainPredictor asks for: the predictor's own job makes it, in `folder`."""
    create(
        context,
        "explainability",
        predictor.name,
        {"ResourceArn": predictor.arn, "ExplainabilityConfig": _ALL, "EnableVisualization": True},
        parent=predictor,
        group=predictor.dataset_group,
        made_by=Maker(predictor.arn, folder, predictor.job),
    )


def _check_config(request: Mapping[str, Any], config: Mapping[str, str], subject: Resource) -> None:
    specific = config["TimeSeriesGranularity"] == "SPECIFIC"
    if specific != ("DataSource" in request and "Schema" in request):
        raise invalid_input("DataSource and Schema go with TimeSeriesGranularity SPECIFIC, and only with it.")
    points = config["TimePointGranularity"] == "SPECIFIC"
    if points != ("StartDateTime" in request and "EndDateTime" in request):
        raise invalid_input(
            "StartDateTime and EndDateTime go with TimePointGranularity SPECIFIC, and only with it."
        )
    if subject.kind == "predictor" and (specific or points):
        raise invalid_input("A predictor is explained over ALL time series and ALL time points.")
    if points:
        first, last = (_parsed(request[name]) for name in ("StartDateTime", "EndDateTime"))
        if first > last:
            raise invalid_input("StartDateTime must not be after EndDateTime.")


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid_input(f"{text} is no date and time.") from error


def _series(context: Context, request: Mapping[str, Any]) -> dict[str, Any] | None:
    if "DataSource" not in request:
        return None
    identifiers = {name: request[name] for name in ("DataSource", "Schema")}
    return selection_of(context, {"TimeSeriesIdentifiers": identifiers})


def create_export(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateExplainabilityExport."""
    explained = context.active(request["ExplainabilityArn"], "explainability")
    name = request["ExplainabilityExportName"]
    parameters = {
        "url": context.check_path(request["Destination"]),
        "name": name,
        "format": request.get("Format", "CSV"),
        "explainability": explained.folder,
    }
    made = create(
        context,
        "explainability-export",
        name,
        request,
        parent=explained,
        group=explained.dataset_group,
        job=("amazon-explainability-export", parameters),
    )
    return {"ExplainabilityExportArn": made.arn}


def explainability_extras(_: Context, explained: Resource) -> dict[str, Any]:
    """What Describe says beside the request."""
    found: dict[str, Any] = {"EnableVisualization": explained.request.get("EnableVisualization", False)}
    return found | ({"EstimatedTimeRemainingInMinutes": 1} if explained.status in RUNNING else {})


OPERATIONS: Final = {
    "CreateExplainability": create_explainability,
    "CreateExplainabilityExport": create_export,
}
