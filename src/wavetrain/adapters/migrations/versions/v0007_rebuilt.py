"""Rebuilt: by what the machine of before is told from the one that comes."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The table; of nodes that were rebuilt before nothing is known."""
    keyed_table.create("rebuilt", "node")
    op.execute(sa.text("UPDATE meta SET schema = 7 WHERE id = 1"))
