"""Scenarios of forecasts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from foretell.service.asking import APlanner, RepeatKey
from foretell.service.routes.from_forecast import create_from
from foretell.service.routes.lists import add_common
from foretell.service.routes.rows import add_rows
from foretell.service.schemas.planning import ScenarioIn, ScenarioOut, ScenarioSpec

router = APIRouter(tags=["scenarios"])
add_common(router, "scenarios", ScenarioOut, ScenarioOut.of)
add_rows(router, "scenarios")


@router.post("/scenarios", status_code=202, response_model=ScenarioOut)
def create(request: Request, who: APlanner, body: ScenarioIn, repeat: RepeatKey = None) -> JSONResponse:
    """Compare plans with that of a forecast, by a job."""
    return create_from(request, who, "scenarios", body, ScenarioSpec, ScenarioOut, repeat)
