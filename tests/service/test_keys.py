"""Keys, roles, and sessions of the page."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.errors import ForetellError
from foretell.service import auth
from foretell.service.auth import LOCAL, Who
from foretell.service.database import Database, open_database
from foretell.service.refusals import Absent, Forbidden, Unknown
from foretell.service.sessions import COOKIE, Sessions
from service.running import Service


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path / 'foretell.db'}")
    yield found
    found.close()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def made(service: Service, role: str) -> str:
    with service.database.begin() as connection:
        return auth.create_key(connection, role, role)[1]


def test_of_a_key_only_a_digest_is_kept(database: Database, tmp_path: Path) -> None:
    with database.begin() as connection:
        identifier, key = auth.create_key(connection, "planner", "supply")
    secret = key.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) == 32
    for path in tmp_path.iterdir():  # the database and its log
        assert secret.encode() not in path.read_bytes()
    with database.read() as connection:
        assert auth.who_has(connection, key) == Who(identifier, "supply", "planner")


def test_a_key_that_is_revoked_wrong_or_none_is_refused_alike(database: Database) -> None:
    with database.begin() as connection:
        identifier, key = auth.create_key(connection, "admin", "me")
        _, other = auth.create_key(connection, "admin", "you")
        auth.revoke_key(connection, identifier)
        with pytest.raises(Absent, match="revoked already"):
            auth.revoke_key(connection, identifier)
    mixed = other[:20] + key[20:]
    absent = f"ftl_{'0' * 16}_{'0' * 64}"
    said = set()
    with database.read() as connection:
        for wrong in (key, mixed, absent, "", "ftl_", other + "0", other.upper(), "' or 1=1 --"):
            with pytest.raises(Unknown) as refused:
                auth.who_has(connection, wrong)
            said.add(str(refused.value))
    assert len(said) == 1


def test_every_key_is_compared_in_constant_time_also_one_that_is_not_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []
    right = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return right(one, other)

    with database.begin() as connection:
        identifier, key = auth.create_key(connection, "reader", "me")
    monkeypatch.setattr(hmac, "compare_digest", compare)
    with database.read() as connection:
        auth.who_has(connection, key)
        for wrong in (f"ftl_{identifier}_{'0' * 64}", f"ftl_{'0' * 16}_{'0' * 64}", "nothing"):
            with pytest.raises(Unknown):
                auth.who_has(connection, wrong)
    assert compared == [(64, 64)] * 4


def test_a_key_needs_a_role_that_there_is_and_a_name(database: Database) -> None:
    with database.begin() as connection:
        with pytest.raises(ForetellError, match="reader, planner, admin"):
            auth.create_key(connection, "root", "me")
        with pytest.raises(ForetellError, match="a key needs a name"):
            auth.create_key(connection, "admin", " ")


def test_a_role_may_what_those_below_it_may() -> None:
    planner = Who("id", "supply", "planner")
    planner.must_be("reader")
    planner.must_be("planner")
    with pytest.raises(Forbidden, match="needs the role admin, and the key 'supply' is of a planner"):
        planner.must_be("admin")


def test_once_there_is_a_key_nobody_gets_in_without_one(service: Service) -> None:
    assert service.client.get("/api/v1/datasets").status_code == 200
    key = made(service, "reader")
    assert service.client.get("/api/v1/datasets").status_code == 401
    assert service.client.get("/api/v1/datasets", headers=bearer("ftl_no")).status_code == 401
    assert service.client.get("/api/v1/datasets", headers=bearer(key)).status_code == 200


def test_a_reader_writes_nothing_and_a_planner_asks_no_query(service: Service) -> None:
    reader, planner = made(service, "reader"), made(service, "planner")
    body = {"name": "x", "target": {"upload": "up_0123456789abcdefghjkmnpqrs"}}
    refused = service.client.post("/api/v1/datasets", json=body, headers=bearer(reader))
    assert refused.status_code == 403
    assert "role planner" in refused.json()["detail"]
    assert service.client.post("/api/v1/datasets", json=body, headers=bearer(planner)).status_code == 404


def test_a_link_opens_one_session_once() -> None:
    sessions = Sessions(b"k" * 32)
    for wrong in ("", "x", sessions.link[:-1], "\u00e9"):
        with pytest.raises(Unknown):
            sessions.open_link(wrong)
    assert sessions.who(sessions.open_link(sessions.link)) == LOCAL
    with pytest.raises(Unknown, match="was used"):
        sessions.open_link(sessions.link)


def test_a_cookie_that_is_forged_old_or_of_another_home_says_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, other = Sessions(b"k" * 32), Sessions(b"o" * 32)
    reader = sessions.cookie(Who("id", "me", "reader"))
    assert sessions.who(reader) == Who("id", "me", "reader")
    assert other.who(reader) is None
    body, _, signature = reader.partition(".")
    told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raised = base64.urlsafe_b64encode(json.dumps({**told, "role": "admin"}).encode()).decode().rstrip("=")
    for forged in (
        f"{raised}.{signature}",
        body,
        f"{body}.",
        f".{signature}",
        "",
        ".",
        "\u00e9.\u00e9",
        reader * 9,
    ):
        assert sessions.who(forged) is None
    monkeypatch.setattr("time.time", lambda: told["until"] + 1)
    assert sessions.who(reader) is None


def test_a_session_writes_only_with_the_token_of_its_own_forms(service: Service) -> None:
    with service.database.begin() as connection:  # so that the cookie decides
        mine_id, _ = auth.create_key(connection, "planner", "me")
    sessions = service.client.app.state.server.sessions  # type: ignore[attr-defined]
    mine = sessions.cookie(Who(mine_id, "me", "planner"))
    service.client.cookies.set(COOKIE, mine)
    body = {"name": "x", "target": {"upload": "up_0123456789abcdefghjkmnpqrs"}}
    another = sessions.form_token(sessions.cookie(Who("id2", "you", "planner")))
    for headers in ({}, {"x-csrf-token": "no"}, {"x-csrf-token": another}):
        assert service.client.post("/api/v1/datasets", json=body, headers=headers).status_code == 403
    token = {"x-csrf-token": sessions.form_token(mine)}
    assert service.client.post("/api/v1/datasets", json=body, headers=token).status_code == 404
