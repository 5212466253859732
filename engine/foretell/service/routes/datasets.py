"""Data sets and their versions."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import APlanner, AReader, AServer, RepeatKey, Server, write
from foretell.service.auth import Who
from foretell.service.refusals import Absent
from foretell.service.routes.lists import Limit, Token, add_common
from foretell.service.schemas.common import ListOut
from foretell.service.schemas.datasets import (
    DatasetIn,
    DatasetOut,
    ImportIn,
    ImportSpec,
    VersionIn,
    VersionOut,
)
from foretell.service.sources import check_source

router = APIRouter(tags=["datasets"])
add_common(router, "datasets", DatasetOut, DatasetOut.of)


@router.post("/datasets", status_code=202, response_model=DatasetOut)
def create(
    request: Request, server: AServer, who: APlanner, body: DatasetIn, repeat: RepeatKey = None
) -> JSONResponse:
    """A new data set; its first version is imported by a job."""
    _check(server, who, body)

    def make(connection: Connection) -> DatasetOut:
        made, _ = catalogue.create(connection, "datasets", name=body.name, spec={}, who=who.id)
        spec = ImportSpec.of(body).model_dump(mode="json")
        catalogue.add_version(connection, made.id, spec=spec, who=who.id)
        return DatasetOut.of(catalogue.get(connection, "datasets", made.id))

    return write(request, who, "create dataset", body, repeat, make)


@router.post("/datasets/{identifier}/versions", status_code=202, response_model=VersionOut)
def add(
    request: Request,
    server: AServer,
    who: APlanner,
    identifier: str,
    body: VersionIn,
    repeat: RepeatKey = None,
) -> JSONResponse:
    """Import a further version, which replaces the one before, or appends to it."""
    _check(server, who, body)

    def make(connection: Connection) -> VersionOut:
        before = catalogue.current_version(connection, identifier).spec if body.mode == "append" else None
        spec = ImportSpec.of(body, before).model_dump(mode="json")
        return VersionOut.of(catalogue.add_version(connection, identifier, spec=spec, who=who.id)[0])

    return write(request, who, f"import {identifier}", body, repeat, make)


@router.get("/datasets/{identifier}/versions")
def versions(
    server: AServer, who: AReader, identifier: str, limit: Limit = 100, token: Token = None
) -> ListOut[VersionOut]:
    """Versions of a data set, newest first."""
    with server.database.read() as connection:
        catalogue.get(connection, "datasets", identifier)
        page = catalogue.find(connection, "dataset_versions", limit=limit, token=token, dataset_id=identifier)
    return ListOut(items=[VersionOut.of(each) for each in page.resources], next=page.next)


@router.get("/datasets/{identifier}/versions/{version}")
def version(server: AServer, who: AReader, identifier: str, version: str) -> VersionOut:
    """A version of a data set, with what was found in its tables."""
    with server.database.read() as connection:
        found = catalogue.get(connection, "dataset_versions", version)
    if found.links["dataset_id"] != identifier:
        raise Absent(f"the data set {identifier!r} has no version {version!r}")
    return VersionOut.of(found)


def _check(server: Server, who: Who, body: ImportIn) -> None:
    """Raises where a source cannot be read, and where a query is asked for by anybody but an admin."""
    check_source(server.home, body.target, "target")
    for number, each in enumerate(body.related):
        check_source(server.home, each, f"related.{number}")
    if body.items is not None:
        check_source(server.home, body.items, "items")
    if any(each is not None and each.query is not None for each in (body.target, *body.related, body.items)):
        who.must_be("admin")  # a query of SQL
