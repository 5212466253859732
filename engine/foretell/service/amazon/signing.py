"""Signature Version 4, checked: the request is signed again with botocore, and the two signatures are compared."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import regex
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from foretell.service.amazon.errors import AmazonError

DEFAULT_REGION: Final = "us-east-1"  # of a request that is not signed
SKEW: Final = timedelta(minutes=15)
_SERVICE: Final = "forecast"  # both services sign by this name
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_REGION: Final = regex.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_WRONG: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing"
    " method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What came over the wire."""

    method: str
    path: str  # as it was sent, with its escapes
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which region."""

    region: str
    access_key: str | None = None  # None: nobody signed


@dataclass(frozen=True, slots=True)
class _Signature:
    access_key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]  # names of headers
    value: str


# The secret of an access key id; None for one that there is not.
SecretOf = Callable[[str], str | None]


def caller_of(request: SignedRequest, secret_of: SecretOf | None, *, now: datetime | None = None) -> Caller:
    """Who signed `request`, and the region that they signed for.

    Without `secret_of` no keys exist: any signature is taken, and none. Raises AmazonError where there are keys and the
    signature is missing, incomplete, older than 15 minutes, or not of one of them.
    """
    given = request.headers.get("authorization")
    if given is None:
        if secret_of is not None:
            raise AmazonError("MissingAuthenticationTokenException", "Missing Authentication Token")
        return Caller(DEFAULT_REGION)
    signature = _parsed(given)
    if secret_of is not None:
        _check(request, signature, secret_of, now or datetime.now(UTC))
    return Caller(signature.region, signature.access_key)


def _parsed(header: str) -> _Signature:
    """Raises AmazonError for a header that is no signature, or is scoped to what is no region."""
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Authorization header requires {_ALGORITHM}")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        )
    key, day, region, service, _ = scope
    if len(region) > 32 or not _REGION.fullmatch(region):
        raise AmazonError("InvalidSignatureException", "Credential should be scoped to a valid region.")
    if service != _SERVICE:
        raise AmazonError(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{_SERVICE}'."
        )
    return _Signature(
        key, day, region, service, tuple(parts["SignedHeaders"].lower().split(";")), parts["Signature"]
    )


def _check(request: SignedRequest, signature: _Signature, secret_of: SecretOf, now: datetime) -> None:
    stamp = _time_of(request, signature, now)
    missing = [name for name in signature.signed if name not in request.headers]
    if missing or "host" not in signature.signed:
        raise AmazonError(
            "InvalidSignatureException", f"'{(missing or ['host'])[0]}' must be a signed header that is sent."
        )
    secret = secret_of(signature.access_key)
    # A key that there is not takes as long as one that there is.
    expected = _signed_again(request, signature, secret or "-", stamp)
    alike = hmac.compare_digest(expected.encode(), signature.value.encode("utf-8", "replace"))
    if secret is None:
        raise AmazonError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    if not alike:
        raise AmazonError("InvalidSignatureException", _WRONG)
    hashed = request.headers.get("x-amz-content-sha256")
    if hashed is not None and not hmac.compare_digest(hashed.encode(), _hash(request.body).encode()):
        raise AmazonError("InvalidSignatureException", _WRONG)


def _time_of(request: SignedRequest, signature: _Signature, now: datetime) -> str:
    stamp = request.headers.get("x-amz-date")
    if stamp is None:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp[:40]}'.") from error
    if "x-amz-date" not in signature.signed or stamp[:8] != signature.day:
        raise AmazonError(
            "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from X-Amz-Date."
        )
    if abs(now - at) > SKEW:
        what = "expired" if at < now else "not yet current"
        raise AmazonError(
            "InvalidSignatureException", f"Signature {what}: {stamp} is now {now:%Y%m%dT%H%M%SZ} (15 min.)"
        )
    return stamp


def _signed_again(request: SignedRequest, signature: _Signature, secret: str, stamp: str) -> str:
    headers = {name: request.headers[name] for name in signature.signed}
    query = f"?{request.query}" if request.query else ""
    url = f"http://{request.headers['host']}{request.path}{query}"
    again = AWSRequest(method=request.method, url=url, headers=headers, data=request.body)
    again.context["timestamp"] = stamp
    auth = _Again(Credentials(signature.access_key, secret), signature.service, signature.region)
    canonical = auth.canonical_request(again)
    return str(auth.signature(auth.string_to_sign(again, canonical), again))


class _Again(SigV4Auth):  # type: ignore[misc,unused-ignore]
    """Signs what the client signed, its user agent too, and always the body that came."""

    def headers_to_sign(self, request: Any) -> Any:
        found = HTTPHeaders()
        for name, value in request.headers.items():
            found[name.lower()] = value
        return found

    def payload(self, request: Any) -> str:
        return _hash(request.data or b"")


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _incomplete(message: str) -> AmazonError:
    return AmazonError("IncompleteSignatureException", message)
