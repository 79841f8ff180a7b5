"""Store backup: what does a backup file hold, and is it whole?"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from wavetrain.adapters.sql_schema import SCHEMA
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.store_dump import Part, dump, load
from wavetrain.errors import RefusedError, UnreachableError

WHAT = "wavetrain store backup"
T = TypeVar("T")

LINE_BYTES_MAX = 64 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of a backup: what it is, and how things stood when it was taken."""

    what: str
    schema: int
    taken_at: datetime
    """Train time (UTC)."""
    sequence: int
    """The number of the last change in it."""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    table: str
    columns: tuple[str, ...]


class _Foot(msgspec.Struct, frozen=True, kw_only=True):
    rows: int
    sha256: str


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup or a restore moved."""

    taken_at: datetime
    sequence: int
    rows: int


def backup(place: str | Path, file: Path) -> Taken:
    """Write all of a store into a new file, readable by its owner alone; there or not, never half.

    A control plane that runs on the store is not disturbed. `RefusedError` when the file exists already.
    """
    if file.exists():
        raise RefusedError(f"{file} exists already; name a new file, so that no backup is lost")
    store = SqlStore(place)
    with store.read() as view:
        header = Header(what=WHAT, schema=SCHEMA, taken_at=view.now, sequence=view.sequence)
    store.close()
    half = file.with_name(file.name + ".half")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed, dump(place) as parts:
                rows = _write(packed, header, parts)
            raw.flush()
            os.fsync(raw.fileno())
        half.rename(file)
    except OSError as error:
        raise UnreachableError(
            f"{file} cannot be written: {error.strerror}; free some space, or name another"
        ) from error
    finally:
        half.unlink(missing_ok=True)
    return Taken(taken_at=header.taken_at, sequence=header.sequence, rows=rows)


def _write(packed: gzip.GzipFile, header: Header, parts: Iterator[Part]) -> int:
    digest, rows = hashlib.sha256(), 0

    def line(what: object) -> None:
        content = _encode(what) + b"\n"
        digest.update(content)
        packed.write(content)

    line(header)
    for part in parts:
        line(_Head(table=part.table, columns=part.columns))
        for row in part.rows:
            line(row)
            rows += 1
    packed.write(_encode(_Foot(rows=rows, sha256=digest.hexdigest())) + b"\n")
    return rows


def restore(file: Path, place: str | Path) -> Taken:
    """Fill an empty place with a backup, all or nothing. `RefusedError` for a file that is damaged or no backup.

    Before anything is told from it again, the store must be marked as restored (`control/restored.py`).
    """
    header, rows = verify(file)
    if header.schema != SCHEMA:
        raise RefusedError(
            f"{file} has schema {header.schema}, this version of wavetrain uses {SCHEMA}; restore it with the version "
            "that wrote it, then run: wavetrain store migrate"
        )
    with _lines(file) as lines:
        load(_parts(lines), place)
    return Taken(taken_at=header.taken_at, sequence=header.sequence, rows=rows)


def verify(file: Path) -> tuple[Header, int]:
    """Read a backup to its end: its header, and how many rows it has. `RefusedError` where it is not whole."""
    digest, rows = hashlib.sha256(), 0
    with _lines(file) as lines:
        first = next(lines, b"")
        header = _header(file, first)
        digest.update(first)
        for line in lines:
            if line.startswith(b'{"rows"'):
                foot = _decoded(file, line, _Foot)
                if (foot.rows, foot.sha256) != (rows, digest.hexdigest()):
                    break
                return header, rows
            digest.update(line)
            rows += line.startswith(b"[")
    raise RefusedError(f"{file} is damaged or cut short: its checksum does not fit; take another backup")


def _header(file: Path, line: bytes) -> Header:
    header = _decoded(file, line, Header)
    if header.what != WHAT:
        raise RefusedError(
            f"{file} is no backup of a store; name the file that `wavetrain store backup` wrote"
        )
    return header


def _parts(lines: Iterator[bytes]) -> Iterator[Part]:
    """The tables of a file that was verified; each one's rows must be taken before the next is asked for."""
    next(lines)
    ahead: list[bytes] = [next(lines)]

    def rows() -> Iterator[Any]:
        for line in lines:
            if not line.startswith(b"["):
                ahead.append(line)
                return
            yield msgspec.json.decode(line)

    while ahead[-1].startswith(b'{"table"'):
        head = msgspec.json.decode(ahead[-1], type=_Head)
        yield Part(table=head.table, columns=head.columns, rows=rows())


def _decoded(file: Path, line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (ValueError, RecursionError):  # of msgspec, broken UTF-8, and nesting without an end
        raise RefusedError(
            f"{file} is no backup of a store, or damaged; name the file that `wavetrain store backup` wrote"
        ) from None


class _lines:  # noqa: N801 - used as a function
    """The lines of a packed file; says of a damaged one that it is."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Iterator[bytes]:
        try:
            self._raw: BinaryIO = self._file.open("rb")
        except OSError as error:
            raise RefusedError(f"{self._file} cannot be read: {error.strerror}; name a backup") from None
        self._packed = gzip.GzipFile(fileobj=self._raw, mode="rb")
        return self._read()

    def __exit__(self, *_: object) -> None:
        self._packed.close()
        self._raw.close()

    def _read(self) -> Iterator[bytes]:
        try:
            while line := self._packed.readline(LINE_BYTES_MAX):
                yield line
        except (OSError, EOFError, zlib.error):
            raise RefusedError(
                f"{self._file} is damaged or no backup: it cannot be unpacked; take another backup"
            ) from None
