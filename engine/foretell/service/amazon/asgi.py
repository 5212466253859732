"""The endpoint as an ASGI application: `POST /`, and the reset of tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread

from foretell.service.amazon.endpoint import MOST_BYTES, Answer, Endpoint
from foretell.service.amazon.signing import SignedRequest

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
RESET_PATH: Final = "/moto-api/reset"


@dataclass(frozen=True, slots=True)
class AmazonApp:
    """Answers what is meant for the endpoint; `reset` forgets all resources, None where that is not allowed."""

    endpoint: Endpoint
    reset: Callable[[], None] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """What it answers to."""
        return ("/",) if self.reset is None else ("/", RESET_PATH)

    def takes(self, scope: Any) -> bool:
        """Whether a request is for this application."""
        return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self.paths

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request of HTTP."""
        if not self.takes(scope):
            await _send(send, Answer(404, {"content-type": "text/plain"}, b"not found"))
            return
        body = await _body(receive)
        if scope["path"] == RESET_PATH:
            assert self.reset is not None
            await anyio.to_thread.run_sync(self.reset)
            await _send(send, Answer(200, {"content-type": "application/json"}, b'{"status": "ok"}'))
            return
        request = SignedRequest(
            scope["method"],
            scope.get("raw_path", b"/").decode("latin-1").partition("?")[0],
            scope["query_string"].decode("latin-1"),
            _headers(scope["headers"]),
            body,
        )
        await _send(send, await anyio.to_thread.run_sync(self.endpoint.answer, request))


def _headers(pairs: Any) -> dict[str, str]:
    """One text a name: what is there twice is joined by commas, as signatures have it."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


async def _body(receive: Receive) -> bytes:
    """At most one byte more than is allowed: the endpoint refuses that, and the rest is not kept."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        if len(body) <= MOST_BYTES:
            body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body[: MOST_BYTES + 1])


async def _send(send: Send, answer: Answer) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})
