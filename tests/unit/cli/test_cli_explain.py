"""`foretell explain`: impact scores on the prompt, contributions in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv")
TRAIN = ("--freq", "D", "--known", "promo", "--horizon", 7, "--recipe", "seasonal_naive")


@pytest.fixture
def trained(run: Run) -> Run:
    result = run("train", *TABLES, *TRAIN, "--set", "seasonal_naive.covariates=pooled", "--out", "model")
    assert result.exit_code == 0, result.output
    return run


def test_explain_prints_impact_scores_and_writes_contributions(trained: Run) -> None:
    result = trained("explain", "model", *TABLES, "--out", "why.csv")
    assert result.exit_code == 0, result.output
    assert all(word in result.stdout for word in ("driver", "impact", "promo", "history", "calendar"))
    written = pd.read_csv("why.csv")
    sums = written.groupby(["item_id", "timestamp"])["contribution"].sum().to_numpy()
    once = written.drop_duplicates(["item_id", "timestamp"])
    assert sums == pytest.approx((once["forecast"] - once["baseline"]).to_numpy(), abs=1e-4)
    again = trained("explain", "model", *TABLES, "--out", "why.csv")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    grouped = trained("explain", "model", *TABLES, "--by", "family", "--out", "why.csv", "--overwrite")
    assert grouped.exit_code == 0, grouped.output
    assert "family" in pd.read_csv("why.csv").columns


def test_explain_says_what_cannot_be_explained(trained: Run) -> None:
    for asked, said in {
        ("--only", "nothing"): "no item 'nothing' in the data",
        ("--by", "famly"): "Did you mean 'family'?",
        ("--level", "90"): "--level must be one number strictly between 0 and 1",
        ("--level", "0.9", "--by", "family"): "leave --level 0.9 out",
        ("--permutations", "3"): "--permutations must be an even number",
        ("--out", "why.txt"): "a table is written as .csv, .parquet",
    }.items():
        result = trained("explain", "model", *TABLES, *asked)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_explain_writes_a_page(trained: Run) -> None:
    result = trained("explain", "model", *TABLES, "--report", "why.html")
    assert result.exit_code == 0, result.output
    assert "a page to look at: why.html" in result.stderr
    assert "promo" in Path("why.html").read_text()
    assert "--overwrite" in trained("explain", "model", *TABLES, "--report", "why.html").stderr


def test_predict_says_why_on_its_page_where_that_is_asked(trained: Run) -> None:
    result = trained("predict", "model", *TABLES, "--out", "f.csv", "--report", "page.html", "--explain")
    assert result.exit_code == 0, result.output
    assert '<section id="why">' in Path("page.html").read_text()
    alone = trained("predict", "model", *TABLES, "--explain")
    assert alone.exit_code == 2
    assert "--report" in alone.stderr
