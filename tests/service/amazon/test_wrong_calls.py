"""Calls that Amazon refuses are refused with its exceptions, and what the model refuses in its words."""

from __future__ import annotations

from typing import Any

import pytest

from service.amazon.calls import ACCOUNT, ALGORITHM, TARGET, Amazon, code_of, predictor, s3, sales, schema

GROUP, DATASET = f"{ACCOUNT}dataset-group/wrong", f"{ACCOUNT}dataset/wrong"
NOWHERE = f"{ACCOUNT}dataset-group/nowhere"
NAME = "1 validation error detected: Value '{0}' at '{1}' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z][a-zA-Z0-9_]*"
D = {
    "DatasetName": "d",
    "Domain": "CUSTOM",
    "DatasetType": "TARGET_TIME_SERIES",
    "DataFrequency": "D",
    "Schema": TARGET,
}
IMPORT = {"DatasetImportJobName": "i", "DatasetArn": DATASET, "DataSource": s3("s3://bucket/x.csv")}
P = predictor("p", GROUP)
AUTO: dict[str, Any] = {
    "PredictorName": "p",
    "ForecastHorizon": 7,
    "ForecastFrequency": "D",
    "DataConfig": {"DatasetGroupArn": GROUP},
}
READY = f"{ACCOUNT}predictor/wrong"
FORECAST = f"{ACCOUNT}forecast/wrong"
RELATED = schema(item_id="string", timestamp="timestamp", price="float")
FILLING = "FeaturizationMethodName"


def featurized(name: str, **parameters: str) -> dict[str, Any]:
    method = {FILLING: "filling", "FeaturizationMethodParameters": parameters}
    each = {"AttributeName": name, "FeaturizationPipeline": [method]}
    return {**P, "FeaturizationConfig": {"ForecastFrequency": "D", "Featurizations": [each]}}


def attributes(name: str, **parameters: str) -> dict[str, Any]:
    config = {
        "DatasetGroupArn": GROUP,
        "AttributeConfigs": [{"AttributeName": name, "Transformations": parameters}],
    }
    return {**AUTO, "DataConfig": config}


VALIDATION = "ValidationException"
INVALID = "InvalidInputException"
ABSENT = "ResourceNotFoundException"
THERE = "ResourceAlreadyExistsException"
IN_USE = "ResourceInUseException"
LIMIT = "LimitExceededException"
TOKEN = "InvalidNextTokenException"
SERIAL = "SerializationException"

WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    # what the service model refuses
    ("create_dataset", {**D, "DatasetName": "a-b"}, VALIDATION, NAME.format("a-b", "datasetName")),
    ("create_dataset", {**D, "DatasetName": "1a"}, VALIDATION, NAME.format("1a", "datasetName")),
    ("create_dataset", {**D, "DatasetName": "a\n"}, VALIDATION, "at 'datasetName'"),
    ("create_dataset", {**D, "DatasetName": "a" * 64}, VALIDATION, "length less than or equal to 63"),
    ("create_dataset", {**D, "DatasetName": ""}, VALIDATION, "length greater than or equal to 1"),
    (
        "create_dataset",
        {**D, "Domain": "SHOP"},
        VALIDATION,
        "Value 'SHOP' at 'domain' failed to satisfy constraint: Member must satisfy enum value set: [RETAIL, CUSTOM",
    ),
    ("create_dataset", {**D, "DatasetType": "TARGET"}, VALIDATION, "at 'datasetType'"),
    ("create_dataset", {**D, "DataFrequency": "hourly"}, VALIDATION, "at 'dataFrequency'"),
    ("create_dataset", {**D, "DataFrequency": "-1D"}, VALIDATION, "at 'dataFrequency'"),
    (
        "create_dataset",
        {k: v for k, v in D.items() if k != "Schema"},
        VALIDATION,
        "1 validation error detected: Value null at 'schema' failed to satisfy constraint: Member must not be null",
    ),
    ("create_dataset", {}, VALIDATION, "4 validation errors detected: "),
    (
        "create_dataset",
        {**D, "Domain": "SHOP", "DatasetName": "a-b"},
        VALIDATION,
        "2 validation errors detected: ",
    ),
    (
        "create_dataset",
        {**D, "Schema": {"Attributes": [{"AttributeName": "x", "AttributeType": "double"}]}},
        VALIDATION,
        "at 'schema.attributes.1.member.attributeType'",
    ),
    ("create_dataset", {**D, "Schema": {"Attributes": []}}, VALIDATION, "at 'schema.attributes' failed"),
    (
        "create_dataset",
        {**D, "Tags": [{"Key": "a!", "Value": "b"}]},
        VALIDATION,
        "Value at 'tags.1.member.key'",
    ),
    ("create_dataset", {**D, "Tags": [{"Key": "", "Value": "b"}]}, VALIDATION, "at 'tags.1.member.key'"),
    ("create_dataset", {**D, "Tags": [{"Key": "a"}]}, VALIDATION, "Value null at 'tags.1.member.value'"),
    (
        "create_dataset",
        {**D, "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(201)]},
        VALIDATION,
        "at 'tags' failed",
    ),
    (
        "create_dataset",
        {**D, "EncryptionConfig": {"RoleArn": "r", "KMSKeyArn": "key"}},
        VALIDATION,
        "at 'encryptionConfig.kMSKeyArn'",
    ),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "CUSTOM", "DatasetArns": ["x"]},
        VALIDATION,
        "at 'datasetArns.1.member'",
    ),
    (
        "create_dataset_import_job",
        {**IMPORT, "DataSource": s3("bucket/x.csv")},
        VALIDATION,
        "at 'dataSource.s3Config.path'",
    ),
    (
        "create_dataset_import_job",
        {**IMPORT, "DataSource": {}},
        VALIDATION,
        "Value null at 'dataSource.s3Config'",
    ),
    ("create_dataset_import_job", {**IMPORT, "Format": "JSON"}, VALIDATION, "at 'format'"),
    ("create_dataset_import_job", {**IMPORT, "ImportMode": "APPEND"}, VALIDATION, "at 'importMode'"),
    (
        "create_dataset_import_job",
        {**IMPORT, "TimestampFormat": "yyyy/MM/dd"},
        VALIDATION,
        "at 'timestampFormat'",
    ),
    ("describe_dataset", {"DatasetArn": "wrong"}, VALIDATION, "at 'datasetArn'"),
    ("describe_dataset", {"DatasetArn": f"{DATASET}{'x' * 256}"}, VALIDATION, "less than or equal to 256"),
    (
        "list_datasets",
        {"MaxResults": 0},
        VALIDATION,
        "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ),
    ("list_datasets", {"MaxResults": 101}, VALIDATION, "value less than or equal to 100"),
    (
        "list_predictors",
        {"Filters": [{"Key": "Status", "Value": "ACTIVE", "Condition": "WAS"}]},
        VALIDATION,
        "at 'filters.1.member.condition'",
    ),
    ("create_predictor", {**P, "ForecastTypes": []}, VALIDATION, "at 'forecastTypes'"),
    ("create_predictor", {**P, "ForecastTypes": ["p10"]}, VALIDATION, "at 'forecastTypes.1.member'"),
    ("create_predictor", {**P, "ForecastTypes": ["0.123"]}, VALIDATION, "at 'forecastTypes.1.member'"),
    (
        "create_predictor",
        {**P, "TrainingParameters": {"a b": "1"}},
        VALIDATION,
        "Map keys must satisfy constraint: [",
    ),
    ("create_predictor", {**P, "OptimizationMetric": "MAE"}, VALIDATION, "at 'optimizationMetric'"),
    ("create_predictor", {**P, "InputDataConfig": {}}, VALIDATION, "at 'inputDataConfig.datasetGroupArn'"),
    (
        "create_auto_predictor",
        {**AUTO, "ForecastDimensions": [f"d{n}" for n in range(11)]},
        VALIDATION,
        "at 'forecastDimensions'",
    ),
    (
        "create_auto_predictor",
        {**AUTO, "TimeAlignmentBoundary": {"DayOfMonth": 29}},
        VALIDATION,
        "at 'timeAlignmentBoundary.dayOfMonth'",
    ),
    (
        "create_explainability",
        {
            "ExplainabilityName": "e",
            "ResourceArn": READY,
            "ExplainabilityConfig": {"TimeSeriesGranularity": "SOME", "TimePointGranularity": "ALL"},
        },
        VALIDATION,
        "at 'explainabilityConfig.timeSeriesGranularity'",
    ),
    ("create_dataset", {**D, "DatasetName": 5}, SERIAL, "NUMBER_VALUE can not be converted to a string"),
    ("list_datasets", {"MaxResults": "10"}, SERIAL, "STRING_VALUE can not be converted to a number"),
    ("list_datasets", {"MaxResults": 1.5}, SERIAL, "NUMBER_VALUE"),
    ("create_predictor", {**P, "PerformHPO": "true"}, SERIAL, "can not be converted to a boolean"),
    # datasets
    ("create_dataset", {**D, "DatasetName": "wrong"}, THERE, f"{ACCOUNT}dataset/wrong"),
    (
        "create_dataset",
        {**D, "Schema": schema(item_id="string", timestamp="timestamp")},
        INVALID,
        "target_value",
    ),
    ("create_dataset", {**D, "Domain": "RETAIL"}, INVALID, "demand"),
    (
        "create_dataset",
        {**D, "Schema": schema(item_id="integer", timestamp="timestamp", target_value="float")},
        INVALID,
        "item_id",
    ),
    (
        "create_dataset",
        {**D, "Schema": schema(item_id="string", timestamp="string", target_value="float")},
        INVALID,
        "timestamp",
    ),
    (
        "create_dataset",
        {**D, "Schema": schema(item_id="string", timestamp="timestamp", target_value="string")},
        INVALID,
        "target_value",
    ),
    (
        "create_dataset",
        {**D, "Schema": {"Attributes": [*TARGET["Attributes"], TARGET["Attributes"][0]]}},
        INVALID,
        "item_id is there twice",
    ),
    (
        "create_dataset",
        {**D, "Schema": schema(item_id="string", timestamp="timestamp", target_value="float", price="float")},
        INVALID,
        "price",
    ),
    ("create_dataset", {**D, "DataFrequency": "7D"}, INVALID, "from 1 to 6"),
    ("create_dataset", {**D, "DataFrequency": "24H"}, INVALID, "from 1 to 23"),
    ("create_dataset", {**D, "DataFrequency": "60min"}, INVALID, "from 1 to 59"),
    (
        "create_dataset",
        {**D, "DatasetType": "RELATED_TIME_SERIES", "Schema": RELATED, "DataFrequency": None},
        INVALID,
        "DataFrequency is required",
    ),
    (
        "create_dataset",
        {**D, "DatasetType": "ITEM_METADATA", "Schema": schema(item_id="string")},
        INVALID,
        "DataFrequency is not allowed",
    ),
    (
        "create_dataset",
        {**D, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        INVALID,
        "unique",
    ),
    ("create_dataset", {**D, "Tags": [{"Key": "aws:a", "Value": "1"}]}, INVALID, "reserved"),
    ("create_dataset_group", {"DatasetGroupName": "wrong", "Domain": "CUSTOM"}, THERE, GROUP),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "RETAIL", "DatasetArns": [DATASET]},
        INVALID,
        "domain",
    ),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "CUSTOM", "DatasetArns": [DATASET, DATASET]},
        INVALID,
        "unique",
    ),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "CUSTOM", "DatasetArns": [DATASET, f"{ACCOUNT}dataset/wrong2"]},
        INVALID,
        "at most one dataset",
    ),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "CUSTOM", "DatasetArns": [f"{ACCOUNT}dataset/nowhere"]},
        ABSENT,
        "dataset/nowhere",
    ),
    (
        "create_dataset_group",
        {"DatasetGroupName": "g", "Domain": "CUSTOM", "DatasetArns": [GROUP]},
        INVALID,
        "must name a dataset",
    ),
    ("update_dataset_group", {"DatasetGroupArn": NOWHERE, "DatasetArns": []}, ABSENT, "nowhere"),
    ("create_dataset_import_job", {**IMPORT, "DatasetImportJobName": "first"}, THERE, "wrong/first"),
    ("create_dataset_import_job", {**IMPORT, "DatasetArn": f"{ACCOUNT}dataset/nowhere"}, ABSENT, "nowhere"),
    ("create_dataset_import_job", {**IMPORT, "TimestampFormat": "dd-MM-yyyy"}, INVALID, "Valid formats are"),
    ("create_dataset_import_job", {**IMPORT, "TimeZone": "Mars/Olympus"}, INVALID, "TimeZone"),
    (
        "create_dataset_import_job",
        {**IMPORT, "TimeZone": "Europe/Berlin", "UseGeolocationForTimeZone": True},
        INVALID,
        "exclude",
    ),
    ("create_dataset_import_job", {**IMPORT, "GeolocationFormat": "LAT_LONG"}, INVALID, "geolocation"),
    (
        "create_dataset_import_job",
        {**IMPORT, "DataSource": s3("s3://bucket/../other/x")},
        INVALID,
        "leads out",
    ),
    # predictors
    ("create_predictor", {**P, "PredictorName": "wrong"}, THERE, READY),
    ("create_predictor", {**P, "InputDataConfig": {"DatasetGroupArn": NOWHERE}}, ABSENT, "nowhere"),
    (
        "create_predictor",
        {**P, "InputDataConfig": {"DatasetGroupArn": f"{ACCOUNT}dataset-group/empty"}},
        INVALID,
        "imported data",
    ),
    ("create_predictor", {**P, "AlgorithmArn": f"{ALGORITHM}LSTM"}, INVALID, "does not exist"),
    ("create_predictor", {**P, "PerformAutoML": True}, INVALID, "either"),
    ("create_predictor", {k: v for k, v in P.items() if k != "AlgorithmArn"}, INVALID, "either"),
    ("create_predictor", {**P, "PerformHPO": True}, INVALID, "no hyperparameters"),
    ("create_predictor", {**P, "HPOConfig": {"ParameterRanges": {}}}, INVALID, "PerformHPO"),
    ("create_predictor", {**P, "TrainingParameters": {"epochs": "5"}}, INVALID, "epochs"),
    (
        "create_predictor",
        {**P, "AlgorithmArn": f"{ALGORITHM}Deep_AR_Plus", "TrainingParameters": {"epochs": "many"}},
        INVALID,
        "epochs",
    ),
    (
        "create_predictor",
        {**P, "AlgorithmArn": f"{ALGORITHM}Deep_AR_Plus", "TrainingParameters": {"likelihood": "cauchy"}},
        INVALID,
        "likelihood",
    ),
    ("create_predictor", {**P, "ForecastHorizon": 0}, INVALID, "between 1 and 500"),
    ("create_predictor", {**P, "ForecastHorizon": 501}, INVALID, "between 1 and 500"),
    ("create_predictor", {**P, "ForecastTypes": ["0.1", "0.1"]}, INVALID, "unique"),
    ("create_predictor", {**P, "ForecastTypes": ["0.00"]}, INVALID, "0.01 to 0.99"),
    (
        "create_predictor",
        {**P, "ForecastTypes": ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]},
        LIMIT,
        "at most 5",
    ),
    (
        "create_predictor",
        {**P, "EvaluationParameters": {"NumberOfBacktestWindows": 6}},
        INVALID,
        "between 1 and 5",
    ),
    (
        "create_predictor",
        {**P, "EvaluationParameters": {"BackTestWindowOffset": 3}},
        INVALID,
        "at least the forecast horizon",
    ),
    ("create_predictor", {**P, "FeaturizationConfig": {"ForecastFrequency": "H"}}, INVALID, "more frequent"),
    (
        "create_predictor",
        {**P, "FeaturizationConfig": {"ForecastFrequency": "D", "ForecastDimensions": ["store"]}},
        INVALID,
        "store",
    ),
    ("create_predictor", featurized("price", middlefill="zero"), INVALID, "price"),
    ("create_predictor", featurized("target_value", middlefill="linear"), INVALID, "linear"),
    ("create_predictor", featurized("target_value", sidefill="zero"), INVALID, "sidefill"),
    ("create_predictor", featurized("target_value", frontfill="zero"), INVALID, "frontfill"),
    ("create_predictor", featurized("target_value", middlefill="value"), INVALID, "middlefill_value"),
    (
        "create_predictor",
        {
            **P,
            "InputDataConfig": {
                "DatasetGroupArn": GROUP,
                "SupplementaryFeatures": [{"Name": "weather", "Value": "true"}],
            },
        },
        INVALID,
        "Bring your own weather",
    ),
    (
        "create_predictor",
        {
            **P,
            "InputDataConfig": {
                "DatasetGroupArn": GROUP,
                "SupplementaryFeatures": [{"Name": "moon", "Value": "true"}],
            },
        },
        INVALID,
        "moon",
    ),
    ("create_auto_predictor", {"PredictorName": "p"}, INVALID, "DataConfig"),
    (
        "create_auto_predictor",
        {k: v for k, v in AUTO.items() if k != "ForecastHorizon"},
        INVALID,
        "ForecastHorizon",
    ),
    (
        "create_auto_predictor",
        {k: v for k, v in AUTO.items() if k != "ForecastFrequency"},
        INVALID,
        "ForecastFrequency",
    ),
    ("create_auto_predictor", {**AUTO, "ReferencePredictorArn": READY}, INVALID, "ForecastHorizon is taken"),
    (
        "create_auto_predictor",
        {"PredictorName": "p", "ReferencePredictorArn": f"{ACCOUNT}predictor/nowhere"},
        ABSENT,
        "nowhere",
    ),
    (
        "create_auto_predictor",
        {**AUTO, "TimeAlignmentBoundary": {"DayOfWeek": "MONDAY"}},
        INVALID,
        "TimeAlignmentBoundary",
    ),
    ("create_auto_predictor", attributes("target_value", aggregation="median"), INVALID, "aggregation"),
    (
        "create_auto_predictor",
        {**AUTO, "DataConfig": {"DatasetGroupArn": GROUP, "AdditionalDatasets": [{"Name": "holiday"}]}},
        INVALID,
        "CountryCode",
    ),
    (
        "create_auto_predictor",
        {**AUTO, "DataConfig": {"DatasetGroupArn": GROUP, "AdditionalDatasets": [{"Name": "weather"}]}},
        INVALID,
        "weather",
    ),
    ("describe_predictor", {"PredictorArn": f"{ACCOUNT}predictor/nowhere"}, ABSENT, "nowhere"),
    ("describe_auto_predictor", {"PredictorArn": READY}, INVALID, "DescribePredictor"),
    ("get_accuracy_metrics", {"PredictorArn": f"{ACCOUNT}predictor/nowhere"}, ABSENT, "nowhere"),
    ("get_accuracy_metrics", {"PredictorArn": f"{ACCOUNT}predictor/failed"}, IN_USE, "CREATE_FAILED"),
    (
        "create_predictor_backtest_export_job",
        {
            "PredictorBacktestExportJobName": "x",
            "PredictorArn": f"{ACCOUNT}predictor/failed",
            "Destination": s3("s3://bucket/o"),
        },
        IN_USE,
        "CREATE_FAILED",
    ),
    # forecasts
    ("create_forecast", {"ForecastName": "wrong", "PredictorArn": READY}, THERE, FORECAST),
    (
        "create_forecast",
        {"ForecastName": "f", "PredictorArn": f"{ACCOUNT}predictor/nowhere"},
        ABSENT,
        "nowhere",
    ),
    (
        "create_forecast",
        {"ForecastName": "f", "PredictorArn": f"{ACCOUNT}predictor/failed"},
        IN_USE,
        "CREATE_FAILED",
    ),
    ("create_forecast", {"ForecastName": "f", "PredictorArn": GROUP}, INVALID, "must name a predictor"),
    (
        "create_forecast",
        {
            "ForecastName": "f",
            "PredictorArn": READY,
            "ForecastTypes": ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"],
        },
        LIMIT,
        "at most 5",
    ),
    (
        "create_forecast",
        {"ForecastName": "f", "PredictorArn": READY, "TimeSeriesSelector": {"TimeSeriesIdentifiers": {}}},
        INVALID,
        "DataSource",
    ),
    (
        "create_forecast_export_job",
        {
            "ForecastExportJobName": "x",
            "ForecastArn": f"{ACCOUNT}forecast/nowhere",
            "Destination": s3("s3://bucket/o"),
        },
        ABSENT,
        "nowhere",
    ),
    (
        "create_what_if_analysis",
        {"WhatIfAnalysisName": "w", "ForecastArn": FORECAST},
        INVALID,
        "CreateAutoPredictor",
    ),
    (
        "create_what_if_forecast",
        {"WhatIfForecastName": "w", "WhatIfAnalysisArn": f"{ACCOUNT}what-if-analysis/nowhere"},
        ABSENT,
        "nowhere",
    ),
    (
        "create_what_if_forecast_export",
        {"WhatIfForecastExportName": "w", "WhatIfForecastArns": [], "Destination": s3("s3://bucket/o")},
        VALIDATION,
        "at 'whatIfForecastArns'",
    ),
    (
        "create_explainability",
        {
            "ExplainabilityName": "e",
            "ResourceArn": READY,
            "ExplainabilityConfig": {"TimeSeriesGranularity": "ALL", "TimePointGranularity": "ALL"},
        },
        INVALID,
        "CreateAutoPredictor",
    ),
    (
        "create_explainability",
        {
            "ExplainabilityName": "e",
            "ResourceArn": GROUP,
            "ExplainabilityConfig": {"TimeSeriesGranularity": "ALL", "TimePointGranularity": "ALL"},
        },
        INVALID,
        "predictor or forecast",
    ),
    (
        "create_explainability_export",
        {
            "ExplainabilityExportName": "e",
            "ExplainabilityArn": f"{ACCOUNT}explainability/nowhere",
            "Destination": s3("s3://bucket/o"),
        },
        ABSENT,
        "nowhere",
    ),
    ("create_monitor", {"MonitorName": "m", "ResourceArn": READY}, INVALID, "CreateAutoPredictor"),
    ("create_monitor", {"MonitorName": "m", "ResourceArn": f"{ACCOUNT}predictor/nowhere"}, ABSENT, "nowhere"),
    ("describe_monitor", {"MonitorArn": f"{ACCOUNT}monitor/nowhere"}, ABSENT, "nowhere"),
    ("list_monitor_evaluations", {"MonitorArn": f"{ACCOUNT}monitor/nowhere"}, ABSENT, "nowhere"),
    # lists, tags, regions, deleting, stopping
    (
        "list_predictors",
        {"Filters": [{"Key": "Colour", "Value": "ACTIVE", "Condition": "IS"}]},
        INVALID,
        "Valid keys are: DatasetGroupArn, Status",
    ),
    (
        "list_monitors",
        {"Filters": [{"Key": "ResourceArn", "Value": READY, "Condition": "IS"}]},
        INVALID,
        "Valid keys are: Status",
    ),
    ("list_datasets", {"NextToken": "nonsense"}, TOKEN, "token"),
    ("list_forecasts", {"NextToken": "!!"}, TOKEN, "token"),
    ("describe_dataset", {"DatasetArn": GROUP}, INVALID, "must name a dataset"),
    ("describe_dataset", {"DatasetArn": DATASET.replace("us-east-1", "eu-west-1")}, ABSENT, "eu-west-1"),
    (
        "describe_dataset",
        {"DatasetArn": DATASET.replace("123456789012", "210987654321")},
        ABSENT,
        "210987654321",
    ),
    ("delete_dataset", {"DatasetArn": f"{ACCOUNT}dataset/nowhere"}, ABSENT, "nowhere"),
    ("delete_dataset", {"DatasetArn": DATASET}, IN_USE, "wrong/first"),
    ("delete_predictor", {"PredictorArn": READY}, IN_USE, "forecast/wrong"),
    ("delete_dataset_group", {"DatasetGroupArn": GROUP}, IN_USE, "predictor"),
    ("delete_resource_tree", {"ResourceArn": f"{ACCOUNT}predictor/nowhere"}, ABSENT, "nowhere"),
    ("stop_resource", {"ResourceArn": GROUP}, INVALID, "cannot be stopped"),
    ("stop_resource", {"ResourceArn": READY}, INVALID, "ACTIVE"),
    ("stop_resource", {"ResourceArn": f"{ACCOUNT}predictor/nowhere"}, ABSENT, "nowhere"),
    ("resume_resource", {"ResourceArn": READY}, INVALID, "Only a monitor"),
    ("list_tags_for_resource", {"ResourceArn": f"{ACCOUNT}dataset/nowhere"}, ABSENT, "nowhere"),
    ("tag_resource", {"ResourceArn": f"{ACCOUNT}dataset/nowhere", "Tags": []}, ABSENT, "nowhere"),
    ("tag_resource", {"ResourceArn": DATASET, "Tags": [{"Key": "AWS:x", "Value": ""}]}, INVALID, "reserved"),
    ("untag_resource", {"ResourceArn": f"{ACCOUNT}dataset/nowhere", "TagKeys": []}, ABSENT, "nowhere"),
]
QUERIES: list[tuple[dict[str, Any], str, str]] = [
    ({"Filters": {"item_id": "item_9"}}, ABSENT, "item_id=item_9"),
    ({"Filters": {"colour": "red"}}, INVALID, "colour"),
    ({"Filters": {}}, VALIDATION, "at 'filters'"),
    ({"Filters": {"item_id": "item_0"}, "StartDate": "yesterday"}, INVALID, "StartDate"),
    ({"Filters": {"item_id": "item_0"}, "StartDate": "2031-01-01T00:00:00"}, INVALID, "within the forecast"),
    (
        {
            "Filters": {"item_id": "item_0"},
            "StartDate": "2024-03-04T00:00:00",
            "EndDate": "2024-03-02T00:00:00",
        },
        INVALID,
        "after EndDate",
    ),
    ({"Filters": {"item_id": "item_0"}, "NextToken": "x"}, TOKEN, "token"),
    ({"Filters": {"item_id": "item_0"}, "ForecastArn": f"{ACCOUNT}forecast/nowhere"}, ABSENT, "nowhere"),
    ({"Filters": {"item_id": "item_0"}, "ForecastArn": GROUP}, INVALID, "must name a forecast"),
]


