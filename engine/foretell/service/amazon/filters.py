"""Filters of list calls: IS and IS_NOT on a few keys of each, joined by and."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foretell.service.amazon.errors import invalid_input

# The keys by which each call filters, and what of a resource each compares.
KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "ListDatasetImportJobs": {"DatasetArn": "parent", "Status": "status"},
    "ListExplainabilities": {"ResourceArn": "parent", "Status": "status"},
    "ListExplainabilityExports": {
        "ResourceArn": "grandparent",
        "ExplainabilityArn": "parent",
        "Status": "status",
    },
    "ListForecastExportJobs": {"ForecastArn": "parent", "Status": "status"},
    "ListForecasts": {"DatasetGroupArn": "group", "PredictorArn": "parent", "Status": "status"},
    "ListMonitorEvaluations": {"EvaluationState": "state"},
    "ListMonitors": {"Status": "status"},
    "ListPredictorBacktestExportJobs": {"PredictorArn": "parent", "Status": "status"},
    "ListPredictors": {"DatasetGroupArn": "group", "Status": "status"},
    "ListWhatIfAnalyses": {"ForecastArn": "parent", "WhatIfAnalysisArn": "arn", "Status": "status"},
    "ListWhatIfForecastExports": {
        "WhatIfForecastExportArn": "arn",
        "WhatIfForecastArns": "parent",
        "Status": "status",
    },
    "ListWhatIfForecasts": {"WhatIfAnalysisArn": "parent", "WhatIfForecastArn": "arn", "Status": "status"},
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: `what` of a resource is, or is not, `value`."""

    what: str
    value: str
    wanted: bool


def parsed_filters(call: str, given: Sequence[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """Raises InvalidInputException for a key that the call does not filter by."""
    keys = KEYS.get(call, {})
    for each in given:
        if each["Key"] not in keys:
            raise invalid_input(
                f"The filter key {each['Key']} is not valid. Valid keys are: {', '.join(keys)}."
            )
    return tuple(Filter(keys[each["Key"]], each["Value"], each["Condition"] == "IS") for each in given)
