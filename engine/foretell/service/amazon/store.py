"""The Amazon resources of one installation: rows to add, find, list by page, and remove."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import Connection, and_, case, delete, func, insert, literal, select, true, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement, FromClause

from foretell.service.amazon.arns import Kind
from foretell.service.amazon.errors import already_exists, not_found
from foretell.service.amazon.filters import Filter
from foretell.service.amazon.tables import resources, tags
from foretell.service.identifiers import new_id

ACTIVE: Final = "ACTIVE"
RUNNING: Final = ("CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_STOPPING")


@dataclass(frozen=True, slots=True)
class JobColumns:
    """Where a job's state stands in the database."""

    table: FromClause
    id: ColumnElement[str]
    state: ColumnElement[str]
    message: ColumnElement[Any]
    updated: ColumnElement[float]  # seconds since 1970


class Jobs(Protocol):
    """What the endpoint needs of the service's jobs."""

    columns: JobColumns

    def submit(self, connection: Connection, kind: str, parameters: Mapping[str, Any]) -> str:
        """The id of a new job, made in the transaction of `connection`."""

    def cancel(self, connection: Connection, job: str) -> None:
        """Ask a job to end."""

    def remove(self, connection: Connection, folders: Sequence[str]) -> None:
        """Have folders deleted."""


class Transactions(Protocol):
    """A database that is open: `begin` to write, `read` to read."""

    def begin(self) -> AbstractContextManager[Connection]: ...

    def read(self) -> AbstractContextManager[Connection]: ...


@dataclass(frozen=True, slots=True)
class Resource:
    """One row, with the state of its job."""

    arn: str
    kind: Kind
    region: str
    name: str
    parent: str | None
    dataset_group: str | None
    created: float
    modified: float
    request: Mapping[str, Any]
    folder: str
    job: str | None
    status: str
    message: str | None = None
    made_by: str | None = None


def new_folder() -> str:
    """The name of a new resource's folder."""
    return new_id("amz")


@dataclass(frozen=True, kw_only=True, slots=True)
class New:
    """A resource to add."""

    arn: str
    kind: Kind
    region: str
    name: str
    request: Mapping[str, Any]
    parent: str | None = None
    dataset_group: str | None = None
    job: str | None = None
    made_by: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    folder: str = field(default_factory=new_folder)


@dataclass(frozen=True, slots=True)
class Page:
    """Some resources, and where the next ones begin (None: these are the last)."""

    found: Sequence[Resource]
    position: list[Any] | None


class Store:
    """Reads and writes within one transaction each; `transaction` holds several together."""

    def __init__(self, database: Transactions, jobs: Jobs) -> None:
        self._database, self.jobs = database, jobs
        columns = jobs.columns
        self._state = case((resources.c.job.is_(None), resources.c.state), else_=columns.state)
        self._from = resources.outerjoin(columns.table, resources.c.job == columns.id)
        self._columns = (
            *(column for column in resources.c if column.name != "state"),
            self._state.label("status"),
            columns.message.label("message"),
            columns.updated.label("updated"),
        )

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Transaction]:
        """All that happens inside happens, or nothing; one that is `reading` waits for no other and changes nothing."""
        with self._database.read() if reading else self._database.begin() as connection:
            yield Transaction(self, connection)