@pytest.fixture(scope="module")
def there(amazon: Amazon) -> Amazon:
    """A server with one of each: a group with data, a predictor with a forecast, one that failed."""
    group = amazon.group("wrong", sales())
    amazon.dataset("wrong2")
    amazon.forecast.create_dataset_group(DatasetGroupName="empty", Domain="CUSTOM")
    for name, horizon in (("wrong", 7), ("failed", 50)):
        amazon.forecast.create_predictor(**predictor(name, group, ForecastHorizon=horizon))
    amazon.wait("predictor", READY)
    amazon.wait("predictor", f"{ACCOUNT}predictor/failed", "CREATE_FAILED")
    amazon.forecast.create_forecast(ForecastName="wrong", PredictorArn=READY)
    amazon.wait("forecast", FORECAST)
    return amazon


@pytest.mark.parametrize(("call", "request_", "code", "said"), WRONG)
def test_a_wrong_call_raises_what_amazon_raises(
    there: Amazon, call: str, request_: dict[str, Any], code: str, said: str
):
    found, message = code_of(
        getattr(there.forecast, call), {k: v for k, v in request_.items() if v is not None}
    )
    assert found == code, message
    assert said in message


@pytest.mark.parametrize(("request_", "code", "said"), QUERIES)
def test_a_wrong_query_raises_what_amazon_raises(
    there: Amazon, request_: dict[str, Any], code: str, said: str
):
    found, message = code_of(there.query.query_forecast, {"ForecastArn": FORECAST, **request_})
    assert found == code, message
    assert said in message


def test_an_error_of_the_model_is_an_exception_class_of_boto3(there: Amazon):
    with pytest.raises(there.forecast.exceptions.ResourceNotFoundException):
        there.forecast.describe_dataset(DatasetArn=f"{ACCOUNT}dataset/nowhere")
