"""What only a store in a file can show: other processes, crashes, full disks, foreign files."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.adapters.store_cases import Note, entry, region
from tests.adapters.store_process import LIMIT_BYTES

from wavetrain.adapters.file_lock import FileLock
from wavetrain.adapters.memory_store import rebuild
from wavetrain.adapters.sql_store import TRIM_BATCH, SqlStore
from wavetrain.errors import LockedError, RefusedError, StaleError, UnreachableError, WavetrainError
from wavetrain.model.fleet import Region

ROOT = Path(__file__).parents[2]
Start = Callable[[str, Path], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `store_process`; whatever still runs afterwards is killed."""
    running: list[subprocess.Popen[str]] = []

    def started(what: str, file: Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.store_process", what, str(file)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.communicate(timeout=30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wavetrain.db"


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_control_plane_on_the_file_is_refused_until_the_first_is_killed(
    start: Start, file: Path
) -> None:
    first = start("hold", file)
    assert line(first) == "open"
    assert line(start("hold", file)).startswith(
        f"locked: {file} is owned by process {first.pid} (the first); stop that one first, or "
    )
    with pytest.raises(LockedError, match=f"process {first.pid} "):
        SqlStore(file, exclusive=True, holder="the third")
    SqlStore(file).close()  # one that does not want to own it may look
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    assert line(start("hold", file)) == "open"


def test_a_closed_store_frees_its_file(file: Path) -> None:
    SqlStore(file, exclusive=True, holder="one").close()
    second = SqlStore(file, exclusive=True, holder="two")
    with pytest.raises(LockedError, match="two"):
        SqlStore(file, exclusive=True)
    second.close()


def test_a_store_that_cannot_be_opened_frees_its_file(file: Path) -> None:
    file.write_text("this is no database, but long enough to look at, whatever it may be" * 20)
    for _ in range(2):
        with pytest.raises(UnreachableError, match="no SQLite file"):
            SqlStore(file, exclusive=True)


def test_a_lock_in_a_folder_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="folder exist"):
        FileLock(tmp_path / "no" / "x.db", "")


def test_a_killed_writer_leaves_its_last_commit_whole(start: Start, file: Path) -> None:
    said = 0
    for commits in (1, 7, 40):
        process = start("count", file)
        number = 0
        for _ in range(commits):
            number = int(line(process))
        process.send_signal(signal.SIGKILL)
        assert process.stdout is not None
        rest = process.stdout.read()  # `communicate` would lose the lines that `readline` has read ahead
        process.wait(30)
        number = int(rest.split()[-1]) if rest.split() else number
        store = SqlStore(file, exclusive=True, extra=(Note,))
        with store.read() as view:
            pages = view.find(Note, book="a")
            (last,) = view.find(Note, book="last")
            assert last.page in (number, number + 1), "at most the commit that it could not speak of"
            assert [page.lines for page in pages] == [last.page] * 5
            assert view.journal_tail(1)[0].subject == str(last.page)
            assert view.changes(0)[-1].sequence == view.sequence == len(view.changes(0))
            with rebuild(view.changes(0), lambda: 0.0, (Note,)).read() as again:
                assert again.find(Note) == view.find(Note)
            with store.write() as transaction:
                transaction.remove(last)  # so that the next one counts from 1 again
        store.close()
        said += last.page
    assert said >= 48


def test_a_full_disk_refuses_the_commit_whole_and_the_store_goes_on_when_there_is_room(
    start: Start, file: Path
) -> None:
    output, _ = start("fill", file).communicate(timeout=60)
    refused, left, after = output.splitlines()
    assert refused.startswith(f"refused: store {file}: ")
    assert "space" in refused
    assert "Nothing of this transaction was kept" in refused
    commits, notes, changes = map(int, left.split())
    assert 0 < commits < LIMIT_BYTES // 10_000 * 3
    assert notes == changes == commits * 3
    assert after == f"{notes + 1} {changes + 1}"
    store = SqlStore(file, extra=(Note,))
    with store.read() as view:
        assert len(view.find(Note)) == len(view.changes(0)) == notes + 1
    store.close()


def test_another_process_that_writes_for_long_is_named_as_the_cause(start: Start, file: Path) -> None:
    store = SqlStore(file, extra=(Note,), busy_s=0.05)
    process = start("write_long", file)
    assert line(process) == "writing"
    with store.read() as view:
        assert view.find(Note) == []
    with pytest.raises(UnreachableError, match="another process has been writing"), store.write():
        pass
    process.communicate("", timeout=30)
    with store.write() as transaction:
        assert len(transaction.find(Note)) == 1
    store.close()


