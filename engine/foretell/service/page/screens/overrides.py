"""Overrides: what a planner knows better of one item of a forecast; forms of its screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from foretell.service import catalogue, overrides
from foretell.service.asking import AServer, Server
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import ROWS, layout_of
from foretell.service.page.asking import APlannersForm, Form, PageRoute, see
from foretell.service.page.rendering import query
from foretell.service.refusals import Invalid
from foretell.service.routes import overrides as api
from foretell.service.schemas.overrides import OverrideIn, OverridesIn

if TYPE_CHECKING:
    import pandas as pd

router = APIRouter(route_class=PageRoute)


@router.post("/overrides")
def add(request: Request, server: AServer, form: APlannersForm) -> Response:
    """Set a value or a percentage for some steps of an item."""
    forecast, item = form.text("forecast") or "", form.all("item")
    with server.database.read() as connection:
        catalogue.ready(connection, "forecasts", forecast)
    key = layout_of(server.home.folder("forecasts", forecast) / ROWS).key
    if len(item) != len(key):
        raise Invalid("the item is not named", field="item")
    kind = form.text("kind")
    told = {"percent" if kind == "percent" else "value": _number(form, "amount")}
    change = OverrideIn(
        item=dict(zip(key, item, strict=True)),
        first=form.text("first") or "",
        last=form.text("last") or "",
        comment=form.text("comment") or "",
        **told,
    )
    api.create(request, server, form.who, OverridesIn(forecast=forecast, overrides=(change,)))
    return see("/item" + query(of=forecast, item=item))


@router.post("/overrides/{identifier}/remove")
def remove(request: Request, server: AServer, form: APlannersForm, identifier: str) -> Response:
    """Take one back."""
    with server.database.read() as connection:
        found = overrides.get(connection, identifier)
    api.remove(request, form.who, identifier)
    return see("/item" + query(of=found.forecast_id, item=list(found.item.values())))


def _number(form: Form, name: str) -> float:
    text = form.text(name) or ""
    try:
        return float(text)
    except ValueError as error:
        raise Invalid(f"{name} must be a number, got {text[:40]!r}", field=name) from error


def of_item(server: Server, forecast: Resource, item: Sequence[str]) -> list[Any]:
    """The overrides of one item of a forecast, newest first, those of all dimensions of it among them."""
    key = layout_of(server.home.folder("forecasts", forecast.id) / ROWS).key
    mine = dict(zip(key, item, strict=False))
    with server.database.read() as connection:
        every = overrides.of_forecast(connection, forecast.id)
    return [each for each in every if all(mine.get(name) == part for name, part in each.item.items())]


def final_of(frame: pd.DataFrame, changes: Sequence[Any], timestamp: str) -> NDArray[np.float64]:
    """[H] the mean of some rows, with what planners know better."""
    table = overrides.with_final(pa.Table.from_pandas(frame, preserve_index=False), changes, timestamp)
    found: NDArray[np.float64] = table["final"].to_numpy()
    return found
