"""Databases: a PostgreSQL server for one run's worker, and an empty database of it for each test."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from wavetrain.lab.postgresql import Server, binaries

NEEDED = "PostgreSQL is not installed; install it: apt-get install postgresql"

# Emptied rather than dropped: making a database copies some 300 files, and takes many times as long.
_EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
)


class Databases:
    """Hands out empty databases to one test after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made = 0
        self._spare: list[str] = []
        self._given: list[str] = []

    def fresh(self) -> str:
        """The url of an empty one."""
        if not self._spare:
            self._made += 1
            self._spare.append(self._server.make(f"test{self._made}"))
        self._given.append(self._spare.pop())
        return self._given[-1]

    def take_back(self) -> None:
        """Empty what this test has had, whatever is in it and whoever is still connected."""
        while self._given:
            url = self._given.pop()
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in _EMPTY:
                    connection.execute(statement)
            self._spare.append(url)


@pytest.fixture(scope="session")
def databases_of_the_run() -> Iterator[Databases]:
    """Skipped where there is no PostgreSQL on a laptop; in CI that is a failure."""
    if binaries() is None and os.environ.get("CI") != "true":
        pytest.skip(NEEDED)
    with Server() as server:
        yield Databases(server)


@pytest.fixture
def databases(databases_of_the_run: Databases) -> Iterator[Databases]:
    """Empty databases for one test."""
    yield databases_of_the_run
    databases_of_the_run.take_back()
