"""Jobs of small works, and the processes that do them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foretell.service import catalogue, jobs
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.jobs import Job

PATIENCE = 120.0  # seconds: a busy machine


def add(database: Database, do: str, **spec: Any) -> str:
    """A job of a small work; it makes a version of a new data set."""
    with database.begin() as connection:
        made, _ = catalogue.create(connection, "datasets", name=do, spec={}, who="test")
        return catalogue.add_version(connection, made.id, spec={"do": do, **spec}, who="test")[1]


def job_of(database: Database, job: str) -> Job:
    with database.read() as connection:
        return jobs.get(connection, job)


def resource_of(database: Database, job: str) -> catalogue.Resource:
    with database.read() as connection:
        found = jobs.get(connection, job)
        return catalogue.get(connection, found.kind, found.resource_id)


def children(home: Home) -> list[int]:
    """Processes that work below the home's jobs; they end with the line of their worker."""
    found, place = [], str(home.path / "jobs")
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            at = (entry / "cwd").readlink()
        except OSError:
            continue
        if str(at).startswith(place):
            found.append(int(entry.name))
    return sorted(found)


def wait_for(what: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What it gives, once that is true."""
    until = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)
    return found
