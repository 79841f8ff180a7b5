"""Keyed table: how does a step make the table of a kind of record?"""

import sqlalchemy as sa
from alembic import op


def create(name: str, *keys: str, index: tuple[str, ...] = ()) -> None:
    """Make it where it is not there: a store that began with a later version has it."""
    if sa.inspect(op.get_bind()).has_table(name):
        return
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        name,
        *(sa.Column(key, text, primary_key=True) for key in keys),
        *(sa.Column(column, text, nullable=False) for column in index),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", text, nullable=False),
    )
    for key in (*keys[1:], *index):  # the primary key's own index begins with the first
        op.create_index(f"{name}_by_{key}", name, [key])
