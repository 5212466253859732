"""A command that takes a model reads tables as its training did; the command line wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.cli.values import parse_filling, spelt_filling

Run = Callable[..., Any]
SPELT = (
    *("--related", "promo.csv", "--items", "items.csv", "--known", "promo", "--freq", "D"),
    *("--id", "sku", "--items-id", "code", "--timestamp", "datum", "--related-timestamp", "tag"),
    *("--target", "menge", "--date-format", "%d.%m.%Y", "--decimal", ",", "--dimensions", "shop"),
)


def words(result: Any) -> str:
    return " ".join(result.stderr.split())


@pytest.fixture
def trained(run: Run) -> Run:
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"datum": days.strftime("%d.%m.%Y"), "menge": [f"{k % 7},5" for k in range(40)]})
    sales = pd.concat([frame.assign(sku=i, shop="x") for i in "ab"])
    sales.to_csv("sales.csv", index=False)
    later = pd.date_range("2024-01-01", periods=50).strftime("%d.%m.%Y")
    pd.DataFrame({"tag": later, "promo": np.arange(50) % 2}).to_csv("promo.csv", index=False)
    pd.DataFrame({"code": ["a", "b"], "family": ["mug", "bag"]}).to_csv("items.csv", index=False)
    result = run("train", "sales.csv", *SPELT, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "model")
    assert result.exit_code == 0, result.stderr
    return run


def test_every_command_with_a_model_reads_the_tables_as_its_training_did(trained: Run) -> None:
    tables = ("sales.csv", "--related", "promo.csv", "--items", "items.csv")
    whole = trained("predict", "model", "sales.csv", *SPELT)
    assert whole.exit_code == 0, whole.stderr
    assert trained("predict", "model", *tables).stdout == whole.stdout
    for command in (("whatif", "model", *tables, "--change", "promo = 1"), ("explain", "model", *tables)):
        result = trained(*command)
        assert result.exit_code == 0, result.stderr
    assert trained("ingest", *tables, "--model", "model", "--out", "panel").exit_code == 0
    assert trained("predict", "model", "panel").stdout == whole.stdout


def test_forecasts_are_scored_and_drawn_by_the_target_alone_read_as_the_model_s(trained: Run) -> None:
    tables = ("sales.csv", "--related", "promo.csv", "--items", "items.csv")
    assert trained("predict", "model", *tables, "--out", "forecast.csv").exit_code == 0
    later = pd.date_range("2024-02-10", periods=7).strftime("%d.%m.%Y")
    known = pd.read_csv("sales.csv")
    come = pd.concat([known, *(known.head(7).assign(datum=later, sku=i) for i in "ab")])
    come.to_csv("come.csv", index=False)
    result = trained("evaluate", "forecast.csv", "come.csv", "--model", "model")
    assert result.exit_code == 0, result.stderr
    result = trained("plot", "forecast.csv", "come.csv", "--model", "model", "--out", "fan.png")
    assert result.exit_code == 0, result.stderr


def test_a_filling_is_spelt_as_it_is_read() -> None:
    texts = ["target.middle=zero", "price.future=3.5", "tag.future.value=none"]
    assert spelt_filling(parse_filling(texts)) == texts


def test_a_training_from_a_model_reads_them_so_too(trained: Run) -> None:
    tables = ("sales.csv", "--related", "promo.csv", "--items", "items.csv")
    result = trained("train", *tables, "--from", "model", "--out", "next")
    assert "cannot start from a model" in words(result)  # and nothing of columns that are not there


def test_the_command_line_wins_and_another_frequency_is_said(trained: Run) -> None:
    pd.read_csv("sales.csv").assign(menge=0.5).rename(columns={"menge": "sold"}).to_csv(
        "new.csv", index=False
    )
    tables = ("new.csv", "--related", "promo.csv", "--items", "items.csv")
    result = trained("predict", "model", *tables, "--target", "sold", "--decimal", ".")
    assert result.exit_code == 0, result.stderr
    result = trained("predict", "model", *tables, "--target", "sold", "--decimal", ".", "--freq", "W")
    assert result.exit_code == 2
    assert "the model was trained at frequency 'D', these data are read at 'W-SUN'. Give --freq D" in words(
        result
    )


def test_a_column_that_is_not_there_is_refused_in_the_words_of_the_command_line(trained: Run) -> None:
    tables = ("sales.csv", "--related", "promo.csv", "--items", "items.csv")
    wrong = {"--related-timestamp": "tga", "--items-id": "coed", "--related-id": "sku"}
    for option, name in wrong.items():
        result = trained("check", *tables, *SPELT, option, name)
        assert result.exit_code == 2
        assert f"column {name!r}" in words(result)
        assert option in words(result)


@pytest.mark.parametrize(
    "command",
    [
        ("check", "sales.csv"),
        ("ingest", "sales.csv", "--out", "panel"),
        ("train", "sales.csv", "--recipe", "seasonal_naive", "--horizon", 7, "--out", "out"),
        ("backtest", "sales.csv", "--recipe", "seasonal_naive", "--horizon", 7),
        ("tune", "sales.csv", "--recipe", "ets", "--horizon", 7, "--trials", 1, "--out", "study"),
    ],
)
def test_a_frequency_that_is_left_out_is_found_and_printed(run: Run, command: tuple[Any, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    said = " ".join((result.stderr + result.stdout).split())
    assert "--freq D is what the rows of the target table (sales.csv) have" in said.replace(" │ ", " ") or (
        command[0] == "check" and "frequency_found" in said
    )


def test_several_frequencies_are_refused_in_the_words_of_the_command_line(run: Run) -> None:
    frame = pd.read_csv("sales.csv", parse_dates=["timestamp"])
    weekly = frame[(frame["item_id"] == "a") & (frame["timestamp"].dt.dayofweek == 0)]
    longer = pd.concat(
        [weekly.assign(timestamp=weekly["timestamp"] + pd.Timedelta(weeks=6 * k)) for k in range(4)]
    )
    pd.concat([longer, frame[frame["item_id"] == "b"]]).to_csv("mixed.csv", index=False)
    result = run("train", "mixed.csv", "--horizon", 7, "--out", "out")
    assert result.exit_code == 2
    assert "--freq is missing, and the items of the target table (mixed.csv) have several" in words(result)
    assert "Give --freq, to put all into the same steps" in words(result)
