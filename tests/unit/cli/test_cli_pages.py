"""`foretell predict --report --round`."""

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
    asked = ("--freq", "D", "--known", "promo", "--horizon", 5, "--recipe", "seasonal_naive")
    assert run("train", *TABLES, *asked, "--out", "model").exit_code == 0
    return run


def test_a_forecast_has_a_page_beside_its_table(trained: Run) -> None:
    plain = trained("predict", "model", *TABLES)
    result = trained("predict", "model", *TABLES, "--report", "page.html")
    assert result.exit_code == 0, result.output
    assert result.stdout == plain.stdout
    assert "a page to look at: page.html" in result.stderr
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count('<svg class="item"') == 2
    assert ">promo</text>" in page  # the known column below
    assert "<b>family</b>" in page
    again = trained("predict", "model", *TABLES, "--report", "page.html")
    assert again.exit_code == 2
    assert "page.html already holds a page or picture of foretell" in again.stderr
    assert "--overwrite" in again.stderr
    assert trained("predict", "model", *TABLES, "--report", "page.html", "--overwrite").exit_code == 0


def test_a_page_of_somebody_else_is_never_replaced(trained: Run) -> None:
    Path("mine.html").write_text("<!doctype html><p>mine")
    result = trained("predict", "model", *TABLES, "--report", "mine.html", "--overwrite")
    assert result.exit_code == 2
    assert "mine.html is no page or picture of foretell" in result.stderr
    assert Path("mine.html").read_text() == "<!doctype html><p>mine"
    assert "--report must end in .html" in trained("predict", "model", *TABLES, "--report", "x.pdf").stderr


def test_totals_have_a_page_of_the_items_beside(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--total", "family", "--report", "page.html")
    assert result.exit_code == 0, result.output
    assert "family" in result.stdout.splitlines()[0]
    assert Path("page.html").read_text(encoding="utf-8").count('<svg class="item"') == 2


@pytest.mark.parametrize("more", [(), ("--out", "f.csv"), ("--total", "all"), ("--report", "p.html")])
def test_numbers_are_rounded_to_units_wherever_they_are_printed(trained: Run, more: tuple[str, ...]) -> None:
    result = trained("predict", "model", *TABLES, "--round", 2, *more)
    assert result.exit_code == 0, result.output
    table = pd.read_csv("f.csv" if "--out" in more else io.StringIO(result.stdout))
    assert (table[["mean", "p10", "p50", "p90"]] % 2 == 0).all().all()


@pytest.mark.parametrize("unit", ["0", "-1", "nan", "inf"])
def test_a_unit_that_is_none_is_refused_by_name(trained: Run, unit: str) -> None:
    result = trained("predict", "model", *TABLES, "--round", unit)
    assert result.exit_code == 2
    assert "--round must be a number above 0" in result.stderr
