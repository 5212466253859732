"""AutoPredictors and what hangs on them: explanations, what-if analyses, monitors, retraining, stopping."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.service.amazon.settings import S3_ROOT
from service.amazon.calls import ACCOUNT, Amazon, code_of, s3, schema

pytestmark = pytest.mark.slow
DAYS = pd.date_range("2024-01-01", periods=120)
SERIES = [(item, store) for store in ("berlin", "paris") for item in ("a", "b")]
KEY = {"item_id": "string", "store": "string"}
RELATED = schema(**KEY, timestamp="timestamp", promo="float")


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Demand that a promotion doubles, and the promotions, two weeks further."""
    random = np.random.default_rng(0)
    promo = (np.arange(120) % 9 == 0).astype(float)
    frames = []
    for item, store in SERIES:
        key = {"item_id": item, "store": store, "timestamp": DAYS}
        frames.append(
            pd.DataFrame({**key, "demand": 5 + 10 * promo + random.poisson(2, 120), "promo": promo})
        )
    whole = pd.concat(frames)
    names = ["item_id", "store", "timestamp"]
    return whole[whole["timestamp"] < DAYS[106]][[*names, "demand"]], whole[[*names, "promo"]]


@pytest.fixture(scope="module")
def shop(amazon: Amazon) -> str:
    """The ARN of a group with all three tables."""
    target, related = tables()
    (amazon.s3 / "bucket").mkdir(exist_ok=True)
    related.to_parquet(amazon.s3 / "bucket/related.parquet", index=False)
    items = pd.DataFrame({"item_id": ["a", "b"], "colour": ["red", "blue"]})
    made = []
    for name, kind, attributes, url, more in (
        (
            "target",
            "TARGET_TIME_SERIES",
            schema(**KEY, timestamp="timestamp", demand="float"),
            amazon.write("bucket/target.csv", target),
            {},
        ),
        ("related", "RELATED_TIME_SERIES", RELATED, "s3://bucket/related.parquet", {"Format": "PARQUET"}),
        (
            "items",
            "ITEM_METADATA",
            schema(item_id="string", colour="string"),
            amazon.write("bucket/items.csv", items),
            {},
        ),
    ):
        frequency = {"DataFrequency": None if kind == "ITEM_METADATA" else "D"}
        asked: dict[str, Any] = {"Domain": "RETAIL", "DatasetType": kind, "Schema": attributes}
        arn = amazon.forecast.create_dataset(
            **{
                "DatasetName": f"shop_{name}",
                **asked,
                **{k: v for k, v in frequency.items() if v is not None},
            }
        )["DatasetArn"]
        amazon.imported(arn, "first", url, **more)
        made.append(arn)
    group = amazon.forecast.create_dataset_group(DatasetGroupName="shop", Domain="RETAIL", DatasetArns=made)
    return str(group["DatasetGroupArn"])


@pytest.fixture(scope="module")
def trained(amazon: Amazon, shop: str) -> str:
    made = amazon.forecast.create_auto_predictor(
        PredictorName="shop",
        ForecastHorizon=7,
        ForecastFrequency="D",
        ForecastDimensions=["store"],
        DataConfig={
            "DatasetGroupArn": shop,
            "AdditionalDatasets": [{"Name": "holiday", "Configuration": {"CountryCode": ["DE"]}}],
        },
        ExplainPredictor=True,
        MonitorConfig={"MonitorName": "shop"},
    )["PredictorArn"]
    amazon.wait("auto_predictor", made)
    return str(made)


@pytest.fixture(scope="module")
def forecast(amazon: Amazon, trained: str) -> str:
    made = amazon.forecast.create_forecast(ForecastName="shop", PredictorArn=trained)["ForecastArn"]
    amazon.wait("forecast", made)
    return str(made)


