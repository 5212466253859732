"""What `check` warns of is told by the functions that train as well: once for each data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell


@pytest.fixture
def weekly_as_days() -> foretell.Dataset:
    days = pd.date_range("2023-01-02", periods=60, freq="W-MON")
    values = np.arange(60.0) % 5 + 3
    return foretell.Dataset(
        pd.concat([pd.DataFrame({"item_id": i, "timestamp": days, "target": values}) for i in "ab"]), freq="D"
    )


def train(data: foretell.Dataset) -> Any:
    return foretell.train(data, recipe="seasonal_naive", horizon=7)


def backtest(data: foretell.Dataset) -> Any:
    return foretell.backtest(data, recipes=["seasonal_naive"], horizon=7)


def tune(data: foretell.Dataset) -> Any:
    return foretell.tune(data, recipe="ets", horizon=7, trials=1, windows=1)


@pytest.mark.parametrize("action", [train, backtest, tune])
def test_a_training_warns_of_what_check_finds(
    action: Callable[[foretell.Dataset], Any],
    weekly_as_days: foretell.Dataset,
    caplog: pytest.LogCaptureFixture,
) -> None:
    action(weekly_as_days)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    found = [each.message for each in foretell.check(weekly_as_days).findings if each.severity == "warning"]
    assert any("W-MON" in each for each in found)
    assert set(found) <= set(warned)


def test_it_warns_once_of_the_same_data(
    weekly_as_days: foretell.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    train(weekly_as_days)
    caplog.clear()
    train(weekly_as_days)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
