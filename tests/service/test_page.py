"""The page without a browser: sessions, forms, lists of items, and that nothing of the data becomes markup."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data.panel import Panel
from foretell.ingest.dataset import Dataset
from foretell.service import auth
from foretell.service.item_rows import find_item, read_items
from foretell.service.refusals import Absent, Invalid
from foretell.service.sessions import Sessions
from foretell.service.work.item_lists import write_items
from service.running import Service

HOSTILE = "<script>alert(1)</script>"


def sessions_of(service: Service) -> Sessions:
    app: Any = service.client.app
    found: Sessions = app.state.server.sessions
    return found


def signed_in(service: Service) -> str:
    """The token of the forms of a session of this machine's user."""
    sessions = sessions_of(service)
    answer = service.client.get("/session", params={"link": sessions.link}, follow_redirects=False)
    assert answer.status_code == 303
    return str(sessions.form_token(answer.cookies["foretell_session"]))


def send(service: Service, path: str, token: str, **fields: Any) -> Any:
    """A form as a browser sends it; what is given as bytes is a file."""
    parts: list[tuple[str, Any]] = [("token", (None, token))]
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            file = ("table.csv", value, "text/csv") if isinstance(value, bytes) else (None, str(value))
            parts.append((name, file))
    return service.client.post(path, files=parts, follow_redirects=False)


def sales(name: str = "a") -> bytes:
    days = pd.date_range("2024-01-01", periods=120)
    frames = [
        pd.DataFrame({"item_id": item, "timestamp": days, "target": np.arange(120) % 7 + 1.0})
        for item in (name, "b")
    ]
    return pd.concat(frames).to_csv(index=False).encode()


def test_without_a_session_the_page_asks_to_sign_in_and_the_link_opens_it_once(service: Service) -> None:
    client = service.client
    assert client.get("/data", follow_redirects=False).headers["location"] == "/session?then=%2Fdata"
    signed_in(service)
    assert client.get("/data").status_code == 200
    link = sessions_of(service).link
    client.cookies.clear()
    assert client.get("/session", params={"link": link}).status_code == 401


def test_a_key_opens_the_page_and_a_wrong_one_does_not(service: Service) -> None:
    with service.database.begin() as connection:
        _, key = auth.create_key(connection, "reader", "supply")
    wrong = send(service, "/session", "", key="ftl_" + "0" * 16 + "_" + "0" * 64)
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    right = send(service, "/session", "", key=key, then="//evil.example/")
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "supply, reader" in service.client.get("/data").text


def test_a_session_ends_when_its_key_is_revoked(service: Service) -> None:
    with service.database.begin() as connection:
        identifier, key = auth.create_key(connection, "planner", "supply")
    token = sessions_of(service).form_token(
        send(service, "/session", "", key=key).cookies["foretell_session"]
    )
    assert service.client.get("/data").status_code == 200
    with service.database.begin() as connection:
        auth.revoke_key(connection, identifier)
    assert service.client.get("/data", follow_redirects=False).status_code == 303
    assert service.client.get("/api/v1/datasets").status_code == 401
    assert send(service, "/data", token, name="shop", target=sales()).status_code == 401


def test_a_form_without_its_token_and_a_readers_form_change_nothing(service: Service) -> None:
    signed_in(service)
    refused = send(service, "/data", "0" * 64, name="shop", target=sales())
    assert refused.status_code == 403
    with service.database.begin() as connection:
        _, key = auth.create_key(connection, "reader", "supply")
    service.client.cookies.clear()
    cookie = send(service, "/session", "", key=key).cookies["foretell_session"]
    token = sessions_of(service).form_token(cookie)
    assert send(service, "/data", token, name="shop", target=sales()).status_code == 403
    with service.database.begin() as connection:
        _, admin = auth.create_key(connection, "admin", "me")
    service.client.cookies.clear()
    service.client.headers["authorization"] = f"Bearer {admin}"
    assert service.get("datasets")["items"] == []


