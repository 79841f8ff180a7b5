"""Store migrate: how far is a store behind this release, and how is it brought up?

A new release expands the store while the old one still works on it; a store is contracted later, when no older release
may come back. Between the two either release works.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa

from wavetrain.adapters import store_steps
from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.postgresql_server import unhurried
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION, Schema
from wavetrain.adapters.sql_session import Place
from wavetrain.adapters.store_steps import FOLDER, LAST_WHOLE, Stand, Step
from wavetrain.errors import RefusedError


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """The revision before and after, the same where there was nothing to do; the schema that it is contracted to."""

    before: str
    after: str
    schema: int


def migrate(place: str | Path, folder: Path = FOLDER) -> Migrated:
    """Bring a store to this release's schema, in one transaction: all steps or none. It expands, and contracts nothing
    that a newer step would still keep for the release before.

    `RefusedError` for a store of a newer release, or for another program's tables; `LockedError` where a control
    plane has the file.
    """
    with _working(open_place(place, holder="wavetrain store migrate", exclusive=True)) as (
        connection,
        opened,
    ):
        return _expanded(connection, opened, store_steps.steps(folder), is_alone=True)


def expand(place: str | Path, folder: Path = FOLDER) -> Migrated:
    """The same beside a control plane of the release before, which is not disturbed: only steps that add are run.

    `RefusedError` also where a step does more, or where a store is so old that it needs one that does.
    """
    with _working(open_place(place)) as (connection, opened):
        return _expanded(connection, opened, store_steps.steps(folder), is_alone=False)


def contract(place: str | Path, folder: Path = FOLDER) -> Migrated:
    """Take away what only releases before this one needed; none of them opens the store any more.

    The control plane of this release may run meanwhile. `RefusedError` for a store that is not expanded to this
    release, or is beyond it.
    """
    with _working(open_place(place)) as (connection, opened):
        found = _found(connection, opened)
        if found.revision != REVISION and folder == FOLDER:
            raise RefusedError(
                f"{opened.name} stands at {found.revision}, this version of wavetrain at {REVISION}; contract it "
                "with the version that expanded it, when that one runs everywhere"
            )
        last = found.schema
        for step in store_steps.steps(folder):
            if int(step.revision) > found.schema:
                if step.contract is not None:
                    store_steps.act(connection, step.contract)
                last = int(step.revision)
        connection.execute(sa.text("UPDATE meta SET schema = :now WHERE id = 1"), {"now": last})
        return Migrated(before=found.revision, after=found.revision, schema=last)


@contextmanager
def _working(opened: Place) -> Iterator[tuple[sa.Connection, Place]]:
    """A transaction at a place, which is let go afterwards."""
    try:
        with opened.explained(), opened.engine.begin() as connection:
            unhurried(connection)
            yield connection, opened
    finally:
        opened.let_go()


def _expanded(connection: sa.Connection, place: Place, steps: list[Step], *, is_alone: bool) -> Migrated:
    found = _found(connection, place)
    if found.revision < LAST_WHOLE and not is_alone:
        raise RefusedError(
            f"{place.name} stands at {found.revision}, and steps up to {LAST_WHOLE} need it for themselves; stop the "
            "control plane, and run: wavetrain store migrate"
        )
    if not sa.inspect(connection).has_table("alembic_version"):
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(
            sa.text("INSERT INTO alembic_version (version_num) VALUES (:now)"), {"now": found.revision}
        )
    for step in steps:
        if step.revision > found.revision:
            store_steps.run(connection, step)
    if found.revision <= REVISION:  # of a newer one we do not know what else it has
        Schema(Shapes(), place.dialect).metadata.create_all(connection)
    after = store_steps.stand(connection)
    return Migrated(before=found.revision, after=after.revision, schema=after.schema)


def _found(connection: sa.Connection, place: Place) -> Stand:
    """Where a store stands; one that no migration has seen yet, by its `meta` table."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    if not tables:
        raise RefusedError(f"{place.name} is empty; there is nothing to migrate: start it with wavetrain up")
    if "meta" not in tables or "schema" not in {item["name"] for item in inspector.get_columns("meta")}:
        raise RefusedError(f"{place.name} holds another program's tables; name the store's own place")
    found = store_steps.stand(connection)
    if found.schema < 1:
        raise RefusedError(f"{place.name} has no readable schema number ({found.schema}); restore a backup")
    why = store_steps.newer(found)
    if why:
        raise RefusedError(f"{place.name} {why}")
    return found