@pytest.fixture(scope="module")
def analysis(amazon: Amazon, forecast: str) -> str:
    made = amazon.forecast.create_what_if_analysis(WhatIfAnalysisName="plan", ForecastArn=forecast)
    amazon.wait("what_if_analysis", made["WhatIfAnalysisArn"])
    return str(made["WhatIfAnalysisArn"])


def median(predictions: Any) -> list[float]:
    return [each["Value"] for each in predictions["Forecast"]["Predictions"]["p50"]]


def test_an_auto_predictor_has_a_suffix_an_explanation_and_a_monitor(amazon: Amazon, trained: str):
    assert trained.startswith(f"{ACCOUNT}predictor/shop_")
    found = amazon.forecast.describe_auto_predictor(PredictorArn=trained)
    assert found["ExplainabilityInfo"]["Status"] == "ACTIVE"
    assert found["MonitorInfo"]["Status"] == "ACTIVE"
    metrics = amazon.forecast.get_accuracy_metrics(PredictorArn=trained)
    assert metrics["IsAutoPredictor"] is True
    assert "AlgorithmArn" not in metrics["PredictorEvaluationResults"][0]


def test_what_was_made_for_a_legacy_predictor_refuses_an_auto_predictor(amazon: Amazon, trained: str):
    code, _ = code_of(amazon.forecast.describe_predictor, {"PredictorArn": trained})
    assert code == "InvalidInputException"


def test_a_query_names_every_dimension(amazon: Amazon, forecast: str):
    whole = {"item_id": "a", "store": "paris"}
    assert len(median(amazon.query.query_forecast(ForecastArn=forecast, Filters=whole))) == 7
    code, message = code_of(
        amazon.query.query_forecast, {"ForecastArn": forecast, "Filters": {"item_id": "a"}}
    )
    assert (code, message) == ("InvalidInputException", "Filters must name store.")


def test_a_what_if_forecast_moves_where_the_plan_was_changed_and_nowhere_else(
    amazon: Amazon, forecast: str, analysis: str
):
    made = amazon.forecast.create_what_if_forecast(
        WhatIfForecastName="more",
        WhatIfAnalysisArn=analysis,
        TimeSeriesTransformations=[
            {
                "Action": {"AttributeName": "promo", "Operation": "ADD", "Value": 1.0},
                "TimeSeriesConditions": [
                    {"AttributeName": "store", "AttributeValue": "paris", "Condition": "EQUALS"},
                    {"AttributeName": "promo", "AttributeValue": "0", "Condition": "EQUALS"},
                ],
            }
        ],
    )["WhatIfForecastArn"]
    amazon.wait("what_if_forecast", made)
    for store in ("paris", "berlin"):
        key = {"item_id": "a", "store": store}
        before = median(amazon.query.query_forecast(ForecastArn=forecast, Filters=key))
        after = median(amazon.query.query_what_if_forecast(WhatIfForecastArn=made, Filters=key))
        if store == "paris":
            assert sum(after) > 1.3 * sum(before)
        else:
            assert after == pytest.approx(before, rel=0.02)
    export = amazon.forecast.create_what_if_forecast_export(
        WhatIfForecastExportName="more", WhatIfForecastArns=[made], Destination=s3("s3://bucket/what-if")
    )["WhatIfForecastExportArn"]
    amazon.wait("what_if_forecast_export", export)
    assert len(list((amazon.s3 / "bucket/what-if").iterdir())) == 1


def test_replacement_rows_take_the_place_of_those_of_the_plan(amazon: Amazon, forecast: str, analysis: str):
    rows = pd.DataFrame([["a", "paris", day, 1] for day in DAYS[106:113]])
    source = {
        **s3(amazon.write("bucket/replaced.csv", rows)),
        "Schema": RELATED,
        "TimestampFormat": "yyyy-MM-dd",
    }
    made = amazon.forecast.create_what_if_forecast(
        WhatIfForecastName="replaced", WhatIfAnalysisArn=analysis, TimeSeriesReplacementsDataSource=source
    )["WhatIfForecastArn"]
    amazon.wait("what_if_forecast", made)
    key = {"item_id": "a", "store": "paris"}
    before = median(amazon.query.query_forecast(ForecastArn=forecast, Filters=key))
    assert sum(median(amazon.query.query_what_if_forecast(WhatIfForecastArn=made, Filters=key))) > 1.3 * sum(
        before
    )


