"""Changes file: JSON lines of what else changed on which node when, for blame.

    {"cause": "content menu-7", "node": "fra1-n1", "time": 1764201600}

`time` is on the clock of the history beside it; a cause changes a node once.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from wavetrain.decide.blame import Change
from wavetrain.errors import RefusedError

LINE_BYTES_MAX: Final = 4 * 1024
ROWS_MAX: Final = 1_000_000
NAME_MAX: Final = 200
EXAMPLE: Final = '{"cause": "content menu-7", "node": "fra1-n1", "time": 1764201600}'


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node's change."""

    cause: str
    node: str
    time: float


_row = msgspec.json.Decoder(Row)


def read_changes(lines: Iterable[bytes], name: str) -> tuple[Change, ...]:
    """The changes by cause, in the order in which they are first named. Raises RefusedError for a bad line."""
    found: dict[str, dict[str, float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        if number > ROWS_MAX:
            raise RefusedError(f"{place}: more than {ROWS_MAX} changes; leave out what changed long ago")
        row = _read(line, place)
        nodes = found.setdefault(row.cause, {})
        if row.node in nodes:
            raise RefusedError(f"{place}: {row.cause} changes node {row.node} a second time; name it once")
        nodes[row.node] = row.time
    return tuple(Change(cause=cause, at=nodes) for cause, nodes in found.items())


def _read(line: bytes, place: str) -> Row:
    if len(line) > LINE_BYTES_MAX:
        raise RefusedError(f"{place}: longer than {LINE_BYTES_MAX} bytes; a change is {EXAMPLE}")
    try:
        row = _row.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"{place}: {error}; a change is {EXAMPLE}") from None
    if not (0 < len(row.cause) <= NAME_MAX and 0 < len(row.node) <= NAME_MAX):
        raise RefusedError(f"{place}: cause and node are names of 1 to {NAME_MAX} characters")
    return row
