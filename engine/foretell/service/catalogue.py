"""Resources: what jobs make. All functions take a connection, so that what belongs together is one transaction.

with database.begin() as connection:
    model, job = create(connection, "models", name="weekly", spec={...}, who="key_1", version_id="dsv_...")
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from foretell.service import jobs, tables
from foretell.service.identifiers import checked_id, new_id
from foretell.service.refusals import Absent, InTheWay, Invalid
from foretell.service.states import UNFINISHED, State
from foretell.service.tables import now


class Kind(NamedTuple):
    """A kind of resource."""

    table: Table
    prefix: str  # of its identifiers
    work: str | None  # that makes one: a file of `work`; None: nothing, it is there at once
    word: str  # in messages


KINDS: Final[Mapping[str, Kind]] = {
    "datasets": Kind(tables.datasets, "ds", None, "data set"),
    "dataset_versions": Kind(tables.dataset_versions, "dsv", "import_", "version"),
    "models": Kind(tables.models, "mdl", "train", "model"),
    "backtests": Kind(tables.backtests, "bt", "backtest", "back-test"),
    "forecasts": Kind(tables.forecasts, "fc", "forecast", "forecast"),
    "scenarios": Kind(tables.scenarios, "sc", "scenario", "scenario"),
    "totals": Kind(tables.totals, "tot", "totals", "total"),
    "explanations": Kind(tables.explanations, "ex", "explanation", "explanation"),
    "monitors": Kind(tables.monitors, "mon", "monitor", "monitor"),
    "pipelines": Kind(tables.pipelines, "pl", None, "pipeline"),
}
_OF_LINK: Final = {  # what a column that ends in _id names
    "dataset_id": "datasets",
    "version_id": "dataset_versions",
    "model_id": "models",
    "from_model_id": "models",
    "backtest_id": "backtests",
    "forecast_id": "forecasts",
}
_COMMON: Final = frozenset(
    ("id", "name", "state", "message", "spec", "result", "job", "created_at", "updated_at", "created_by")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A row of a resource's table; `links` are the columns that it has of its own."""

    kind: str
    id: str
    name: str
    state: State
    message: str
    spec: Mapping[str, Any]
    result: Mapping[str, Any]
    job: str | None
    created_at: float
    updated_at: float
    created_by: str
    links: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first; `next` is the token of the part after it, None at the end."""

    resources: Sequence[Resource]
    next: str | None


def create(
    connection: Connection, kind: str, *, name: str, spec: Mapping[str, Any], who: str, **links: Any
) -> tuple[Resource, str | None]:
    """A new resource and the job that makes it (None where nothing has to be made).

    Raises InTheWay where something that it is made from is not ACTIVE.
    """
    asked = KINDS[kind]
    for column, identifier in links.items():
        if column in _OF_LINK and identifier is not None and column != "dataset_id":
            ready(connection, _OF_LINK[column], identifier)
    identifier = new_id(asked.prefix)
    connection.execute(
        insert(asked.table).values(
            id=identifier,
            name=name,
            state="ACTIVE" if asked.work is None else "CREATE_PENDING",
            spec=dict(spec),
            result={},
            created_at=now(),
            updated_at=now(),
            created_by=who,
            **links,
        )
    )
    job = None
    if asked.work is not None:
        told = {**spec, "links": links}
        job = jobs.add(connection, asked.work, kind=kind, resource=identifier, spec=told, who=who)
        connection.execute(update(asked.table).where(asked.table.c.id == identifier).values(job=job))
    return get(connection, kind, identifier), job


def add_version(
    connection: Connection, dataset: str, *, spec: Mapping[str, Any], who: str
) -> tuple[Resource, str]:
    """The next version of a data set, and the job that imports it; the data set waits with it, if it has no other."""
    table = tables.dataset_versions
    if connection.dialect.name == "postgresql":  # one at a time
        connection.execute(
            select(tables.datasets.c.id).where(tables.datasets.c.id == dataset).with_for_update()
        )
    parent = get(connection, "datasets", dataset)
    if parent.state.startswith("DELETE"):
        raise InTheWay(f"the data set {dataset} is being deleted")
    numbers = select(table.c.number).where(table.c.dataset_id == dataset).order_by(table.c.number.desc())
    number = (connection.execute(numbers.limit(1)).scalar() or 0) + 1
    version, job = create(
        connection,
        "dataset_versions",
        name=parent.name,
        spec=spec,
        who=who,
        dataset_id=dataset,
        number=number,
    )
    assert job is not None
    state = {} if parent.links["version_id"] else {"state": "CREATE_PENDING", "message": ""}
    _set(connection, "datasets", dataset, job=job, **state)
    return version, job


def get(connection: Connection, kind: str, identifier: str) -> Resource:
    """The resource; raises Absent where there is none."""
    table = KINDS[kind].table
    row = connection.execute(select(table).where(table.c.id == checked_id(identifier))).mappings().first()
    if row is None:
        raise Absent(f"there is no {KINDS[kind].word} {identifier!r}")
    return _resource(kind, row)


def ready(connection: Connection, kind: str, identifier: str) -> Resource:
    """The resource, which must be ACTIVE; raises Absent, and InTheWay where it is not ready or has failed."""
    found = get(connection, kind, identifier)
    if found.state != "ACTIVE":
        why = f": {found.message}" if found.message else ". Wait until it is ACTIVE."
        raise InTheWay(f"the {KINDS[kind].word} {identifier} is {found.state}{why}")
    return found


def current_version(connection: Connection, dataset: str) -> Resource:
    """The newest version of a data set that is ACTIVE; raises Absent, and InTheWay where it has none yet."""
    parent = get(connection, "datasets", dataset)
    if parent.links["version_id"] is None:
        ready(connection, "datasets", dataset)
        raise InTheWay(f"the data set {dataset} has no version yet")
    return ready(connection, "dataset_versions", parent.links["version_id"])


def version_of(connection: Connection, dataset: str, version: str | None) -> Resource:
    """A version of a data set that is ACTIVE, by default the newest; raises Absent for one of another data set."""
    if version is None:
        return current_version(connection, dataset)
    found = ready(connection, "dataset_versions", version)
    if found.links["dataset_id"] != dataset:
        raise Absent(f"the data set {dataset} has no version {version!r}")
    return found


def cancel(connection: Connection, job: str) -> jobs.Job:
    """Ask for a job to end, and let its resource follow. Raises Absent, and InTheWay for a deletion."""
    found = jobs.cancel(connection, job)
    if found.state in ("CREATE_STOPPED", "CREATE_STOPPING"):
        settle(connection, found.kind, found.resource_id, found.state, message=found.message)
    return found


def find(
    connection: Connection, kind: str, *, limit: int = 100, token: str | None = None, **equal: Any
) -> Page:
    """A part of the list, newest first, of those whose columns equal `equal` (None: any).

    A token stays good when resources are added or deleted. Raises Invalid for one that is none of this list's.
    """
    table = KINDS[kind].table
    asked = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    for column, value in equal.items():
        if value is not None:
            asked = asked.where(table.c[column] == value)
    if token is not None:
        asked = asked.where(table.c.id < read_token(kind, token))
    rows = connection.execute(asked).mappings().all()
    found = [_resource(kind, row) for row in rows[:limit]]
    return Page(found, make_token(kind, found[-1].id) if len(rows) > limit else None)


def remove(connection: Connection, kind: str, identifier: str, *, who: str) -> str:
    """The job that deletes a resource with its files.

    Raises Absent, and InTheWay where a job still makes it, or makes something from it.
    """
    found = get(connection, kind, identifier)
    if found.state in UNFINISHED:
        raise InTheWay(f"the {KINDS[kind].word} {identifier} is {found.state}. Cancel its job, or wait.")
    gone = [(kind, identifier)]
    if kind == "datasets":
        versions = tables.dataset_versions
        ids = connection.execute(select(versions.c.id).where(versions.c.dataset_id == identifier)).scalars()
        gone += [("dataset_versions", each) for each in ids]
    for each_kind, each in gone:
        _not_in_use(connection, each_kind, each)
    spec = {"gone": [list(each) for each in gone]}
    job = jobs.add(
        connection, "delete", kind=kind, resource=identifier, spec=spec, who=who, state="DELETE_PENDING"
    )
    for each_kind, each in gone:
        _set(connection, each_kind, each, state="DELETE_PENDING", message="", job=job)
    return job


def settle(
    connection: Connection,
    kind: str,
    identifier: str,
    state: State,
    *,
    message: str = "",
    result: Mapping[str, Any] | None = None,
) -> None:
    """A resource follows its job. A data set follows its newest version as long as it has none that is ACTIVE."""
    if kind not in KINDS:  # another package's own, whose state is that of its job
        return
    values = {} if result is None else {"result": dict(result)}
    _set(connection, kind, identifier, state=state, message=message, **values)
    if kind != "dataset_versions" or state.startswith("DELETE"):
        return
    version = get(connection, kind, identifier)
    parent = get(connection, "datasets", version.links["dataset_id"])
    newest = parent.links["version_id"]
    if state == "ACTIVE":
        older = newest is not None and get(connection, kind, newest).links["number"] > version.links["number"]
        which = {} if older else {"version_id": identifier, "result": dict(result or {})}
        _set(connection, "datasets", parent.id, state="ACTIVE", message="", **which)
    elif newest is None:
        _set(connection, "datasets", parent.id, state=state, message=message)


def forget(connection: Connection, gone: Sequence[Sequence[str]]) -> None:
    """Take rows out whose files are deleted."""
    for kind, identifier in gone:
        if kind not in KINDS:
            continue
        table = KINDS[kind].table
        connection.execute(delete(table).where(table.c.id == identifier))
        if kind == "forecasts":
            overrides = tables.overrides
            connection.execute(delete(overrides).where(overrides.c.forecast_id == identifier))


def make_token(kind: str, after: str) -> str:
    return base64.urlsafe_b64encode(f"{kind} {after}".encode()).decode().rstrip("=")


def read_token(kind: str, token: str) -> str:
    """The identifier that a part of a list begins after; raises Invalid for a token of another list, or of none."""
    theirs, after = parts_of_token(token)
    if theirs != kind:
        raise Invalid("token is none of this list. Begin without one.", field="token")
    return after


def parts_of_token(token: str) -> tuple[str, str]:
    """The list and the identifier that a token was made of; raises Invalid for what is none."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        kind, _, after = text.partition(" ")
        return kind, checked_id(after)
    except (binascii.Error, ValueError, Absent) as error:
        raise Invalid("token is none of this list. Begin without one.", field="token") from error


def _not_in_use(connection: Connection, kind: str, identifier: str) -> None:
    for user, (table, *_) in KINDS.items():
        for column in table.c:
            if _OF_LINK.get(column.name) != kind or (user, column.name) == ("datasets", "version_id"):
                continue
            asked = select(table.c.id).where(column == identifier, table.c.state.in_(UNFINISHED)).limit(1)
            busy = connection.execute(asked).scalar()
            if busy is not None:
                raise InTheWay(
                    f"the {KINDS[kind].word} {identifier} is in use: the {KINDS[user].word} {busy} is being made"
                    " from it. Cancel its job, or wait."
                )


def _set(connection: Connection, kind: str, identifier: str, **values: Any) -> None:
    table = KINDS[kind].table
    connection.execute(update(table).where(table.c.id == identifier).values(updated_at=now(), **values))


def _resource(kind: str, row: RowMapping) -> Resource:
    common = {name: row[name] for name in _COMMON}
    return Resource(kind=kind, links={name: row[name] for name in row if name not in _COMMON}, **common)
