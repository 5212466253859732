"""Servers of the service's tests: a home each, on SQLite always, on PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from service.running import Service, service_at


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """On SQLite."""
    with service_at(tmp_path / "home") as found:
        yield found


@pytest.fixture
def empty_postgresql(postgresql: str) -> Iterator[str]:
    """The address of a database of its own in the tests' PostgreSQL server."""
    server = f"postgresql://{postgresql}"
    name = f"foretell_{abs(hash(tuple(urlsplit(server))))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name}")
        connection.execute(f"create database {name}")
    yield server.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """On SQLite, and on PostgreSQL where there is a server."""
    address = None if request.param == "sqlite" else request.getfixturevalue("empty_postgresql")
    with service_at(tmp_path / "home", address) as found:
        yield found
