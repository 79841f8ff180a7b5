"""Evidence track: how the evidence of each rollout grew, for the picture of it."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The table; what was not noted so far is not known."""
    keyed_table.create("evidence_track", "rollout")
    op.execute(sa.text("UPDATE meta SET schema = 5 WHERE id = 1"))
