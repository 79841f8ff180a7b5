"""Feature evidence: the running test of each feature's ramp."""

from wavetrain.adapters.migrations import keyed_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The table; before the first feature with checks ramps there is none."""
    keyed_table.create("feature_evidence", "feature")
