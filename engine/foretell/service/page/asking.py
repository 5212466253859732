"""What screens need of a request: who is in the session, a form with its token, and errors as a page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from foretell.errors import ForetellError
from foretell.service.asking import in_session, server_of
from foretell.service.auth import Role, Who
from foretell.service.page.rendering import render
from foretell.service.refusals import Forbidden, Invalid, Refused, Unknown
from foretell.service.sessions import COOKIE

_MOST_FILES: Final = 60
_TITLES: Final = {401: "Sign in", 403: "Not allowed", 404: "Not there", 409: "Not now"}


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await inner(request)
            except Unknown as error:
                if request.method == "GET" and not request.url.path.startswith("/session"):
                    return RedirectResponse("/session?then=" + quote(_path_of(request), safe=""), 303)
                return _error(request, error.status, str(error))
            except Refused as error:
                return _error(request, error.status, str(error))
            except ForetellError as error:
                return _error(request, 422, str(error))
            except (RequestValidationError, ValidationError) as error:
                return _error(request, 422, _first(error))
            except HTTPException as error:  # of a form that cannot be read
                return _error(request, error.status_code, str(error.detail))

        return handled


def _path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _error(request: Request, status: int, text: str) -> Response:
    return render(
        request, "error.html", status=status, title=_TITLES.get(status, "That does not work"), text=text
    )


def _first(error: RequestValidationError | ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _in_session(request: Request) -> Who:
    server = server_of(request)
    with server.database.read() as connection:
        who = in_session(server, connection, request.cookies.get(COOKIE))
    request.state.who = who
    return who


AViewer = Annotated[Who, Depends(_in_session)]


class Form:
    """A form that a planner sent: its texts and files."""

    def __init__(self, who: Who, sent: FormData) -> None:
        self.who, self.sent = who, sent

    def text(self, name: str) -> str | None:
        """A field without blanks around it; None where it is empty."""
        value = self.sent.get(name)
        return (value.strip() or None) if isinstance(value, str) else None

    def all(self, name: str) -> list[str]:
        """All values of a field: of boxes that are ticked."""
        return [value for value in self.sent.getlist(name) if isinstance(value, str) and value]

    def list(self, name: str) -> tuple[str, ...]:
        """The parts of a field that are apart by commas."""
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())

    def number(self, name: str) -> int | None:
        """A whole number; raises Invalid."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise Invalid(f"{name} must be a whole number, got {text[:40]!r}", field=name) from error


def form_of(role: Role = "planner") -> Callable[[Request], AsyncIterator[Form]]:
    """The form of a request, from a session of at least that role, with the session's token; raises Forbidden."""

    async def read(request: Request) -> AsyncIterator[Form]:
        who = await run_in_threadpool(_in_session, request)
        who.must_be(role)
        sent = await request.form(max_files=_MOST_FILES, max_fields=1000)
        try:
            token, cookie = sent.get("token"), request.cookies[COOKIE]
            if not isinstance(token, str) or not server_of(request).sessions.is_form_token(cookie, token):
                raise Forbidden(
                    "the form is of another session. Open the page again, and send it from there."
                )
            yield Form(who, sent)
        finally:
            await sent.close()

    return read


APlannersForm = Annotated[Form, Depends(form_of("planner"))]


def made(answer: Response) -> Any:
    """What a route of the API answered."""
    return json.loads(bytes(answer.body))


def see(path: str) -> RedirectResponse:
    """On to another screen after a form."""
    return RedirectResponse(path, 303)
