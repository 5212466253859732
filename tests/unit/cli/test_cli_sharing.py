"""What is shown to strangers: versions, and what check says without a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import foretell

Run = Callable[..., Any]
SECRET = "zebra"  # in every name and text of the tables below


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tables whose names and texts all hold SECRET, with as many faults as will fit; the arguments that name them."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=80)
    sales = pd.concat(
        pd.DataFrame(
            {
                "item_id": f"{SECRET} {k}",
                "timestamp": days.delete(5),
                f"{SECRET}_sold": [k + day % 5 for day in range(79)],
            }
        )
        for k in range(4)
    )
    sales.loc[sales.index[7], f"{SECRET}_sold"] = 4242.0
    ahead = pd.DataFrame(
        {"timestamp": days, f"{SECRET}_flag": 0, f"{SECRET}_event": [f"{SECRET} {k}" for k in range(80)]}
    )
    items = pd.DataFrame(
        {"item_id": [f"{SECRET} {k}" for k in range(6)], f"{SECRET}_family": f"{SECRET} mugs"}
    )
    for name, table in {"sales": sales, "ahead": ahead, "items": items}.items():
        table.to_csv(f"{SECRET}_{name}.csv", index=False)
    return [
        *(f"{SECRET}_sales.csv", "--related", f"{SECRET}_ahead.csv", "--items", f"{SECRET}_items.csv"),
        *("--freq", "D", "--target", f"{SECRET}_sold"),
    ]


def test_an_anonymous_check_has_no_name_and_no_value_of_the_tables(run: Run, secrets: list[str]) -> None:
    open_one = run("check", *secrets, "--horizon", 7, "--json")
    assert SECRET in open_one.stdout
    assert "4242" in open_one.stdout
    found = run("check", *secrets, "--horizon", 7, "--json", "--anonymous")
    assert SECRET not in found.stdout
    assert "4242" not in found.stdout
    told, anonymous = json.loads(open_one.stdout), json.loads(found.stdout)
    kept = ("severity", "code", "count", "meaning", "option")
    assert [{key: each[key] for key in kept} for each in told["findings"]] == [
        {key: each[key] for key in kept} for each in anonymous["findings"]
    ]
    assert anonymous["facts"]["rows"] == {
        "the target table": 316,
        "the related table": 80,
        "the items table": 6,
    }
    assert [row["column"] for row in anonymous["columns"]] == ["past 1", "past 2", "metadata 1"]


def test_an_anonymous_check_names_nothing_where_it_fails(run: Run, secrets: list[str]) -> None:
    Path(f"{SECRET}_sales.csv").write_text(f"item_id,timestamp,{SECRET}_sold\n{SECRET},{SECRET},{SECRET}\n")
    found = run("check", *secrets, "--anonymous")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["errors"] >= 1
    assert SECRET not in found.output


def test_the_version_is_that_of_the_installed_package(run: Run) -> None:
    found = run("--version")
    assert found.exit_code == 0
    first, second = found.stdout.splitlines()
    assert first == f"foretell {version('foretell')}" == f"foretell {foretell.__version__}"
    assert second.startswith("python 3.")
    assert "torch " in second
