"""Lease: who writes, and until when nobody else may take that over."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nobody holds a lease yet."""
    column: sa.Column[float] = sa.Column(
        "expires_at", sa.Double(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("meta", column)
    op.execute(sa.text("UPDATE meta SET schema = 2 WHERE id = 1"))