@pytest.mark.slow
def test_the_story_from_an_upload_to_one_item_goes_through_forms(service: Service) -> None:
    token = signed_in(service)
    data = send(service, "/data", token, name=HOSTILE, target=sales(HOSTILE), freq="D").headers["location"]
    service.work()
    asked = {"recipe": ["seasonal_naive", "ridge"], "horizon": 7, "windows": 2}
    board = send(service, data + "/backtests", token, **asked).headers["location"]
    model = send(service, data + "/models", token, recipe="seasonal_naive", horizon=7).headers["location"]
    service.work()
    job = send(service, model + "/forecasts", token).headers["location"]
    service.work()
    paths = ["/data", data, "/jobs", job, "/backtests", board, model, "/items"]
    forecast = re.search(r"/items\?of=fc_\w+", service.client.get(model).text)
    assert forecast is not None
    paths.append(forecast[0])
    for listed in paths[-2:]:
        links = re.findall(r'href="(/item\?[^"]*)"', service.client.get(listed).text)
        assert len(links) == 2
        paths += [link.replace("&amp;", "&") for link in links]
    for path in paths:
        answer = service.client.get(path)
        assert answer.status_code == 200, path
        assert HOSTILE not in answer.text
        assert not re.search(r"<script>|<style|\sstyle=|\son\w+=", answer.text), path
        assert len(answer.content) < 200_000


def test_what_the_library_refuses_is_a_page_that_says_so(service: Service) -> None:
    token = signed_in(service)
    for path, fields in {
        "/data": {"name": "shop"},
        "/data/ds_" + "0" * 26 + "/models": {"recipe": "ridge", "horizon": "many"},
    }.items():
        answer = send(service, path, token, **fields)
        assert answer.status_code in (404, 422)
        assert "<h1>" in answer.text
    assert service.client.get("/items?of=zz_1").status_code == 404


def listed(tmp_path: Path, numbers: dict[str, Any], names: list[str]) -> Path:
    """A list of items with these numbers."""
    days = pd.date_range("2024-01-01", periods=3)
    frame = pd.concat([pd.DataFrame({"item_id": n, "timestamp": days, "target": 1.0}) for n in names])
    items = pd.DataFrame({"item_id": names, "family": [f"f{k % 2}" for k in range(len(names))]})
    panel: Panel = Dataset(frame, items=items, freq="D").panel
    path = tmp_path / "items" / "list.parquet"
    write_items(path, panel.keys, panel, numbers)
    return path


def test_pages_of_a_list_hold_each_item_once_in_order(tmp_path: Path) -> None:
    names = [f"item {k:02d}" for k in range(23)]
    values = np.array([float(k % 4) for k in range(23)])
    values[5] = np.nan
    path = listed(tmp_path, {"error": values}, names)
    seen: list[Any] = []
    token = None
    while True:
        part = read_items(path, sort="error", after=token, limit=5)
        seen += part.rows
        token = part.next
        if token is None:
            break
    assert sorted(row["name"] for row in seen) == names
    errors = [row["error"] for row in seen]
    assert errors[:-1] == sorted(errors[:-1], reverse=True)
    assert np.isnan(errors[-1])
    found = read_items(path, sort="error", search="ITEM 1", equal={"family": "f1"})
    assert {row["name"] for row in found.rows} == {f"item {k}" for k in (11, 13, 15, 17, 19)}
    assert (found.count, found.whole, found.choices) == (5, 23, {"family": ["f0", "f1"]})
    with pytest.raises(Invalid):
        read_items(path, sort="name", after=read_items(path, sort="error", limit=5).next)
    with pytest.raises(Absent):
        read_items(path, sort="k0")
    assert find_item(path, ["item 07"])["tags"] == ["f1"]


@pytest.mark.slow
def test_the_first_page_of_a_hundred_thousand_items_is_quick(tmp_path: Path) -> None:
    path = listed(tmp_path, {"error": np.arange(4.0)}, list("abcd"))
    import pyarrow as pa
    import pyarrow.parquet as pq

    few = pq.read_table(path)
    n = 100_000
    many = {name: few[name].take(pa.array(np.arange(n) % 4)) for name in few.column_names}
    many |= {"name": pa.array([f"item {k}" for k in range(n)]), "error": pa.array(np.arange(n) * 7919.0 % n)}
    pq.write_table(pa.table(many).replace_schema_metadata(few.schema.metadata), path)
    begin = time.process_time()  # of this process: the machine may be busy
    part = read_items(path, sort="error", limit=50)
    assert time.process_time() - begin < 0.3
    assert (part.rows[0]["error"], part.count) == (n - 1, n)
