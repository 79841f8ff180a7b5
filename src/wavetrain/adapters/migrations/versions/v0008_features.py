"""Features: what is activated account by account."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """The table; before the first one is announced there is none."""
    keyed_table.create("feature", "id")
    op.execute(sa.text("UPDATE meta SET schema = 8 WHERE id = 1"))
