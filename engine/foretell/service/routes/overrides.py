"""Overrides of planners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue, overrides
from foretell.service.asking import APlanner, AReader, AServer, RepeatKey, write
from foretell.service.routes.lists import Limit, Token
from foretell.service.schemas.common import ListOut
from foretell.service.schemas.overrides import OverrideOut, OverridesIn

router = APIRouter(tags=["overrides"])


@router.post("/overrides", status_code=201, response_model=ListOut[OverrideOut])
def create(
    request: Request, server: AServer, who: APlanner, body: OverridesIn, repeat: RepeatKey = None
) -> JSONResponse:
    """Override values of a forecast; rows, totals and exports have them as `final` from now on."""

    def make(connection: Connection) -> ListOut[OverrideOut]:
        rows = [each.model_dump(mode="json") for each in body.overrides]
        made = overrides.add(connection, server.home, body.forecast, rows, who.id)
        return ListOut(items=[OverrideOut.of(each) for each in made])

    return write(request, who, f"override {body.forecast}", body, repeat, make, status=201)


@router.get("/overrides")
def find(
    server: AServer,
    who: AReader,
    forecast: Annotated[str, Query(max_length=64)],
    limit: Limit = 100,
    token: Token = None,
) -> ListOut[OverrideOut]:
    """Overrides of a forecast, newest first."""
    before = None if token is None else catalogue.read_token("overrides", token)
    with server.database.read() as connection:
        catalogue.get(connection, "forecasts", forecast)
        rows = overrides.of_forecast(connection, forecast, before=before, limit=limit + 1)
    more = catalogue.make_token("overrides", rows[limit - 1].id) if len(rows) > limit else None
    return ListOut(items=[OverrideOut.of(each) for each in rows[:limit]], next=more)


@router.get("/overrides/{identifier}")
def get(server: AServer, who: AReader, identifier: str) -> OverrideOut:
    """An override."""
    with server.database.read() as connection:
        return OverrideOut.of(overrides.get(connection, identifier))


@router.delete("/overrides/{identifier}", response_model=OverrideOut)
def remove(request: Request, who: APlanner, identifier: str, repeat: RepeatKey = None) -> JSONResponse:
    """Take an override back."""

    def make(connection: Connection) -> OverrideOut:
        return OverrideOut.of(overrides.remove(connection, identifier))

    return write(request, who, f"delete override {identifier}", None, repeat, make, status=200)
