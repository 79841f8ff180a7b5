"""Keyed table: how does a step make the table of a kind of record that has one key and no index?"""

import sqlalchemy as sa
from alembic import op


def create(name: str, key: str) -> None:
    """Make it where it is not there: a store that began with a later version has it."""
    if sa.inspect(op.get_bind()).has_table(name):
        return
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        name,
        sa.Column(key, text, primary_key=True),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", text, nullable=False),
    )
