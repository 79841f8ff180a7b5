"""Store dump: how do all rows of a store come out of one database, and into another?"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from wavetrain.adapters import store_steps
from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.postgresql_server import copy_rows, unhurried
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION, SCHEMA, Schema
from wavetrain.adapters.sql_session import Place
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import RefusedError

BATCH = 1_000
"""Rows in memory at once."""

Row = Sequence[Any]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A table on its way: its columns, and its rows in the order of its primary key."""

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]


@contextmanager
def dump(place: str | Path) -> Iterator[Iterator[Part]]:
    """Every table of a store, as it stood at one instant; a control plane that runs on it is not disturbed.

    The rows are read while they are asked for, part by part. Raises what opening a `SqlStore` raises.
    """
    SqlStore(place).close()  # says what is wrong with it, where something is
    opened = open_place(place)
    schema = Schema(Shapes(), opened.dialect)
    try:
        with opened.explained(), opened.engine.connect() as plain:
            connection = plain.execution_options(stream_results=True, reads=True)
            with connection.begin():
                yield (_part(connection, table) for table in schema.metadata.sorted_tables)
    finally:
        opened.let_go()


def _part(connection: sa.Connection, table: sa.Table) -> Part:
    columns = tuple(f"{column.name}" for column in table.c)  # plain text, not a word with quotes of its own
    chosen = sa.select(table).order_by(*table.primary_key.columns)
    rows = (tuple(row) for row in connection.execute(chosen))
    return Part(table=f"{table.name}", columns=columns, rows=rows)


def load(parts: Iterable[Part], place: str | Path) -> dict[str, int]:
    """Fill an empty place with them, all or nothing; how many rows came into each table.

    Whoever wrote the store that they came from may not write this one: the epoch is raised, and nobody has the
    lease. `RefusedError` for a place that holds something already, or for parts that do not fit this release.
    """
    opened = open_place(place, holder="wavetrain store", exclusive=True)
    schema = Schema(Shapes(), opened.dialect)
    tables = {table.name: table for table in schema.metadata.sorted_tables}
    counts: dict[str, int] = {}
    try:
        with opened.explained(), opened.engine.begin() as connection:
            unhurried(connection)
            if sa.inspect(connection).get_table_names():
                raise RefusedError(f"{opened.name} is not empty; name a new file, or an empty database")
            schema.metadata.create_all(connection)
            for part in parts:
                counts[part.table] = _fill(connection, opened, tables, part)
            if counts.get("meta") != 1:
                raise RefusedError("the rows have no `meta`: they are no whole store; take another backup")
            meta = schema.meta
            connection.execute(meta.update().values(epoch=meta.c.epoch + 1, holder="", expires_at=0.0))
            found = store_steps.stand(connection)
            if found.schema > SCHEMA or found.revision != REVISION:
                raise RefusedError(
                    "the rows are of another schema than this release's; use the release they are of"
                )
    finally:
        opened.let_go()
    return counts


def _fill(connection: sa.Connection, place: Place, tables: dict[str, sa.Table], part: Part) -> int:
    table = tables.get(part.table)
    if table is None or [column.name for column in table.c] != list(part.columns):
        raise RefusedError(
            f"table {part.table[:100]} does not fit this release; restore with the release that the rows came from"
        )
    count = 0
    rows = iter(part.rows)
    while batch := list(islice(rows, BATCH)):
        _write(connection, place, table, batch)
        count += len(batch)
    return count


def _write(connection: sa.Connection, place: Place, table: sa.Table, batch: list[Row]) -> None:
    if place.dialect == "postgresql":
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            copy_rows(cursor, table, batch)
    else:
        names = [column.name for column in table.c]
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
