"""`foretell predict --total --lead-time`."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv")


@pytest.fixture
def trained(run: Run) -> Run:
    train = (
        "train",
        *TABLES,
        "--freq",
        "D",
        "--known",
        "promo",
        "--horizon",
        5,
        "--recipe",
        "seasonal_naive",
    )
    assert run(*train, "--out", "model").exit_code == 0
    return run


def test_totals_over_a_lead_time_by_family(trained: Run) -> None:
    result = trained(
        "predict", "model", *TABLES, "--total", "family", "--lead-time", 3, "--levels", "0.5,0.95"
    )
    table = pd.read_csv(io.StringIO(result.stdout))
    assert list(table.columns) == ["family", "timestamp", "steps", "mean", "p50", "p95"]
    assert table["family"].tolist() == ["bag", "mug"]
    assert (table["steps"] == 3).all()
    single = pd.read_csv(io.StringIO(trained("predict", "model", *TABLES, "--only", "a").stdout))
    assert table["mean"][0] == pytest.approx(single["mean"][:3].sum(), rel=1e-5)


def test_totals_of_all_items_go_to_a_file_step_by_step(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--total", "all", "--out", "totals.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv("totals.csv")
    assert table["item_id"].tolist() == ["all items"] * 5
    assert "forecast 1 totals: totals.csv" in result.stderr


def test_a_group_that_does_not_exist_offers_the_nearest(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--total", "famly")
    assert result.exit_code == 2
    assert "'famly'" in result.stderr
    assert "Did you mean 'family'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_lead_time_beyond_the_horizon_names_the_option(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--lead-time", 6)
    assert result.exit_code == 2
    assert "--lead-time is at most the model's horizon of 5 steps, got 6" in result.stderr
