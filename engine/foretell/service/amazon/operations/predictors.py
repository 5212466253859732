"""CreatePredictor, CreateAutoPredictor, GetAccuracyMetrics, and the export of back-tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foretell.service.amazon.algorithms import (
    AUTO_ML,
    TARGET_DEFAULTS,
    Algorithm,
    algorithm_of,
    echoed,
    levels_of,
    recipe_settings,
    transformed,
)
from foretell.service.amazon.content import Content, content_of
from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import Maker, check_free, create
from foretell.service.amazon.errors import invalid_input
from foretell.service.amazon.forecast_types import DEFAULT_TYPES, checked_types
from foretell.service.amazon.operations.explainability import explain_predictor
from foretell.service.amazon.operations.monitors import watch
from foretell.service.amazon.schemas import DOMAINS, check_boundary, check_not_finer, parsed_frequency
from foretell.service.amazon.store import RUNNING, Resource, new_folder

_HOLIDAYS: Final = "holiday"
_WEATHER: Final = (
    "The weather index is data of Amazon's own that foretell does not have. Bring your own weather as columns of a"
    " RELATED_TIME_SERIES dataset, with their forecasts through the horizon."
)
MOST_WINDOWS: Final = 5


def create_predictor(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreatePredictor: one algorithm, or PerformAutoML over six."""
    check_free(context, "predictor", request["PredictorName"])
    group = context.find(request["InputDataConfig"]["DatasetGroupArn"], "dataset-group")
    horizon = _horizon(context, request["ForecastHorizon"])
    chosen = _algorithms(request)
    featurization = request["FeaturizationConfig"]
    content = content_of(context, group)
    fillings = _featurized(content, featurization.get("Featurizations", []))
    parameters = {
        "content": content.to_json(),
        "frequency": featurization["ForecastFrequency"],
        "dimensions": _dimensions(content, featurization.get("ForecastDimensions")),
        "boundary": {},
        "transformations": fillings,
        "horizon": horizon,
        "levels": _levels(context, request.get("ForecastTypes")),
        "holidays": _supplementary(request["InputDataConfig"].get("SupplementaryFeatures", [])),
        "windows": _windows(request.get("EvaluationParameters", {}), horizon),
        "metric": request.get("OptimizationMetric", "AverageWeightedQuantileLoss"),
        "algorithms": {
            each.arn: [each.recipe, recipe_settings(each, request.get("TrainingParameters", {}))]
            for each in chosen
        },
        "tune": request.get("PerformHPO", False),
        "explain": None,
    }
    _check_frequency(content, featurization["ForecastFrequency"], {})
    job = ("amazon-predictor", parameters)
    kept = {**request, "DatasetImportJobArns": content.imports, "Automatic": False}
    made = create(
        context, "predictor", request["PredictorName"], kept, parent=group, group=group.arn, job=job
    )
    return {"PredictorArn": made.arn}


def _algorithms(request: Mapping[str, Any]) -> Sequence[Algorithm]:
    """Those to train; raises InvalidInput for what excludes each other."""
    automatic, arn = request.get("PerformAutoML", False), request.get("AlgorithmArn")
    if automatic == (arn is not None):
        raise invalid_input("Give either an AlgorithmArn or PerformAutoML true, and not both.")
    tuned = request.get("PerformHPO", False)
    if automatic and (tuned or request.get("TrainingParameters") or request.get("HPOConfig")):
        raise invalid_input("PerformAutoML excludes PerformHPO, HPOConfig and TrainingParameters.")
    if request.get("AutoMLOverrideStrategy") is not None and not automatic:
        raise invalid_input("AutoMLOverrideStrategy is only valid with PerformAutoML true.")
    if arn is None:
        return AUTO_ML
    algorithm = algorithm_of(arn)
    if tuned and not algorithm.tunable:
        raise invalid_input(f"{algorithm.name} has no hyperparameters to tune: leave PerformHPO out.")
    if request.get("HPOConfig") is not None:
        _check_ranges(algorithm, request["HPOConfig"], tuned=tuned)
    return (algorithm,)


def _check_ranges(algorithm: Algorithm, config: Mapping[str, Any], *, tuned: bool) -> None:
    if not tuned:
        raise invalid_input("HPOConfig is only valid with PerformHPO true.")
    ranges = config.get("ParameterRanges", {})
    for each in (one for kind in ranges.values() for one in kind):
        if each["Name"] not in algorithm.hyperparameters:
            raise invalid_input(f"{algorithm.name} has no hyperparameter {each['Name']}.")
        if "MinValue" in each and each["MinValue"] > each["MaxValue"]:
            raise invalid_input(f"The range of {each['Name']} has its MinValue above its MaxValue.")


