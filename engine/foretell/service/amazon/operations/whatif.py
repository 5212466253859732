"""What-if analyses, their forecasts and the export of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foretell.service.amazon.content import Content, content_of
from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import create
from foretell.service.amazon.errors import invalid_input
from foretell.service.amazon.imports import DEFAULT_FORMAT, TIMESTAMP_FORMATS
from foretell.service.amazon.schemas import RELATED, parsed_condition_value
from foretell.service.amazon.selection import selection_of
from foretell.service.amazon.store import RUNNING, Resource


def create_analysis(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateWhatIfAnalysis: what its forecasts have in common."""
    forecast = context.active(request["ForecastArn"], "forecast")
    predictor = context.database.get(str(forecast.parent))
    if predictor is None or not predictor.request["Automatic"]:
        raise invalid_input(
            "A what-if analysis needs a forecast of a predictor that CreateAutoPredictor made."
        )
    group = context.find(str(forecast.dataset_group), "dataset-group")
    if RELATED not in content_of(context, group).tables:
        raise invalid_input("A what-if analysis changes a related time series: the dataset group has none.")
    parameters = {
        "forecast": forecast.folder,
        "selection": selection_of(context, request.get("TimeSeriesSelector")),
    }
    made = create(
        context,
        "what-if-analysis",
        request["WhatIfAnalysisName"],
        request,
        parent=forecast,
        group=forecast.dataset_group,
        job=("amazon-whatif-analysis", parameters),
    )
    return {"WhatIfAnalysisArn": made.arn}


def create_forecast(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateWhatIfForecast: the forecast under changed or replaced related values."""
    analysis = context.active(request["WhatIfAnalysisArn"], "what-if-analysis")
    changes, replaced = (
        request.get("TimeSeriesTransformations"),
        request.get("TimeSeriesReplacementsDataSource"),
    )
    if bool(changes) == (replaced is not None):
        raise invalid_input("Give either TimeSeriesTransformations or a TimeSeriesReplacementsDataSource.")
    forecast = context.find(str(analysis.parent), "forecast")
    predictor = context.find(str(forecast.parent), "predictor")
    content = content_of(context, context.find(str(forecast.dataset_group), "dataset-group"))
    if RELATED not in content.tables:
        raise invalid_input("The dataset group has no related time series any more.")
    _check_transformations(content, changes or ())
    parameters = {
        "forecast": forecast.folder,
        "predictor": predictor.folder,
        "analysis": analysis.folder,
        "transformations": changes or [],
        "replacements": None if replaced is None else _replacements(context, content, replaced),
    }
    kept = {**request, "ForecastTypes": forecast.request["ForecastTypes"]}
    made = create(
        context,
        "what-if-forecast",
        request["WhatIfForecastName"],
        kept,
        parent=analysis,
        group=forecast.dataset_group,
        job=("amazon-whatif-forecast", parameters),
    )
    return {"WhatIfForecastArn": made.arn}


def _check_transformations(content: Content, changes: Sequence[Mapping[str, Any]]) -> None:
    columns = content.tables[RELATED].columns
    for each in changes:
        action = each.get("Action")
        if action is None:
            raise invalid_input("Each transformation must have an Action.")
        if action["AttributeName"] not in columns.numbers:
            raise invalid_input(f"{action['AttributeName']} is no number of the related time series.")
        if action["Operation"] == "DIVIDE" and action["Value"] == 0:
            raise invalid_input("A transformation may not divide by 0.")
        for condition in each.get("TimeSeriesConditions", []):
            name = condition["AttributeName"]
            if name not in columns.types:
                raise invalid_input(f"{name} is no attribute of the related time series.")
            parsed_condition_value(columns.types[name], condition)


def _replacements(context: Context, content: Content, source: Mapping[str, Any]) -> dict[str, Any]:
    columns = content.tables[RELATED].columns
    attributes = source["Schema"].get("Attributes", [])
    types = {each.get("AttributeName"): each.get("AttributeType") for each in attributes}
    for name in (columns.domain.item, "timestamp"):
        if name not in types:
            raise invalid_input(f"The schema of replacements must have {name}.")
    for name, kind in types.items():
        if columns.types.get(name) != kind:
            raise invalid_input(f"{name} of type {kind} is no attribute of the related time series.")
    stamp = source.get("TimestampFormat", DEFAULT_FORMAT)
    if stamp not in TIMESTAMP_FORMATS:
        raise invalid_input(
            f"TimestampFormat {stamp} is not valid. Valid formats are: {', '.join(TIMESTAMP_FORMATS)}."
        )
    return {
        "url": context.check_path(source),
        "schema": source["Schema"],
        "format": source.get("Format", "CSV"),
        "timestamp_format": stamp,
    }


def create_export(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateWhatIfForecastExport: several forecasts of one analysis side by side."""
    forecasts = [context.active(arn, "what-if-forecast") for arn in request["WhatIfForecastArns"]]
    if len({each.parent for each in forecasts}) > 1:
        raise invalid_input("WhatIfForecastArns must all belong to one what-if analysis.")
    parameters = {
        "url": context.check_path(request["Destination"]),
        "name": request["WhatIfForecastExportName"],
        "format": request.get("Format", "CSV"),
        "forecasts": {each.name: each.folder for each in forecasts},
    }
    made = create(
        context,
        "what-if-forecast-export",
        request["WhatIfForecastExportName"],
        request,
        parent=forecasts[0],
        group=forecasts[0].dataset_group,
        job=("amazon-whatif-export", parameters),
    )
    return {"WhatIfForecastExportArn": made.arn}


def running_extras(_: Context, resource: Resource) -> dict[str, Any]:
    """How long it will still take."""
    return {"EstimatedTimeRemainingInMinutes": 1} if resource.status in RUNNING else {}


OPERATIONS: Final = {
    "CreateWhatIfAnalysis": create_analysis,
    "CreateWhatIfForecast": create_forecast,
    "CreateWhatIfForecastExport": create_export,
}
