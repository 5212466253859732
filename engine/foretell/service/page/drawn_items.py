"""The pictures of one item of a forecast and of a back-test, out of what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.service import catalogue
from foretell.service.asking import Server
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import ROWS, layout_of
from foretell.service.page.item_pictures import Drawn, draw, item_rows, panel_at, position_of
from foretell.service.page.screens.overrides import final_of, of_item
from foretell.service.refusals import Absent

_EARLIER: Final = 3  # forecasts that are drawn beside one
FINAL: Final = "with overrides"


def of_forecast(
    server: Server, source: Resource, item: Sequence[str], _: str | None, beside: Sequence[Resource]
) -> Drawn:
    """The item of a forecast, beside earlier ones and with what planners know better."""
    panel = panel_at(str(server.home.folder("dataset_versions", source.links["version_id"])))
    place = position_of(panel, item)
    frame = item_rows(server.home.folder("forecasts", source.id) / ROWS, item, list(panel.keys.columns))
    with server.database.read() as connection:
        version = catalogue.get(connection, "dataset_versions", source.links["version_id"])
        newest = catalogue.current_version(connection, version.links["dataset_id"])
    now = panel_at(str(server.home.folder("dataset_versions", newest.id)))
    origin = int(panel.origin[place])
    others: dict[str, NDArray[np.float64]] = {}
    for each in [r for r in beside if r.kind == "forecasts" and r.created_at < source.created_at][:_EARLIER]:
        if each.links["version_id"] == source.links["version_id"]:
            continue  # of the same data: it is no earlier one
        values = _earlier(server, each, item, origin, len(frame))
        if values is not None:
            others[f"earlier: {each.name}"] = values
    changes = of_item(server, source, item)
    if changes:
        stamp = layout_of(server.home.folder("forecasts", source.id) / ROWS).timestamp
        others = {FINAL: final_of(frame, changes, stamp), **others}
    return draw(panel, place, frame, origin=origin, others=others, now=now)


def _earlier(
    server: Server, forecast: Resource, item: Sequence[str], origin: int, horizon: int
) -> NDArray[np.float64] | None:
    """[H] the mean of an earlier forecast for the steps of this one; None where it says nothing of them."""
    panel = panel_at(str(server.home.folder("dataset_versions", forecast.links["version_id"])))
    try:
        place = position_of(panel, item)
    except Absent:
        return None
    path = server.home.folder("forecasts", forecast.id) / ROWS
    means = item_rows(path, item, list(panel.keys.columns))["mean"].to_numpy(np.float64)
    shift = origin - int(panel.origin[place])
    out = np.full(horizon, np.nan)
    kept = means[shift : shift + horizon] if shift >= 0 else means[:0]
    out[: len(kept)] = kept
    return out if len(kept) else None


def of_backtest(
    server: Server, source: Resource, item: Sequence[str], recipe: str | None, _: Sequence[Resource]
) -> Drawn:
    """The item of a back-test in the last window, beside the means of the other recipes."""
    panel = panel_at(str(server.home.folder("dataset_versions", source.links["version_id"])))
    place = position_of(panel, item)
    path = server.home.folder("backtests", source.id) / "forecasts.parquet"
    every = item_rows(path, item, list(panel.keys.columns))
    last = every[every["window"] == every["window"].max()]
    frame = last[last["recipe"] == recipe].reset_index(drop=True)
    names = [name for name in dict.fromkeys(last["recipe"]) if name != recipe]
    others = {name: last[last["recipe"] == name]["mean"].to_numpy(np.float64) for name in names}
    origin = _ordinal(panel, frame)
    return draw(panel, place, frame, origin=origin, others=others)


def _ordinal(panel: Any, frame: pd.DataFrame) -> int:
    """Of the first step of some rows."""
    return int(panel.frequency.ordinal(frame["origin"].iloc[0]))
