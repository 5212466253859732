"""The tables of the Amazon-compatible endpoint."""

from __future__ import annotations

from alembic import op

from foretell.service.amazon.tables import metadata

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
