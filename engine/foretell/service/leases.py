"""How a worker holds a job: it claims one by one statement, renews its lease, and every write of it says who it is.

A write that finds another owner changes nothing and is told as False: the job is somebody else's now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from foretell.service import catalogue
from foretell.service.jobs import Job, tell
from foretell.service.states import WAITING, WORKING, State
from foretell.service.tables import jobs, now

_BEGUN: Mapping[str, State] = {"CREATE_PENDING": "CREATE_IN_PROGRESS", "DELETE_PENDING": "DELETE_IN_PROGRESS"}


def anything_to_do(connection: Connection, *, work: str | None = None) -> bool:
    """Whether there is a job to claim: asked before claiming, so that idle workers take no lock."""
    return connection.execute(select(jobs.c.id).where(_free(work)).limit(1)).scalar() is not None


def claim(connection: Connection, owner: str, seconds: float, *, work: str | None = None) -> Job | None:
    """The oldest job that nobody holds, held by `owner` for `seconds` from now; None where there is none.

    `work` is the only kind that is wanted; None: any.
    """
    oldest = (
        select(jobs.c.id).where(_free(work)).order_by(jobs.c.id).limit(1).with_for_update(skip_locked=True)
    )
    held = (
        update(jobs)
        .where(jobs.c.id == oldest.scalar_subquery())
        .values(owner=owner, lease_until=now() + seconds, updated_at=now())
        .returning(*jobs.c)
    )
    row = connection.execute(held).mappings().first()
    if row is None:
        return None
    job = Job(**row)
    state = _BEGUN.get(job.state, job.state)
    if state != job.state:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(state=state, started_at=now()))
        _follow(connection, job, state)
        tell(connection, job.id, "state", {"state": state})
    return Job(**{**row, "state": state})


def renew(connection: Connection, job: str, owner: str, seconds: float) -> bool:
    """Hold the job for `seconds` from now."""
    return _write(connection, job, owner, lease_until=now() + seconds)


def cancelled(connection: Connection, job: str) -> bool:
    """Whether somebody wants the job to end."""
    return bool(connection.execute(select(jobs.c.cancel).where(jobs.c.id == job)).scalar())


def report(connection: Connection, job: str, owner: str, progress: Mapping[str, Any]) -> bool:
    """Write how far the job is."""
    done = _write(connection, job, owner, progress=dict(progress))
    if done:
        tell(connection, job, "progress", progress)
    return done


def died(connection: Connection, job: Job, owner: str, *, checkpoint: str) -> int | None:
    """Count a child that ended badly: how many have at this checkpoint; None where the job is another's by now."""
    deaths = job.deaths + 1 if checkpoint == job.checkpoint else 1
    return deaths if _write(connection, job.id, owner, deaths=deaths, checkpoint=checkpoint) else None


def release(connection: Connection, job: str, owner: str) -> bool:
    """Give the job back: any worker may claim it at once, and nothing is counted."""
    return _write(connection, job, owner, owner=None, lease_until=None)


def finish(
    connection: Connection,
    job: Job,
    owner: str,
    state: State,
    *,
    message: str = "",
    result: Mapping[str, Any] | None = None,
) -> bool:
    """End the job, and set the state of its resource, in one transaction."""
    values = {"state": state, "message": message, "result": dict(result or {}), "finished_at": now()}
    if not _write(connection, job.id, owner, owner=None, lease_until=None, **values):
        return False
    if state == "DELETED":
        catalogue.forget(connection, job.spec["gone"])
    else:
        _follow(connection, job, state, message=message, result=result)
    tell(connection, job.id, "state", {"state": state, "message": message})
    return True


def _follow(connection: Connection, job: Job, state: State, **more: Any) -> None:
    if job.work != "delete":
        catalogue.settle(connection, job.kind, job.resource_id, state, **more)
        return
    for kind, identifier in job.spec["gone"]:
        catalogue.settle(connection, kind, identifier, state, message=more.get("message", ""))


def _write(connection: Connection, job: str, me: str, /, **values: Any) -> bool:
    mine = and_(jobs.c.id == job, jobs.c.owner == me, jobs.c.state.in_(WORKING))
    return connection.execute(update(jobs).where(mine).values(updated_at=now(), **values)).rowcount == 1


def _free(work: str | None) -> Any:
    left = and_(jobs.c.state.in_(WORKING), or_(jobs.c.owner.is_(None), jobs.c.lease_until < now()))
    free = or_(jobs.c.state.in_(WAITING), left)
    return free if work is None else and_(free, jobs.c.work == work)
