"""Feature evidence: the running test of each feature's ramp."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The table; before the first feature with checks ramps there is none."""
    keyed_table.create("feature_evidence", "feature")
    op.execute(sa.text("UPDATE meta SET schema = 10 WHERE id = 1"))
