"""`foretell monitor`: what it prints, writes and ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unit.monitoring.watched_model import Shop

Run = Callable[..., Any]


@pytest.fixture
def watched(run: Run) -> Callable[..., Any]:
    """Runs `foretell monitor` on a shop's forecasts in the current folder."""

    def watch(shop: Shop, *words: object) -> Any:
        if not Path("shop").exists():
            shop.save(Path("shop"), runs=range(16, 39), windows=range(0, 16, 2))
            shop.sales().to_csv("shop.csv", index=False)
            shop.metadata().to_csv("families.csv", index=False)
        return run("monitor", "shop/forecasts", "shop.csv", "--items", "families.csv", "--freq", "D", *words)

    return watch


def test_a_model_that_is_fine_ends_with_0(watched: Callable[..., Any]) -> None:
    result = watched(Shop(), "--backtest", "shop/backtest", "--by", "family", "--out", "watch")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "fine"
    assert "- fine: wQL is" in result.stdout
    assert "family" in result.stdout
    assert "usual interval[0.8]" in result.stdout
    assert "\u2026" not in result.stdout  # no cell is cut
    assert "in watch: blocks.csv, groups.csv, inputs.csv, monitor.html, monitor.json" in result.stderr
    again = watched(Shop(), "--backtest", "shop/backtest", "--out", "watch")
    assert again.exit_code == 2
    assert "watch already holds a monitor that says 'fine'" in again.stderr
    assert "--overwrite" in again.stderr


def test_a_model_that_is_to_be_trained_again_ends_with_4(watched: Callable[..., Any]) -> None:
    result = watched(Shop(worse_from=30), "--backtest", "shop/backtest")
    assert result.exit_code == 4, result.output
    assert result.stdout.startswith("retrain\n- retrain: ")


def test_json_is_for_programs(watched: Callable[..., Any]) -> None:
    result = watched(Shop(worse_from=30), "--backtest", "shop/backtest", "--json")
    said = json.loads(result.stdout)
    assert (said["verdict"], result.exit_code) == ("retrain", 4)
    assert {"reasons", "runs", "steps", "groups", "blocks", "inputs", "settings"} <= set(said)


def test_what_is_wrong_is_said_in_options(watched: Callable[..., Any]) -> None:
    result = watched(Shop(), "--by", "colour")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(
        "error: --by names 'colour', which is no column of the key"
    )


def test_a_model_without_forecasts_says_where_they_are_looked_for(run: Run) -> None:
    tables = ("sales.csv", "--freq", "D")
    run("train", *tables, "--recipe", "seasonal_naive", "--horizon", 7, "--out", "model")
    result = run("monitor", "model", *tables)
    assert result.exit_code == 2
    assert (
        "there is no folder model/forecasts with saved forecasts: name them with --forecasts" in result.stderr
    )
