"""Placebo proof: what placebo trains have certified of each policy's promise."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The table; before the first placebo trains nothing is certified."""
    keyed_table.create("placebo_proof", "policy")
    op.execute(sa.text("UPDATE meta SET schema = 6 WHERE id = 1"))
