"""`foretell plot`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]


@pytest.fixture
def forecast(run: Run) -> Run:
    sales = pd.read_csv("sales.csv", parse_dates=["timestamp"])
    sales[sales["timestamp"] < "2024-02-05"].to_csv("past.csv", index=False)
    asked = ("--freq", "D", "--horizon", 5, "--recipe", "seasonal_naive", "--out", "model")
    assert run("train", "past.csv", *asked).exit_code == 0
    assert run("predict", "model", "past.csv", "--freq", "D", "--out", "forecast.csv").exit_code == 0
    return run


def test_forecasts_are_drawn_with_what_happened_where_it_is_known(forecast: Run) -> None:
    result = forecast("plot", "forecast.csv", "sales.csv", "--freq", "D", "--out", "known.svg")
    assert result.exit_code == 0, result.output
    assert "2 of 2 items: known.svg" in result.stderr
    assert forecast("plot", "forecast.csv", "past.csv", "--freq", "D", "--out", "open.svg").exit_code == 0
    assert Path("known.svg").stat().st_size > Path("open.svg").stat().st_size  # a line and its name more
    assert b"foretell" in Path("known.svg").read_bytes()[:4096]


def test_a_picture_of_one_item_replaces_another_when_asked_and_nothing_else(forecast: Run) -> None:
    words = ("plot", "forecast.csv", "sales.csv", "--freq", "D", "--only", "a", "--out", "a.png")
    assert forecast(*words).exit_code == 0
    again = forecast(*words)
    assert again.exit_code == 2
    assert "a.png already holds a page or picture of foretell" in again.stderr
    assert forecast(*words, "--overwrite").exit_code == 0
    Path("a.png").write_bytes(b"\x89PNG of somebody else")
    assert "is no page or picture of foretell" in forecast(*words, "--overwrite").stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--only", "aa", "--out", "x.png"), "no item 'aa' in this forecast. Did you mean 'a'"),
        (("--recipe", "ets", "--out", "x.png"), "no recipe 'ets' in the forecasts"),
        (("--out", "x.pdf"), "--out must end in .png or .svg"),
        ((), "--out is missing"),
    ],
)
def test_what_cannot_be_drawn_is_said(forecast: Run, more: tuple[str, ...], said: str) -> None:
    result = forecast("plot", "forecast.csv", "sales.csv", "--freq", "D", *more)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
