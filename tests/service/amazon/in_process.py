"""Calls without a server: a request in, what it is answered out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from foretell.service.amazon.asgi import AmazonApp
from foretell.service.amazon.signing import SignedRequest


def call(app: AmazonApp, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, or the error, to an unsigned request."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"AmazonForecast.{operation}",
        "host": "localhost",
    }
    answer = app.endpoint.answer(SignedRequest("POST", "/", "", headers, json.dumps(request).encode()))
    found: dict[str, Any] = json.loads(answer.body) if answer.body else {}
    return found
