"""Jobs as rows: added, listed, cancelled, and what happened to them. `leases` says how a worker holds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from foretell.service.identifiers import checked_id, new_id
from foretell.service.refusals import Absent, InTheWay
from foretell.service.states import FINISHED, State
from foretell.service.tables import job_events, now
from foretell.service.tables import jobs as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A row of jobs."""

    id: str
    work: str  # what is done: a file of `work`
    kind: str  # of the resource that it makes
    resource_id: str
    spec: Mapping[str, Any]
    state: State
    message: str
    result: Mapping[str, Any]
    progress: Mapping[str, Any]
    cancel: bool
    owner: str | None
    lease_until: float | None
    deaths: int
    checkpoint: str
    events: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    updated_at: float
    created_by: str


def add(
    connection: Connection,
    work: str,
    *,
    kind: str,
    resource: str,
    spec: Mapping[str, Any],
    who: str,
    state: State = "CREATE_PENDING",
) -> str:
    """A job that any worker may claim once the transaction is committed."""
    identifier = new_id("job")
    connection.execute(
        insert(table).values(
            id=identifier,
            work=work,
            kind=kind,
            resource_id=resource,
            spec=dict(spec),
            state=state,
            result={},
            progress={},
            created_at=now(),
            updated_at=now(),
            created_by=who,
        )
    )
    tell(connection, identifier, "state", {"state": state})
    return identifier


def get(connection: Connection, identifier: str) -> Job:
    """The job; raises Absent where there is none."""
    row = connection.execute(select(table).where(table.c.id == checked_id(identifier))).mappings().first()
    if row is None:
        raise Absent(f"there is no job {identifier!r}")
    return Job(**row)


def find(
    connection: Connection, *, limit: int = 100, before: str | None = None, **equal: Any
) -> Sequence[Job]:
    """Jobs, newest first, that come after the identifier `before` in that order."""
    asked = select(table).order_by(table.c.id.desc()).limit(limit)
    for column, value in equal.items():
        if value is not None:
            asked = asked.where(table.c[column] == value)
    if before is not None:
        asked = asked.where(table.c.id < before)
    return [Job(**row) for row in connection.execute(asked).mappings()]


def cancel(connection: Connection, identifier: str) -> Job:
    """Ask for a job to end: at once where nobody works on it, else its worker ends it. Raises InTheWay for a deletion."""
    job = get(connection, identifier)
    if job.state in FINISHED:
        return job
    if job.work == "delete":
        raise InTheWay("a deletion cannot be cancelled")
    # The row decides, not what was read of it: a worker may have claimed it in between.
    waiting = (table.c.id == identifier, table.c.state == "CREATE_PENDING")
    done = {"state": "CREATE_STOPPED", "message": "cancelled", "finished_at": now()}
    stopped = update(table).where(*waiting).values(cancel=True, updated_at=now(), **done)
    state: State = "CREATE_STOPPED"
    if connection.execute(stopped).rowcount == 0:
        working = (table.c.id == identifier, table.c.state == "CREATE_IN_PROGRESS")
        stopping = (
            update(table).where(*working).values(cancel=True, state="CREATE_STOPPING", updated_at=now())
        )
        state = "CREATE_STOPPING"
        if connection.execute(stopping).rowcount == 0:
            return get(connection, identifier)
    tell(connection, identifier, "state", {"state": state})
    return get(connection, identifier)


def tell(connection: Connection, identifier: str, event: str, data: Mapping[str, Any]) -> None:
    """Note what happened to a job, for those who follow it."""
    row = connection.execute(
        update(table)
        .where(table.c.id == identifier)
        .values(events=table.c.events + 1)
        .returning(table.c.events)
    )
    number = row.scalar_one()
    values = {"job_id": identifier, "number": number, "at": now(), "event": event, "data": dict(data)}
    connection.execute(insert(job_events).values(**values))


def events_after(connection: Connection, identifier: str, number: int, *, limit: int = 1000) -> Sequence[Any]:
    """What happened to a job after the event `number`, oldest first: rows with number, at, event, data."""
    asked = (
        select(job_events)
        .where(job_events.c.job_id == identifier, job_events.c.number > number)
        .order_by(job_events.c.number)
        .limit(limit)
    )
    return connection.execute(asked).all()
