"""`foretell predict --total --lead-time`, `--hierarchy`, `foretell reconcile` and `backtest --by`."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
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


def test_totals_replace_a_table_of_forecasts_where_that_is_asked(trained: Run) -> None:
    for _ in range(2):
        result = trained("predict", "model", *TABLES, "--total", "all", "--out", "totals.csv", "--overwrite")
        assert result.exit_code == 0, result.output
    assert "it was replaced" in result.stderr


def test_a_hierarchy_has_every_level_in_one_table(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--hierarchy", "family", "--lead-time", 3)
    table = pd.read_csv(io.StringIO(result.stdout), keep_default_na=False)
    assert table["by"].unique().tolist() == ["all items", "family", "items"]
    sums = table.groupby("by", sort=False)["mean"].sum()
    assert sums.tolist() == pytest.approx([sums["items"]] * 3, rel=1e-5)
    for _ in range(2):
        written = trained(
            "predict", "model", *TABLES, "--hierarchy", "family", "--out", "all.csv", "--overwrite"
        )
        assert written.exit_code == 0, written.output
    assert "forecast 3 levels with" in written.stderr


def test_a_total_and_a_hierarchy_are_two_tables(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--hierarchy", "family", "--total", "family")
    assert result.exit_code == 2
    assert "--total and --hierarchy make two tables" in result.stderr


DATA = (*TABLES, "--freq", "D", "--known", "promo", "--horizon", 5, "--recipe", "seasonal_naive")


@pytest.mark.parametrize("method", ["paths", "mint"])
def test_reconcile_forecasts_every_level(run: Run, method: str) -> None:
    result = run("reconcile", *DATA, "--by", "family", "--method", method, "--out", "tree.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv("tree.csv", keep_default_na=False)
    assert table["by"].unique().tolist() == ["all items", "family", "items"]
    assert "forecast 3 levels with" in result.stderr


def test_reconcile_names_its_options(run: Run) -> None:
    for asked, said in (
        ((), "--by is missing: the levels, such as region/store,category"),
        (("--by", "famly"), "Did you mean 'family'?"),
        (
            ("--by", "family", "--lead-time", 6),
            "--lead-time is at most the model's horizon of 5 steps, got 6",
        ),
    ):
        result = run("reconcile", *DATA, *asked)
        assert result.exit_code == 2, asked
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_a_backtest_scores_the_levels_that_by_names(run: Run) -> None:
    result = run("backtest", *DATA, "--by", "family", "--out", "report")
    assert result.exit_code == 0, result.output
    assert pd.read_csv("report/groups.csv")["by"].tolist() == ["all items", "family", "items"]
    assert "groups.csv" in result.stderr


def test_the_page_beside_totals_and_levels_groups_as_they_do(trained: Run) -> None:
    asked = {"--total": "family,item_id", "--hierarchy": "family/item_id"}
    for number, (option, by) in enumerate(asked.items()):
        result = trained("predict", "model", *TABLES, option, by, "--report", f"page{number}.html")
        assert result.exit_code == 0, result.output
    assert "By <b>item_id</b>" in Path("page0.html").read_text()
    assert "By <b>family/item_id</b>" in Path("page1.html").read_text()


def test_a_page_of_sums_over_a_lead_time_is_refused_before_the_work(run: Run) -> None:
    train = (
        "--freq",
        "D",
        "--known",
        "promo",
        "--horizon",
        5,
        "--recipe",
        "seasonal_naive",
        "--by",
        "family",
    )
    asked = ("--method", "paths", "--lead-time", 3, "--report", "page.html")
    result = run("reconcile", *TABLES, *train, *asked)
    assert result.exit_code == 2
    assert "--report shows step by step" in result.stderr
    assert run("reconcile", *TABLES, *train, "--method", "paths", "--report", "page.html").exit_code == 0
    assert "By <b>family</b>" in Path("page.html").read_text()
