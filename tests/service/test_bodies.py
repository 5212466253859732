"""Bodies that are too long, or never come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from foretell.service import guard
from service.running import LOCAL, Service


def test_a_body_without_a_length_that_is_too_long_is_refused_as_too_large(service: Service) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(17):
            yield b"x" * (1 << 20)
        yield b'"}'

    answer = service.client.post(
        "/api/v1/datasets", content=parts(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (413, "the body may have 16,777,216 bytes")


def test_a_client_that_stops_in_the_middle_of_a_body_is_answered_and_leaves_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SLOWEST", 0.1)
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": b"item_id,", "more_body": True}]

    async def receive() -> Any:
        if parts:
            return parts.pop()
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", LOCAL.removeprefix("http://").encode()), (b"content-type", b"text/csv")]
    scope = {
        **{"type": "http", "method": "POST", "path": "/api/v1/uploads", "raw_path": b"/api/v1/uploads"},
        **{"query_string": b"", "headers": [*headers, (b"transfer-encoding", b"chunked")], "scheme": "http"},
        **{"server": ("127.0.0.1", 8800), "client": ("127.0.0.1", 9), "root_path": "", "http_version": "1.1"},
        "asgi": {"version": "3.0"},
    }

    async def ask() -> None:
        await service.client.app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 408
    assert "has come for 0.1 s" in json.loads(sent[1]["body"])["detail"]
    assert list(service.home.uploads.iterdir()) == []
