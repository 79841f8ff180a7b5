"""Mutation: what does a good sample become in hostile hands?

Values are spoiled as trees, then their bytes: JSON and TOML are written by hand here, because honest writers
refuse what is wanted: numbers that are none, keys that are there twice, half characters, nesting without an end.
"""

import json
import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

Writer = Callable[[Any], bytes]
DEEP = 5_000
LONG = 70_000


class Raw(str):
    """Stands in the text as it is."""


class Twice(dict[str, Any]):
    """A table whose every key is there twice."""


WEIRD: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    0.5,
    -0.0,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    Raw("1e999"),
    Raw("-1e999"),
    Raw("[" * DEEP),
    Raw("[" * DEEP + "]" * DEEP),
    Raw('{"a":' * DEEP + "1" + "}" * DEEP),
    Raw('"\\ud800"'),
    Raw('"\\udc00\\ud800"'),
    Raw('"\\u0000"'),
    Raw("nul"),
    Raw("9" * 5_000),
    Raw("0x" + "f" * 5_000),
    Raw("2026-02-30"),
    Raw("2026-11-01T00:00:00Z"),
    Raw("25:00:00"),
    Raw(""),
    "",
    " ",
    "\x00",
    "a\nb",
    "\u202eevil\u0301",
    "../../etc/passwd",
    "http://[::1",
    "http://127.0.0.1:1/\r\nX: y",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
    "9" * 5_000,
    "x" * LONG,
    "é" * LONG,
    [],
    [[]],
    [None],
    ["a"] * 2_000,
    {},
    {"": ""},
    {"a": {"a": {"a": []}}},
]
BROKEN = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xef\xbb\xbf"]


def json_bytes(value: Any) -> bytes:
    """As JSON, as far as the value lets it be."""
    return _json(value).encode("utf-8", "surrogatepass")


def toml_bytes(value: Any) -> bytes:
    """As TOML in inline tables, one key a line at the top; not TOML where the top is no table."""
    if not isinstance(value, dict):
        return _toml(value).encode("utf-8", "surrogatepass")
    lines = [f"{json.dumps(key)} = {_toml(item)}\n" for key, item in value.items()]
    return "".join(lines * (1 + isinstance(value, Twice))).encode("utf-8", "surrogatepass")


@st.composite
def mutants(draw: st.DrawFn, sample: Any, writer: Writer) -> bytes:
    """Bytes of the sample, spoiled."""
    value = sample
    for _ in range(draw(st.integers(1, 3))):
        value = _changed(draw, value)
    body = writer(value)
    how = draw(
        st.sampled_from(("whole", "whole", "whole", "whole", "broken", "cut", "byte", "twice", "empty"))
    )
    at = draw(st.integers(0, max(0, min(len(body), 4_000) - 1)))
    match how:
        case "broken":
            return body[:at] + draw(st.sampled_from(BROKEN)) + body[at:]
        case "cut":
            return body[:at]
        case "byte":
            return body[:at] + draw(st.binary(min_size=1, max_size=3)) + body[at + 1 :]
        case "twice":
            return body + body
        case "empty":
            return draw(st.binary(max_size=40))
        case _:
            return body


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with one place changed, on a random way down."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        how = draw(st.sampled_from(("down", "down", "down", "drop", "rename", "add", "twice")))
        match how:
            case "drop":
                return {name: item for name, item in value.items() if name != key}
            case "rename":
                other = draw(st.sampled_from((key.upper(), key + "s", "", "\ud800", "x" * 300)))
                return {other if name == key else name: item for name, item in value.items()}
            case "add":
                return {**value, "extra": draw(st.sampled_from(WEIRD))}
            case "twice":
                return Twice(value)
            case _:
                return type(value)({**value, key: _changed(draw, value[key])})
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        how = draw(st.sampled_from(("down", "down", "drop", "again", "many")))
        match how:
            case "drop":
                return value[:at] + value[at + 1 :]
            case "again":
                return [*value, value[at]]
            case "many":
                return value + [value[at]] * 1_500
            case _:
                return [*value[:at], _changed(draw, value[at]), *value[at + 1 :]]
    return draw(st.sampled_from(WEIRD))


def _json(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}:{_json(item)}" for key, item in value.items()]
        return "{" + ",".join(parts * (1 + isinstance(value, Twice))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _toml(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()]
        return "{" + ", ".join(parts * (1 + isinstance(value, Twice))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, date | datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)
