"""What `check` warns of is shown by the commands that go on; what a model fixed is not asked for in vain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.checks import alarms as alarms_module
from foretell.checks.alarms import alarms
from foretell.checks.check import check
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

Run = Callable[..., Any]
NAIVE = ("--recipe", "seasonal_naive", "--horizon", 3)


def said(result: Any, status: int = 0) -> str:
    assert result.exit_code == status, result.output
    return " ".join(str(result.stderr).split())


def weekly() -> None:
    """Sales of Mondays, asked as days, and of two items that are spelt alike."""
    mondays = pd.date_range("2024-01-01", periods=40, freq="7D")
    parts = [
        pd.DataFrame({"item_id": i, "timestamp": mondays, "target": np.arange(40.0) % 5}) for i in ("a", "A")
    ]
    pd.concat(parts).to_csv("weekly.csv", index=False)


@pytest.mark.parametrize("command", ["train", "backtest", "predict", "evaluate"])
def test_a_warning_of_check_is_shown_by_every_command_that_reads_tables(run: Run, command: str) -> None:
    weekly()
    tables = ("weekly.csv", "--freq", "D")
    trained = run("train", *tables, *NAIVE, "--out", "model")
    words = {"backtest": (*tables, *NAIVE, "--out", "runs"), "predict": ("model", "weekly.csv")}
    if command == "evaluate":
        run("backtest", *words["backtest"])
        result = run("evaluate", "runs/forecasts.parquet", *tables)
    else:
        result = trained if command == "train" else run(command, *words[command])
    message = said(result)
    if command == "predict":  # of the data of the training: one line in place of all
        assert (
            "warning: as in the training: 3 warnings (frequency, mostly_gaps, alike_ids) and 1 note"
            in message
        )
        return
    assert "warning: 2 of 2 items are observed as --freq W-MON would have it, asked was 'D'" in message
    assert "warning: 2 items have names that differ by blanks, capitals or a '.0' alone" in message


def test_train_warns_of_a_known_column_that_would_stop_predict(run: Run) -> None:
    tables = ("sales.csv", "--related", "ahead.csv", "--freq", "D", "--known", "promo")
    recipe = ("--recipe", "seasonal_naive", "--horizon", 12, "--out", "model")
    message = said(run("train", *tables, *recipe))
    assert "warning: as the tables are, predict would stop: item 'a': related column 'promo' ends" in message
    again = said(run("predict", "model", "sales.csv", "--related", "ahead.csv"), 2)
    assert "Extend it, or train again with it filled: --filling promo.future=zero" in again
    assert "predict would stop" not in again


def test_a_table_with_rows_on_promotion_days_alone_is_told_to_be_filled_by_zero() -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(40.0)})
    promo = pd.DataFrame({"timestamp": days[5:38:6], "promo": 1})
    found = alarms(Dataset(sales, promo, freq="D", known=["promo"]), horizon=7)
    (ends,) = [finding for finding in found if finding.code == "known_ends"]
    places = "{'front': 'zero', 'middle': 'zero', 'back': 'zero', 'future': 'zero'}"
    assert f"filling={{'promo': {places}}}" in ends.message
    everywhere = pd.DataFrame({"timestamp": days, "open": 1})
    found = alarms(Dataset(sales, everywhere, freq="D", known=["open"]), horizon=7)
    assert "filling={'open': {'future': 'previous'}}" in " ".join(finding.message for finding in found)


def test_of_a_large_panel_some_items_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms_module, "_MOST_CELLS", 400)
    mondays = pd.date_range("2024-01-01", periods=20, freq="7D")
    rows = [(f"{item:02}", day, 1 + k % 5) for item in range(32) for k, day in enumerate(mondays)]
    data = Dataset(pd.DataFrame(rows, columns=["item_id", "timestamp", "target"]), freq="D")
    messages = [finding.message for finding in alarms(data) if finding.code == "frequency"]
    assert messages == [
        "of 16 of the 32 items, which were looked at: 16 of 16 items are observed as freq='W-MON' would have it, asked was"
        " 'D'; first '00'"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--filling", "target.middle=zero"),
            "a filling of 'target' (middle zero), the model was trained without one",
        ),
        (("--filling", "promo.future=previous"), "a filling of 'promo' (future previous)"),
        (
            ("--season", "14"),
            "the model was trained with season 7, these data ask for 14. Leave --season out",
        ),
        (("--ends", "own"), "trained with ends last, these data ask for own. Leave --ends out"),
        (("--partial", "keep"), "trained with partial drop, these data ask for keep. Leave --partial out"),
        (
            ("--past", "promo"),
            "'promo' is declared past, but the model was trained with it as known. Leave --past out",
        ),
        (("--known", "price"), "'price' is declared known, but the model was trained without that column"),
        (("--open", "promo"), "trained with open none, these data ask for promo. Leave --open out"),
        (
            ("--categorical", "promo"),
            "'promo' is declared categorical, but the model was trained with it as numbers",
        ),
    ],
)
def test_predict_refuses_an_option_that_the_model_has_fixed_otherwise(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    tables = ("sales.csv", "--related", "ahead.csv")
    said(run("train", *tables, "--freq", "D", "--known", "promo", *NAIVE, "--out", "model"))
    assert message in said(run("predict", "model", *tables, *options), 2)


def test_predict_takes_the_options_of_the_training_once_more(run: Run) -> None:
    tables = (
        *(
            "sales.csv",
            "--related",
            "ahead.csv",
            "--freq",
            "D",
            "--known",
            "promo",
            "--season",
            "14",
            "--ends",
            "own",
        ),
        *("--filling", "target.middle=zero", "--filling", "promo.future=previous", "--partial", "keep"),
        *("--categorical", "promo", "--text-values", "40", "--strict"),
    )
    said(run("train", *tables, *NAIVE, "--out", "model"))
    said(run("predict", "model", *tables, "--out", "forecast.csv"))
    assert Path("forecast.csv").exists()


def test_the_filling_that_sales_without_zeros_need_is_spelt_alike_everywhere() -> None:
    days = pd.date_range("2024-01-01", periods=200)
    some = days[np.random.default_rng(0).random(200) < 0.66]
    data = Dataset(pd.DataFrame({"item_id": "a", "timestamp": some, "target": 3}), freq="D")
    (found,) = [finding for finding in data.findings if finding.code == "transactions"]
    for text in (found.message, found.option):
        assert "filling={'target': {'middle': 'zero', 'back': 'zero'}}" in text


def test_a_plan_of_promotion_days_alone_is_told_the_same_by_predict_of_a_model_that_knew_whole_plans() -> (
    None
):
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(40.0)})
    plan = pd.DataFrame({"timestamp": days, "promo": np.arange(40) % 6 == 5}).astype({"promo": int})
    trained = Dataset(sales, plan, freq="D", known=["promo"]).schema
    newer = Dataset(sales, plan[plan["promo"] == 1], freq="D", schema=trained)
    with pytest.raises(
        ForetellError, match="'front': 'zero', 'middle': 'zero', 'back': 'zero', 'future': 'zero'"
    ):
        newer.panel.check_horizon(7, trained=True)


def test_values_behind_the_horizon_are_no_finding_of_check() -> None:
    days = pd.date_range("2024-01-01", periods=60)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days[:40], "target": np.arange(40.0)})
    plan = pd.DataFrame({"timestamp": days, "price": np.where(np.arange(60) < 50, 2.0, 9e9)})
    data = Dataset(sales, plan, freq="D", known=["price"])
    assert {"never_changes"} == {f.code for f in check(data, horizon=7).warnings} & {
        "never_changes",
        "float32",
    }
    assert {"float32"} == {f.code for f in check(data, horizon=14).warnings} & {"never_changes", "float32"}


def test_a_horizon_that_no_history_reaches_is_one_error(run: Run) -> None:
    result = run("train", "sales.csv", "--freq", "D", "--recipe", "npts", "--horizon", 400, "--out", "model")
    assert said(result, 2).count("error:") == 1
