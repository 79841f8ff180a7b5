"""Rebuilt: by what the machine of before is told from the one that comes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The table; of nodes that were rebuilt before nothing is known."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("rebuilt"):
        text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
        op.create_table(
            "rebuilt",
            sa.Column("node", text, primary_key=True),
            sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            sa.Column("body", text, nullable=False),
        )
    op.execute(sa.text("UPDATE meta SET schema = 7 WHERE id = 1"))
