"""What does not go through boto3: bodies that are none, targets that there are not, signatures."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from foretell.service.amazon.errors import AmazonError
from foretell.service.amazon.signing import SignedRequest, caller_of
from foretell.service.serve import Started

TYPE = "application/x-amz-json-1.1"
KEY, SECRET = "FTLAEXAMPLE", "a secret of forty characters"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def asked(server: Started, target: str, body: bytes, kind: str = TYPE) -> tuple[int, dict[str, Any]]:
    headers = {"content-type": kind, "x-amz-target": target}
    answer = httpx.post(server.address, content=body, headers=headers)
    assert answer.headers["x-amzn-requestid"]
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("target", "body", "kind", "error"),
    [
        ("AmazonForecast.MakeCoffee", b"{}", TYPE, "UnknownOperationException"),
        ("AmazonForecastRuntime.CreateDataset", b"{}", TYPE, "UnknownOperationException"),
        ("", b"{}", TYPE, "UnknownOperationException"),
        ("AmazonForecast.ListDatasets", b"{}", "application/json", "UnknownOperationException"),
        ("AmazonForecast.ListDatasets", b"{", TYPE, "SerializationException"),
        ("AmazonForecast.ListDatasets", b"[]", TYPE, "SerializationException"),
        ("AmazonForecast.ListDatasets", b"\xff", TYPE, "SerializationException"),
        ("AmazonForecast.ListDatasets", b'{"MaxResults": NaN}', TYPE, "SerializationException"),
        (
            "AmazonForecast.ListDatasets",
            b'{"MaxResults": 1, "MaxResults": 2}',
            TYPE,
            "SerializationException",
        ),
        ("AmazonForecast.ListDatasets", b'{"MaxResults": true}', TYPE, "SerializationException"),
        ("AmazonForecast.ListDatasets", b"[" * 100_000, TYPE, "SerializationException"),
        (
            "AmazonForecast.CreateDataset",
            b'{"Schema": [], "DatasetName": "x"}',
            TYPE,
            "SerializationException",
        ),
        ("AmazonForecast.CreateDataset", b'{"Tags": {}, "DatasetName": "x"}', TYPE, "SerializationException"),
        ("AmazonForecast.CreateDataset", b"", TYPE, "ValidationException"),
        ("AmazonForecast.DescribeDataset", b'{"DatasetArn": null}', TYPE, "ValidationException"),
    ],
)
def test_a_request_that_cannot_be_read_is_answered_in_json_1_1(
    server: Started, target: str, body: bytes, kind: str, error: str
):
    status, found = asked(server, target, body, kind)
    assert (status, found["__type"]) == (400, error)


def test_members_that_the_model_does_not_know_are_ignored(server: Started):
    status, found = asked(server, "AmazonForecast.ListDatasetGroups", b'{"Colour": "red"}')
    assert status == 200
    assert "DatasetGroups" in found


def test_an_unsigned_request_is_of_us_east_1(server: Started):
    arn = "arn:aws:forecast:us-east-1:123456789012:dataset/never"
    _, found = asked(server, "AmazonForecast.DescribeDataset", json.dumps({"DatasetArn": arn}).encode())
    assert found["__type"] == "ResourceNotFoundException"
    assert arn in found["Message"]


def test_a_page_of_another_site_is_refused_before_anything_is_read(server: Started):
    headers = {
        "content-type": TYPE,
        "x-amz-target": "AmazonForecast.ListDatasets",
        "origin": "https://evil.example",
    }
    assert httpx.post(server.address, content=b"{}", headers=headers).status_code == 403


def signed(
    *,
    key: str = KEY,
    secret: str = SECRET,
    at: datetime | None = NOW,
    region: str = "eu-west-1",
    service: str = "forecast",
    target: str = "AmazonForecast.ListDatasets",
    body: bytes = b"{}",
) -> SignedRequest:
    """A request that botocore signed; `at` None is now."""
    headers = {"content-type": TYPE, "x-amz-target": target, "host": "forecast.example:8800"}
    request = AWSRequest(method="POST", url="http://forecast.example:8800/", headers=headers, data=body)
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    auth = SigV4Auth(Credentials(key, secret), service, region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(text, request))
    found = {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest("POST", "/", "", found, body)


def secret_of(key: str) -> str | None:
    return SECRET if key == KEY else None


def changed(request: SignedRequest, **headers: str | None) -> SignedRequest:
    found = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in found.items() if value is not None}
    return SignedRequest(request.method, request.path, request.query, kept, request.body)


def test_a_good_signature_says_who_asks_and_for_which_region():
    caller = caller_of(signed(), secret_of, now=NOW)
    assert (caller.access_key, caller.region) == (KEY, "eu-west-1")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (signed(secret="another"), "InvalidSignatureException"),
        (signed(at=NOW - timedelta(minutes=16)), "InvalidSignatureException"),
        (signed(at=NOW + timedelta(minutes=16)), "InvalidSignatureException"),
        (signed(region="nowhere"), "InvalidSignatureException"),
        (signed(service="s3"), "InvalidSignatureException"),
        (changed(signed(), host="forecast.example:9999"), "InvalidSignatureException"),
        (changed(signed(), x_amz_target="AmazonForecast.DeleteDataset"), "InvalidSignatureException"),
        (changed(signed(), x_amz_content_sha256="0" * 64), "InvalidSignatureException"),
        (changed(signed(), x_amz_date=None), "IncompleteSignatureException"),
        (changed(signed(), x_amz_date="now"), "IncompleteSignatureException"),
        (changed(signed(), authorization="Bearer ftl_1"), "IncompleteSignatureException"),
        (changed(signed(), authorization="AWS4-HMAC-SHA256 Credential=x"), "IncompleteSignatureException"),
        (changed(signed(), authorization=None), "MissingAuthenticationTokenException"),
        (
            changed(signed(), authorization=signed().headers["authorization"].replace(KEY, "FTLAOTHER")),
            "UnrecognizedClientException",
        ),
    ],
)
def test_a_signature_that_is_not_right_is_refused(request_: SignedRequest, code: str):
    with pytest.raises(AmazonError) as refused:
        caller_of(request_, secret_of, now=NOW)
    assert refused.value.code == code


def test_a_body_other_than_the_signed_one_is_refused():
    good = signed()
    bad = SignedRequest(good.method, good.path, good.query, good.headers, b'{"MaxResults": 1}')
    with pytest.raises(AmazonError, match="does not match"):
        caller_of(bad, secret_of, now=NOW)


def test_without_keys_any_signature_is_taken_and_its_region_counts():
    assert caller_of(signed(secret="anything"), None, now=NOW).region == "eu-west-1"
    assert caller_of(changed(signed(), authorization=None), None).region == "us-east-1"
