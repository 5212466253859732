"""Uploads: tables as they are sent, streamed to disk; one that breaks off leaves nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import insert
from starlette.concurrency import run_in_threadpool

from foretell.service.asking import APlanner, AServer, Server, note
from foretell.service.auth import Who
from foretell.service.identifiers import new_id
from foretell.service.refusals import Invalid, NotThisKind
from foretell.service.schemas.common import moment
from foretell.service.schemas.datasets import UploadOut
from foretell.service.tables import now, uploads

router = APIRouter(tags=["datasets"])
ENDINGS: Final = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
}


_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ENDINGS},
    }
}
_BODY["requestBody"]["content"]["text/csv"]["example"] = "item_id,timestamp,target\nmug,2024-01-01,3\n"  # type: ignore[index]


@router.post("/uploads", status_code=201, response_model=UploadOut, openapi_extra=_BODY)
async def upload(request: Request, server: AServer, who: APlanner) -> JSONResponse:
    """Send a table as the body: CSV, Parquet or an Arrow stream, by its content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ENDINGS:
        raise NotThisKind(f"send a table as one of: {', '.join(ENDINGS)}")
    identifier, digest, size = new_id("up"), hashlib.sha256(), 0
    path = server.home.uploads / f"{identifier}.{ENDINGS[kind]}"
    partial = server.home.uploads / f".{secrets.token_hex(8)}.part"
    try:
        with partial.open("xb") as file:
            async for block in request.stream():
                size += len(block)
                digest.update(block)
                await run_in_threadpool(file.write, block)
            await run_in_threadpool(os.fsync, file.fileno())
        if size == 0:
            raise Invalid("the body is empty")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    row = {"id": identifier, "name": path.name, "bytes": size, "sha256": digest.hexdigest()}
    out = await run_in_threadpool(enter, server, who, row, request.state.request_id)
    return JSONResponse(out.model_dump(mode="json"), 201)


def enter(server: Server, who: Who, row: dict[str, object], request: str) -> UploadOut:
    """Note an upload that lies in the home."""
    with server.database.begin() as connection:
        values = insert(uploads).values(created_at=now(), created_by=who.id, **row)
        made = connection.execute(values.returning(uploads.c.created_at)).scalar_one()
        note(connection, who, "upload", str(row["id"]), request)
    told = {name: row[name] for name in ("id", "bytes", "sha256")}
    return UploadOut.model_validate({**told, "created_at": moment(made)})
