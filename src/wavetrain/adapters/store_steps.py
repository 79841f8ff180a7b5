"""Store steps: which migrations are there, and does one only add, so that the release before goes on beside it?

A step is a file in `migrations/versions` with `upgrade()`, which expands: it adds tables, or columns that a release
which does not know them need not fill. It may have `contract()`, which takes away what only older releases needed.
`upgrade` runs while the older release still works on the store; `contract` runs when no older release may come back.
Steps up to `LAST_WHOLE` did both at once, and need the store for themselves.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from wavetrain.adapters import migrations
from wavetrain.adapters.sql_schema import SCHEMA
from wavetrain.errors import RefusedError

FOLDER = Path(migrations.__file__).parent
LAST_WHOLE = "0008"
"""The last step that did not leave the schema as the release before needs it."""


class Step(msgspec.Struct, frozen=True):
    """One file."""

    revision: str
    upgrade: Callable[[], None]
    contract: Callable[[], None] | None

    @property
    def only_adds(self) -> bool:
        """Whether the release before works on beside it."""
        return self.revision > LAST_WHOLE


class _Table(msgspec.Struct, frozen=True):
    columns: dict[str, tuple[str, bool]]
    """The type, and whether it may be empty."""
    free: frozenset[str]
    """The columns that somebody who does not know them need not fill."""
    unique: frozenset[tuple[str, ...]]
    checks: int
    """Constraints beside uniqueness that a row must keep."""
    rows: int


class Stand(msgspec.Struct, frozen=True):
    """How far a store is: `schema` was contracted, `revision` was expanded."""

    schema: int
    revision: str


def stand(connection: sa.Connection) -> Stand:
    """Of a store that has its `meta`; what no migration has seen yet stands where its schema does."""
    schema = connection.execute(sa.text("SELECT schema FROM meta WHERE id = 1")).scalar() or 0
    revision = None
    if sa.inspect(connection).has_table("alembic_version"):
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return Stand(int(schema), str(revision or f"{schema:04d}"))


def steps(folder: Path = FOLDER) -> list[Step]:
    """All of them, the first one first."""
    # Alembic is not light; who has nothing to migrate does not wait for it.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(folder))
    found = [
        Step(script.revision, script.module.upgrade, getattr(script.module, "contract", None))
        for script in ScriptDirectory.from_config(config).walk_revisions()
    ]
    return found[::-1]


def run(connection: sa.Connection, step: Step) -> None:
    """Expand by one step. `RefusedError`, and nothing of it stays, where it does more than add."""
    before = _tables(connection) if step.only_adds else {}
    schema = stand(connection).schema if step.only_adds else 0
    act(connection, step.upgrade)
    if step.only_adds:
        faults = taken(before, _tables(connection))
        if stand(connection).schema != schema:
            faults.append("meta.schema changes, which only a contract may do")
        if faults:
            raise RefusedError(
                f"step {step.revision} would disturb the release before it: {'; '.join(faults)}; let `upgrade` add "
                "alone, and put what it takes away into `contract`"
            )
    connection.execute(sa.text("UPDATE alembic_version SET version_num = :now"), {"now": step.revision})


def act(connection: sa.Connection, deed: Callable[[], None]) -> None:
    """Run what speaks to `alembic.op`, on this connection."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with Operations.context(MigrationContext.configure(connection)):
        deed()


def taken(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What somebody who knows only `before` would miss or could not write any more."""
    faults = []
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            faults.append(f"table {name} goes, or gets another name")
            continue
        for column, what in old.columns.items():
            if column not in new.columns:
                faults.append(f"column {name}.{column} goes, or gets another name")
            elif new.columns[column] != what:
                faults.append(f"column {name}.{column} changes its type, or whether it may be empty")
        faults += [
            f"column {name}.{column} has to be filled, by a release that does not know it; give it a default"
            for column in new.columns.keys() - old.columns.keys() - new.free
        ]
        if new.unique - old.unique or new.checks > old.checks:
            faults.append(f"table {name} refuses rows that it took before")
        if new.rows < old.rows:
            faults.append(f"table {name} loses {old.rows - new.rows} rows")
    return faults


def newer(found: Stand) -> str:
    """Why this release cannot work on a store; empty where it can, or where it has only to be expanded."""
    if found.schema > SCHEMA:
        return (
            f"was written with schema {found.schema}, this version of wavetrain uses schema {SCHEMA}; "
            "start the version that wrote it"
        )
    return ""


def _tables(connection: sa.Connection) -> dict[str, _Table]:
    inspector = sa.inspect(connection)
    return {name: _table(connection, inspector, name) for name in inspector.get_table_names()}


def _table(connection: sa.Connection, inspector: sa.Inspector, name: str) -> _Table:
    columns = inspector.get_columns(name)
    unique = {tuple(inspector.get_pk_constraint(name)["constrained_columns"])}
    unique |= {tuple(item["column_names"]) for item in inspector.get_unique_constraints(name)}
    unique |= {
        tuple(str(column) for column in item["column_names"])
        for item in inspector.get_indexes(name)
        if item["unique"]
    }
    return _Table(
        columns={item["name"]: (str(item["type"]), bool(item["nullable"])) for item in columns},
        free=frozenset(item["name"] for item in columns if item["nullable"] or item["default"] is not None),
        unique=frozenset(unique),
        checks=len(inspector.get_check_constraints(name)) + len(inspector.get_foreign_keys(name)),
        rows=connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar() or 0,
    )
