"""Errors as `application/problem+json` (RFC 9457), with the library's own sentence."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from foretell.errors import ForetellError
from foretell.service.refusals import Refused

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_MOST_SHOWN: Final = 20  # faults of one request


def problem(status: int, detail: str, request: str, **more: Any) -> JSONResponse:
    """An answer that says what is wrong; `more` are further members, those that are None left out."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": request}
    body |= {name: value for name, value in more.items() if value is not None}
    headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def answer(error: ForetellError, request: str) -> JSONResponse:
    """What a refusal, or an error of the library that a caller can put right, is answered with."""
    if isinstance(error, Refused):
        return problem(error.status, str(error), request, field=error.field)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), request)


def install(app: FastAPI) -> None:
    """Have all errors of `app` answered so."""

    @app.exception_handler(ForetellError)
    async def _refused(request: Request, error: ForetellError) -> JSONResponse:
        return answer(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"field": _path(each["loc"]), "message": each["msg"]} for each in error.errors()[:_MOST_SHOWN]
        ]
        first = faults[0]
        detail = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        more = {"field": first["field"] or None, "errors": faults}
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, request.state.request_id, **more)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), request.state.request_id)

    @app.exception_handler(OperationalError)
    async def _away(request: Request, error: OperationalError) -> JSONResponse:
        logger.warning("request %s: the database does not answer: %s", request.state.request_id, error.orig)
        text = "the database does not answer. Try again."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, text, request.state.request_id)

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        logger.error("request %s failed", request.state.request_id, exc_info=error)
        text = "the server failed; its log has the request by request_id"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, text, request.state.request_id)


def _path(location: Any) -> str:
    """settings.epochs of ("body", "settings", "epochs")."""
    return ".".join(str(part) for part in location if part not in ("body", "query", "path", "header"))
