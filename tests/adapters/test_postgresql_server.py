"""What a database server does to the store: away for a while, cut connections, bad addresses, other programs."""

from contextlib import closing, suppress

import psycopg
import pytest
from tests.adapters.store_cases import entry, region
from tests.databases import Databases

from wavetrain.adapters.postgresql_server import COPY_FROM, shown
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.lab.postgresql import Server
from wavetrain.model.fleet import Region


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


def test_another_process_that_writes_for_long_is_named_as_the_cause(databases: Databases) -> None:
    url = databases.fresh()
    with closing(SqlStore(url, busy_s=0.2)) as store, psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM meta FOR UPDATE")
        with pytest.raises(UnreachableError, match="another process has been writing"), store.write():
            pass
        other.rollback()
        with store.write() as transaction:
            transaction.put(region())


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
