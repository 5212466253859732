"""One request in, one answer out: target, signature, body, operation, and the JSON 1.1 around it."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foretell.errors import ForetellError
from foretell.service.amazon.arns import Place
from foretell.service.amazon.context import Context, Installation
from foretell.service.amazon.errors import MODELLED, AmazonError, serialization
from foretell.service.amazon.model import Operation, operations
from foretell.service.amazon.operations import OPERATIONS
from foretell.service.amazon.signing import Caller, SecretOf, SignedRequest, caller_of
from foretell.service.amazon.validation import checked_request
from foretell.system.strict_json import parse_json

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/x-amz-json-1.1"
MOST_BYTES: Final = 4 << 20  # of a body
_READING: Final = ("Describe", "List", "Get", "Query")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Raises AmazonError (AccessDenied) where the caller's role does not allow to change things.
Permit = Callable[[Caller, bool], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers the calls of both services."""

    installation: Installation
    keys: Callable[[], SecretOf | None] = lambda: None  # None: no keys exist
    permit: Permit | None = None
    wake: Callable[[], None] = lambda: None  # workers look for a job at once

    def answer(self, request: SignedRequest) -> Answer:
        """Never raises for what a caller sent: all errors are answers."""
        try:
            return _good(self._result(request))
        except AmazonError as error:
            return _bad(error)
        except Exception:  # a fault of ours: the log has it, and the caller an answer that boto3 can read
            logger.exception("a call of the Amazon endpoint failed")
            return _bad(AmazonError("InternalServerException", "The service failed. Its log says why."))

    def _result(self, request: SignedRequest) -> dict[str, Any] | None:
        operation = _operation_of(request)
        caller = caller_of(request, self.keys())
        reading = operation.name.startswith(_READING)
        if self.permit is not None:
            self.permit(caller, not reading)
        asked = checked_request(operation, _body_of(request))
        place = Place(caller.region, self.installation.account)
        with self.installation.store.transaction(reading=reading) as database:
            context = Context(place, self.installation, database)
            try:
                answer = OPERATIONS[operation.name](context, asked)
            except ForetellError as error:
                raise AmazonError("InvalidInputException", str(error)) from error
            database.remove_folders(context.removed)
        if not reading:
            self.wake()
        return answer


def _operation_of(request: SignedRequest) -> Operation:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    target = request.headers.get("x-amz-target", "")
    if kind != CONTENT_TYPE or target not in operations():
        raise AmazonError("UnknownOperationException", "")
    return operations()[target]


def _body_of(request: SignedRequest) -> Any:
    if len(request.body) > MOST_BYTES:
        raise AmazonError("RequestEntityTooLargeException", f"a request has at most {MOST_BYTES} bytes")
    if not request.body.strip():
        return {}
    try:
        found = parse_json(request.body)
    except ForetellError as error:
        raise serialization(str(error)) from error
    if not isinstance(found, dict):
        raise serialization("the request is no JSON object")
    return found


def _good(result: dict[str, Any] | None) -> Answer:
    body = b"" if result is None else json.dumps(result, allow_nan=False).encode()
    return Answer(200, _headers(), body)


def _bad(error: AmazonError) -> Answer:
    said = "Message" if error.code in MODELLED else "message"
    body = {"__type": error.code} | ({said: error.message} if error.message else {})
    return Answer(error.status, _headers() | {"x-amzn-ErrorType": error.code}, json.dumps(body).encode())


def _headers() -> dict[str, str]:
    return {"content-type": CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}
