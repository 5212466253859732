"""The first schema: all tables as `tables.py` has them. It is written out here, table by table, with the first release."""

from __future__ import annotations

from alembic import op

from foretell.service.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
