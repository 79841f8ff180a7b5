"""A store of an older release is refused with the way out, and migrated in one act, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.adapters.store_cases import region
from tests.databases import Databases

from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.store_migrate import migrate
from wavetrain.errors import LockedError, RefusedError
from wavetrain.model.fleet import Region

FIRST = (
    "ALTER TABLE meta DROP COLUMN expires_at",
    "UPDATE meta SET schema = 1, epoch = 7, holder = 'old'",
    "DROP TABLE alembic_version",
)
"""What the first release had otherwise."""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    databases: Databases = request.getfixturevalue("databases")
    return databases.fresh()


def changed(place: str, *statements: str) -> None:
    opened = open_place(place)
    with opened.engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    opened.let_go()


def test_a_store_of_the_first_release_is_migrated_with_its_records_and_its_epoch(place: str) -> None:
    store = SqlStore(place)
    with store.write() as transaction:
        kept = transaction.put(region())
    store.close()
    changed(place, *FIRST)
    with pytest.raises(RefusedError, match=r"schema 1, .*run: wavetrain store migrate"):
        SqlStore(place)
    done = migrate(place)
    assert (done.before, done.after) == ("0001", REVISION)
    store = SqlStore(place)
    with store.read() as view:
        assert view.find(Region) == [kept]
        assert view.epoch == 7
    assert store.lease("new", 3.0) == 8
    store.close()
    done = migrate(place)
    assert (done.before, done.after) == (REVISION, REVISION)


def test_a_migration_that_fails_leaves_the_store_as_it_was(place: str) -> None:
    SqlStore(place).close()
    changed(place, *FIRST, "DROP TABLE region", "CREATE VIEW region AS SELECT 1 AS id")
    changed(place, "ALTER TABLE meta ADD COLUMN expires_at double precision")  # somebody was here by hand
    with pytest.raises(Exception, match="expires_at"):
        migrate(place)
    with pytest.raises(RefusedError, match="schema 1"):
        SqlStore(place)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE meta SET schema = 99"], "schema 99, .*start the version that wrote it"),
        (["UPDATE meta SET schema = 0"], "no readable schema number"),
        (["DROP TABLE meta"], "another program's tables"),
    ],
)
def test_what_is_no_older_store_is_refused(place: str, statements: list[str], message: str) -> None:
    SqlStore(place).close()
    changed(place, *statements)
    with pytest.raises(RefusedError, match=message):
        migrate(place)


def test_an_empty_place_and_a_store_in_use_are_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is empty"):
        migrate(place)
    file = tmp_path / "used.sqlite"
    used = SqlStore(file, exclusive=True, holder="the control plane")
    with pytest.raises(LockedError, match="the control plane"):
        migrate(file)
    used.close()


def test_tables_made_by_the_migrations_are_those_of_a_new_store(place: str, tmp_path: Path) -> None:
    SqlStore(place).close()
    changed(place, *FIRST)
    migrate(place)
    new = tmp_path / "new.sqlite"
    SqlStore(new).close()
    assert _columns(place) == _columns(str(new))


def _columns(place: str) -> dict[str, list[str]]:
    opened = open_place(place)
    inspector = sa.inspect(opened.engine)
    found = {
        name: sorted(column["name"] for column in inspector.get_columns(name))
        for name in inspector.get_table_names()
    }
    opened.let_go()
    return found
