"""Bench figures: how are measured figures shown beside their limits, and kept in a file too?"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console


def shown(
    console: "Console", rows: Iterable[Sequence[str]], figures: msgspec.Struct, json_file: Path | None
) -> None:
    """A table of figure, measured, limit; with a file the figures as JSON in it, or on standard output for `-`."""
    from rich.table import Table

    table = Table("figure", "measured", "limit")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    text = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() + "\n"
    if json_file == Path("-"):
        sys.stdout.write(text)
    elif json_file is not None:
        json_file.write_text(text)


def yardstick_row(seconds: float) -> list[str]:
    """The row that says what this machine is worth."""
    return ["a fixed piece of plain Python, to compare machines by", f"{seconds:.3f} s of the processor", ""]
