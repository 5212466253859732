"""Back-tests."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import APlanner, RepeatKey, write
from foretell.service.routes.lists import add_common
from foretell.service.schemas.backtests import BacktestIn, BacktestOut, BacktestSpec

router = APIRouter(tags=["backtests"])
add_common(router, "backtests", BacktestOut, BacktestOut.of)


@router.post("/backtests", status_code=202, response_model=BacktestOut)
def create(request: Request, who: APlanner, body: BacktestIn, repeat: RepeatKey = None) -> JSONResponse:
    """Compare recipes on windows of the past, by a job."""
    spec = BacktestSpec.model_validate(body.model_dump()).model_dump(mode="json")

    def make(connection: Connection) -> BacktestOut:
        version = catalogue.version_of(connection, body.dataset, body.version)
        name = body.name or ", ".join(body.recipes)[:200]
        made, _ = catalogue.create(
            connection, "backtests", name=name, spec=spec, who=who.id, version_id=version.id
        )
        return BacktestOut.of(made)

    return write(request, who, "backtest", body, repeat, make)
