"""Databases: a PostgreSQL server for one run's worker, and a fresh database of it for each test."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from wavetrain.lab.postgresql import Server, binaries

NEEDED = "PostgreSQL is not installed; install it: apt-get install postgresql"


class Databases:
    """Hands out empty databases."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = count(1)

    def fresh(self) -> str:
        """The url of an empty one."""
        return self.server.make(f"test{next(self._numbers)}")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Skipped where there is no PostgreSQL on a laptop; in CI that is a failure."""
    if binaries() is None and os.environ.get("CI") != "true":
        pytest.skip(NEEDED)
    with Server() as server:
        yield Databases(server)
