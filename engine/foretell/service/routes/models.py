"""Models."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import APlanner, RepeatKey, write
from foretell.service.routes.lists import add_common
from foretell.service.schemas.models import ModelIn, ModelOut, TrainSpec

router = APIRouter(tags=["models"])
add_common(router, "models", ModelOut, ModelOut.of)


@router.post("/models", status_code=202, response_model=ModelOut)
def create(request: Request, who: APlanner, body: ModelIn, repeat: RepeatKey = None) -> JSONResponse:
    """Train a model, by a job."""
    spec = TrainSpec.model_validate(body.model_dump()).model_dump(mode="json")

    def make(connection: Connection) -> ModelOut:
        version = catalogue.version_of(connection, body.dataset, body.version)
        made, _ = catalogue.create(
            connection,
            "models",
            name=body.name or body.recipe or "model",
            spec=spec,
            who=who.id,
            version_id=version.id,
            from_model_id=body.from_model,
        )
        return ModelOut.of(made)

    return write(request, who, "train", body, repeat, make)
