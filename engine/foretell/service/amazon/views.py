"""Answers made from rows: each member of the service's shape from the request, the row or the job's result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foretell.service.amazon.arns import Kind
from foretell.service.amazon.context import Context
from foretell.service.amazon.model import members
from foretell.service.amazon.store import Resource

Extras = Callable[[Context, Resource], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Named:
    """How the calls about one kind of resource are called."""

    kind: Kind
    noun: str  # Describe..., Delete..., and with Arn and Name the members
    plural: str  # List..., and the member of its answer
    list_call: str
    arn: str
    name: str
    summary: str

    @classmethod
    def of(cls, kind: Kind, noun: str, plural: str, *, list_call: str | None = None) -> Named:
        """The usual names."""
        call = list_call or f"List{plural}"
        return cls(kind, noun, plural, call, f"{noun}Arn", f"{noun}Name", f"{noun}Summary")


NAMED: Final[Mapping[str, Named]] = {
    each.kind: each
    for each in (
        Named.of("dataset-group", "DatasetGroup", "DatasetGroups"),
        Named.of("dataset", "Dataset", "Datasets"),
        Named.of("dataset-import-job", "DatasetImportJob", "DatasetImportJobs"),
        Named.of("predictor", "Predictor", "Predictors"),
        Named.of(
            "predictor-backtest-export-job", "PredictorBacktestExportJob", "PredictorBacktestExportJobs"
        ),
        Named.of("forecast", "Forecast", "Forecasts"),
        Named.of("forecast-export-job", "ForecastExportJob", "ForecastExportJobs"),
        Named.of("explainability", "Explainability", "Explainabilities"),
        Named.of("explainability-export", "ExplainabilityExport", "ExplainabilityExports"),
        Named.of("what-if-analysis", "WhatIfAnalysis", "WhatIfAnalyses"),
        Named.of("what-if-forecast", "WhatIfForecast", "WhatIfForecasts"),
        Named.of("what-if-forecast-export", "WhatIfForecastExport", "WhatIfForecastExports"),
        Named.of("monitor", "Monitor", "Monitors"),
    )
}


def view(
    context: Context, resource: Resource, shape: str, named: Named, *, call: str, extras: Extras | None = None
) -> dict[str, Any]:
    """`resource` as the structure `shape` of the call's answer: members that nothing is known of are left out."""
    known: dict[str, Any] = {
        **resource.request,
        **{"Status": resource.status, "CreationTime": resource.created},
        **{"LastModificationTime": resource.modified, named.arn: resource.arn, named.name: resource.name},
        **({} if resource.message is None else {"Message": resource.message}),
        **({} if extras is None else extras(context, resource)),
    }
    return {name: known[name] for name in members(call, shape) if known.get(name) is not None}
