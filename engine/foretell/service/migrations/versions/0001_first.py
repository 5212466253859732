"""The first schema. What a migration makes never changes again: it stands here, and not in `tables.py`, which goes on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _resources()
    _jobs()
    op.create_table(
        "uploads",
        _id(),
        _needed("name", sa.Text),
        _needed("bytes", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        _needed("sha256", sa.Text),
        *_made(),
    )
    op.create_table(
        "overrides",
        _id(),
        _link("forecast_id"),
        _needed("item", _JSON),
        _needed("first", sa.Text),
        _needed("last", sa.Text),
        sa.Column("value", sa.Double),
        sa.Column("percent", sa.Double),
        _needed("comment", sa.Text),
        *_made(),
    )
    op.create_table(
        "keys",
        _id(),
        _needed("name", sa.Text),
        _needed("role", sa.Text),
        sa.Column("sha256", sa.Text),
        sa.Column("sealed", sa.LargeBinary),
        _needed("created_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
    )
    texts = ("who", "action", "resource", "request")
    op.create_table("audit", _id(), _needed("at", sa.Double), *(_needed(name, sa.Text) for name in texts))
    op.create_table(
        "repeats",
        sa.Column("who", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        _needed("request", sa.Text),
        _needed("answer", _JSON),
        _needed("created_at", sa.Double),
    )


def _resources() -> None:
    _resource("datasets", sa.Column("version_id", sa.Text))
    _resource(
        "dataset_versions",
        _link("dataset_id"),
        _needed("number", sa.Integer),
        sa.UniqueConstraint("dataset_id", "number"),
    )
    _resource("models", _link("version_id"), _link("from_model_id", nullable=True))
    _resource("backtests", _link("version_id"))
    _resource("forecasts", _link("model_id"), _link("version_id"))
    for name in ("scenarios", "totals", "explanations"):
        _resource(name, _link("forecast_id"), _link("model_id"), _link("version_id"))
    _resource("monitors", _link("model_id"), _link("version_id"), _link("backtest_id", nullable=True))
    _resource("pipelines", sa.Column("due_at", sa.Double, index=True))


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id(),
        _needed("work", sa.Text),
        _needed("kind", sa.Text),
        _link("resource_id"),
        _needed("spec", _JSON),
        _needed("state", sa.Text),
        _needed("message", sa.Text),
        _needed("result", _JSON),
        _needed("progress", _JSON),
        sa.Column("cancel", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", sa.Double),
        _needed("deaths", sa.Integer),
        _needed("checkpoint", sa.Text),
        _needed("events", sa.Integer),
        _needed("created_at", sa.Double),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        _needed("updated_at", sa.Double),
        _needed("created_by", sa.Text),
        sa.Index("jobs_by_state", "state", "lease_until"),
    )
    op.create_table(
        "job_events",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        _needed("at", sa.Double),
        _needed("event", sa.Text),
        _needed("data", _JSON),
    )


def _resource(name: str, *columns: sa.Column[Any] | sa.UniqueConstraint) -> None:
    op.create_table(
        name,
        _id(),
        _needed("name", sa.Text),
        _needed("state", sa.Text),
        _needed("message", sa.Text),
        _needed("spec", _JSON),
        _needed("result", _JSON),
        sa.Column("job", sa.Text),
        _needed("created_at", sa.Double),
        _needed("updated_at", sa.Double),
        _needed("created_by", sa.Text),
        *columns,
    )


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Text, primary_key=True)


def _made() -> tuple[sa.Column[Any], ...]:
    return _needed("created_at", sa.Double), _needed("created_by", sa.Text)


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _link(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable, index=True)