def test_a_reopened_store_goes_on_where_it_was(file: Path) -> None:
    store = SqlStore(file)
    epoch = store.take("one")
    with store.write() as transaction:
        stored = transaction.put(region())
        transaction.note([entry()])
    store.close()
    store = SqlStore(file)
    assert store.wait_change(0, 0.0) == 1
    with store.read() as view:
        assert view.find(Region) == [stored]
        assert view.sequence == 1
    with store.write() as transaction:
        transaction.put(stored.changed(name="E"))
        transaction.note([entry()])
    assert store.take("two") == epoch + 1
    with store.read() as view:
        assert [item.seq for item in view.journal()] == [1, 2]
    store.close()


def test_the_clock_is_the_databases_own(file: Path) -> None:
    store = SqlStore(file)
    before = datetime.now(UTC)
    with store.read() as view:
        now, steady = view.now, view.steady
    after = datetime.now(UTC)
    store.close()
    assert (now - before).total_seconds() > -0.002, "SQLite counts milliseconds"
    assert (after - now).total_seconds() > -0.002
    assert steady == pytest.approx(now.timestamp(), abs=1e-5)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE meta SET schema = 0"], "schema 0, .* uses schema 11.*store migrate"),
        (["UPDATE meta SET schema = 12"], "schema 12, .* uses schema 11.*start the version"),
        (["DELETE FROM meta"], "schema 0, "),
        (["ALTER TABLE region RENAME COLUMN body TO flag"], "other columns .* region"),
        (["DROP TABLE meta"], "another program"),
    ],
)
def test_a_file_of_another_schema_is_refused_untouched(
    file: Path, statements: list[str], message: str
) -> None:
    SqlStore(file).close()
    with sqlite3.connect(file) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    content = file.read_bytes()
    with pytest.raises(RefusedError, match=message):
        SqlStore(file)
    assert file.read_bytes() == content


def test_a_kind_that_is_new_to_an_older_file_gets_its_table(file: Path) -> None:
    SqlStore(file).close()
    store = SqlStore(file, extra=(Note,))
    with store.write() as transaction:
        transaction.put(Note(book="a", page=1))
    store.close()


def test_a_folder_that_does_not_exist_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="make its folder exist"):
        SqlStore(tmp_path / "no" / "wavetrain.db")


def test_a_damaged_file_is_named_with_the_way_out(file: Path) -> None:
    store = SqlStore(file)
    with store.write() as transaction:
        for number in range(200):
            transaction.put(region(str(number), "x" * 500))
    store.close()
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = os.urandom(len(content) - 4096 * 2)
    file.write_bytes(bytes(content))
    with pytest.raises(UnreachableError, match=r"damaged.*backup"):  # noqa: PT012
        store = SqlStore(file)
        try:
            with store.read() as view:
                view.find(Region)
                view.changes(0)
        finally:
            store.close()


def test_a_commit_that_was_acknowledged_is_on_the_disk(file: Path) -> None:
    store = SqlStore(file)
    with store.read() as view:
        cursor = view._session.cursor
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_a_trim_of_more_than_one_batch_removes_all_of_them(file: Path) -> None:
    store = SqlStore(file)
    rounds = TRIM_BATCH * 2 + 10
    with store.write() as transaction:
        transaction.note([entry(str(number)) for number in range(rounds)])
    assert store.trim(keep_journal=5) == (0, rounds - 5)
    with store.read() as view:
        assert [item.seq for item in view.journal()] == list(range(rounds - 4, rounds + 1))
    store.close()


def test_two_processes_take_turns_and_lose_nothing(start: Start, file: Path) -> None:
    store = SqlStore(file, extra=(Note,))
    process = start("count", file)
    first = int(line(process))
    while True:
        try:
            with store.write() as transaction:
                transaction.put(Note(book="mine", page=0))
            raise AssertionError("its epoch was taken by the other")
        except StaleError:
            break
    store.take("me")
    with store.write() as transaction:
        transaction.put(Note(book="mine", page=1))
    process.wait(30)  # the other one finds its epoch over, and ends
    assert process.returncode == 1
    with store.read() as view:
        assert len(view.changes(0)) == view.sequence
        assert view.find(Note, book="last")[0].page >= first
        assert view.get(Note, "mine", "1") is not None
    store.close()


def test_readers_beside_a_writer_wait_for_nobody(file: Path) -> None:
    store = SqlStore(file)
    seen: list[int] = []
    failures: list[WavetrainError] = []

    def look() -> None:
        try:
            with store.read() as view:
                seen.append(len(view.find(Region)))
        except WavetrainError as error:
            failures.append(error)

    with store.write() as transaction:
        transaction.put(region())
        threads = [threading.Thread(target=look) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert seen == [0] * 20
    assert failures == []
    store.close()
