"""TimeSeriesSelector: the list of series, in S3, that a forecast or an analysis is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import invalid_input


def selection_of(context: Context, selector: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Where the selected series are listed; None for all of them."""
    if selector is None:
        return None
    series = selector.get("TimeSeriesIdentifiers", {})
    if "DataSource" not in series or "Schema" not in series:
        raise invalid_input("TimeSeriesIdentifiers must have a DataSource and a Schema.")
    for each in series["Schema"].get("Attributes", []):
        if each.get("AttributeType") != "string":
            raise invalid_input("The attributes that identify time series are of type string.")
    return {
        "url": context.check_path(series["DataSource"]),
        "names": [each.get("AttributeName") for each in series["Schema"].get("Attributes", [])],
        "format": series.get("Format", "CSV"),
    }
