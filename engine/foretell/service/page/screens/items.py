"""Items: of a back-test by error, bias and volume; of a forecast by what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.catalogue import Resource
from foretell.service.item_rows import FOLDER, read_items
from foretell.service.page.asking import AViewer, PageRoute
from foretell.service.page.rendering import render
from foretell.service.refusals import Absent

router = APIRouter(route_class=PageRoute)
_SHOWN: Final = 50
_KINDS: Final = {"bt": "backtests", "fc": "forecasts"}  # by the prefix of an identifier


@dataclass(frozen=True, slots=True)
class Order:
    """One way to sort items."""

    title: str
    column: str
    down: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """One number of an item."""

    title: str
    column: str
    kind: str  # a filter of the templates
    about: str


ORDERS: Final[Mapping[str, Mapping[str, Order]]] = {
    "backtests": {
        "error": Order("Largest error first", "error"),
        "high": Order("Forecast too high first", "difference"),
        "low": Order("Forecast too low first", "difference", down=False),
        "volume": Order("Best sellers first", "actual"),
        "name": Order("By name", "name", down=False),
    },
    "forecasts": {
        "volume": Order("Most expected first", "forecast"),
        "rise": Order("Largest rise first", "change"),
        "fall": Order("Largest fall first", "change", down=False),
        "name": Order("By name", "name", down=False),
    },
}
COLUMNS: Final = {
    "backtests": (
        Shown("Sold", "actual", "units", "Units sold in the windows of the back-test"),
        Shown("Forecast", "forecast", "units", "Units forecast for them"),
        Shown("Error", "error", "units", "Sum of the differences of every step, whichever way"),
        Shown("Too high or low", "difference", "signed_units", "Forecast less sold"),
        Shown("Bias", "bias", "signed_percent", "Forecast less sold, as a share of sold"),
        Shown(
            "Against last season",
            "against_naive",
            "signed_percent",
            "Error against repeating the last season; below 0 is better",
        ),
    ),
    "forecasts": (
        Shown("Expected", "forecast", "units", "Units expected over the horizon"),
        Shown("Before", "before", "units", "Units sold in as many steps before"),
        Shown("Change", "change", "signed_units", "Expected less before"),
    ),
}


@router.get("/items")
def find(
    request: Request,
    server: AServer,
    who: AViewer,
    of: Annotated[str | None, Query(max_length=64)] = None,
    recipe: Annotated[str | None, Query(max_length=64)] = None,
    sort: Annotated[str | None, Query(max_length=20)] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """A page of the items of a forecast or a back-test; by default of the newest one."""
    with server.database.read() as connection:
        source, others = chosen(connection, of)
    if source is None:
        return render(request, "items_none.html")
    recipes = [row["recipe"] for row in source.result.get("leaderboard", ())]
    recipe = recipe or (recipes[0] if recipes else None)
    orders = ORDERS[source.kind]
    sort = sort or next(iter(orders))
    if sort not in orders or (recipe is not None and recipe not in recipes):
        raise Absent("there is no such list of items")
    equal = {
        name[2:]: value for name, value in request.query_params.items() if name.startswith("m.") and value
    }
    path = server.home.folder(source.kind, source.id) / FOLDER / f"{recipe or 'forecast'}.parquet"
    order = orders[sort]
    part = read_items(
        path, sort=order.column, down=order.down, search=q, equal=equal, after=after, limit=_SHOWN
    )
    told: dict[str, Any] = {"of": source.id, "recipe": recipe, "sort": sort, "q": q}
    told |= {f"m.{name}": value for name, value in equal.items()}
    return render(
        request,
        "items.html",
        source=source,
        others=others,
        recipes=recipes,
        recipe=recipe,
        orders=orders,
        sort=sort,
        q=q,
        equal=equal,
        part=part,
        columns=COLUMNS[source.kind],
        told=told,
        after=after,
    )


def chosen(connection: Connection, identifier: str | None) -> tuple[Resource | None, list[Resource]]:
    """The forecast or back-test of a screen, by default the newest back-test, else forecast; and all that could be chosen."""
    every = [
        each
        for kind in ("backtests", "forecasts")
        for each in catalogue.find(connection, kind, limit=20, state="ACTIVE").resources
    ]
    if identifier is None:
        return (every[0] if every else None), every
    kind = _KINDS.get(identifier.partition("_")[0])
    if kind is None:
        raise Absent(f"there is no forecast or back-test {identifier!r}")
    return catalogue.ready(connection, kind, identifier), every
