"""The lists of items that a back-test and a forecast have beside what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.reporting.report import Report
from foretell.service.forecast_rows import ROWS
from foretell.service.item_rows import FOLDER, write_items


def of_backtest(report: Report, folder: Path) -> None:
    """A list a recipe: what was sold and forecast, the error in units, the bias."""
    panel = report.outcome().window.panel
    key = list(panel.keys.columns)
    names = ("actual", "forecast", "difference", "bias", "error", "against_naive")
    for recipe in report.recipes:
        found = report.item_table(recipe)
        path = folder / FOLDER / f"{recipe}.parquet"
        write_items(path, found[key], panel, {name: found[name] for name in names})


def of_forecast(folder: Path, panel: Panel, horizon: int) -> None:
    """What each item will sell, beside as many steps before, and a year before."""
    keys = list(panel.keys.columns)
    with pq.ParquetFile(folder / ROWS) as file:
        parts = [
            batch.to_pandas().groupby(keys, sort=False, observed=True)["mean"].sum()
            for batch in file.iter_batches(1 << 20, columns=[*keys, "mean"])
        ]
    sums = pd.concat(parts).groupby(level=list(range(len(keys))), sort=False).sum()
    found = sums.rename("forecast").reset_index()
    place = pd.MultiIndex.from_frame(panel.keys).get_indexer(pd.MultiIndex.from_frame(found[keys]))
    before = _sold(panel, place, -horizon, horizon)
    numbers = {"forecast": found["forecast"], "before": before, "change": found["forecast"] - before}
    write_items(folder / FOLDER / "forecast.parquet", found[keys], panel, numbers)


def _sold(panel: Panel, items: NDArray[np.int64], first: int, steps: int) -> Floats:
    """[n] the sums of some steps from the origin on; NaN where none was observed."""
    out = np.full(len(items), np.nan)
    for begin in range(0, len(items), 1 << 14):
        some = items[begin : begin + (1 << 14)]
        there = some >= 0
        at = np.maximum(some, 0)
        values = panel.target_at(at, panel.origin[at, None] + np.arange(first, first + steps)).astype(
            np.float64
        )
        seen = ~np.isnan(values)
        total = np.where(seen.any(axis=1) & there, np.nansum(np.where(seen, values, 0), axis=1), np.nan)
        out[begin : begin + len(some)] = total
    return out
