"""Sign in: by the one-time link of the start, or with a key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from foretell.service import auth
from foretell.service.asking import AServer
from foretell.service.auth import Who
from foretell.service.page.asking import APlannersForm, PageRoute, see
from foretell.service.page.rendering import render
from foretell.service.refusals import Unknown
from foretell.service.sessions import COOKIE

router = APIRouter(route_class=PageRoute)


@router.get("/session")
def sign_in(
    request: Request,
    server: AServer,
    link: Annotated[str | None, Query(max_length=200)] = None,
    then: Annotated[str, Query(max_length=4000)] = "/",
) -> Response:
    """With the token of the link, a session; without one, a form for a key."""
    if link is not None:
        return _begin(request, server.sessions.open_link(link), then)
    return render(request, "session.html", then=_own(then), wrong=None)


@router.post("/session")
async def with_key(request: Request, server: AServer) -> Response:
    """A session of the key's owner. A foreign page cannot send this: the guard refuses its Origin."""
    sent = await request.form(max_files=0, max_fields=4)
    then = _own(str(sent.get("then", "/")))
    try:
        who = await run_in_threadpool(_who, server, str(sent.get("key", "")))
    except Unknown:
        wrong = "This key is not known, or it was revoked."
        return render(request, "session.html", status=401, then=then, wrong=wrong)
    return _begin(request, server.sessions.cookie(who), then)


@router.post("/session/end")
def end(form: APlannersForm) -> Response:
    """Sign out."""
    answer = see("/session")
    answer.delete_cookie(COOKIE)
    return answer


def _who(server: AServer, key: str) -> Who:
    with server.database.read() as connection:
        return auth.who_has(connection, key.strip())


def _begin(request: Request, cookie: str, then: str) -> Response:
    answer = see(_own(then))
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


def _own(path: str) -> str:
    """A path of this server: never another host."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
