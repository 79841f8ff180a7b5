"""What a database server does to the store: away for a while, cut connections, bad addresses, other programs."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import psycopg
import pytest
from tests.adapters.store_cases import entry, region, until
from tests.databases import Databases

from wavetrain.adapters.postgresql_server import COPY_FROM, PostgresqlServer, shown
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import RefusedError, StaleError, UnreachableError
from wavetrain.lab.postgresql import Server
from wavetrain.model.fleet import Region

TAKEOVER_S = 2.0
"""After the end of its lease."""


def test_a_database_that_was_away_is_used_again_and_nothing_is_half_written(databases: Databases) -> None:
    with Server() as server, closing(SqlStore(server.make("store"))) as store:
        with store.write() as transaction:
            transaction.put(region("before"))
        with (  # noqa: PT012 - the server ends inside the transaction
            pytest.raises(UnreachableError, match="Nothing of this"),
            store.write() as transaction,
        ):
            transaction.put(region("half"))
            server.stop()
        for _ in range(3):
            with pytest.raises(UnreachableError, match="start the server"), store.read():
                pass
        server.start()
        with store.write() as transaction:
            transaction.put(region("after"))
        with store.read() as view:
            assert [item.id for item in view.find(Region)] == ["after", "before"]


def test_a_connection_that_the_server_cut_is_replaced(databases: Databases) -> None:
    url = databases.fresh()
    with closing(SqlStore(url)) as store:
        with store.read() as view:
            assert view.sequence == 0
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with suppress(UnreachableError), store.write():
            pass
        with store.write() as transaction:
            transaction.put(region())
        with store.read() as view:
            assert view.sequence == 1


def test_a_connection_goes_on_after_transactions_that_were_taken_back(databases: Databases) -> None:
    url = databases.fresh()
    with closing(SqlStore(url)) as store:
        for number in range(
            20
        ):  # the driver prepares what it has met often, and forgets it with a transaction
            with store.write() as transaction:
                transaction.put(region(str(number)))
            with pytest.raises(StaleError), store.write() as transaction:
                transaction.put(region("0"))
            with store.read() as view:
                assert len(view.find(Region)) == number + 1
        with psycopg.connect(url) as other:
            counted = (
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'wavetrain'"
            )
            assert other.execute(counted).fetchone() == (1,), "all of that on one connection"


def test_another_process_that_writes_for_long_is_named_as_the_cause(databases: Databases) -> None:
    url = databases.fresh()
    with closing(SqlStore(url, busy_s=0.2)) as store, psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM meta FOR UPDATE")
        with pytest.raises(UnreachableError, match="another process has been writing"), store.write():
            pass
        other.rollback()
        with store.write() as transaction:
            transaction.put(region())


@contextmanager
def silent_in_a_copy(writer: psycopg.Connection) -> Iterator[None]:
    with suppress(psycopg.Error), writer.cursor().copy("COPY region (id, version, body) FROM STDIN") as copy:
        copy.write_row(("half", 1, "{}"))
        writer.pgconn.flush()
        yield


@contextmanager
def silent_in_a_pipeline(writer: psycopg.Connection) -> Iterator[None]:
    with suppress(psycopg.Error), writer.pipeline():
        writer.execute("INSERT INTO region (id, version, body) VALUES ('half', 1, '{}')")
        writer.pgconn.send_flush_request()
        writer.pgconn.flush()
        yield


@contextmanager
def silent_between_statements(writer: psycopg.Connection) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    "silent", [silent_in_a_copy, silent_in_a_pipeline, silent_between_statements], ids=lambda it: it.__name__
)
def test_a_writer_that_hangs_anywhere_in_its_transaction_does_not_keep_a_standby_out(
    databases: Databases, silent: Callable[[psycopg.Connection], AbstractContextManager[None]]
) -> None:
    url = databases.fresh()
    with (
        closing(SqlStore(url)) as hung,
        closing(SqlStore(url)) as standby,
        closing(psycopg.connect(url, autocommit=True)) as writer,
    ):
        hung.lease("hung", 0.2)
        writer.execute("BEGIN; SELECT 1 FROM meta WHERE id = 1 FOR UPDATE")
        begun = time.monotonic()
        with silent(writer):
            until(lambda: standby.lease("standby", 30.0) is not None)
            took = time.monotonic() - begun
        with pytest.raises(psycopg.Error):
            writer.execute("COMMIT")
        assert took < TAKEOVER_S
        with pytest.raises(StaleError, match="standby writes"), hung.write():
            pass
        with standby.read() as view:
            assert view.find(Region) == []


def test_who_asks_for_a_lease_that_runs_does_not_wait_for_its_holders_commit(databases: Databases) -> None:
    url = databases.fresh()
    with closing(SqlStore(url)) as first, closing(SqlStore(url, busy_s=0.2)) as standby:
        first.lease("first", 60.0)
        with first.write() as transaction:
            transaction.put(region())
            assert standby.lease("standby", 60.0) is None, "neither waits for the lock, nor ends who has it"
        with first.read() as view:
            assert view.sequence == 1


def test_many_rows_go_by_copy_and_come_back_as_they_were(databases: Databases) -> None:
    words = ["tab\tnew\nline", "back\\slash", "\\N", "", "é 日本 \U0001f600", '"quoted"']
    with closing(SqlStore(databases.fresh())) as store:
        with store.write() as transaction:
            transaction.note([entry(words[number % len(words)]) for number in range(COPY_FROM * 2)])
        with store.read() as view:
            assert [item.subject for item in view.journal()][: len(words)] == words
            assert [item.seq for item in view.journal()] == list(range(1, COPY_FROM * 2 + 1))


def test_text_that_the_database_cannot_keep_is_refused_and_nothing_is_kept(databases: Databases) -> None:
    with closing(SqlStore(databases.fresh())) as store:
        with pytest.raises(RefusedError, match="cannot keep this text"), store.write() as transaction:
            transaction.put(region("a\0b"))
        with store.read() as view:
            assert view.sequence == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.replace("/test", "/nothing"), "createdb"),
        (lambda url: url.replace("?host=", "?host=/nowhere"), "start the server"),
    ],
)
def test_a_bad_address_says_the_way_out(databases: Databases, change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(UnreachableError, match=message):
        SqlStore(change(databases.fresh()))


def test_a_url_without_a_database_is_refused() -> None:
    with pytest.raises(RefusedError, match="names no database"):
        SqlStore("postgresql://ada@localhost")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3/cret@h/db",
        "postgresql://ada:s3?cret@h/db",
        "postgresql://ada:s3#cret@h/db",
        "postgresql://ada:[s3cret@h/db",
        "postgresql://ada:s3:cret@h/db?host=/run",
        "postgresql://ada:s3cret?password=cret@h/db",
        "postgresql://h/db?PassWord=s3cret",
    ],
)
def test_whatever_stands_in_a_password_is_not_shown(url: str) -> None:
    server = PostgresqlServer(url, 1.0)
    assert "s3" not in server.name
    assert "cret" not in server.name
    server.let_go()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ada:s3cret@h/db",
        "mysql://ada:s3cret@h/db",
        "postgresql://ada:s3@cret@h/db",
        "postgresql://ada:s3cret@h:port/db",
        "://s3cret",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(RefusedError, match=r"the store's url .*(give postgresql://|%40)") as refused:
        SqlStore(url)
    assert "s3" not in str(refused.value)


def test_no_password_is_ever_shown() -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/db"
    assert shown(url) == "postgresql://ada:***@127.0.0.1:1/db"
    assert "s3cret" not in shown("postgresql://127.0.0.1:1/db?user=ada&password=s3cret")
    with pytest.raises(UnreachableError) as refused:
        SqlStore(url)
    assert "s3cret" not in str(refused.value)


def test_a_database_of_another_program_is_left_alone(databases: Databases) -> None:
    url = databases.fresh()
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE theirs (id integer)")
    with pytest.raises(RefusedError, match="another program's tables"):
        SqlStore(url)
    with psycopg.connect(url) as other:
        assert other.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)
