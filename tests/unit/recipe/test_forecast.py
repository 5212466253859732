"""`Forecast`: levels, bounds, frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluator_fakes import DAYS, FLAT, RISING, dataset, sales
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import with_possible_mean, within
from foretell.recipe.levels import QUANTILE_LEVELS, interpolate, least_mean, level_name, with_tails


def simple(panel: Panel | None = None, *, levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> Forecast:
    """Two items, three steps; quantiles 10, 20, ... and means 1 to 6."""
    panel = dataset(a=RISING, b=FLAT).panel if panel is None else panel
    shape = (len(panel), 3)
    quantiles = np.broadcast_to(10.0 * np.arange(1, len(levels) + 1), (*shape, len(levels)))
    return Forecast.build(panel, levels, quantiles, np.arange(1.0, 1 + np.prod(shape)).reshape(shape))


def test_a_level_names_its_column() -> None:
    assert [level_name(level) for level in (0.1, 0.5, 0.025, 0.999, 0.07)] == [
        "p10",
        "p50",
        "p2.5",
        "p99.9",
        "p7",
    ]


def test_a_frame_has_a_row_an_item_and_step_from_the_origin_on() -> None:
    frame = simple().to_frame()
    assert list(frame) == ["item_id", "timestamp", "mean", "p10", "p50", "p90"]
    assert frame["item_id"].tolist() == ["a"] * 3 + ["b"] * 3
    assert [str(day)[:10] for day in frame["timestamp"][:3]] == ["2024-01-13", "2024-01-14", "2024-01-15"]
    assert frame["mean"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("name", "read"), [("f.csv", pd.read_csv), ("f.parquet", pd.read_parquet)])
def test_a_saved_forecast_reads_back(tmp_path: Path, name: str, read) -> None:
    simple().save(tmp_path / name)
    with pytest.raises(ForetellError, match="already holds a table of forecasts"):
        simple().save(tmp_path / name)
    simple().save(tmp_path / name, overwrite=True)
    got = read(tmp_path / name)
    got["timestamp"] = pd.to_datetime(got["timestamp"])
    pd.testing.assert_frame_equal(got, simple().to_frame(), check_dtype=False)


def test_levels_between_are_interpolated_and_beyond_are_flat() -> None:
    # 10 at .1, 20 at .5, 30 at .9: .3 is half way, .2 a quarter; .05 and .95 are the outermost
    got = simple().at([0.05, 0.2, 0.3, 0.5, 0.95])
    assert got[0, 0] == pytest.approx([10.0, 12.5, 15.0, 20.0, 30.0])
    assert interpolate(np.array([[7.0]]), [0.5], [0.1, 0.9]).tolist() == [[7.0, 7.0]]


def test_bounds_sort_crossing_quantiles_and_cut_off_below_the_floor() -> None:
    forecast = replace(
        simple(), quantiles=np.array([[[3, -1, 2]] * 3] * 2, np.float32), mean=-np.ones((2, 3), np.float32)
    )
    panel = dataset(a=RISING, b=FLAT).panel
    cut = within(forecast, panel, floor=0.0)
    assert cut.quantiles[0, 0].tolist() == [0, 2, 3]
    assert cut.mean[1, 2] == 0
    assert within(forecast, panel, floor=None).quantiles[0, 0].tolist() == [-1, 2, 3]


def test_a_closed_step_is_exactly_zero() -> None:
    days = pd.date_range(DAYS[0], periods=15)
    shop = pd.DataFrame({"timestamp": days, "open": [1] * 13 + [0, 1]})  # the second of the three days ahead
    data = Dataset(sales(a=RISING, b=FLAT), related=shop, freq="D", known=["open"], open="open")
    cut = within(simple(data.panel), data.panel, floor=None)
    assert cut.quantiles[0].tolist() == [[10, 20, 30], [0, 0, 0], [10, 20, 30]]
    assert cut.mean[0].tolist() == [1, 0, 3]


def test_quantiles_of_another_shape_are_refused() -> None:
    with pytest.raises(ForetellError, match=r"shape \[N=2, H=3, Q=2\], got \[2, 3, 3\]"):
        replace(simple(), levels=(0.1, 0.9))


def test_an_item_is_found_by_name_and_the_nearest_one_offered() -> None:
    assert simple().position("b") == 1
    wide = dataset(shoes=RISING, shirts=FLAT).panel
    with pytest.raises(ForetellError, match=r"no item 'shoe' in this forecast\. Did you mean 'shoes'"):
        simple(wide).position("shoe")


def test_each_item_has_a_floor_of_its_own() -> None:
    forecast = replace(
        simple(), quantiles=np.full((2, 3, 3), -2, np.float32), mean=-np.ones((2, 3), np.float32)
    )
    cut = within(forecast, dataset(a=RISING, b=FLAT).panel, floor=np.array([0, -np.inf]))
    assert cut.quantiles[:, 0, 0].tolist() == [0, -2]
    assert cut.mean[:, 0].tolist() == [0, -1]


def test_the_least_mean_puts_the_share_between_two_levels_at_the_lower_one() -> None:
    # a tenth at 0 or more, .4 at 10 or more, .4 at 20 or more, a tenth at 30 or more
    assert least_mean(np.array([10.0, 20.0, 30.0]), (0.1, 0.5, 0.9)) == pytest.approx(4 + 8 + 3)
    assert least_mean(np.array([10.0]), (0.5,), floor=np.float64(4)) == pytest.approx(7)


def test_a_mean_below_what_the_quantiles_allow_is_raised_to_it_where_there_is_a_floor() -> None:
    # quantiles 10, 20, 30 in each step: 15 at least
    raised = with_possible_mean(simple(), floor=np.array([0, -np.inf]), levels=simple().levels)
    assert raised.mean.tolist() == [[15, 15, 15], [4, 5, 6]]


def test_a_flat_tail_goes_on_exponentially_and_one_that_rises_by_itself_is_left_alone() -> None:
    # From 0.975 to 0.99 the share beyond falls by 2.5, and from 0.99 to 0.999 by 10.
    levels = (*QUANTILE_LEVELS, 0.999)
    values = [*range(15), 14.0]
    assert with_tails(np.array(values), levels)[-1] == pytest.approx(14 + np.log(10) / np.log(2.5))
    assert with_tails(np.array([*range(15), 20.0]), levels)[-1] == 20
    assert with_tails(np.full(16, 3.0), levels).tolist() == [3.0] * 16


def test_a_forecast_is_not_written_over_another_file(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("item_id,price\na,1\n")
    for overwrite in (False, True):
        with pytest.raises(ForetellError, match="is no table of forecasts"):
            simple().save(tmp_path / "prices.csv", overwrite=overwrite)
    assert (tmp_path / "prices.csv").read_text() == "item_id,price\na,1\n"


def test_rounding_to_units_goes_to_the_nearest_and_keeps_levels_in_order() -> None:
    panel = dataset(a=RISING).panel
    quantiles = np.array([[[0.4, 1.5, 2.5], [5.9, 6.0, 8.9]]])
    got = Forecast.build(panel, (0.1, 0.5, 0.9), quantiles, np.array([[1.49, 7.0]]))
    assert got.rounded().quantiles.tolist() == [[[0.0, 2.0, 3.0], [6.0, 6.0, 9.0]]]
    assert got.rounded(6).mean.tolist() == [[0.0, 6.0]]
    assert got.rounded(0.5).quantiles[0, 0].tolist() == [0.5, 1.5, 2.5]
    with pytest.raises(ForetellError, match="unit must be a number above 0"):
        got.rounded(0)
