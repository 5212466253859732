"""What routes need of a request: the server, who asks, and writes that a repeat does not do twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from foretell.service import auth
from foretell.service.auth import LOCAL, Role, Who
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.identifiers import new_id
from foretell.service.rates import Rates
from foretell.service.refusals import Forbidden, InTheWay, Unknown
from foretell.service.sessions import COOKIE, Sessions
from foretell.service.tables import audit, now, repeats
from foretell.service.warm import Warm


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a running server has: `request.app.state.server`."""

    home: Home
    database: Database
    sessions: Sessions
    local: bool  # on loopback: without keys, whoever is on this machine may do all
    wake: Callable[[], None]  # workers of this process look for a job at once
    warm: Warm  # answers inline forecasts
    rates: Rates  # how often each may ask


def server_of(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


async def _server(request: Request) -> Server:
    """As `server_of`; FastAPI calls it without a thread, because it waits for nothing."""
    return server_of(request)


def who_asks(request: Request) -> Who:
    """By key, else by the page's cookie, else this machine's user where there are no keys; raises Unknown."""
    server = server_of(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(COOKIE)
    with server.database.read() as connection:
        if scheme.lower() == "bearer":
            return auth.who_has(connection, key.strip())
        if cookie is not None:
            return _of_session(request, server, connection, cookie)
        if server.local and not auth.any_keys(connection):
            return LOCAL
    raise Unknown("send a key: Authorization: Bearer ftl_...")


def _of_session(request: Request, server: Server, connection: Connection, cookie: str) -> Who:
    who = in_session(server, connection, cookie)
    token = request.headers.get("x-csrf-token", "")
    if request.method not in ("GET", "HEAD") and not server.sessions.is_form_token(cookie, token):
        raise Forbidden("the page's token is missing: send X-CSRF-Token")
    return who


def in_session(server: Server, connection: Connection, cookie: str | None) -> Who:
    """Who a page's cookie says they are; raises Unknown for none, for an old one, and where its key was revoked."""
    who = None if cookie is None else server.sessions.who(cookie)
    if who is None or (who != LOCAL and not auth.is_good(connection, who.id)):
        raise Unknown("the session has ended. Open the page again.")
    return who


def _at_least(role: Role) -> Callable[[Request], Who]:
    def asked(request: Request) -> Who:
        who = who_asks(request)
        server_of(request).rates.take(who.id)
        who.must_be(role)
        return who

    return asked


AServer = Annotated[Server, Depends(_server)]
AReader = Annotated[Who, Depends(_at_least("reader"))]
APlanner = Annotated[Who, Depends(_at_least("planner"))]
AnAdmin = Annotated[Who, Depends(_at_least("admin"))]
RepeatKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=200, description="A repeat with the same key does nothing new."
    ),
]


def write(
    request: Request,
    who: Who,
    action: str,
    body: BaseModel | None,
    repeat: str | None,
    make: Callable[[Connection], BaseModel],
    *,
    status: int = 202,
) -> JSONResponse:
    """Do `make` in one transaction with its entry in the audit table; a repeat of it is answered as the first was.

    `make` gives the answer, which has an `id`. Raises InTheWay where the key came with another request before.
    """
    server = server_of(request)
    asked = _digest(action, body)
    try:
        with server.database.begin() as connection:
            earlier = None if repeat is None else _earlier(connection, who, repeat, asked)
            if earlier is not None:
                return JSONResponse(earlier, status)
            answer = make(connection).model_dump(mode="json", by_alias=True)
            if repeat is not None:
                row = {"who": who.id, "key": repeat, "request": asked, "answer": answer}
                connection.execute(insert(repeats).values(created_at=now(), **row))
            note(connection, who, action, str(answer.get("id", "")), request.state.request_id)
    except IntegrityError:  # the same key at once: the other one was first
        if repeat is None:
            raise
        with server.database.read() as connection:
            earlier = _earlier(connection, who, repeat, asked)
        if earlier is None:
            raise
        return JSONResponse(earlier, status)
    server.wake()
    return JSONResponse(answer, status)


def note(connection: Connection, who: Who, action: str, resource: str, request: str) -> None:
    """An entry of the audit table."""
    row = {"id": new_id("au"), "who": who.id, "action": action, "resource": resource, "request": request}
    connection.execute(insert(audit).values(at=now(), **row))


def _earlier(connection: Connection, who: Who, repeat: str, asked: str) -> Any:
    mine = (repeats.c.who == who.id, repeats.c.key == repeat)
    row = connection.execute(select(repeats).where(*mine)).first()
    if row is None:
        return None
    if row.request != asked:
        raise InTheWay("this Idempotency-Key came with another request before. Use a new one.")
    return row.answer


def _digest(action: str, body: BaseModel | None) -> str:
    told = [action, None if body is None else body.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
