"""Feature choices: what was said of a feature for one account."""

import sqlalchemy as sa
from alembic import op

from wavetrain.adapters.migrations import keyed_table

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The table; before anybody has said a word, ramps alone count."""
    keyed_table.create("feature_choice", "account", "feature")
    op.execute(sa.text("UPDATE meta SET schema = 9 WHERE id = 1"))