def test_an_explanation_of_some_series_and_dates_is_exported_with_an_impact_a_driver(
    amazon: Amazon, forecast: str
):
    (amazon.s3 / "bucket/series.csv").write_text("a,berlin\n")
    made = amazon.forecast.create_explainability(
        ExplainabilityName="some",
        ResourceArn=forecast,
        ExplainabilityConfig={"TimeSeriesGranularity": "SPECIFIC", "TimePointGranularity": "SPECIFIC"},
        DataSource=s3("s3://bucket/series.csv"),
        Schema=schema(**KEY),
        StartDateTime="2024-04-17T00:00:00",
        EndDateTime="2024-04-19T00:00:00",
    )["ExplainabilityArn"]
    amazon.wait("explainability", made)
    export = amazon.forecast.create_explainability_export(
        ExplainabilityExportName="some", ExplainabilityArn=made, Destination=s3("s3://bucket/why")
    )["ExplainabilityExportArn"]
    amazon.wait("explainability_export", export)
    (file,) = (amazon.s3 / "bucket/why").iterdir()
    found = pd.read_csv(file).set_index("store")
    assert found.loc["berlin", "promo-Normalized Impact Score"] == 1.0


def test_new_actuals_are_evaluated_by_the_monitor(amazon: Amazon, forecast: str, shop: str):
    monitor = amazon.forecast.list_monitors()["Monitors"][0]["MonitorArn"]
    rows = pd.DataFrame([[item, store, day, 7] for item, store in SERIES for day in DAYS[106:111]])
    url = amazon.write("bucket/more.csv", rows)
    amazon.imported(f"{ACCOUNT}dataset/shop_target", "more", url, ImportMode="INCREMENTAL")
    (found,) = amazon.forecast.list_monitor_evaluations(MonitorArn=monitor)["PredictorMonitorEvaluations"]
    assert found["EvaluationState"] == "SUCCESS"
    assert found["MonitorDataSource"]["ForecastArn"] == forecast
    assert {each["MetricName"] for each in found["MetricResults"]} >= {"AverageWeightedQuantileLoss", "WAPE"}
    assert amazon.forecast.describe_monitor(MonitorArn=monitor)["LastEvaluationState"] == "SUCCESS"
    amazon.forecast.stop_resource(ResourceArn=monitor)
    assert amazon.forecast.describe_monitor(MonitorArn=monitor)["Status"] == "ACTIVE_STOPPED"
    amazon.forecast.resume_resource(ResourceArn=monitor)
    assert amazon.forecast.describe_monitor(MonitorArn=monitor)["Status"] == "ACTIVE"


def test_a_predictor_is_retrained_from_another_and_stopped(amazon: Amazon, trained: str):
    made = amazon.forecast.create_auto_predictor(PredictorName="retrained", ReferencePredictorArn=trained)[
        "PredictorArn"
    ]
    found = amazon.forecast.describe_auto_predictor(PredictorArn=made)
    assert found["ReferencePredictorSummary"] == {"Arn": trained, "State": "Active"}
    assert found["ForecastHorizon"] == 7
    amazon.forecast.stop_resource(ResourceArn=made)
    amazon.wait("auto_predictor", made, "CREATE_STOPPED")
    amazon.forecast.delete_predictor(PredictorArn=made)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        code, _ = code_of(amazon.forecast.describe_auto_predictor, {"PredictorArn": made})
        if code == "ResourceNotFoundException":
            return
    raise AssertionError("it is still there")


def test_the_folder_for_s3_is_the_one_of_the_command(amazon: Amazon):
    import os

    assert Path(os.environ[S3_ROOT]) == amazon.s3
