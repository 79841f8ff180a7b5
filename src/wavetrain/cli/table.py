"""Table: how do rows look in the width that there is?"""

import re
from collections.abc import Iterator, Sequence

GAP = 2


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None) -> Iterator[str]:
    """The lines of a table, the heads first. In more columns than there are, the widest cells are broken at blanks.

    Where that is not enough they are broken at hyphens too. `columns` is None where nobody looks: a row is a line then,
    as it is where even that does not fit.
    """
    every = [heads, *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(heads))]
    at_hyphens = False
    if columns is not None and _whole(widths) > columns:
        for at_hyphens in (False, True):
            least = [max(_longest(row[index], at_hyphens) for row in every) for index in range(len(heads))]
            if _whole(least) <= columns:
                widths = _narrowed(widths, least, columns)
                break
    for row in every:
        yield from _broken(row, widths, at_hyphens)


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _pieces(cell: str, at_hyphens: bool) -> Iterator[tuple[str, str]]:
    """What is not broken, each with what stands before it on the same line."""
    for word in cell.split():
        for number, piece in enumerate(re.split(r"(?<=-)(?=\w)", word) if at_hyphens else [word]):
            yield "" if number else " ", piece


def _longest(cell: str, at_hyphens: bool) -> int:
    return max((len(piece) for _, piece in _pieces(cell, at_hyphens)), default=0)


def _wrapped(cell: str, width: int, at_hyphens: bool) -> list[str]:
    if len(cell) <= width:
        return [cell]
    made = [""]
    for glue, piece in _pieces(cell, at_hyphens):
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


def _broken(row: Sequence[str], widths: Sequence[int], at_hyphens: bool) -> Iterator[str]:
    parts = [_wrapped(cell, width, at_hyphens) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts))):
        cells = (
            (part[number] if number < len(part) else "").ljust(width)
            for part, width in zip(parts, widths, strict=True)
        )
        yield (" " * GAP).join(cells).rstrip()
