"""Whether the server lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select

from foretell.service.asking import AServer
from foretell.service.tables import now

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The server lives."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(server: AServer) -> dict[str, str]:
    """The database answers too."""
    with server.database.read() as connection:
        connection.execute(select(now())).scalar_one()
    return {"status": "ready"}
