"""Numbers that nobody can mean: one message that names the option, exit status 2, no traceback, at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app

SECONDS = 60  # that a refusal may take on a busy machine; what it must not do is to compute
DEEP = "[" * 5000
ABSURD = {
    "--freq": {
        "999999999999D": "from 1 to 1000000, got 999999999999",
        "-3D": "--freq must be one of",
        "0h": "--freq must be one of",
        "": "--freq must be one of",
        "1e3D": "--freq must be one of",
        "٣D": "--freq must be one of",
        "D\x00": "--freq must be one of",
    },
    "--season": {
        "0": "--season must be a whole number of steps from 1",
        "-1": "--season must be a whole number of steps from 1",
        "1000000000": "from 1 to 1,000,000",
        "99999999999999999999999": "from 1 to 1,000,000",
        "1e18": "from 1 to 1,000,000",
        "nan": "--season takes whole numbers",
        "1e999": "--season takes whole numbers",
        "x": "--season takes numbers",
    },
    "--horizon": {
        "1000000000": "--horizon must be 1,000,000 steps at most",
        "99999999999999999999999": "--horizon must be 1,000,000 steps at most",
        "0": "--horizon must be a whole number",
        "-1": "--horizon must be a whole number",
    },
    "--levels": {
        "0": "--levels must lie strictly between 0 and 1",
        "1": "--levels must lie strictly between 0 and 1",
        "-0.1,0.5": "--levels must lie strictly between 0 and 1",
        "50": "The median is 0.5, not 50",
        "nan": "--levels must lie strictly between 0 and 1",
        "1e999": "--levels must lie strictly between 0 and 1",
        "1e-300": "--levels must lie strictly between 0 and 1",
        "": "--levels must be a list",
        "x": "--levels takes numbers",
    },
    "--set": {
        "boosting.learning_rate=1e999": "boosting.learning_rate must be a finite number",
        "boosting.learning_rate=nan": "boosting.learning_rate must be a number",
        "boosting.max_steps=1e999": "boosting.max_steps must be a finite number",
        f"boosting.max_steps={'-' * 5000}1": "boosting.max_steps must be a whole number",
        f"boosting.max_steps={DEEP}": "boosting.max_steps must be a whole number",
        f"boosting.max_steps={'9' * 5000}": "boosting.max_steps must be a whole number",
    },
    "--seed": {
        "-1": "--seed must be a whole number from 0",
        "4294967296": "--seed must be a whole number from 0",
    },
    "--threads": {"1000000000": "--threads must be a whole number from 1"},
    "--processes": {"1000000000": "--processes must be a whole number from 1"},
    "--time-limit": dict.fromkeys(("0", "-1", "nan", "1e999", ""), "--time-limit must be a time"),
    "--filling": {"target.middle=1e999": "no method inf", "target.middle=-1e999": "no method -inf"},
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weekly sales of two items, ordinary and with absurd values or dates."""
    folder = tmp_path_factory.mktemp("tables")
    days = pd.date_range("2024-01-01", periods=60)
    parts = [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(60.0) % 7}) for i in "ab"]
    sales = pd.concat(parts, ignore_index=True)
    sales.to_csv(folder / "sales.csv", index=False)
    sales.assign(target=1e37 * sales["target"]).to_csv(folder / "huge.csv", index=False)
    sales.assign(target=np.where(sales.index == 7, 3e38, sales["target"])).to_csv(
        folder / "spike.csv", index=False
    )
    for name, years in (("year1", range(1, 41)), ("year9999", range(9960, 10_000)), ("far", (2024, 9999))):
        frame = pd.DataFrame({"timestamp": [f"{year:04d}-01-01" for year in years], "target": 1.0})
        frame.assign(item_id="a").to_csv(folder / f"{name}.csv", index=False)
    return folder


def train(tables: Path, *more: object, sales: str = "sales.csv", recipe: str = "boosting") -> Any:
    given = [str(word) for word in more]
    usual = {"--freq": "D", "--horizon": "7", "--recipe": recipe, "--out": str(tables / "model")}
    words = [word for name, value in usual.items() if name not in given for word in (name, value)]
    began = time.monotonic()
    result = CliRunner().invoke(app, ["train", str(tables / sales), *words, *given])
    assert time.monotonic() - began < SECONDS
    return result


def refused(result: Any, said: str) -> None:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert len(errors[0]) < 600


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [(option, value, said) for option, values in ABSURD.items() for value, said in values.items()],
    ids=lambda part: str(part)[:40].replace("\x00", "NUL"),
)
def test_an_absurd_value_of_an_option_is_one_message(
    tables: Path, option: str, value: str, said: str
) -> None:
    refused(train(tables, option, value), said)
    assert not (tables / "model").exists()


@pytest.mark.parametrize("sales", ["year1.csv", "year9999.csv", "far.csv"])
@pytest.mark.parametrize("freq", ["YS", "D", "min"])
def test_dates_that_nanoseconds_do_not_reach_are_one_message(tables: Path, sales: str, freq: str) -> None:
    refused(train(tables, "--freq", freq, sales=sales), "from 1678 to 2261")


@pytest.mark.slow
@pytest.mark.parametrize("sales", ["huge.csv", "spike.csv"])
@pytest.mark.parametrize("recipe", ["boosting", "lightgbm", "xgboost"])
def test_trees_name_the_item_whose_values_are_too_large(tables: Path, sales: str, recipe: str) -> None:
    refused(train(tables, sales=sales, recipe=recipe), "item 'a' holds values as large as")
    assert not (tables / "model" / "manifest.json").exists()
