"""CreateForecast and its export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foretell.service.amazon.algorithms import levels_of
from foretell.service.amazon.content import content_of
from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import check_free, create
from foretell.service.amazon.forecast_types import DEFAULT_TYPES, checked_types
from foretell.service.amazon.selection import selection_of
from foretell.service.amazon.store import RUNNING, Resource


def create_forecast(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateForecast: of the newest data of the dataset group."""
    check_free(context, "forecast", request["ForecastName"])
    predictor = context.active(request["PredictorArn"], "predictor")
    types = checked_types(context, request.get("ForecastTypes") or types_of(predictor))
    group = context.find(str(predictor.dataset_group), "dataset-group")
    parameters = {
        "content": content_of(context, group).to_json(),
        "predictor": predictor.folder,
        "levels": list(levels_of(types)),
        "types": list(types),
        "selection": selection_of(context, request.get("TimeSeriesSelector")),
    }
    kept = {**request, "ForecastTypes": list(types)}
    job = ("amazon-forecast", parameters)
    made = create(
        context, "forecast", request["ForecastName"], kept, parent=predictor, group=group.arn, job=job
    )
    return {"ForecastArn": made.arn}


def types_of(predictor: Resource) -> list[str]:
    """The forecast types that a predictor was made with."""
    return list(predictor.request.get("ForecastTypes", DEFAULT_TYPES))


def create_export(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateForecastExportJob."""
    forecast = context.active(request["ForecastArn"], "forecast")
    name = request["ForecastExportJobName"]
    parameters = {
        "url": context.check_path(request["Destination"]),
        "name": name,
        "format": request.get("Format", "CSV"),
        "forecast": forecast.folder,
    }
    made = create(
        context,
        "forecast-export-job",
        name,
        request,
        parent=forecast,
        group=forecast.dataset_group,
        job=("amazon-forecast-export", parameters),
    )
    return {"ForecastExportJobArn": made.arn}


def forecast_extras(_: Context, forecast: Resource) -> dict[str, Any]:
    """What Describe says beside the request."""
    found: dict[str, Any] = {"DatasetGroupArn": forecast.dataset_group}
    return found | ({"EstimatedTimeRemainingInMinutes": 1} if forecast.status in RUNNING else {})


def forecast_summary_extras(context: Context, forecast: Resource) -> dict[str, Any]:
    """What a list says of a forecast."""
    predictor = context.database.known(str(forecast.parent))
    automatic = predictor is not None and predictor.request["Automatic"]
    return {"DatasetGroupArn": forecast.dataset_group, "CreatedUsingAutoPredictor": automatic}


OPERATIONS: Final = {"CreateForecast": create_forecast, "CreateForecastExportJob": create_export}
