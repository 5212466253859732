"""`foretell whatif`: totals on the prompt, all forecasts in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foretell.cli.planning_commands import scenarios_asked
from foretell.errors import ForetellError

Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv")
TRAIN = ("--freq", "D", "--known", "promo", "--horizon", 7, "--recipe", "seasonal_naive")


def test_whatif_prints_totals_and_writes_the_forecasts_of_all_scenarios(run: Run) -> None:
    run("train", *TABLES, *TRAIN, "--set", "seasonal_naive.covariates=pooled", "--out", "model")
    changes = ("--change", "mugs: promo = 1 where family = 'mug'", "--change", "promo = 0")
    result = run("whatif", "model", *TABLES, *changes, "--by", "family", "--out", "whatif.csv")
    assert result.exit_code == 0, result.output
    assert "mugs" in result.stdout
    assert "what if" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    written = pd.read_csv("whatif.csv")
    assert written["scenario"].unique().tolist() == ["baseline", "mugs", "what if"]
    again = run("whatif", "model", *TABLES, *changes, "--out", "whatif.csv")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_whatif_says_what_is_wrong_with_a_change(run: Run) -> None:
    run("train", *TABLES, *TRAIN, "--out", "model")
    for change, said in {
        "promo = 1 where family = 'mugs'": "Did you mean 'mug'?",
        "promo = getenv('HOME')": "the function 'getenv' is not allowed",
        "mugs:": "--change takes",
    }.items():
        result = run("whatif", "model", *TABLES, "--change", change)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    assert "--change is missing" in run("whatif", "model", *TABLES).stderr


def test_a_name_ends_at_the_first_colon_that_is_not_part_of_the_change() -> None:
    asked = scenarios_asked(
        ["week 2: a = 1", "a = 2 where t = '2024-01-01 18:00'", "week 2: b = 2", "x: @plan.csv"]
    )
    assert asked == {
        "week 2": ["a = 1", "b = 2"],
        "what if": ["a = 2 where t = '2024-01-01 18:00'"],
        "x": [Path("plan.csv")],
    }
    with pytest.raises(ForetellError, match="NAME: COLUMN"):
        scenarios_asked([": a = 1"])


def test_whatif_writes_a_page_of_its_scenarios(run: Run) -> None:
    run("train", *TABLES, *TRAIN, "--set", "seasonal_naive.covariates=pooled", "--out", "model")
    asked = ("whatif", "model", *TABLES, "--change", "mugs: promo = 1 where family = 'mug'", "--report")
    result = run(*asked, "page.html")
    assert result.exit_code == 0, result.output
    assert "a page to look at: page.html" in result.stderr
    assert "mugs" in Path("page.html").read_text()
    for name, said in {"page.html": "--overwrite", "page.pdf": "--report must end in .html"}.items():
        again = run(*asked, name)
        assert again.exit_code == 2
        assert said in again.stderr
