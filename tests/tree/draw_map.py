"""Draws the module list of ARCHITECTURE.md anew from the modules' own docstrings."""

import re
from pathlib import Path

from tests.tree.test_map import MODULES, ROOT, SOURCE, purpose

UPPER = [".", "model", "evidence", "decide", "control", "wire", "adapters"]
STEPS = ["adapters/migrations", "adapters/migrations/versions"]
ROOMS = [*UPPER, *STEPS, "doors", "agent", "evaluator", "wiring", "simulate", "lab", "lab/gateway", "cli"]


def drawn() -> str:
    """The list, room by room, from the ground up."""
    lines: list[str] = []
    for room in ROOMS:
        folder = SOURCE / room
        here = [path for path in MODULES if path.parent == folder]
        if not here:
            continue
        lines += ["", f"### {room.replace('.', 'the house itself')}", ""]
        lines += [f"- `{path.relative_to(SOURCE)}` {purpose(path)}" for path in here]
    return "\n".join(lines).strip() + "\n"


def main() -> None:
    """Write the list into ARCHITECTURE.md, below its heading."""
    file = ROOT / "ARCHITECTURE.md"
    text = re.sub(
        r"(?s)(## Every module\n).*", lambda found: found.group(1) + "\n" + drawn(), file.read_text()
    )
    Path(file).write_text(text)


if __name__ == "__main__":
    main()
