"""The command line keeps labels: what it writes has the times of the rows, or it says how many have others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app


def call(*words: object) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def written(stamps: Any) -> None:
    """The table sales.csv of one item at `stamps`."""
    stamps = list(stamps)
    pd.DataFrame({"item_id": "a", "timestamp": stamps, "target": 1 + np.arange(len(stamps)) % 7}).to_csv(
        "sales.csv", index=False
    )


def forecast(freq: str, *options: object) -> tuple[str, list[str]]:
    """What `train` says, and the times of the forecast that `predict` writes."""
    said = call(
        "train",
        "sales.csv",
        "--freq",
        freq,
        "--recipe",
        "seasonal_naive",
        "--horizon",
        3,
        "--out",
        "model",
        *options,
    )
    call("predict", "model", "sales.csv", "--out", "forecast.csv", "--overwrite")
    return said, [str(stamp)[:16] for stamp in pd.read_csv("forecast.csv")["timestamp"]]


LAST_SUNDAYS = pd.Timestamp("2021-01-31") + pd.to_timedelta(7 * np.cumsum([0, *[4, 4, 5] * 10]), "D")


@pytest.mark.parametrize(
    ("stamps", "freq", "said", "ahead"),
    [
        (pd.date_range("2024-01-01", periods=40, freq="W-MON"), "W", "--freq W-MON", "2024-10-07"),
        (
            pd.date_range("2024-01-01 06:00", periods=60, freq="8h"),
            "8h",
            "06:00, 14:00, 22:00",
            "2024-01-21 06:00",
        ),
        (pd.date_range("2024-01-01 00:07", periods=60, freq="h"), "h", "7 minutes after", "2024-01-03 12:07"),
        (pd.date_range("2010-02-28", periods=30, freq="QE-MAY"), "QE", "--freq QE-FEB", "2017-08-31"),
        (
            pd.date_range("2024-01-01", periods=34),
            "B",
            "9 rows of the target table (sales.csv) are of a Saturday",
            "2024-02-05",
        ),
        (LAST_SUNDAYS, "MS", "follow another calendar", "2023-08-01"),
        (pd.date_range("2024-01-01", periods=40, freq="W-MON"), "W-SUN", "40 of 40 rows", "2024-10-06"),
    ],
    ids=["Mondays", "shifts", "minute 7", "quarters to May", "Saturdays", "4-4-5", "another day asked for"],
)
def test_times_are_kept_or_counted(
    stamps: Any, freq: str, said: str, ahead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(stamps)
    message, times = forecast(freq)
    assert said in message
    assert times[0] == ahead


def test_no_forecast_file_has_an_hour_that_the_clock_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(pd.date_range("2024-03-28 02:00", "2024-03-31 01:00", freq="h"))
    _, times = forecast("h", "--timezone", "Europe/Berlin")
    assert times == ["2024-03-31 03:00", "2024-03-31 04:00"]


@pytest.mark.slow
def test_sales_written_only_where_something_sold_name_the_filling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=200)
    written(days[np.random.default_rng(0).random(200) < 0.66])
    for command in (["check"], ["backtest", "--horizon", 7, "--recipe", "seasonal_naive", "--out", "runs"]):
        assert "--filling target.middle=zero" in call(command[0], "sales.csv", "--freq", "D", *command[1:])
    assert "--filling target.middle=zero" in forecast("D")[0]
    said, _ = forecast("D", "--filling", "target.middle=zero", "--out", "other")
    assert "--filling" not in said


def test_a_forecast_table_of_other_times_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(pd.date_range("2024-01-01", periods=40, freq="W-MON"))
    sundays = pd.date_range("2024-09-22", periods=2, freq="W-SUN")
    pd.DataFrame({"item_id": "a", "timestamp": sundays, "mean": 2.0, "p10": 1.0, "p90": 3.0}).to_csv(
        "f.csv", index=False
    )
    said = call("evaluate", "f.csv", "sales.csv", "--freq", "W-MON")
    assert "2 of 2 rows" in said
    assert "2024-09-22 is judged on 2024-09-16" in said


def test_predict_tells_of_a_category_that_the_model_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(pd.date_range("2024-01-01", periods=40))
    pd.DataFrame({"item_id": ["a"], "family": ["bag"]}).to_csv("items.csv", index=False)
    known = ("sales.csv", "--items", "items.csv", "--out")
    call("train", *known, "model", "--freq", "D", "--recipe", "seasonal_naive", "--horizon", 3)
    pd.DataFrame({"item_id": ["a"], "family": ["hat"]}).to_csv("items.csv", index=False)
    said = call("predict", "model", *known, "forecast.csv")
    assert "'family' of 1 items is a category that the model was not trained on, most often 'hat'" in said
