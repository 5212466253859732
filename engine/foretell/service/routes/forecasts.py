"""Forecasts and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue, overrides
from foretell.service.asking import APlanner, RepeatKey, Server, write
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import Layout
from foretell.service.routes.lists import add_common
from foretell.service.routes.rows import add_rows
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


def _with_final(
    server: Server, found: Resource, table: pa.Table, layout: Layout, changes: Sequence[Any]
) -> pa.Table:
    """Rows with what planners know better."""
    return overrides.with_final(table, changes, layout.timestamp)


add_rows(router, "forecasts", _with_final)
