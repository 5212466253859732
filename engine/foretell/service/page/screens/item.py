"""One item: history, fan, mean, what happened since, a year before, and the known columns below on the same axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import AServer, Server
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import ROWS
from foretell.service.item_rows import FOLDER, find_item
from foretell.service.page.asking import AViewer, PageRoute
from foretell.service.page.item_pictures import Drawn, draw, item_rows, panel_at, position_of
from foretell.service.page.rendering import render
from foretell.service.page.screens.items import COLUMNS, chosen
from foretell.service.refusals import Absent

router = APIRouter(route_class=PageRoute)
_EARLIER: Final = 3  # forecasts that are drawn beside one


@router.get("/item")
def show(
    request: Request,
    server: AServer,
    who: AViewer,
    of: Annotated[str, Query(max_length=64)],
    item: Annotated[list[str], Query(max_length=10)],
    recipe: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """One item of a forecast or of a back-test."""
    with server.database.read() as connection:
        source, _ = chosen(connection, of)
        assert source is not None
        beside = _beside(connection, source)
    recipes = [row["recipe"] for row in source.result.get("leaderboard", ())]
    recipe = recipe or (recipes[0] if recipes else None)
    if recipe is not None and recipe not in recipes:
        raise Absent(f"the back-test has no recipe {recipe!r}")
    draws = _of_forecast if source.kind == "forecasts" else _of_backtest
    drawn = draws(server, source, item, recipe, beside)
    path = server.home.folder(source.kind, source.id) / FOLDER / f"{recipe or 'forecast'}.parquet"
    return render(
        request,
        "item.html",
        source=source,
        key=item,
        name=" / ".join(item),
        row=find_item(path, item),
        tags=_tags(path, item),
        columns=COLUMNS[source.kind],
        drawn=drawn,
        recipe=recipe,
        recipes=recipes,
        beside=[each for each in beside if each.kind != source.kind],
    )


def _tags(path: Any, item: Sequence[str]) -> list[tuple[str, str]]:
    from foretell.service.item_rows import read_items

    names = read_items(path, sort="name", limit=1).tags
    return [pair for pair in zip(names, find_item(path, item)["tags"], strict=True) if pair[1]]


def _beside(connection: Connection, source: Resource) -> list[Resource]:
    """Other forecasts and back-tests of the same data set, newest first."""
    dataset = catalogue.get(connection, "dataset_versions", source.links["version_id"]).links["dataset_id"]
    versions = catalogue.find(connection, "dataset_versions", limit=100, dataset_id=dataset).resources
    ids = {version.id for version in versions}
    return [
        each
        for kind in ("forecasts", "backtests")
        for each in catalogue.find(connection, kind, limit=20, state="ACTIVE").resources
        if each.links["version_id"] in ids and each.id != source.id
    ]


def _of_forecast(
    server: Server, source: Resource, item: Sequence[str], _: str | None, beside: Sequence[Resource]
) -> Drawn:
    panel = panel_at(str(server.home.folder("dataset_versions", source.links["version_id"])))
    place = position_of(panel, item)
    frame = item_rows(server.home.folder("forecasts", source.id) / ROWS, item, list(panel.keys.columns))
    with server.database.read() as connection:
        version = catalogue.get(connection, "dataset_versions", source.links["version_id"])
        newest = catalogue.current_version(connection, version.links["dataset_id"])
    now = panel_at(str(server.home.folder("dataset_versions", newest.id)))
    origin = int(panel.origin[place])
    others = {}
    for each in [r for r in beside if r.kind == "forecasts" and r.created_at < source.created_at][:_EARLIER]:
        if each.links["version_id"] == source.links["version_id"]:
            continue  # of the same data: it is no earlier one
        values = _earlier(server, each, item, origin, len(frame))
        if values is not None:
            others[f"earlier: {each.name}"] = values
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


def _of_backtest(
    server: Server, source: Resource, item: Sequence[str], recipe: str | None, _: Sequence[Resource]
) -> Drawn:
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
