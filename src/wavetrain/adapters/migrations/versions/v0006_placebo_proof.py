"""Placebo proof: what placebo trains have certified of each policy's promise."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The table; before the first placebo trains nothing is certified."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("placebo_proof"):
        text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
        op.create_table(
            "placebo_proof",
            sa.Column("policy", text, primary_key=True),
            sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            sa.Column("body", text, nullable=False),
        )
    op.execute(sa.text("UPDATE meta SET schema = 6 WHERE id = 1"))
