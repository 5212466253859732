"""Explanations of forecasts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from foretell.service.asking import APlanner, RepeatKey
from foretell.service.routes.from_forecast import create_from
from foretell.service.routes.lists import add_common
from foretell.service.routes.rows import add_rows
from foretell.service.schemas.planning import ExplanationIn, ExplanationOut, ExplanationSpec

router = APIRouter(tags=["explanations"])
add_common(router, "explanations", ExplanationOut, ExplanationOut.of)
add_rows(router, "explanations")


@router.post("/explanations", status_code=202, response_model=ExplanationOut)
def create(request: Request, who: APlanner, body: ExplanationIn, repeat: RepeatKey = None) -> JSONResponse:
    """Say what drives a forecast, by a job."""
    return create_from(request, who, "explanations", body, ExplanationSpec, ExplanationOut, repeat)