def create_auto_predictor(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAutoPredictor: a new one, one retrained, or a legacy one upgraded."""
    check_free(context, "predictor", request["PredictorName"])
    reference = _reference(context, request)
    asked = dict(request) if reference is None else _inherited(context, reference, request)
    if "DataConfig" not in asked:
        raise invalid_input("DataConfig is required to create a new predictor.")
    if "ForecastHorizon" not in asked or "ForecastFrequency" not in asked:
        missing = "ForecastHorizon" if "ForecastHorizon" not in asked else "ForecastFrequency"
        raise invalid_input(f"{missing} is required to create a new predictor.")
    config = asked["DataConfig"]
    group = context.find(config["DatasetGroupArn"], "dataset-group")
    content = content_of(context, group)
    horizon, boundary = _horizon(context, asked["ForecastHorizon"]), asked.get("TimeAlignmentBoundary", {})
    if "TimeAlignmentBoundary" in asked:
        check_boundary(boundary, asked["ForecastFrequency"])
    _check_frequency(content, asked["ForecastFrequency"], boundary)
    parameters = {
        "content": content.to_json(),
        "frequency": asked["ForecastFrequency"],
        "dimensions": _dimensions(content, asked.get("ForecastDimensions")),
        "boundary": boundary,
        "transformations": _attributes(content, config.get("AttributeConfigs", [])),
        "horizon": horizon,
        "levels": _levels(context, asked.get("ForecastTypes")),
        "holidays": _additional(config.get("AdditionalDatasets", [])),
        "windows": {"count": 1, "offset": horizon},
        "metric": asked.get("OptimizationMetric", "AverageWeightedQuantileLoss"),
        "algorithms": {"auto": ["auto", {}]},
        "tune": False,
        "explain": new_folder() if asked.get("ExplainPredictor") else None,
    }
    kept = {**asked, "DatasetImportJobArns": content.imports, "Automatic": True}
    made = create(
        context,
        "predictor",
        request["PredictorName"],
        kept,
        parent=group,
        group=group.arn,
        job=("amazon-predictor", parameters),
        suffix=True,
    )
    _made_beside(context, made.arn, asked, parameters["explain"])
    return {"PredictorArn": made.arn}


def _made_beside(context: Context, arn: str, request: Mapping[str, Any], explained: str | None) -> None:
    """The explainability and the monitor that a predictor is created with."""
    predictor = context.database.find(arn)
    if explained is not None:
        explain_predictor(context, predictor, explained)
    if "MonitorConfig" in request:
        watch(
            context,
            predictor,
            {**request["MonitorConfig"], "ResourceArn": arn},
            made_by=Maker(arn, new_folder()),
        )


def _reference(context: Context, request: Mapping[str, Any]) -> Resource | None:
    arn = request.get("ReferencePredictorArn")
    return None if arn is None else context.active(arn, "predictor")


def _inherited(context: Context, reference: Resource, request: Mapping[str, Any]) -> dict[str, Any]:
    """A retraining takes over all but what the service lets one change; what it does not, InvalidInput."""
    fixed = ("ForecastHorizon", "ForecastFrequency", "ForecastDimensions", "TimeAlignmentBoundary")
    given = [name for name in fixed if name in request]
    if given:
        raise invalid_input(f"{given[0]} is taken from the reference predictor: leave it out.")
    old = reference.request
    if old["Automatic"]:
        taken = {n: old[n] for n in (*fixed, "DataConfig", "ForecastTypes", "OptimizationMetric") if n in old}
    else:
        featurization = old["FeaturizationConfig"]
        taken = {
            "ForecastHorizon": old["ForecastHorizon"],
            "ForecastFrequency": featurization["ForecastFrequency"],
            "DataConfig": {"DatasetGroupArn": old["InputDataConfig"]["DatasetGroupArn"]},
        }
        if "ForecastDimensions" in featurization:
            taken["ForecastDimensions"] = featurization["ForecastDimensions"]
    return {**taken, **request}


def _horizon(context: Context, horizon: int) -> int:
    if not 1 <= horizon <= context.installation.quotas.horizon:
        raise invalid_input(
            f"ForecastHorizon must be between 1 and {context.installation.quotas.horizon}, got {horizon}."
        )
    return horizon


def _levels(context: Context, types: Sequence[str] | None) -> list[float]:
    return list(levels_of(checked_types(context, types or DEFAULT_TYPES)))


def _dimensions(content: Content, asked: Sequence[str] | None) -> list[str]:
    """Raises InvalidInput for a dimension that the target does not have."""
    there = content.target.columns.dimensions
    for name in asked or ():
        if name not in there:
            raise invalid_input(
                f"The forecast dimension {name} is no attribute of the target time series that could be one."
            )
    return [name for name in there if name in (asked or ())]


def _check_frequency(content: Content, text: str, boundary: Mapping[str, Any]) -> None:
    parsed_frequency(text, boundary)
    check_not_finer(text, content.target.frequency)


def _windows(given: Mapping[str, Any], horizon: int) -> dict[str, int]:
    count, offset = given.get("NumberOfBacktestWindows", 1), given.get("BackTestWindowOffset", horizon)
    if not 1 <= count <= MOST_WINDOWS:
        raise invalid_input(f"NumberOfBacktestWindows must be between 1 and {MOST_WINDOWS}, got {count}.")
    if offset < horizon:
        raise invalid_input(
            f"BackTestWindowOffset must be at least the forecast horizon, {horizon}, got {offset}."
        )
    return {"count": count, "offset": offset}


def _supplementary(features: Sequence[Mapping[str, str]]) -> list[str]:
    """The countries whose holidays are used; raises InvalidInput for the weather and for what is unknown."""
    found = []
    for each in features:
        if each["Name"] == "weather":
            raise invalid_input(_WEATHER)
        if each["Name"] != _HOLIDAYS:
            raise invalid_input(f"The supplementary feature {each['Name']} is not valid. Valid is: holiday.")
        found.append(each["Value"])
    return found


def _additional(datasets: Sequence[Mapping[str, Any]]) -> list[str]:
    found: list[str] = []
    for each in datasets:
        if each["Name"] == "weather":
            raise invalid_input(_WEATHER)
        if each["Name"] != _HOLIDAYS:
            raise invalid_input(f"The additional dataset {each['Name']} is not valid. Valid is: holiday.")
        countries = each.get("Configuration", {}).get("CountryCode")
        if not countries:
            raise invalid_input("The additional dataset holiday needs a CountryCode in its Configuration.")
        found += countries
    return found


def _featurized(content: Content, featurizations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    given = {}
    for each in featurizations:
        pipeline = each.get("FeaturizationPipeline", [])
        parameters = pipeline[0].get("FeaturizationMethodParameters", {}) if pipeline else {}
        given[each["AttributeName"]] = parameters
    return _checked(content, given, [each["AttributeName"] for each in featurizations])


def _attributes(content: Content, configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    given = {each["AttributeName"]: each["Transformations"] for each in configs}
    return _checked(content, given, [each["AttributeName"] for each in configs])


def _checked(
    content: Content, given: Mapping[str, Mapping[str, str]], names: Sequence[str]
) -> dict[str, Any]:
    """The filling and aggregation of each attribute; the target always has one."""
    target = content.target.columns.domain.target
    numbers = {name for table in content.tables.values() for name in table.columns.numbers}
    for name in names:
        if names.count(name) > 1:
            raise invalid_input(f"The attribute {name} is configured twice.")
        if name not in numbers:
            raise invalid_input(f"The attribute {name} is no number of the dataset group.")
    found = {}
    for name, parameters in {target: {}, **given}.items():
        one = transformed(name, parameters, target=name == target)
        found[name] = {"filling": one.filling, "aggregation": one.aggregation}
    return found


def predictor_extras(context: Context, predictor: Resource) -> dict[str, Any]:
    """What Describe says beside the request of a predictor of either kind."""
    return (
        _auto_extras(context, predictor)
        if predictor.request["Automatic"]
        else _legacy_extras(context, predictor)
    )


def _legacy_extras(context: Context, predictor: Resource) -> dict[str, Any]:
    request, result = predictor.request, context.result(predictor)
    horizon = request["ForecastHorizon"]
    windows = _windows(request.get("EvaluationParameters", {}), horizon)
    found: dict[str, Any] = {
        "ForecastTypes": request.get("ForecastTypes", list(DEFAULT_TYPES)),
        "PerformAutoML": request.get("PerformAutoML", False),
        "PerformHPO": request.get("PerformHPO", False),
        "EvaluationParameters": {
            "NumberOfBacktestWindows": windows["count"],
            "BackTestWindowOffset": windows["offset"],
        },
        "FeaturizationConfig": _with_target(context, request),
        "IsAutoPredictor": False,
        **_remaining(predictor),
    }
    arn = request.get("AlgorithmArn") or result.get("algorithm")
    if arn is not None:
        found["AlgorithmArn"] = arn
        found["TrainingParameters"] = echoed(
            algorithm_of(arn), request.get("TrainingParameters", {}), horizon
        )
    if result:
        found["AutoMLAlgorithmArns"] = [result["algorithm"]]
        executions = [{"AlgorithmArn": arn, "TestWindows": spans} for arn, spans in result["spans"].items()]
        found["PredictorExecutionDetails"] = {"PredictorExecutions": executions[:5]}
    return found


def _with_target(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """The featurizations with the defaults of the target, which are echoed."""
    config = dict(request["FeaturizationConfig"])
    given = list(config.get("Featurizations", []))
    group = context.database.get(request["InputDataConfig"]["DatasetGroupArn"])
    if group is None:
        return config
    target = DOMAINS[group.request["Domain"]].target
    others = [each for each in given if each["AttributeName"] != target]
    mine: Mapping[str, Any] = next((each for each in given if each["AttributeName"] == target), {})
    pipeline = mine.get("FeaturizationPipeline", [{}])
    parameters = {**TARGET_DEFAULTS, **pipeline[0].get("FeaturizationMethodParameters", {})}
    method = {"FeaturizationMethodName": "filling", "FeaturizationMethodParameters": parameters}
    config["Featurizations"] = [{"AttributeName": target, "FeaturizationPipeline": [method]}, *others]
    return config


def _auto_extras(context: Context, predictor: Resource) -> dict[str, Any]:
    request = predictor.request
    found: dict[str, Any] = {
        "ForecastTypes": request.get("ForecastTypes", list(DEFAULT_TYPES)),
        **_remaining(predictor),
        **reference_extras(context, predictor),
    }
    for child in context.database.children(predictor.arn):
        if child.kind == "explainability" and child.made_by == predictor.arn:
            found["ExplainabilityInfo"] = {"ExplainabilityArn": child.arn, "Status": child.status}
        if child.kind == "monitor":
            found["MonitorInfo"] = {"MonitorArn": child.arn, "Status": child.status}
    return found


def reference_extras(context: Context, predictor: Resource) -> dict[str, Any]:
    """The predictor that another was made from, and whether it is still there."""
    arn = predictor.request.get("ReferencePredictorArn")
    if arn is None:
        return {}
    state = "Deleted" if context.database.known(arn) is None else "Active"
    return {"ReferencePredictorSummary": {"Arn": arn, "State": state}}


def predictor_summary_extras(context: Context, predictor: Resource) -> dict[str, Any]:
    """What a list says of a predictor."""
    return {
        "DatasetGroupArn": predictor.dataset_group,
        "IsAutoPredictor": predictor.request["Automatic"],
        **reference_extras(context, predictor),
    }


def _remaining(resource: Resource) -> dict[str, Any]:
    return {"EstimatedTimeRemainingInMinutes": 1} if resource.status in RUNNING else {}


def get_accuracy_metrics(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccuracyMetrics."""
    predictor = context.active(request["PredictorArn"], "predictor")
    found = {
        "PredictorEvaluationResults": context.result(predictor)["evaluations"],
        "IsAutoPredictor": predictor.request["Automatic"],
        "OptimizationMetric": predictor.request.get("OptimizationMetric", "AverageWeightedQuantileLoss"),
    }
    if "AutoMLOverrideStrategy" in predictor.request:
        found["AutoMLOverrideStrategy"] = predictor.request["AutoMLOverrideStrategy"]
    return found


def create_backtest_export(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreatePredictorBacktestExportJob."""
    predictor = context.active(request["PredictorArn"], "predictor")
    name = request["PredictorBacktestExportJobName"]
    parameters = {
        "url": context.check_path(request["Destination"]),
        "name": name,
        "format": request.get("Format", "CSV"),
        "predictor": predictor.folder,
        "types": predictor.request.get("ForecastTypes", list(DEFAULT_TYPES)),
    }
    made = create(
        context,
        "predictor-backtest-export-job",
        name,
        request,
        parent=predictor,
        group=predictor.dataset_group,
        job=("amazon-backtest-export", parameters),
    )
    return {"PredictorBacktestExportJobArn": made.arn}


OPERATIONS: Final = {
    "CreatePredictor": create_predictor,
    "CreateAutoPredictor": create_auto_predictor,
    "GetAccuracyMetrics": get_accuracy_metrics,
    "CreatePredictorBacktestExportJob": create_backtest_export,
}
