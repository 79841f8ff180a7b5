"""TOML lines: on which line of a TOML file does each key stand?"""

import re

_TABLE = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\s\"']+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]*\"|'[^']*')\s*(?:\.|=)")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'")


LINE_CHARACTERS_MAX = 1_000
"""A longer line is no header to be looked up: the time that a pattern takes grows with the square of the line."""


def line_index(text: str) -> dict[str, int]:
    """Key path to line number (from 1) for text that the TOML parser has accepted; `[[pop]]` counts from `pop[0]`.

    Inside strings and arrays over several lines nothing is looked up: their key's line stands for them.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    depth = 0
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if fence:
            fence = "" if fence in line else fence
            continue
        if depth == 0:
            prefix = _enter(line, number, prefix, counts, lines)
        fence = _opened_fence(line)
        if not fence:
            bare = _QUOTED.sub("", line).partition("#")[0]
            if depth or not _header(line):
                depth = max(0, depth + bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}"))
    return lines


def _header(line: str) -> re.Match[str] | None:
    return _TABLE.match(line) if len(line) <= LINE_CHARACTERS_MAX else None


def _enter(line: str, number: int, prefix: str, counts: dict[str, int], lines: dict[str, int]) -> str:
    table = _header(line)
    if table:
        parts = [part.strip().strip("\"'") for part in table[2].split(".")]
        prefix = _path(parts, table[1] == "[[", counts)
        lines.setdefault(prefix, number)
        lines.setdefault(parts[0], number)
        return prefix
    key = _KEY.match(line)
    if key:
        name = key[1].strip("\"'")
        lines.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return prefix


def _path(parts: list[str], is_array: bool, counts: dict[str, int]) -> str:
    path = ""
    for index, part in enumerate(parts):
        path = f"{path}.{part}" if path else part
        if is_array and index == len(parts) - 1:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = f"{path}[{counts[path] - 1}]"
    return path


def _opened_fence(line: str) -> str:
    """The triple quote that this line opens and does not close, if any."""
    for fence in ('"""', "'''"):
        if line.count(fence) % 2:
            return fence
    return ""
