"""What stands before every route: an identifier of the request, the Host, the Origin, the content type, the length.

A page of another site can make a browser send requests here. It cannot choose Host (rebinding) and Origin, and not send JSON
without asking first; so these three are checked, whoever asks.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foretell.service.auth import LOOPBACK
from foretell.service.problems import answer
from foretell.service.refusals import Forbidden, Misdirected, NotThisKind, Refused, TooLarge

_WRITES: Final = frozenset(("POST", "PUT", "PATCH", "DELETE"))
TYPES: Final = frozenset(
    (
        *(
            "application/json",
            "application/x-amz-json-1.1",
            "multipart/form-data",
            "text/csv",
            "application/vnd.apache.parquet",
        ),
        *("application/vnd.apache.arrow.stream", "application/toml"),
    )
)
_UPLOADS: Final = re.compile(
    r"/api/v1/uploads/?|/data|/data/[a-z0-9_]+/versions"
)  # the last two: forms of the page
SLOWEST: Final = 30.0  # seconds between two parts of a body
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
SAFE: Final = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Middleware of the application; `hosts` are the names of this server, none of them any name."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], most_body: int, most_upload: int) -> None:
        self._app, self._hosts, self._most, self._upload = app, frozenset(hosts), most_body, most_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("x-request-id", "")
        request = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request
                for name, value in SAFE.items():
                    out.setdefault(name, value)
            await send(message)

        most = self._upload if _UPLOADS.fullmatch(scope["path"]) else self._most
        try:
            self._check(scope, headers, most)
        except Refused as refused:
            await answer(refused, request)(scope, receive, marked)
            return
        await self._app(scope, _bounded(receive, most), marked)

    def _check(self, scope: Scope, headers: Headers, most: int) -> None:
        host = host_of(headers.get("host", ""))
        if self._hosts and host not in self._hosts:
            raise Misdirected(f"this server is not {host[:60]!r}")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise Forbidden("a page of another origin may not ask here")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise TooLarge(f"the body may have {most:,} bytes")
        body = length != "0" or "transfer-encoding" in headers
        if scope["method"] in _WRITES and body:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in TYPES:
                raise NotThisKind(f"the content type {kind[:60]!r} is none of: {', '.join(sorted(TYPES))}")


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


def allowed_hosts(host: str, more: Sequence[str]) -> tuple[str, ...]:
    """The names that a server at `host` answers to: on loopback its own alone, elsewhere those of the configuration, or any."""
    return (*LOOPBACK, *more) if host in LOOPBACK else tuple(more)


def _bounded(receive: Receive, most: int) -> Receive:
    """`receive` that ends a body without a length once it is too long, and one that stops coming.

    By HTTPException: of all errors, FastAPI takes it alone for what it is while it reads a body.
    """
    read, whole = 0, False

    async def bounded() -> Any:
        nonlocal read, whole
        if whole:  # what comes now is that the client went away, whenever it does
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SLOWEST)
        except TimeoutError as error:
            raise HTTPException(408, f"nothing of the body has come for {SLOWEST:g} s") from error
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, f"the body may have {most:,} bytes")
        return message

    return bounded
