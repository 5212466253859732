"""Pipelines: created and changed by admins, started by planners."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import jobs, pipelines
from foretell.service.asking import AnAdmin, APlanner, RepeatKey, server_of, write
from foretell.service.routes.lists import add_common
from foretell.service.schemas.jobs import JobOut
from foretell.service.schemas.pipelines import PipelineIn, PipelineOut

router = APIRouter(tags=["pipelines"])
add_common(router, "pipelines", PipelineOut, PipelineOut.of)


@router.post("/pipelines", status_code=201, response_model=PipelineOut, operation_id="create_pipeline")
def create(request: Request, who: AnAdmin, body: PipelineIn, repeat: RepeatKey = None) -> JSONResponse:
    """Save a pipeline, with its schedule."""
    home = server_of(request).home

    def make(connection: Connection) -> PipelineOut:
        return PipelineOut.of(pipelines.save(connection, home, body.toml, who=who.id))

    return write(request, who, "create pipelines", body, repeat, make, status=201)


@router.put("/pipelines/{identifier}", response_model=PipelineOut, operation_id="change_pipeline")
def change(
    request: Request, who: AnAdmin, identifier: str, body: PipelineIn, repeat: RepeatKey = None
) -> JSONResponse:
    """Save a pipeline anew: what it keeps stays, and its next run follows the new text."""
    home = server_of(request).home

    def make(connection: Connection) -> PipelineOut:
        return PipelineOut.of(pipelines.save(connection, home, body.toml, who=who.id, identifier=identifier))

    return write(request, who, f"change pipelines {identifier}", body, repeat, make, status=200)


@router.post(
    "/pipelines/{identifier}/run", status_code=202, response_model=JobOut, operation_id="run_pipeline"
)
def run(request: Request, who: APlanner, identifier: str, repeat: RepeatKey = None) -> JSONResponse:
    """Run a pipeline now; refused while a run is at it."""

    def make(connection: Connection) -> JobOut:
        return JobOut.of(jobs.get(connection, pipelines.start(connection, identifier, who=who.id)))

    return write(request, who, f"run pipelines {identifier}", None, repeat, make)
