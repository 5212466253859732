"""The picture of one item of a stored forecast or back-test, and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import level_name
from foretell.reporting.item_pictures import pictures_of
from foretell.reporting.item_svg import item_svg
from foretell.service.refusals import Absent

YEAR_BEFORE: Final = "a year before"


@dataclass(frozen=True, slots=True)
class Drawn:
    """An item as it is shown."""

    svg: Markup
    rows: Sequence[Mapping[str, Any]]  # timestamp, actual (where it is known), mean and quantiles
    levels: Sequence[str]  # the columns of the quantiles
    others: Sequence[str]  # the thin lines, in the order of their colours
    fan: str  # what the shade is


@lru_cache(maxsize=4)
def panel_at(folder: str) -> Panel:
    """The panel of a version: mapped, not read."""
    return Dataset.open(folder).panel


def position_of(panel: Panel, key: Sequence[str]) -> int:
    """Where an item stands; raises Absent."""
    match = np.full(len(panel), len(key) == panel.keys.shape[1])
    for column, part in zip(panel.keys.columns, key, strict=False):
        match &= (panel.keys[column].astype(str) == part).to_numpy()
    found = np.flatnonzero(match)
    if not len(found):
        raise Absent(f"there is no item {' / '.join(key)!r} in these data", field="item")
    return int(found[0])


def item_rows(path: Path, key: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """The rows of one item in a table of forecasts whose key stands in `columns`; row groups without it are not read."""
    told = [(column, "=", part) for column, part in zip(columns, key, strict=True)]
    schema = pq.read_schema(path)
    if all(schema.field(column).type in ("string", "large_string") for column in columns):
        found: pd.DataFrame = pq.read_table(path, filters=told).to_pandas()
        return found
    table = pq.read_table(path)
    for column, part in zip(columns, key, strict=True):
        table = table.filter(pc.equal(pc.cast(table[column], "string"), part))
    found = table.to_pandas()
    return found


def draw(
    panel: Panel,
    item: int,
    frame: pd.DataFrame,
    *,
    origin: int,
    others: Mapping[str, NDArray[Any]] | None = None,  # name -> [H] the means of others
    now: Panel | None = None,  # newer data, with what happened since
) -> Drawn:
    """The item at a position of `panel` with the rows of its forecast, from `origin` on."""
    levels = sorted(float(name[1:]) / 100 for name in map(str, frame) if _is_level(name))
    names = [level_name(level) for level in levels]
    alone = replace(panel.take(np.array([item])), origin=np.array([origin]))
    means = frame["mean"].to_numpy(np.float64)
    forecast = Forecast.build(alone, levels, frame[names].to_numpy()[None], means[None])
    steps = origin + np.arange(len(frame))
    actual = _actual(frame, now or panel, panel.keys.iloc[item], steps)
    told = dict(others or {})
    year = panel.frequency.year
    if year is not None and year >= len(frame):
        before = alone.target_at(np.array([0]), steps[None] - year)[0].astype(np.float64)
        if not np.isnan(before).all():
            told[YEAR_BEFORE] = before
    beside = {name: replace(forecast, mean=values[None].astype(np.float32)) for name, values in told.items()}
    seen = None if np.isnan(actual).all() else actual[None].astype(np.float32)
    pictures = pictures_of(forecast, np.array([0]), actual=seen, others=beside)
    name = " / ".join(map(str, panel.keys.iloc[item]))
    svg = item_svg(pictures, 0, list(told), f"{name}: history and forecast")
    shown = frame.assign(actual=actual, timestamp=[panel.frequency.spell(int(step)) for step in steps])
    rows = [{str(name): value for name, value in row.items()} for row in shown.to_dict("records")]
    return Drawn(Markup(svg), rows, names, list(told), pictures.fan)


def _is_level(name: str) -> bool:
    return name[:1] == "p" and name[1:].replace(".", "", 1).isdecimal()


def _actual(frame: pd.DataFrame, panel: Panel, key: Any, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """[H] what happened, as far as it is known; NaN where it is not."""
    if "actual" in frame:
        seen: NDArray[np.float64] = frame["actual"].to_numpy(np.float64)
        return seen
    try:
        item = position_of(panel, [str(part) for part in key])
    except Absent:
        return np.full(len(steps), np.nan)
    found: NDArray[np.float64] = panel.target_at(np.array([item]), steps[None])[0].astype(np.float64)
    return found
