"""QueryForecast and QueryWhatIfForecast: one series of a forecast, some of its dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pyarrow.parquet as pq

from foretell.service.amazon.context import FORECAST_FILE, Context
from foretell.service.amazon.errors import AmazonError, invalid_input
from foretell.service.amazon.exports import asked_columns
from foretell.service.amazon.imports import text_of_time
from foretell.service.amazon.store import Resource

_DATES: Final = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d")


def query_forecast(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """QueryForecast."""
    return _answer(context, context.active(request["ForecastArn"], "forecast"), request)


def query_whatif(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """QueryWhatIfForecast."""
    return _answer(context, context.active(request["WhatIfForecastArn"], "what-if-forecast"), request)


def _answer(context: Context, forecast: Resource, request: Mapping[str, Any]) -> dict[str, Any]:
    if "NextToken" in request:  # one series fits into one answer, so none was ever given
        raise AmazonError("InvalidNextTokenException", "The token is not valid for this operation.")
    result = context.result(forecast)
    key = [result["item"], *result["dimensions"]]
    _check_filters(request["Filters"], key)
    path = context.installation.folder / forecast.folder / FORECAST_FILE
    columns = asked_columns(result["types"], mean_is_median=result["mean_is_median"])
    filters = [(_column(name, result["item"]), "==", request["Filters"][name]) for name in key]
    rows = pq.read_table(path, columns=["timestamp", *dict.fromkeys(columns.values())], filters=filters)
    if rows.num_rows == 0:
        asked = ", ".join(f"{name}={request['Filters'][name]}" for name in key)
        raise AmazonError("ResourceNotFoundException", f"The forecast has no time series with {asked}.")
    stamps = rows["timestamp"].to_pylist()
    first, last = _span(request, stamps)
    places = [k for k, at in enumerate(stamps) if first <= at <= last]
    values = {name: rows[column].to_pylist() for name, column in columns.items()}
    predictions = {
        name: [{"Timestamp": text_of_time(stamps[k]), "Value": values[name][k]} for k in places]
        for name in columns
    }
    return {"Forecast": {"Predictions": predictions}}


def _column(name: str, item: str) -> str:
    return "item_id" if name == item else name


def _check_filters(filters: Mapping[str, str], key: list[str]) -> None:
    for name in filters:
        if name not in key:
            raise invalid_input(f"The filter {name} is not valid. Valid filters are: {', '.join(key)}.")
    for name in key:
        if name not in filters:
            raise invalid_input(f"Filters must name {name}.")


def _span(request: Mapping[str, Any], stamps: list[datetime]) -> tuple[datetime, datetime]:
    """The first and the last time asked for; raises InvalidInput for what the forecast does not cover."""
    asked = [_parsed(name, request.get(name)) for name in ("StartDate", "EndDate")]
    first, last = asked[0] or stamps[0], asked[1] or stamps[-1]
    if None not in asked and first > last:
        raise invalid_input("StartDate must not be after EndDate.")
    if first > stamps[-1] or last < stamps[0]:
        covered = f"{text_of_time(stamps[0])} to {text_of_time(stamps[-1])}"
        raise invalid_input(f"StartDate and EndDate must lie within the forecast, {covered}.")
    return first, last


def _parsed(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    for spelling in _DATES:
        try:
            return datetime.strptime(text, spelling)  # the service's times have no zone
        except ValueError:
            continue
    raise invalid_input(f"{name} is not valid: {text[:40]}. Its format is yyyy-MM-dd'T'HH:mm:ss.")


OPERATIONS: Final = {"QueryForecast": query_forecast, "QueryWhatIfForecast": query_whatif}
