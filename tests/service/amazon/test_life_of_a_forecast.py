"""What scripts do from import to export, by boto3 against a running server; every answer is held to the service model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import foretell
from foretell.service.amazon.model import operation
from foretell.service.amazon.validation import wrong_in_answer
from service.amazon.calls import ACCOUNT, ALGORITHM, Amazon, predictor, s3, sales, schema


@pytest.fixture(autouse=True)
def answers_fit_the_model(amazon: Amazon) -> Iterator[None]:
    """Every answer of every call in these tests has the members and types of the service model."""
    wrong: list[str] = []

    def check(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200:
            body = json.loads(http_response.content) if http_response.content else None
            wrong.extend(f"{model.name}: {each}" for each in wrong_in_answer(operation(model.name), body))

    clients = (amazon.forecast, amazon.query)
    for client in clients:
        client.meta.events.register("after-call.*.*", check)
    yield
    for client in clients:
        client.meta.events.unregister("after-call.*.*", check)
    assert wrong == []


@pytest.fixture(scope="module")
def group(amazon: Amazon) -> str:
    return amazon.group("life", sales())


@pytest.fixture(scope="module")
def trained(amazon: Amazon, group: str) -> str:
    made = amazon.forecast.create_predictor(
        **predictor("life", group, EvaluationParameters={"NumberOfBacktestWindows": 2})
    )
    amazon.wait("predictor", made["PredictorArn"])
    return str(made["PredictorArn"])


@pytest.fixture(scope="module")
def forecast(amazon: Amazon, trained: str) -> str:
    made = amazon.forecast.create_forecast(
        ForecastName="life", PredictorArn=trained, ForecastTypes=["0.1", "0.5", "0.9", "mean"]
    )
    amazon.wait("forecast", made["ForecastArn"])
    return str(made["ForecastArn"])


def test_a_legacy_arn_has_no_suffix_and_the_region_of_the_caller(trained: str):
    assert trained == f"{ACCOUNT}predictor/life"


def test_an_import_says_what_its_fields_hold(amazon: Amazon, group: str):
    found = amazon.forecast.describe_dataset_import_job(
        DatasetImportJobArn=f"{ACCOUNT}dataset-import-job/life/first"
    )["FieldStatistics"]
    assert found["item_id"] == {
        "Count": 180,
        "CountDistinct": 3,
        "CountNull": 0,
        "CountLong": 180,
        "CountDistinctLong": 3,
        "CountNullLong": 0,
    }
    assert (found["timestamp"]["Min"], found["timestamp"]["Max"]) == (
        "2024-01-01T00:00:00Z",
        "2024-02-29T00:00:00Z",
    )
    values = sales()["target_value"].astype(float)
    assert (found["target_value"]["Min"], found["target_value"]["Max"]) == (
        str(values.min()),
        str(values.max()),
    )
    assert found["target_value"]["Avg"] == pytest.approx(values.mean(), abs=1e-12)
    assert found["target_value"]["Stddev"] == pytest.approx(values.std(), abs=1e-12)


def test_describe_echoes_the_defaults_of_the_service(amazon: Amazon, trained: str):
    found = amazon.forecast.describe_predictor(PredictorArn=trained)
    filling = found["FeaturizationConfig"]["Featurizations"][0]["FeaturizationPipeline"][0]
    assert filling["FeaturizationMethodParameters"] == {
        "aggregation": "sum",
        "backfill": "zero",
        "frontfill": "none",
        "middlefill": "zero",
    }
    assert found["EvaluationParameters"] == {"NumberOfBacktestWindows": 2, "BackTestWindowOffset": 7}
    assert found["ForecastTypes"] == ["0.1", "0.5", "0.9"]
    assert found["DatasetImportJobArns"] == [f"{ACCOUNT}dataset-import-job/life/first"]
    assert found["IsAutoPredictor"] is False
    spans = found["PredictorExecutionDetails"]["PredictorExecutions"][0]["TestWindows"]
    assert [f"{each['TestWindowEnd']:%m-%d}" for each in spans] == ["02-23", "03-01"]  # exclusive


def test_accuracy_metrics_are_the_librarys_the_mean_of_the_windows_first(amazon: Amazon, trained: str):
    found = amazon.forecast.get_accuracy_metrics(PredictorArn=trained)["PredictorEvaluationResults"]
    report = foretell.backtest(
        foretell.Dataset(
            sales(),
            freq="D",
            target_column="target_value",
            filling={"target_value": {"middle": "zero", "back": "zero"}},
            aggregation={"target_value": "sum"},
        ),
        horizon=7,
        recipes=["npts"],
        windows=2,
    )
    expected = report.leaderboard.iloc[0]
    summary, *windows = found[0]["TestWindows"]
    assert found[0]["AlgorithmArn"] == f"{ALGORITHM}NPTS"
    assert "TestWindowStart" not in summary
    assert [each["EvaluationType"] for each in (summary, *windows)] == ["SUMMARY", "COMPUTED", "COMPUTED"]
    losses = summary["Metrics"]["WeightedQuantileLosses"]
    assert [each["Quantile"] for each in losses] == [0.9, 0.5, 0.1]
    for each in losses:
        assert each["LossValue"] == pytest.approx(expected[f"wQL[{each['Quantile']}]"], abs=1e-6)
    mean = summary["Metrics"]["ErrorMetrics"][0]
    assert mean["ForecastType"] == "mean"
    for name in ("RMSE", "WAPE", "MAPE", "MASE"):
        assert mean[name] == pytest.approx(expected[name], abs=1e-6)


def test_a_query_answers_one_series_in_local_times(amazon: Amazon, forecast: str):
    found = amazon.query.query_forecast(
        ForecastArn=forecast,
        Filters={"item_id": "item_1"},
        StartDate="2024-03-02T00:00:00",
        EndDate="2024-03-04T00:00:00",
    )["Forecast"]["Predictions"]
    assert sorted(found) == ["mean", "p10", "p50", "p90"]
    assert [each["Timestamp"] for each in found["p50"]] == [f"2024-03-0{day}T00:00:00" for day in (2, 3, 4)]


def test_an_export_is_a_csv_with_the_names_and_line_ends_of_the_service(amazon: Amazon, forecast: str):
    made = amazon.forecast.create_forecast_export_job(
        ForecastExportJobName="out", ForecastArn=forecast, Destination=s3("s3://bucket/exports")
    )
    amazon.wait("forecast_export_job", made["ForecastExportJobArn"])
    (file,) = (amazon.s3 / "bucket/exports").iterdir()
    assert file.name.startswith("out_20")
    assert file.name.endswith("_Part0.csv")
    lines = file.read_bytes().split(b"\r\n")
    assert lines[0] == b"item_id,date,p10,p50,p90,mean"
    assert lines[1].startswith(b"item_0,2024-03-01T00:00:00Z,")
    assert len(lines) == 1 + 3 * 7 + 1


def test_an_export_in_parquet_holds_what_a_query_answers(amazon: Amazon, forecast: str):
    made = amazon.forecast.create_forecast_export_job(
        ForecastExportJobName="parquet",
        ForecastArn=forecast,
        Destination=s3("s3://bucket/parquet"),
        Format="PARQUET",
    )
    amazon.wait("forecast_export_job", made["ForecastExportJobArn"])
    frame = pd.read_parquet(amazon.s3 / "bucket/parquet")
    found = amazon.query.query_forecast(ForecastArn=forecast, Filters={"item_id": "item_1"})
    values = [each["Value"] for each in found["Forecast"]["Predictions"]["p90"]]
    assert frame.loc[frame["item_id"] == "item_1", "p90"].tolist() == pytest.approx(values)


def test_a_backtest_export_has_forecasts_in_one_folder_and_scores_in_another(amazon: Amazon, trained: str):
    made = amazon.forecast.create_predictor_backtest_export_job(
        PredictorBacktestExportJobName="back", PredictorArn=trained, Destination=s3("s3://bucket/back")
    )
    amazon.wait("predictor_backtest_export_job", made["PredictorBacktestExportJobArn"])
    (values,) = (amazon.s3 / "bucket/back/forecasted-values").iterdir()
    (scores,) = (amazon.s3 / "bucket/back/accuracy-metrics-values").iterdir()
    assert list(pd.read_csv(values)) == [
        *("item_id", "timestamp", "target_value", "backtestwindow_start_time", "backtestwindow_end_time"),
        *("p10", "p50", "p90"),
    ]
    assert pd.read_csv(scores)["backtest_window"].value_counts().to_dict() == {"Computed": 6, "Summary": 3}


def test_lists_filter_and_page_by_opaque_tokens(amazon: Amazon, trained: str):
    for number in range(5):
        amazon.dataset(f"page_{number}")
    first = amazon.forecast.list_datasets(MaxResults=2)
    amazon.dataset("page_in_between")
    pages = [first]
    while "NextToken" in pages[-1]:
        pages.append(amazon.forecast.list_datasets(MaxResults=2, NextToken=pages[-1]["NextToken"]))
    names = [each["DatasetName"] for page in pages for each in page["Datasets"]]
    assert len(names) == len(set(names))
    assert {f"page_{number}" for number in range(5)} <= set(names)
    with pytest.raises(amazon.forecast.exceptions.InvalidNextTokenException):
        amazon.forecast.list_dataset_groups(NextToken=first["NextToken"])
    wanted = {"Key": "Status", "Value": "ACTIVE", "Condition": "IS_NOT"}
    there = amazon.forecast.list_predictors(Filters=[wanted])["Predictors"]
    assert trained not in [each["PredictorArn"] for each in there]


def test_tags_are_listed_changed_and_taken_away(amazon: Amazon):
    arn = amazon.dataset("tagged", Tags=[{"Key": "équipe", "Value": "nachschub"}])
    amazon.forecast.tag_resource(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "7"}])
    amazon.forecast.untag_resource(ResourceArn=arn, TagKeys=["équipe", "never there"])
    assert amazon.forecast.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "7"}]


def test_an_incremental_import_adds_to_a_dataset_and_a_full_one_replaces_it(amazon: Amazon):
    dataset = amazon.dataset("growing")
    rows = sales(items=1)
    amazon.imported(dataset, "a", amazon.write("bucket/a.csv", rows[:50]))
    later = rows[45:].assign(target_value=99)
    amazon.imported(dataset, "b", amazon.write("bucket/b.csv", later), ImportMode="INCREMENTAL")
    group = amazon.forecast.create_dataset_group(
        DatasetGroupName="growing", Domain="CUSTOM", DatasetArns=[dataset]
    )["DatasetGroupArn"]
    made = amazon.forecast.create_predictor(**predictor("growing", group))["PredictorArn"]
    found = amazon.wait("predictor", made)
    assert [arn.rpartition("/")[2] for arn in found["DatasetImportJobArns"]] == ["a", "b"]
    fc = amazon.forecast.create_forecast(ForecastName="growing", PredictorArn=made)["ForecastArn"]
    amazon.wait("forecast", fc)
    found = amazon.query.query_forecast(ForecastArn=fc, Filters={"item_id": "item_0"})
    assert found["Forecast"]["Predictions"]["p90"][0] == {"Timestamp": "2024-03-01T00:00:00", "Value": 99.0}
    amazon.imported(dataset, "c", amazon.write("bucket/c.csv", rows[:40]))
    again = amazon.forecast.create_predictor(**predictor("again", group))["PredictorArn"]
    found = amazon.wait("predictor", again)
    assert [arn.rpartition("/")[2] for arn in found["DatasetImportJobArns"]] == ["c"]


def test_an_import_that_cannot_be_read_fails_with_the_row_and_its_dataset_says_so(amazon: Amazon):
    dataset = amazon.dataset("torn")
    url = amazon.write("bucket/torn.csv", pd.DataFrame([["a", "2024-01-01", 1], ["a", "2024-01-02", "many"]]))
    made = amazon.forecast.create_dataset_import_job(
        DatasetImportJobName="x", DatasetArn=dataset, DataSource=s3(url), TimestampFormat="yyyy-MM-dd"
    )
    found = amazon.wait("dataset_import_job", made["DatasetImportJobArn"], "CREATE_FAILED")
    assert "row 2: target_value is no double: 'many'" in found["Message"]
    assert amazon.forecast.describe_dataset(DatasetArn=dataset)["Status"] == "UPDATE_FAILED"


def test_a_tree_is_deleted_with_all_that_was_made_from_it(amazon: Amazon):
    group = amazon.group("doomed", sales(items=1))
    made = amazon.forecast.create_predictor(**predictor("doomed", group))["PredictorArn"]
    amazon.wait("predictor", made)
    answer = amazon.forecast.delete_resource_tree(ResourceArn=group)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    for call, arn in (("describe_predictor", made),):
        with pytest.raises(amazon.forecast.exceptions.ResourceNotFoundException):
            getattr(amazon.forecast, call)(PredictorArn=arn)
    assert amazon.forecast.describe_dataset(DatasetArn=f"{ACCOUNT}dataset/doomed")["Status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("domain", "item", "target"),
    [
        ("RETAIL", "item_id", "demand"),
        ("INVENTORY_PLANNING", "item_id", "demand"),
        ("EC2_CAPACITY", "instance_type", "number_of_instances"),
        ("WORK_FORCE", "workforce_type", "workforce_demand"),
        ("WEB_TRAFFIC", "item_id", "value"),
        ("METRICS", "metric_name", "metric_value"),
    ],
)
def test_every_domain_has_its_own_names(amazon: Amazon, domain: str, item: str, target: str):
    arn = amazon.dataset(
        domain, Domain=domain, Schema=schema(**{item: "string", "timestamp": "timestamp", target: "float"})
    )
    assert amazon.forecast.describe_dataset(DatasetArn=arn)["Domain"] == domain
