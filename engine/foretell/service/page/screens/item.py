"""One item: history, fan, mean, what happened since, a year before, and the known columns below on the same axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.catalogue import Resource
from foretell.service.item_rows import FOLDER, find_item, read_items
from foretell.service.page.asking import AViewer, PageRoute
from foretell.service.page.rendering import render
from foretell.service.page.screens.items import COLUMNS, chosen
from foretell.service.page.screens.overrides import of_item
from foretell.service.refusals import Absent

router = APIRouter(route_class=PageRoute)


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
    from foretell.service.page.drawn_items import of_backtest, of_forecast

    with server.database.read() as connection:
        source, _ = chosen(connection, of)
        assert source is not None
        beside = _beside(connection, source)
    recipes = [row["recipe"] for row in source.result.get("leaderboard", ())]
    recipe = recipe or (recipes[0] if recipes else None)
    if recipe is not None and recipe not in recipes:
        raise Absent(f"the back-test has no recipe {recipe!r}")
    draws = of_forecast if source.kind == "forecasts" else of_backtest
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
        changes=of_item(server, source, item) if source.kind == "forecasts" else [],
    )


def _tags(path: Any, item: Sequence[str]) -> list[tuple[str, str]]:
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
