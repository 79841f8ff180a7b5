"""Feature choices: what was said of a feature for one account."""

from wavetrain.adapters.migrations import keyed_table

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The table; before anybody has said a word, ramps alone count."""
    keyed_table.create("feature_choice", "account", "feature")
