"""First: the tables of the first release, as its stores have them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """A store of that release is marked as such without being touched; the kinds' tables follow their records."""
    if sa.inspect(op.get_bind()).has_table("meta"):
        return
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
    )
    op.execute(sa.text("INSERT INTO meta (id, schema, epoch, holder) VALUES (1, 1, 0, '')"))
