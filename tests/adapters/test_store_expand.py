"""A store is expanded beside the release before, which works on; it is contracted when that one may not come back."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.adapters.store_cases import region
from tests.databases import Databases

from wavetrain.adapters import store_check
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION, SCHEMA
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.store_migrate import contract, expand, migrate
from wavetrain.adapters.store_steps import FOLDER, LAST_WHOLE, steps
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Region

NEXT = f"{SCHEMA + 1:04d}"
ADDS = """
    op.create_table("extra", sa.Column("id", sa.Text(), primary_key=True))
    op.add_column("region", sa.Column("colour", sa.Text(), nullable=True))
    op.add_column("journal", sa.Column("weight", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("region_by_colour", "region", ["colour"])
"""
TAKES = """
    op.drop_table("cordon")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    databases: Databases = request.getfixturevalue("databases")
    return databases.fresh()


def with_step(folder: Path, upgrade: str, then: str = "") -> Path:
    """This release's migrations with one more: what the next release would bring."""
    copy = folder / "migrations"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (
        f'"""Next."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "{NEXT}"\n'
        f'down_revision = "{REVISION}"\n\n\ndef upgrade():\n    """Expand."""\n{upgrade}\n'
    )
    text += f'\ndef contract():\n    """Contract."""\n{then}\n' if then else ""
    (copy / "versions" / f"v{NEXT}_next.py").write_text(text)
    return copy


def tables(place: str) -> set[str]:
    opened = open_place(place)
    with opened.engine.begin() as connection:
        found = set(sa.inspect(connection).get_table_names())
    opened.let_go()
    return found


def test_the_release_before_works_on_while_and_after_the_store_is_expanded(
    place: str, tmp_path: Path
) -> None:
    running = SqlStore(place, exclusive=True, holder="the one that runs")
    with running.write() as transaction:
        kept = transaction.put(region())
    done = expand(place, with_step(tmp_path, ADDS))
    assert (done.before, done.after, done.schema) == (REVISION, NEXT, SCHEMA)
    with running.write() as transaction:
        kept = transaction.put(kept.changed(name="another"))
    running.close()
    again = SqlStore(place, exclusive=True)  # everything was handed back to it
    with again.write() as transaction:
        assert transaction.find(Region) == [kept]
        transaction.put(region("second"))
    again.close()
    assert store_check.check(place).faults == ()


def test_a_contracted_store_is_for_the_new_release_alone(place: str, tmp_path: Path) -> None:
    SqlStore(place).close()
    folder = with_step(tmp_path, ADDS, TAKES)
    expand(place, folder)
    assert "cordon" in tables(place)
    assert contract(place, folder).schema == SCHEMA + 1
    assert "cordon" not in tables(place)
    with pytest.raises(
        RefusedError, match=f"written with schema {SCHEMA + 1}.*start the version that wrote it"
    ):
        SqlStore(place)


@pytest.mark.parametrize(
    ("upgrade", "says"),
    [
        ('op.drop_table("cordon")', "table cordon goes"),
        ('op.rename_table("cordon", "cordoned")', "table cordon goes, or gets another name"),
        ('op.alter_column("journal", "who", new_column_name="whom")', r"column journal\.who goes"),
        ('op.drop_column("journal", "text")', r"column journal\.text goes"),
        ('op.create_index("x", "journal", ["who"], unique=True)', "table journal refuses rows"),
        ('op.execute("DELETE FROM meta")', "table meta loses 1 rows"),
        ('op.execute("UPDATE meta SET schema = 99")', r"meta\.schema changes"),
    ],
)
def test_a_step_that_does_more_than_add_is_refused_and_nothing_of_it_stays(
    tmp_path: Path, upgrade: str, says: str
) -> None:
    place = str(tmp_path / "store.sqlite")
    running = SqlStore(place)
    with running.write() as transaction:
        kept = transaction.put(region())
    running.close()
    with pytest.raises(RefusedError, match=f"step {NEXT} would disturb the release before it: .*{says}"):
        expand(place, with_step(tmp_path, f"    {upgrade}"))
    with SqlStore(place).read() as view:
        assert view.find(Region) == [kept]
    assert migrate(place).after == REVISION


def test_a_column_that_the_release_before_would_have_to_fill_is_refused(
    databases: Databases, tmp_path: Path
) -> None:
    place = databases.fresh()
    SqlStore(place).close()
    upgrade = '    op.add_column("region", sa.Column("n", sa.Integer(), nullable=False))'
    with pytest.raises(
        RefusedError, match=r"column region\.n has to be filled, by a release that does not know it"
    ):
        expand(place, with_step(tmp_path, upgrade))
    SqlStore(place).close()


def test_a_store_that_needs_more_than_additions_is_not_expanded_beside_anybody(tmp_path: Path) -> None:
    place = str(tmp_path / "store.sqlite")
    SqlStore(place).close()
    opened = open_place(place)
    with opened.engine.begin() as connection:
        connection.execute(sa.text("UPDATE meta SET schema = 7"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0007'"))
    opened.let_go()
    with pytest.raises(RefusedError, match="stands at 0007, and steps up to 0008 need it for themselves"):
        expand(place)
    assert migrate(place).after == REVISION


def test_every_step_since_only_adds(place: str) -> None:
    """What this release brings is run for real, from the last step that was not split."""
    SqlStore(place).close()
    found = steps()
    assert [step.revision for step in found] == [f"{number:04d}" for number in range(1, SCHEMA + 1)]
    assert found[-1].revision == REVISION
    newest = [step for step in found if step.only_adds]
    assert all(step.revision > LAST_WHOLE for step in newest)
