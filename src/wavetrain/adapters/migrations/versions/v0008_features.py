"""Features: what is activated account by account."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """The table; before the first one is announced there is none."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("feature"):
        text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
        op.create_table(
            "feature",
            sa.Column("id", text, primary_key=True),
            sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            sa.Column("body", text, nullable=False),
        )
    op.execute(sa.text("UPDATE meta SET schema = 8 WHERE id = 1"))
