"""Container file: which instructions does it have, stage by stage?"""

import json
import re
from pathlib import Path
from typing import Any

_ARGUMENT = re.compile(r"\$\{(\w+)\}")


def parsed(text: str) -> dict[str, Any]:
    """The file as data: arguments before the first stage, then the stages with their instructions.

    Raises `ValueError` for a line that is no instruction.
    """
    head: dict[str, str] = {}
    stages: list[dict[str, Any]] = []
    for line in _lines(text):
        name, _, rest = line.partition(" ")
        if name == "ARG" and not stages:
            key, _, value = rest.partition("=")
            head[key] = value
        elif name == "FROM":
            stages.append(_stage(rest, head))
        elif not stages:
            raise ValueError(f"{line!r} stands before the first stage")
        else:
            stages[-1]["instructions"].append(_instruction(name, rest.strip()))
    return {"arguments": head, "stages": stages}


def _lines(text: str) -> list[str]:
    """Whole instructions, without comments; a backslash continues a line."""
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(kept).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _stage(rest: str, head: dict[str, str]) -> dict[str, Any]:
    words = rest.split()
    named = words[2] if len(words) == 3 and words[1].upper() == "AS" else ""
    if len(words) not in (1, 3) or (len(words) == 3 and not named):
        raise ValueError(f"FROM {rest}: give IMAGE or IMAGE AS NAME")
    image = _ARGUMENT.sub(lambda found: head.get(found.group(1), ""), words[0])
    return {"image": image, "name": named, "instructions": []}


def _instruction(name: str, rest: str) -> dict[str, Any]:
    flags: dict[str, str] = {}
    while found := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags[found.group(1)] = found.group(2)
        rest = rest[found.end() :]
    if name == "HEALTHCHECK" and rest.startswith("CMD "):
        rest = rest[len("CMD ") :].strip()
    made: dict[str, Any] = {"name": name, "flags": flags}
    if rest.startswith("["):
        made["exec"] = json.loads(rest)
    else:
        made["words"] = rest.split()
    return made


def read(file: Path) -> dict[str, Any]:
    """The file's data."""
    return parsed(file.read_text())
