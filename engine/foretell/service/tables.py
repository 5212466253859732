"""The schema of the database, one for SQLite and PostgreSQL. Times are seconds since 1970, UTC, by the database's clock."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata: Final = MetaData()
Json: Final = JSON().with_variant(JSONB(), "postgresql")
Number: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts in INTEGER alone


class now(FunctionElement[float]):
    """The time by the database's clock: `update(jobs).values(lease_until=now() + 30)`."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


def _resource(name: str, *columns: Column[Any] | UniqueConstraint) -> Table:
    """A table of what jobs make. `spec` is what was asked, `result` what came of it; columns in `_id` name other resources."""
    return Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("message", Text, nullable=False, default=""),  # why it failed
        Column("spec", Json, nullable=False),
        Column("result", Json, nullable=False),
        Column("job", Text),  # the last one that worked on it
        Column("created_at", Double, nullable=False),
        Column("updated_at", Double, nullable=False),
        Column("created_by", Text, nullable=False),
        *columns,
    )


def _link(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=nullable, index=True)


datasets: Final = _resource("datasets", Column("version_id", Text))  # the newest that is ACTIVE
dataset_versions: Final = _resource(
    "dataset_versions",
    _link("dataset_id"),
    Column("number", Integer, nullable=False),
    UniqueConstraint("dataset_id", "number"),
)
models: Final = _resource("models", _link("version_id"), _link("from_model_id", nullable=True))
backtests: Final = _resource("backtests", _link("version_id"))
forecasts: Final = _resource("forecasts", _link("model_id"), _link("version_id"))
scenarios: Final = _resource("scenarios", _link("forecast_id"), _link("model_id"), _link("version_id"))
totals: Final = _resource("totals", _link("forecast_id"), _link("model_id"), _link("version_id"))
explanations: Final = _resource("explanations", _link("forecast_id"), _link("model_id"), _link("version_id"))
monitors: Final = _resource(
    "monitors", _link("model_id"), _link("version_id"), _link("backtest_id", nullable=True)
)
pipelines: Final = _resource("pipelines", Column("due_at", Double, index=True))  # None: no schedule

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("work", Text, nullable=False),  # a file of `work`
    Column("kind", Text, nullable=False),  # of the resource: the table's name
    Column("resource_id", Text, nullable=False, index=True),
    Column("spec", Json, nullable=False),  # all that the work is told
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("result", Json, nullable=False),
    Column("progress", Json, nullable=False),
    Column("cancel", Boolean, nullable=False, server_default=false()),
    Column("owner", Text),  # the worker that holds it
    Column("lease_until", Double),
    Column("deaths", Integer, nullable=False, default=0),  # of children, at this checkpoint
    Column("checkpoint", Text, nullable=False, default=""),  # as the last child left it
    Column("events", Integer, nullable=False, default=0),  # how many of job_events it has
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("updated_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("jobs_by_state", "state", "lease_until"),
)
job_events: Final = Table(
    "job_events",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1 on
    Column("at", Double, nullable=False),
    Column("event", Text, nullable=False),  # state, progress
    Column("data", Json, nullable=False),
)
uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),  # of the file in HOME/uploads
    Column("bytes", Number, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
)
overrides: Final = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("forecast_id", Text, nullable=False, index=True),
    Column("item", Json, nullable=False),  # the key: item_id and dimensions
    Column("first", Text, nullable=False),  # timestamp of the first step
    Column("last", Text, nullable=False),
    Column("value", Double),  # one of the two
    Column("percent", Double),
    Column("comment", Text, nullable=False, default=""),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
)
keys: Final = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("sha256", Text),  # of the secret, in hexadecimal; None: a key for signatures
    Column("sealed", LargeBinary),  # the secret of a key for signatures, encrypted under the home's key
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)
audit: Final = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("request", Text, nullable=False),
)
repeats: Final = Table(  # answers by Idempotency-Key
    "repeats",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),  # a digest of what was asked
    Column("answer", Json, nullable=False),
    Column("created_at", Double, nullable=False),
)
