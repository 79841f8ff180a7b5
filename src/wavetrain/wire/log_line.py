"""Log line: how does an event become one line that nobody can forge another line with?"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Literal, TextIO

Style = Literal["auto", "json", "text"]
"""`auto`: text for a terminal, else JSON."""

VALUE_CHARACTERS_MAX = 8_000
"""A longer value is cut: a line is read by people, and by collectors that cut it anyway."""
HIDDEN = "(hidden)"

_SECRET_NAME = re.compile(r"(?i)secret|token$|password|passwd|authorization|cookie|credential|private")
_SECRET_VALUE = re.compile(r"(?i)(?:\bwt[a-z]?_[\w-]{20,}|(?<=bearer )\S+|(?<=://)[^/\s]+(?=@))")
"""Our own secrets by their first letters, what stands after `Bearer`, and the user of a url with its password."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_PLAIN = re.compile(r"[\w.:/@+%,\[\]-]+", re.ASCII)


def json_line(at: str, level: str, event: str, fields: Mapping[str, object]) -> str:
    """One JSON object in ASCII alone: every control character, also the ends of lines, is an escape."""
    said: dict[str, object] = {"time": at, "level": level, "event": event}
    said |= {name: value for name, value in clean(fields).items() if name not in said}
    return json.dumps(said, ensure_ascii=True, default=str).replace("\x7f", "\\u007f")


def text_line(at: str, level: str, event: str, fields: Mapping[str, object]) -> str:
    """One line for people: what cannot be printed is shown as an escape, and nothing breaks the line."""
    parts = [at, f"{level:<7}", _printable(event)]
    parts += [f"{_printable(name)}={_quoted(value)}" for name, value in clean(fields).items()]
    return "  ".join(parts)


def clean(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields without secrets, none of them longer than its limit."""
    return {
        name: HIDDEN if _SECRET_NAME.search(name) else _cleaned(value)
        for name, value in fields.items()
        if value is not None
    }


def renderer(style: Style, stream: TextIO) -> Callable[[str, str, str, Mapping[str, object]], str]:
    """The way in which lines are written to this stream."""
    is_text = style == "text" or (style == "auto" and _is_terminal(stream))
    return text_line if is_text else json_line


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # it was closed
        return False


def _cleaned(value: object) -> object:
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return clean({str(name): item for name, item in value.items()})
    text = _SECRET_VALUE.sub(HIDDEN, _PEM.sub(HIDDEN, str(value)))
    if len(text) > VALUE_CHARACTERS_MAX:
        text = f"{text[:VALUE_CHARACTERS_MAX]}... ({len(text)} characters)"
    return text


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        return _printable(json.dumps(value, ensure_ascii=False, default=str))
    return value if _PLAIN.fullmatch(value) else f'"{_printable(value, also=chr(34))}"'


def _printable(text: str, also: str = "") -> str:
    """Escapes what is not printable, the backslash, and `also`."""
    return "".join(
        character if character.isprintable() and character not in f"\\{also}" else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
