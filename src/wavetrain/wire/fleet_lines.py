"""Fleet lines: which fleet do JSON lines say, one object a line?"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Fleet
from wavetrain.wire.faults import Faults
from wavetrain.wire.fleet_parts import LIMITS, FleetParts
from wavetrain.wire.toml_table import Table

LINE_BYTES_MAX = 256 * 1024
"""A PoP of the most nodes, each with the longest name and in a hardware class, takes half of it."""
LINES_BYTES_MAX = 512 * 1024 * 1024
"""Of a whole file; a fleet of 400,000 nodes and 200,000 sites takes a tenth of it."""
LINES_MAX = sum(LIMITS.values())
"""As many as there may be objects."""

_KEY = re.compile(rb'"\s*:')
_decode = msgspec.json.Decoder().decode


def read_lines(pieces: Iterable[bytes], now: datetime, name: str = "fleet file") -> Fleet:
    """The fleet that the bytes say, in pieces of any size; one `RefusedError` with every fault and its line.

    A line is `{"region": {...}}`, or `pop`, `group`, `account`, `site`, with the keys that a TOML file has. They may
    come in any order; an empty line says nothing. No more than one piece and one line is held at a time.
    """
    faults = Faults(name)
    parts = FleetParts(faults, now, by_line=True)
    for number, line in enumerate(lines_of(pieces, faults), start=1):
        if not line.strip():
            continue
        values = _object(line, faults, number)
        if values is None:
            continue
        for kind, inner in values.items():
            if kind not in LIMITS:
                faults.add(
                    kind, f"there is no key `{kind[:80]}`", f"the keys here are: {', '.join(LIMITS)}", number
                )
            elif not isinstance(inner, dict):
                faults.add(kind, "it is not an object", f'write it as {{"{kind}": {{...}}}}', number)
            else:
                parts.take(kind, Table(inner, faults, kind, number), number)
    return parts.end()


def lines_of(pieces: Iterable[bytes], faults: Faults) -> Iterator[bytes]:
    """The lines without their ends; the whole is refused as soon as it, or one line, is too long."""
    begun: list[bytes] = []
    size = length = count = 0
    for piece in pieces:
        size += len(piece)
        if size > LINES_BYTES_MAX:
            raise RefusedError(too_large(faults.name))
        first, *others = piece.split(b"\n")
        begun.append(first)
        length += len(first)
        _check_length(length, count + 1, faults)
        for other in others:
            count += 1
            if count > LINES_MAX:
                raise RefusedError(
                    f"{faults.name} has more than {LINES_MAX} lines; leave out those that say nothing"
                )
            yield b"".join(begun)
            begun, length = [other], len(other)
            _check_length(length, count + 1, faults)
    if length:
        yield b"".join(begun)


def too_large(name: str) -> str:
    """What a file over the limit is told."""
    return f"{name} is larger than {LINES_BYTES_MAX} bytes; split the fleet between control planes"


def _check_length(length: int, number: int, faults: Faults) -> None:
    if length > LINE_BYTES_MAX:
        faults.add("", f"the line is longer than {LINE_BYTES_MAX} bytes", "write one object a line", number)
        faults.refuse()


def _object(line: bytes, faults: Faults, number: int) -> dict[str, Any] | None:
    try:
        values = _decode(line)
        # As many keys as there are colons behind quotes: none is there twice. Else it is looked at one by one.
        if isinstance(values, dict) and _keys(values) != len(_KEY.findall(line)):
            values = json.loads(line, object_pairs_hook=_once)
    except (
        ValueError,
        RecursionError,
    ) as error:  # both parsers' own errors, bad UTF-8 among them, are ValueErrors
        said = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is not JSON: {error}"
        faults.add("", said, "write one object a line", number)
        return None
    if not isinstance(values, dict) or len(values) != 1:
        faults.add("", "it is not an object of one key", 'write a line as {"pop": {...}}', number)
        return None
    return values


def _keys(value: Any) -> int:
    """How many keys there are in an object or list and all that it holds."""
    inner: Iterable[Any] = value
    count = 0
    if isinstance(value, dict):
        count, inner = len(value), value.values()
    for item in inner:
        if type(item) is dict or type(item) is list:
            count += _keys(item)
    return count


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twice[:80]}` is there twice")
    return made
