"""Forecasts and their rows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import APlanner, AReader, AServer, RepeatKey, write
from foretell.service.routes.lists import add_common
from foretell.service.schemas.forecasts import ForecastIn, ForecastOut, ForecastSpec

router = APIRouter(tags=["forecasts"])
add_common(router, "forecasts", ForecastOut, ForecastOut.of)


@router.post("/forecasts", status_code=202, response_model=ForecastOut)
def create(request: Request, who: APlanner, body: ForecastIn, repeat: RepeatKey = None) -> JSONResponse:
    """Forecast with a model, by a job."""
    spec = ForecastSpec.model_validate(body.model_dump()).model_dump(mode="json")

    def make(connection: Connection) -> ForecastOut:
        model = catalogue.ready(connection, "models", body.model)
        trained_on = catalogue.get(connection, "dataset_versions", model.links["version_id"])
        version = catalogue.version_of(connection, trained_on.links["dataset_id"], body.version)
        made, _ = catalogue.create(
            connection,
            "forecasts",
            name=body.name or model.name,
            spec=spec,
            who=who.id,
            model_id=model.id,
            version_id=version.id,
        )
        return ForecastOut.of(made)

    return write(request, who, "forecast", body, repeat, make)


@router.get("/forecasts/{identifier}/rows")
def rows(
    server: AServer,
    who: AReader,
    identifier: str,
    item_id: Annotated[str, Query(max_length=1000)],
    levels: Annotated[str | None, Query(max_length=1000, examples=["0.1,0.5,0.9"])] = None,
) -> list[dict[str, Any]]:
    """The rows of one item, a step each."""
    from foretell.service.forecast_rows import parse_levels, read_rows

    with server.database.read() as connection:
        catalogue.ready(connection, "forecasts", identifier)
    folder, most = server.home.folder("forecasts", identifier), server.home.config.limits.rows
    found: list[dict[str, Any]] = read_rows(
        folder, item=item_id, levels=parse_levels(levels), most=most
    ).to_pylist()
    return found
