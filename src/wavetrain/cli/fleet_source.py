"""Fleet source: which fleet does a file hold, in either form?"""

import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from wavetrain.model.fleet import Fleet

PIECE_BYTES = 1024 * 1024
SHOWN_FROM_BYTES = 8 * PIECE_BYTES
"""A larger file says how far it is read."""
TOML_RECORDS_MAX = 20_000
"""A fleet of more nodes and sites is written as JSON lines, where no ending says otherwise."""
SAID_S = 2.0
"""Where nobody looks at a screen, progress is a line so often."""


class Say(Protocol):
    """Hears what is done, how much of it, and how much there is."""

    def __call__(self, what: str, done: int, of: int, /) -> None: ...


def is_lines(file: Path) -> bool:
    """Whether the file has JSON lines: they begin with a brace, and no TOML text does."""
    _size(file)
    with opened(file) as source:
        return source.peek().lstrip()[:1] == b"{"


def read(file: Path, *, quiet: bool = False) -> "Fleet":
    """The fleet; `RefusedError` with every fault, or where the file cannot be read or is too large."""
    from wavetrain.wire.fleet_file import read_fleet
    from wavetrain.wire.fleet_lines import LINES_BYTES_MAX, read_lines, too_large
    from wavetrain.wire.toml_table import FILE_BYTES_MAX

    now = datetime.fromtimestamp(time.time(), UTC)
    size = _size(file)
    if not is_lines(file):
        if size > FILE_BYTES_MAX:
            raise RefusedError(
                f"{file} is larger than {FILE_BYTES_MAX} bytes; write so large a fleet as JSON lines"
            )
        return read_fleet(_text(file, FILE_BYTES_MAX), now, str(file))
    if size > LINES_BYTES_MAX:
        raise RefusedError(too_large(str(file)))
    with progress(quiet=quiet or size < SHOWN_FROM_BYTES) as say:
        return read_lines(pieces(file, say), now, str(file))


def pieces(file: Path, say: Say) -> Iterator[bytes]:
    """The file's bytes, a piece at a time."""
    size, done = _size(file), 0
    with opened(file) as source:
        while piece := source.read1(PIECE_BYTES):
            done += len(piece)
            yield piece
            say(f"bytes of {file.name}", done, size)


@contextmanager
def opened(file: Path) -> Iterator[BufferedReader]:
    """The file for reading; `RefusedError` with the way out."""
    try:
        with file.open("rb") as source:
            yield source
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}; name a file that can") from None


def write(fleet: "Fleet", file: Path, say: Say) -> int:
    """Write the fleet, in the form that the file's ending names or its size asks for; how many bytes."""
    from wavetrain.wire.fleet_write import fleet_lines, fleet_toml
    from wavetrain.wire.toml_table import FILE_BYTES_MAX

    is_large = sum(len(pop.nodes) for pop in fleet.pops.values()) + len(fleet.sites) > TOML_RECORDS_MAX
    if file.suffix == ".toml" or (file.suffix != ".jsonl" and not is_large):
        content = fleet_toml(fleet).encode()
        if len(content) > FILE_BYTES_MAX:
            raise RefusedError(f"{file} would be larger than {FILE_BYTES_MAX} bytes; write a .jsonl file")
        return replace(file, [content])
    parts = (fleet.regions, fleet.pops, fleet.groups, fleet.accounts, fleet.sites)
    count = sum(len(part) for part in parts)

    def lines() -> Iterator[bytes]:
        for number, line in enumerate(fleet_lines(fleet), start=1):
            yield line
            if number % 10_000 == 0:
                say("lines written", number, count)

    return replace(file, lines())


def replace(file: Path, content: Iterable[bytes]) -> int:
    """Write the file beside itself, then put it in its place, so that nobody finds half of it; how many bytes."""
    half = file.with_name(f".{file.name}.half")
    try:
        with half.open("wb") as target:
            written = sum(map(target.write, content))
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name a file that can") from None
    return written


def _size(file: Path) -> int:
    """In bytes. What is no file on disk may have no end, or no writer, and is not opened at all."""
    try:
        found = file.stat()
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}; name a file that can") from None
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(f"{file} is no file on disk; save the fleet in one, and name that")
    return found.st_size


def _text(file: Path, limit: int) -> str:
    with opened(file) as source:
        content = source.read(limit + 1)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"{file} is not UTF-8 at byte {error.start}; save it as UTF-8") from None


@contextmanager
def progress(*, quiet: bool) -> Iterator[Say]:
    """A bar on a terminal, a line now and then elsewhere, on stderr; nothing where it is `quiet`."""
    if quiet:
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done)

        yield show


class _Lines:
    """Progress in lines."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._at = time.monotonic()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Say so, unless it was said a moment ago."""
        if time.monotonic() - self._at >= SAID_S:
            self._at = time.monotonic()
            self._console.print(f"{done:,} of {of:,} {what}")
