"""Store migrate: how far is a store behind this release, and how is it brought up?"""

from pathlib import Path

import msgspec
import sqlalchemy as sa

from wavetrain.adapters import migrations
from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION, SCHEMA, Schema
from wavetrain.adapters.sql_session import Place
from wavetrain.errors import RefusedError

FOLDER = Path(migrations.__file__).parent


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """The revision before and after; the same where there was nothing to do."""

    before: str
    after: str


def migrate(place: str | Path) -> Migrated:
    """Bring a store to this release's schema, in one transaction: all steps or none.

    `RefusedError` for a store of a newer release, or for another program's tables; `LockedError` where a control
    plane has the file.
    """
    opened = open_place(place, holder="wavetrain store migrate", exclusive=True)
    try:
        with opened.explained(), opened.engine.begin() as connection:
            before = _stands_at(connection, opened)
            if before != REVISION:
                _run(connection, before)
            Schema(Shapes(), opened.dialect).metadata.create_all(connection)
    finally:
        opened.let_go()
    return Migrated(before=before, after=REVISION)


def _stands_at(connection: sa.Connection, place: Place) -> str:
    """The revision of a store; of one that no migration has seen yet, by its `meta` table."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    if not tables:
        raise RefusedError(f"{place.name} is empty; there is nothing to migrate: start it with wavetrain up")
    if "meta" not in tables or "schema" not in {item["name"] for item in inspector.get_columns("meta")}:
        raise RefusedError(f"{place.name} holds another program's tables; name the store's own place")
    schema = connection.execute(sa.text("SELECT schema FROM meta WHERE id = 1")).scalar()
    if schema is None or schema < 1:
        raise RefusedError(f"{place.name} has no readable schema number ({schema}); restore a backup")
    if schema > SCHEMA:
        raise RefusedError(
            f"{place.name} was written with schema {schema}, this version of wavetrain uses schema {SCHEMA}; "
            "start the version that wrote it"
        )
    return f"{schema:04d}"


def _run(connection: sa.Connection, before: str) -> None:
    # Alembic is not light; who has nothing to migrate does not wait for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    if not sa.inspect(connection).has_table("alembic_version"):
        command.stamp(config, before)
    command.upgrade(config, "head")
