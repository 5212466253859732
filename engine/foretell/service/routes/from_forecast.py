"""What routes of things that are made from a forecast share."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import write
from foretell.service.auth import Who
from foretell.service.schemas.common import Spec
from foretell.service.schemas.planning import ExplanationIn, FromForecastOut, ScenarioIn, TotalsIn


def create_from(
    request: Request,
    who: Who,
    kind: str,
    body: ExplanationIn | ScenarioIn | TotalsIn,
    spec: type[Spec],
    out: type[FromForecastOut],
    repeat: str | None,
) -> JSONResponse:
    """A resource that a job makes from a forecast's model and data, at its levels and horizon."""

    def make(connection: Connection) -> FromForecastOut:
        forecast = catalogue.ready(connection, "forecasts", body.forecast)
        told = {name: forecast.spec.get(name) for name in ("levels", "horizon")}
        asked = spec.model_validate({**told, **body.model_dump(exclude_none=True)}).model_dump(mode="json")
        links = {name: forecast.links[name] for name in ("model_id", "version_id")}
        made, _ = catalogue.create(
            connection,
            kind,
            name=body.name or forecast.name,
            spec={**asked, "horizon": told["horizon"]},
            who=who.id,
            forecast_id=forecast.id,
            **links,
        )
        return out.of(made)

    return write(request, who, f"create {kind}", body, repeat, make)
