"""Monitors of models."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import APlanner, RepeatKey, write
from foretell.service.refusals import InTheWay
from foretell.service.routes.lists import add_common
from foretell.service.schemas.planning import MonitorIn, MonitorOut, MonitorSpec

router = APIRouter(tags=["monitors"])
add_common(router, "monitors", MonitorOut, MonitorOut.of)
_MOST = 1000  # forecasts that are judged, the newest


@router.post("/monitors", status_code=202, response_model=MonitorOut)
def create(request: Request, who: APlanner, body: MonitorIn, repeat: RepeatKey = None) -> JSONResponse:
    """Judge a model's forecasts by what has come since, by a job."""

    def make(connection: Connection) -> MonitorOut:
        model = catalogue.ready(connection, "models", body.model)
        trained_on = catalogue.get(connection, "dataset_versions", model.links["version_id"])
        version = catalogue.version_of(connection, trained_on.links["dataset_id"], body.version)
        page = catalogue.find(connection, "forecasts", limit=_MOST, model_id=model.id, state="ACTIVE")
        if not page.resources:
            raise InTheWay(f"the model {model.id} has no forecast that is ACTIVE. Make one first.")
        spec = MonitorSpec(forecasts=tuple(each.id for each in page.resources), by=body.by)
        made, _ = catalogue.create(
            connection,
            "monitors",
            name=body.name or model.name,
            spec=spec.model_dump(mode="json"),
            who=who.id,
            model_id=model.id,
            version_id=version.id,
            backtest_id=body.backtest,
        )
        return MonitorOut.of(made)

    return write(request, who, "create monitors", body, repeat, make)
