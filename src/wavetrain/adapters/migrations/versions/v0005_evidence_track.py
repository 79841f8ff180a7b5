"""Evidence track: how the evidence of each rollout grew, for the picture of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The table; what was not noted so far is not known."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("evidence_track"):
        text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
        op.create_table(
            "evidence_track",
            sa.Column("rollout", text, primary_key=True),
            sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            sa.Column("body", text, nullable=False),
        )
    op.execute(sa.text("UPDATE meta SET schema = 5 WHERE id = 1"))
