"""The lists of items that a back-test and a forecast have beside what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.recipe.item_groups import columns_of_items, values_of_items
from foretell.reporting.report import Report
from foretell.service.forecast_rows import ROWS
from foretell.service.item_rows import FOLDER, TOLD


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


def write_items(path: Path, keys: pd.DataFrame, panel: Panel, numbers: Mapping[str, Any]) -> None:
    """The list at `path`: `keys` [n] are items of `panel`, or some that it does not have; `numbers` are [n] each."""
    place = pd.MultiIndex.from_frame(panel.keys).get_indexer(pd.MultiIndex.from_frame(keys))
    metadata = [name for name in columns_of_items(panel.keys, panel) if name not in keys.columns]
    parts = [keys[column].astype(str).to_numpy(object) for column in keys.columns]
    columns: dict[str, Any] = {"name": [" / ".join(row) for row in zip(*parts, strict=True)]}
    columns |= {f"k{k}": part for k, part in enumerate(parts)}
    for k, name in enumerate(metadata):
        values = values_of_items(panel.keys, panel, name, np.maximum(place, 0))
        columns[f"m{k}"] = np.where(place >= 0, values, "")
    columns |= {name: np.asarray(values, np.float64) for name, values in numbers.items()}
    told = {"key": list(map(str, keys.columns)), "metadata": metadata}
    table = pa.table(columns).replace_schema_metadata({TOLD: json.dumps(told).encode()})
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, compression="zstd")
