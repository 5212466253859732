"""The tables of the Amazon-compatible endpoint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "amazon_resources",
        sa.Column("arn", sa.String(300), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("parent", sa.String(300)),
        sa.Column("dataset_group", sa.String(300)),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("modified", sa.Float, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("folder", sa.String(32), nullable=False),
        sa.Column("job", sa.String(64)),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("made_by", sa.String(300)),
        sa.Index("amazon_resources_by_kind", "kind", "region", "created", "arn"),
        sa.Index("amazon_resources_by_name", "kind", "region", "name"),
        sa.Index("amazon_resources_by_parent", "parent"),
        sa.Index("amazon_resources_by_group", "dataset_group"),
        sa.Index("amazon_resources_by_job", "job"),
    )
    arn = sa.ForeignKey("amazon_resources.arn", ondelete="CASCADE")
    op.create_table(
        "amazon_tags",
        sa.Column("arn", sa.String(300), arn, primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
