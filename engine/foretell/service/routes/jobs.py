"""Jobs: how far they are, their log, and how they are cancelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from sqlalchemy import Connection

from foretell.service import catalogue, jobs
from foretell.service.asking import APlanner, AReader, AServer, write
from foretell.service.job_stream import EVENTS, stream_of
from foretell.service.routes.lists import Limit, Token
from foretell.service.schemas.common import ListOut
from foretell.service.schemas.jobs import JobOut
from foretell.service.states import State
from foretell.service.worker import tail

router = APIRouter(tags=["jobs"])


@router.get("/jobs")
def find(
    server: AServer,
    who: AReader,
    limit: Limit = 100,
    token: Token = None,
    state: State | None = None,
    resource_id: str | None = None,
) -> ListOut[JobOut]:
    """Jobs, newest first."""
    before = None if token is None else catalogue.read_token("jobs", token)
    with server.database.read() as connection:
        found = jobs.find(connection, limit=limit + 1, before=before, state=state, resource_id=resource_id)
    more = catalogue.make_token("jobs", found[limit - 1].id) if len(found) > limit else None
    return ListOut(items=[JobOut.of(each) for each in found[:limit]], next=more)


@router.get("/jobs/{identifier}")
def get(server: AServer, who: AReader, identifier: str) -> JobOut:
    """A job."""
    with server.database.read() as connection:
        return JobOut.of(jobs.get(connection, identifier))


@router.post("/jobs/{identifier}/cancel", status_code=202, response_model=JobOut)
def cancel(request: Request, who: APlanner, identifier: str) -> JSONResponse:
    """End a job; what it has computed is kept. One that has ended stays as it is."""

    def make(connection: Connection) -> JobOut:
        return JobOut.of(catalogue.cancel(connection, identifier))

    return write(request, who, f"cancel {identifier}", None, None, make)


@router.get("/jobs/{identifier}/log", response_class=PlainTextResponse)
def log(
    server: AServer, who: AReader, identifier: str, lines: Annotated[int, Query(ge=1, le=10_000)] = 200
) -> str:
    """The last lines of what its process wrote."""
    with server.database.read() as connection:
        jobs.get(connection, identifier)
    return "\n".join(tail(server.home.job(identifier) / "log", lines))


@router.get("/jobs/{identifier}/events", response_class=StreamingResponse, responses=EVENTS)  # type: ignore[arg-type]
def events(
    server: AServer,
    who: AReader,
    identifier: str,
    last: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=20, description="Go on after this event.", examples=["7"]),
    ] = None,
) -> StreamingResponse:
    """What happens to a job, as server-sent events: `state` and `progress`, until it has ended."""
    with server.database.read() as connection:
        jobs.get(connection, identifier)
    after = int(last) if last is not None and last.isdecimal() else 0
    told = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream_of(server.database, identifier, after), 200, told, "text/event-stream")
