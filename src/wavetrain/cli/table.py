"""Table: how do rows look in the width that there is?"""

import re
from collections.abc import Iterator, Sequence

GAP = 2
BREAKS = ("", "-", "_-")
"""After which characters a word may be broken: what breaks the fewest words first."""


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None) -> Iterator[str]:
    """The lines of a table, the heads first.

    What is wider than `columns` is broken at blanks, the widest cells first; where that is not enough, after the
    characters of `BREAKS` too. A row is a line where even that does not fit, or `columns` is None: nobody looks.
    """
    every = [heads, *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(heads))]
    after = ""
    if columns is not None and _whole(widths) > columns:
        for after in BREAKS:
            least = [max(_longest(row[index], after) for row in every) for index in range(len(heads))]
            if _whole(least) <= columns:
                widths = _narrowed(widths, least, columns)
                break
    for row in every:
        yield from _broken(row, widths, after)


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _pieces(cell: str, after: str) -> Iterator[tuple[str, str]]:
    """What is not broken, each with what stands before it on the same line."""
    for word in cell.split():
        for number, piece in enumerate(re.split(rf"(?<=[{after}])(?=\w)", word) if after else [word]):
            yield "" if number else " ", piece


def _longest(cell: str, after: str) -> int:
    return max((len(piece) for _, piece in _pieces(cell, after)), default=0)


def _wrapped(cell: str, width: int, after: str) -> list[str]:
    if len(cell) <= width:
        return [cell]
    made = [""]
    for glue, piece in _pieces(cell, after):
        longer = f"{made[-1]}{glue}{piece}" if made[-1] else piece
        if made[-1] and len(longer) > width:
            made.append(piece)
        else:
            made[-1] = longer
    return made


def _narrowed(widths: Sequence[int], least: Sequence[int], columns: int) -> list[int]:
    """The widest column gives way first, as far as it can."""
    out = list(widths)
    for _ in range(_whole(widths) - columns):
        place = max(range(len(out)), key=lambda index: out[index] if out[index] > least[index] else 0)
        out[place] -= 1
    return out


def _broken(row: Sequence[str], widths: Sequence[int], after: str) -> Iterator[str]:
    parts = [_wrapped(cell, width, after) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts))):
        cells = (
            (part[number] if number < len(part) else "").ljust(width)
            for part, width in zip(parts, widths, strict=True)
        )
        yield (" " * GAP).join(cells).rstrip()
