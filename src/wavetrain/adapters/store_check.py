"""Store check: is everything in a store readable, and does it fit together?"""

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from wavetrain.adapters.kinds import Shape, Shapes
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import Schema
from wavetrain.adapters.sql_store import SqlStore

FAULTS_MAX = 50


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is, and what is wrong with it; no faults is good."""

    records: dict[str, int]
    changes: int
    journal: int
    faults: tuple[str, ...]


def check(place: str | Path) -> Checked:
    """Read all of a store at one instant; a control plane that runs on it is not disturbed."""
    SqlStore(place).close()
    opened = open_place(place)
    shapes = Shapes()
    schema = Schema(shapes, opened.dialect)
    faults: list[str] = []
    try:
        reading = opened.engine.execution_options(reads=True)
        with opened.explained(), reading.begin() as connection:
            if opened.dialect == "sqlite":
                said = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check")]
                faults += [f"the file: {text}" for text in said if text != "ok"]
            last = connection.execute(sa.select(sa.func.max(schema.change.c.sequence))).scalar() or 0
            records = {
                shape.name: _kind(connection, schema.table(shape.kind).table, shape, last, faults)
                for shape in shapes
            }
            changes = _numbers(connection, schema.change.c.sequence, "change", faults)
            journal = _numbers(connection, schema.journal.c.seq, "journal entry", faults)
    finally:
        opened.let_go()
    return Checked(records=records, changes=changes, journal=journal, faults=tuple(faults[:FAULTS_MAX]))


def _kind(connection: sa.Connection, table: sa.Table, shape: Shape, last: int, faults: list[str]) -> int:
    """Each body is readable, under its own key, and of a version that was written."""
    count = 0
    for row in connection.execute(sa.select(table)).mappings():
        count += 1
        name = f"{shape.name} {'/'.join(str(row[column]) for column in shape.key)}"
        try:
            record: Any = shape.decode(row["body"])
        except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
            faults.append(f"{name} cannot be read: {error}")
            continue
        wrong = [column for column in shape.columns if getattr(record, column) != row[column]]
        if wrong:
            faults.append(f"{name}: column {wrong[0]} is not what its body says")
        if record.version != row["version"] or record.version > last:
            faults.append(
                f"{name}: version {row['version']}, in its body {record.version}, last change {last}"
            )
    return count


def _numbers(connection: sa.Connection, number: sa.Column[int], what: str, faults: list[str]) -> int:
    """They have no gap; the oldest may have been trimmed."""
    chosen = sa.select(sa.func.count(), sa.func.min(number), sa.func.max(number))
    count, first, last = connection.execute(chosen).one()
    if count and last - first + 1 != count:
        faults.append(f"{last - first + 1 - count} {what} numbers are missing between {first} and {last}")
    return int(count)
