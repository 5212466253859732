"""Amazon's own example, client_12 of the electricity data, from import to metrics through boto3: the numbers are the library's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import foretell
from service.amazon.calls import ALGORITHM, Amazon, predictor

pytestmark = pytest.mark.slow


def test_the_metrics_of_amazons_own_window_are_the_librarys(amazon: Amazon, real_data: Path):
    names = ["timestamp", "target_value", "item_id"]
    frame = pd.read_csv(real_data / "amazon_electricity/item-demand-time-train.csv", header=None, names=names)
    rows = frame.loc[frame["item_id"] == "client_12", ["item_id", "timestamp", "target_value"]]
    group = amazon.group("client_12", rows, DataFrequency="H")
    made = amazon.forecast.create_predictor(
        **predictor("client_12", group, ForecastHorizon=36, FeaturizationConfig={"ForecastFrequency": "H"})
    )["PredictorArn"]
    found = amazon.wait("predictor", made)
    assert found["AlgorithmArn"] == f"{ALGORITHM}NPTS"
    summary = amazon.forecast.get_accuracy_metrics(PredictorArn=made)["PredictorEvaluationResults"][0][
        "TestWindows"
    ][0]
    data = foretell.Dataset(
        rows,
        freq="h",
        target_column="target_value",
        filling={"target_value": {"middle": "zero", "back": "zero"}},
        aggregation={"target_value": "sum"},
    )
    expected = foretell.backtest(data, horizon=36, recipes=["npts"]).leaderboard.iloc[0]
    for each in summary["Metrics"]["WeightedQuantileLosses"]:
        assert each["LossValue"] == pytest.approx(expected[f"wQL[{each['Quantile']}]"], abs=1e-6)
    for name in ("RMSE", "WAPE", "MAPE", "MASE"):
        assert summary["Metrics"]["ErrorMetrics"][0][name] == pytest.approx(expected[name], abs=1e-6)
