"""Tables of longer steps made from shorter ones, as the published data sets of weeks and months were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd


def grid(table: pd.DataFrame, value: str = "target", *, key: str | list[str] = "item_id") -> pd.DataFrame:
    """[times, series] of a long table; NaN where it has no row."""
    times = pd.to_datetime(table["timestamp"])
    return table.assign(timestamp=times).pivot(index="timestamp", columns=key, values=value).astype(float)


def whole_periods(
    fine: pd.DataFrame, period: str, how: Literal["sum", "mean"], *, step: str = "D"
) -> pd.DataFrame:
    """The rows of `fine`, one a `step`, put together; a period that the rows do not cover whole is left out.

    So were fev-bench's weeks and months made: with the first or the last part of a week kept, the published Seasonal Naive
    does not come out. A period is named by its first day; `W-MON` is a week from Monday on. NaN counts as absent, and a
    sum over absent values alone is absent.
    """
    groups = fine.resample(period, closed="left", label="left")
    made = groups.sum(min_count=1) if how == "sum" else groups.mean()
    starts = pd.DatetimeIndex(made.index)
    ends = starts + pd.tseries.frequencies.to_offset(period)
    covered = fine.index[-1] + pd.tseries.frequencies.to_offset(step)
    return made[(starts >= fine.index[0]) & (ends <= covered)]


def long(grids: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One long table, a column a grid of the same times and series."""
    columns = {
        name: each.rename_axis("timestamp").melt(ignore_index=False, value_name=name)[name]
        for name, each in grids.items()
    }
    first = next(iter(grids.values())).rename_axis("timestamp")
    keys = first.melt(ignore_index=False).drop(columns="value").reset_index()
    return keys.assign(**{name: column.to_numpy() for name, column in columns.items()})


def usual_weekdays(daily: pd.DataFrame) -> pd.DataFrame:
    """Absent days as the median of their weekday in the same series, as Monash's NN5 by week was made of that by day."""
    medians = daily.groupby(pd.DatetimeIndex(daily.index).weekday).transform("median")
    return daily.fillna(medians)


def since_first_sale(monthly: pd.DataFrame) -> pd.DataFrame:
    """What lies before a series' first value above 0 was not observed."""
    started = (monthly.to_numpy() > 0).cumsum(axis=0) > 0
    return monthly.where(np.asarray(started))
