"""SQL place: is a store's place a file or a server's database?"""

from pathlib import Path

from wavetrain.adapters.postgresql_server import PostgresqlServer
from wavetrain.adapters.sql_session import Place
from wavetrain.adapters.sqlite_file import BUSY_S, SqliteFile


def is_url(place: str | Path) -> bool:
    """Whether it is a database server's rather than a file."""
    return isinstance(place, str) and "://" in place


def open_place(
    place: str | Path, *, holder: str = "", exclusive: bool = False, busy_s: float = BUSY_S
) -> Place:
    """The file, locked for this process with `exclusive`, or the database behind the url."""
    if is_url(place):
        return PostgresqlServer(str(place), busy_s)
    return SqliteFile(Path(place), busy_s, holder if exclusive else None)
