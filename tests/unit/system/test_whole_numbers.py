"""A whole number is one whoever made it: numpy, or any type with `__index__`; true, text and fractions are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.system.whole_numbers import whole_number


class Seven:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7), np.array(7), Seven()])
def test_what_says_which_whole_number_it_is_becomes_an_int(value: Any) -> None:
    found = whole_number("steps", value, least=1)
    assert (type(found), found) == (int, 7)


@pytest.mark.parametrize("value", [True, np.True_, 7.0, np.float64(7), "7", None, [7], np.array([7, 8])])
def test_nothing_else_does(value: Any) -> None:
    with pytest.raises(ForetellError, match="steps must be a whole number, at least 1, got"):
        whole_number("steps", value, least=1)


def test_every_count_of_the_library_may_be_of_numpy(sales: pd.DataFrame, tmp_path: Any) -> None:
    n: Any = np.int64
    days: Any = {"holidays": "DE", "holiday_days": n(1)}
    data = foretell.Dataset(sales, freq="D", season=n(7), text_values=n(40), **days)
    counts: Any = {"seed": n(1), "threads": n(1), "processes": n(1), "devices": n(1)}
    foretell.check(data, horizon=n(3)).to_json()
    model = foretell.train(data, recipe="seasonal_naive", horizon=n(3), **counts)
    model.save(tmp_path / "model")
    forecast = foretell.load(tmp_path / "model", devices=n(1)).predict(data)
    assert forecast.paths(n(5), seed=n(2)).shape == (2, 5, 3)
    assert forecast.total(steps=n(2), paths=n(50), seed=n(2)).horizon == 1
    assert forecast.total(steps=slice(n(0), n(2)), by=[]).horizon == 1
    window: Any = {"windows": n(2), "stride": n(2)}
    report = foretell.backtest(data, recipes=["seasonal_naive"], horizon=n(3), **window, **counts)
    report.save(tmp_path / "report")
    foretell.make_recipe("boosting", {"max_steps": Seven()})


@pytest.fixture
def sales() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=60)
    return pd.concat(
        [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(60.0) % 7 + 1}) for i in "ab"]
    )


def test_a_filling_may_be_any_number(sales: pd.DataFrame) -> None:
    gappy = sales.drop(sales.index[20])
    for value in (np.int64(3), np.float32(3)):
        data = foretell.Dataset(gappy, freq="D", filling={"target": {"middle": value}})
        assert data.panel.target[20] == 3
