"""Glance: what is in a store, seen from beside it?

Read alone: no lock is taken, no table is made, nothing is repaired. A control plane may run on it meanwhile.
"""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from wavetrain.errors import UnreachableError
from wavetrain.model.record import Record

R = TypeVar("R", bound=Record)

LOOK_S = 10.0
"""How long one statement may take."""
_STEPS = 10_000
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class TookTooLongError(Exception):
    """The statement was given up; nothing is known."""


class Glance:
    """Records of a store that somebody else may be writing."""

    def __init__(self, connection: Any, is_file: bool) -> None:
        self._connection = connection
        self.is_file = is_file

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The answer to one statement. `TookTooLongError`, `UnreachableError`."""
        until = time.monotonic() + LOOK_S
        if self.is_file:
            self._connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            return list(self._connection.execute(statement).fetchall())
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TookTooLongError from None
            raise UnreachableError(str(error)) from None
        except sqlite3.Error as error:
            raise UnreachableError(str(error)) from None
        except Exception as error:
            if "timeout" in str(error):
                raise TookTooLongError from None
            raise UnreachableError(" ".join(str(error).split())) from None

    def records(self, kind: type[R]) -> list[R]:
        """Every record of a kind; none where the store has no table for it yet."""
        table = _WORD_START.sub("_", kind.__name__).lower()
        if table not in self.tables():
            return []
        decoder = msgspec.json.Decoder(kind)
        return [decoder.decode(body) for (body,) in self.rows(f'SELECT body FROM "{table}"')]  # noqa: S608

    def tables(self) -> set[str]:
        """The names of the tables."""
        if self.is_file:
            asked = "SELECT name FROM sqlite_master WHERE type = 'table'"
        else:
            asked = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        return {name for (name,) in self.rows(asked)}


@contextlib.contextmanager
def glance(place: str) -> Iterator[Glance]:
    """Look into the store at a path or `postgresql://` url. `UnreachableError` when it cannot be opened."""
    if "://" not in place:
        connection: Any = _file(Path(place))
    else:
        connection = _server(place)
    try:
        yield Glance(connection, "://" not in place)
    finally:
        connection.close()


def _file(file: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=LOOK_S)
    except sqlite3.Error as error:
        raise UnreachableError(str(error)) from None


def _server(url: str) -> Any:
    import psycopg

    limits = f"-c default_transaction_read_only=on -c statement_timeout={int(LOOK_S * 1000)}"
    try:
        return psycopg.connect(url, connect_timeout=int(LOOK_S), options=limits, autocommit=True)
    except psycopg.Error as error:
        raise UnreachableError(" ".join(str(error).split())) from None
