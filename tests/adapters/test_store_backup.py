"""All of a store goes into a file or another database and comes back, whole or not at all."""

import gzip
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.adapters.kind_samples import SAMPLES
from tests.adapters.store_cases import entry, region
from tests.databases import Databases

from wavetrain.adapters.kinds import KINDS
from wavetrain.adapters.postgresql_server import WRITER_IDLE_MS
from wavetrain.adapters.sql_schema import SCHEMA
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.store_backup import backup, restore
from wavetrain.adapters.store_check import check
from wavetrain.adapters.store_dump import BATCH, Row, dump, load
from wavetrain.errors import LockedError, RefusedError
from wavetrain.model.fleet import Region
from wavetrain.model.journal import Entry
from wavetrain.model.record import Record

LINES = BATCH + 50
OTHER = b'{"what":"another","schema":3,"taken_at":"2026-01-01T00:00:00Z","sequence":1}\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "empty.sqlite")
    databases: Databases = request.getfixturevalue("databases")
    return databases.fresh()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A record of every kind, some changed and removed, and a journal of more than one batch."""
    file = tmp_path / "filled.sqlite"
    with closing(SqlStore(file)) as store:
        store.take("before")
        with store.write() as transaction:
            for record in SAMPLES:
                transaction.put(record)
            transaction.note([entry(f"é'\\\t{number}") for number in range(LINES)])
        with store.write() as transaction:
            kept = transaction.put(region("na", 'quote " tab \t back \\ line \n'))
            transaction.remove(transaction.put(region("gone")))
            transaction.put(kept.changed(name="\\N"))
    return file


def everything(place: str | Path) -> tuple[list[list[Record]], list[Entry], list[object], int]:
    with closing(SqlStore(place)) as store, store.read() as view:
        changes: list[object] = [(item.sequence, item.key, item.body) for item in view.changes(0)]
        records: list[list[Record]] = [list(view.find(kind)) for kind in KINDS]
        return records, view.journal(limit=10_000), changes, view.sequence


def test_a_backup_brings_back_everything_in_either_database(filled: Path, empty: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    taken = backup(filled, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert restore(file, empty).rows == taken.rows
    assert everything(empty) == everything(filled)
    assert check(empty).faults == ()


def test_a_copy_goes_on_where_the_original_was_and_the_old_writer_may_not(filled: Path, empty: str) -> None:
    with dump(filled) as parts:
        load(parts, empty)
    assert everything(empty) == everything(filled)
    before = SqlStore(filled)
    with closing(SqlStore(empty)) as store:
        with store.read() as view, before.read() as old:
            assert view.epoch == old.epoch + 1
        store.lease("new", 3.0)
        with store.write() as transaction:
            known = transaction.get(Region, "na")
            assert known is not None
            transaction.put(known.changed(name="later"))
            transaction.note([entry("later")])
        with store.read() as view:
            assert view.journal_tail(1)[0].seq == LINES + 1
    before.close()


def test_a_copy_may_wait_for_its_rows_longer_than_a_writer_may_be_silent(
    filled: Path, databases: Databases
) -> None:
    def slowly(rows: Iterable[Row]) -> Iterator[Row]:
        time.sleep(WRITER_IDLE_MS / 1_000 + 0.5)
        yield from rows

    url = databases.fresh()
    with dump(filled) as parts:
        load(
            (
                msgspec.structs.replace(part, rows=slowly(part.rows)) if part.table == "journal" else part
                for part in parts
            ),
            url,
        )
    assert everything(url)[0] == everything(filled)[0]


def test_a_backup_is_of_one_instant_while_others_write(filled: Path) -> None:
    with closing(SqlStore(filled)) as store, dump(filled) as parts:
        first = next(parts)
        with store.write() as transaction:
            transaction.put(region("late"))
        rows = {first.table: list(first.rows)} | {part.table: list(part.rows) for part in parts}
        assert "late" not in {row[0] for row in rows["region"]}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-20] + b"\0" * 20,
        lambda _: b"",
        lambda _: b"no gzip at all",
        lambda _: gzip.compress(b"no json\n"),
        lambda _: gzip.compress(
            b'{"what":"another thing","schema":3,"taken_at":"2026-01-01T00:00:00Z","sequence":1}\n'
        ),
        lambda content: gzip.compress(gzip.decompress(content).replace(b"Europe", b"Eur0pe")),
        lambda content: gzip.compress(b"\n".join(gzip.decompress(content).split(b"\n")[:-2])),
        lambda content: gzip.compress(
            gzip.decompress(content).replace(f'"schema":{SCHEMA}'.encode(), b'"schema":1', 1)
        ),
    ],
    ids=["half", "tail", "empty", "plain", "text", "other", "changed", "no foot", "older"],
)
def test_a_damaged_backup_is_refused_and_leaves_nothing(filled: Path, tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    file, place = tmp_path / "backup", tmp_path / "new.sqlite"
    backup(filled, file)
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(RefusedError, match=str(file)):
        restore(file, place)
    assert not place.exists()


def test_a_place_that_holds_something_is_not_written_over(filled: Path, empty: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(filled, file)
    with closing(SqlStore(empty)) as store, store.write() as transaction:
        transaction.put(region("mine"))
    before = everything(empty)
    with pytest.raises(RefusedError, match="is not empty"):
        restore(file, empty)
    assert everything(empty) == before
    with pytest.raises(RefusedError, match="exists already"):
        backup(filled, file)


def test_a_store_in_use_is_backed_up_but_not_restored_into(filled: Path, tmp_path: Path) -> None:
    used = SqlStore(filled, exclusive=True, holder="the control plane")
    backup(filled, tmp_path / "backup")
    with pytest.raises(LockedError, match="the control plane"):
        restore(tmp_path / "backup", filled)
    used.close()


def test_rows_that_do_not_fit_leave_the_place_empty(filled: Path, empty: str) -> None:
    with dump(filled) as parts:
        whole = [(part, list(part.rows)) for part in parts]
    for spoiled in (
        [type(part)(table=part.table + "x", columns=part.columns, rows=rows) for part, rows in whole],
        [
            type(part)(table=part.table, columns=part.columns, rows=rows)
            for part, rows in whole
            if part.table != "meta"
        ],
    ):
        with pytest.raises(RefusedError):
            load(spoiled, empty)
    with dump(filled) as parts:
        load(parts, empty)


def test_a_check_names_what_is_wrong(filled: Path) -> None:
    assert check(filled).faults == ()
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE region SET body = '{}' WHERE id = 'na'")
        connection.execute("UPDATE pop SET region = 'elsewhere'")
        connection.execute("UPDATE token SET version = 999999")
        connection.execute("DELETE FROM journal WHERE seq = 7")
        connection.execute('DELETE FROM "change" WHERE sequence = 2')
        connection.commit()
    said = "\n".join(check(filled).faults)
    for wanted in (
        "Region na cannot be read",
        "column region is not what its body says",
        "version 999999",
        "1 journal entry numbers are missing",
        "1 change numbers are missing",
    ):
        assert wanted in said
