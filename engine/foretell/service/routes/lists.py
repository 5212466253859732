"""What most resources' routes share: list, get and delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue, jobs
from foretell.service.asking import APlanner, AReader, AServer, RepeatKey, write
from foretell.service.catalogue import Resource
from foretell.service.schemas.common import ListOut, ResourceOut
from foretell.service.schemas.jobs import JobOut

Limit = Annotated[int, Query(ge=1, le=1000)]
Token = Annotated[str | None, Query(max_length=200)]


def add_common(router: APIRouter, kind: str, out: type[ResourceOut], of: Callable[[Resource], Any]) -> None:
    """GET /KIND, GET /KIND/{identifier} and DELETE /KIND/{identifier}, answered as `of` spells a resource."""
    word = catalogue.KINDS[kind].word

    @router.get(f"/{kind}", response_model=ListOut[out], summary=f"List {kind}", operation_id=f"list_{kind}")  # type: ignore[valid-type]
    def find(
        server: AServer, who: AReader, limit: Limit = 100, token: Token = None, name: str | None = None
    ) -> Any:
        with server.database.read() as connection:
            page = catalogue.find(connection, kind, limit=limit, token=token, name=name)
        return {"items": [of(each) for each in page.resources], "next": page.next}

    @router.get(
        f"/{kind}/{{identifier}}", response_model=out, summary=f"Get a {word}", operation_id=f"get_{kind}"
    )
    def get(server: AServer, who: AReader, identifier: str) -> Any:
        with server.database.read() as connection:
            return of(catalogue.get(connection, kind, identifier))

    @router.delete(
        f"/{kind}/{{identifier}}",
        status_code=202,
        response_model=JobOut,
        summary=f"Delete a {word} with its files",
        operation_id=f"delete_{kind}",
    )
    def remove(request: Request, who: APlanner, identifier: str, repeat: RepeatKey = None) -> JSONResponse:
        def make(connection: Connection) -> JobOut:
            return JobOut.of(jobs.get(connection, catalogue.remove(connection, kind, identifier, who=who.id)))

        return write(request, who, f"delete {kind} {identifier}", None, repeat, make)