class Transaction:
    """A `Store` while its transaction is open."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self._store, self.connection = store, connection
        self._known: dict[str, Resource | None] = {}

    def find(self, arn: str) -> Resource:
        """Raises ResourceNotFoundException where there is none."""
        found = self.get(arn)
        if found is None:
            raise not_found(arn)
        return found

    def get(self, arn: str) -> Resource | None:
        """The resource of that name, or None."""
        return next(iter(self._select(resources.c.arn == arn)), None)

    def known(self, arn: str) -> Resource | None:
        """As `get`, looked up once in a transaction: what the rows of a list have in common."""
        if arn not in self._known:
            self._known[arn] = self.get(arn)
        return self._known[arn]

    def named(self, kind: Kind, region: str, name: str) -> Resource | None:
        """The resource of a kind with that name, whatever its ARN ends in."""
        where = and_(resources.c.kind == kind, resources.c.region == region, resources.c.name == name)
        return next(iter(self._select(where)), None)

    def children(self, arn: str) -> list[Resource]:
        """All that was made from it, oldest first."""
        return self._select(resources.c.parent == arn)

    def of_group(self, arn: str) -> list[Resource]:
        """All that belongs to a dataset group, oldest first."""
        return self._select(resources.c.dataset_group == arn)

    def of_kind(self, kind: Kind, region: str | None) -> list[Resource]:
        """All of one kind in a region (None: in all), oldest first."""
        here = true() if region is None else resources.c.region == region
        return self._select(and_(resources.c.kind == kind, here))

    def page(
        self, kind: Kind, region: str, filters: Iterable[Filter], *, after: Sequence[Any] | None, size: int
    ) -> Page:
        """The newest first; `after` is the position of an earlier page."""
        where = [resources.c.kind == kind, resources.c.region == region, *map(self._condition, filters)]
        if after is not None:
            position = tuple_(literal(after[0]), literal(after[1]))
            where.append(tuple_(resources.c.created, resources.c.arn) < position)
        found = self._select(and_(*where), newest=True, limit=size + 1)
        if len(found) <= size:
            return Page(found, None)
        return Page(found[:size], [found[size - 1].created, found[size - 1].arn])

    def count(self, kind: Kind, region: str) -> int:
        """How many of a kind there are."""
        asked = select(func.count()).where(resources.c.kind == kind, resources.c.region == region)
        return int(self.connection.execute(asked).scalar_one())

    def running(self) -> int:
        """How many long calls are not finished."""
        state = self._store._state
        asked = select(func.count()).select_from(self._store._from).where(state.in_(RUNNING))
        return int(self.connection.execute(asked).scalar_one())

    def add(self, new: New) -> None:
        """Raises ResourceAlreadyExistsException where the ARN is taken."""
        now = time.time()
        row = {
            **{
                name: getattr(new, name)
                for name in ("arn", "kind", "region", "name", "parent", "dataset_group")
            },
            **{"created": now, "modified": now, "request": json.dumps(new.request), "folder": new.folder},
            **{"job": new.job, "state": ACTIVE, "made_by": new.made_by},
        }
        try:
            self.connection.execute(insert(resources).values(row))
        except IntegrityError as error:
            raise already_exists(new.arn) from error
        self.set_tags(new.arn, new.tags)

    def change(self, arn: str, **values: Any) -> None:
        """Set columns of a row; `request` is given as a mapping."""
        if "request" in values:
            values["request"] = json.dumps(values["request"])
        self.connection.execute(
            update(resources).where(resources.c.arn == arn).values(modified=time.time(), **values)
        )

    def remove(self, arn: str) -> None:
        """The row and its tags."""
        self.connection.execute(delete(tags).where(tags.c.arn == arn))
        self.connection.execute(delete(resources).where(resources.c.arn == arn))

    def submit(self, kind: str, parameters: Mapping[str, Any]) -> str:
        """A job of the service."""
        return self._store.jobs.submit(self.connection, kind, parameters)

    def cancel(self, job: str) -> None:
        """Ask a job of the service to end."""
        self._store.jobs.cancel(self.connection, job)

    def remove_folders(self, folders: Sequence[str]) -> None:
        """Have the files of resources deleted that are gone."""
        self._store.jobs.remove(self.connection, folders)

    def tags(self, arn: str) -> dict[str, str]:
        """In the order of their keys."""
        asked = select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
        return {row.key: row.value for row in self.connection.execute(asked)}

    def set_tags(self, arn: str, new: Mapping[str, str]) -> None:
        """Add tags, or change those that are there."""
        self.drop_tags(arn, list(new))
        if new:
            rows = [{"arn": arn, "key": key, "value": value} for key, value in new.items()]
            self.connection.execute(insert(tags), rows)

    def drop_tags(self, arn: str, keys: Sequence[str]) -> None:
        """Those that are not there are no error."""
        self.connection.execute(delete(tags).where(tags.c.arn == arn, tags.c.key.in_(keys)))

    def _condition(self, each: Filter) -> ColumnElement[bool]:
        column: ColumnElement[Any] = {
            "status": self._store._state,
            "parent": resources.c.parent,
            "group": resources.c.dataset_group,
            "arn": resources.c.arn,
        }[each.what]
        return column == each.value if each.wanted else func.coalesce(column, "") != each.value

    def _select(
        self, where: ColumnElement[bool], *, newest: bool = False, limit: int | None = None
    ) -> list[Resource]:
        order = (resources.c.created, resources.c.arn)
        asked = (
            select(*self._store._columns)
            .select_from(self._store._from)
            .where(where)
            .order_by(*(column.desc() if newest else column for column in order))
            .limit(limit)
        )
        return [_resource(row._mapping) for row in self.connection.execute(asked)]


def _resource(row: Mapping[Any, Any]) -> Resource:
    return Resource(
        arn=row["arn"],
        kind=row["kind"],
        region=row["region"],
        name=row["name"],
        parent=row["parent"],
        dataset_group=row["dataset_group"],
        created=row["created"],
        modified=max(row["modified"], row["updated"] or 0.0),
        request=json.loads(row["request"]),
        folder=row["folder"],
        job=row["job"],
        # A job that is gone leaves a resource that can only be deleted.
        status=row["status"] or "CREATE_FAILED",
        message=row["message"],
        made_by=row["made_by"],
    )
