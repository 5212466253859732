"""The description of the API: complete, true, and on a page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from foretell.service.openapi import OPEN, operations
from service.running import Service


@pytest.fixture
def described(service: Service) -> Any:
    return service.client.get("/openapi.json").json()


def test_every_operation_has_a_summary_examples_and_problem_responses(described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    seen = set()
    for path, method, operation in operations(described):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["operationId"] not in seen, where
        seen.add(operation["operationId"])
        refusals = {status for status in operation["responses"] if status >= "400"}
        assert {"503"} <= refusals, where
        if path not in OPEN:
            assert {"401", "403", "422", "429"} <= refusals, where
            assert operation["security"], where
        for status in refusals:
            name = operation["responses"][status]["$ref"].rpartition("/")[2]
            assert "application/problem+json" in described["components"]["responses"][name]["content"], where
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter or "examples" in parameter, f"{where} {parameter['name']}"
        good = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert good, where
        for holder in (*good, *([operation["requestBody"]] if "requestBody" in operation else [])):
            for kind, media in holder.get("content", {}).items():
                if kind == "application/json":
                    assert "example" in media or "examples" in media, where
                    assert media["schema"], where


def test_the_examples_of_bodies_are_taken_by_the_api(service: Service, described: Any) -> None:
    for path, method, operation in operations(described):
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if media is None or not path.startswith(("/api/v1", "/v2")):
            continue
        url = path.replace("{identifier}", "mdl_01m8cbxncsa4sdqfy26ypvf3k5")
        answer = service.client.request(method, url, json=media["example"])
        assert answer.status_code in (200, 201, 202, 403, 404, 409), (path, media["example"], answer.text)


def test_every_reference_of_the_description_is_there(described: Any) -> None:
    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in references(described):
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_the_page_of_the_api_names_every_operation_and_no_foreign_host(
    service: Service, described: Any
) -> None:
    text = service.client.get("/docs").text
    for path, _, operation in operations(described):
        assert f"<code>{path}</code>" in text
        assert operation["summary"].replace("'", "&#x27;").replace('"', "&quot;") in text
    assert "<script" not in text
    assert "http://" not in text.replace("http://127.0.0.1", "")
    assert service.client.get("/docs.css").headers["content-type"].startswith("text/css")


def test_a_repeat_with_the_same_key_is_answered_as_before_and_another_body_refused(service: Service) -> None:
    client: TestClient = service.client
    upload = service.upload_text("item_id,timestamp,target\nmug,2024-01-01,3\n")
    body = {"name": "shop", "target": {"upload": upload}}
    key = {"idempotency-key": "one"}
    first = client.post("/api/v1/datasets", json=body, headers=key).json()
    assert client.post("/api/v1/datasets", json=body, headers=key).json() == first
    assert len(service.get("datasets")["items"]) == 1
    other = client.post("/api/v1/datasets", json={**body, "name": "other"}, headers=key)
    assert other.status_code == 409


def test_lists_page_by_tokens_that_stay_good_when_something_is_added(service: Service) -> None:
    upload = service.upload_text("item_id,timestamp,target\nmug,2024-01-01,3\n")
    make = lambda name: service.post("datasets", {"name": name, "target": {"upload": upload}})["id"]  # noqa: E731
    made = [make(str(number)) for number in range(5)]
    page = service.get("datasets", limit=2)
    make("later")
    found = [each["id"] for each in page["items"]]
    while page["next"]:
        page = service.get("datasets", limit=2, token=page["next"])
        found += [each["id"] for each in page["items"]]
    assert found == made[::-1]
    wrong = service.client.get("/api/v1/models", params={"token": service.get("datasets", limit=2)["next"]})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "token")
