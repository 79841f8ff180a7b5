"""Draws the tables of docs/scorecard.md from the card that stands beside it, docs/scorecard.json.

`.venv/bin/python -m tests.docs.draw_scorecard [CARD]`: with a card, that one is kept from then on.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from wavetrain.simulate.scorecard import Card
from wavetrain.simulate.scorecard_methods import OURS, is_ours
from wavetrain.simulate.scorecard_text import (
    behind_lines,
    blame_rows,
    clean_rows,
    faulty_rows,
    placebo_rows,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "scorecard.md"
KEPT = DOCS / "scorecard.json"
BEGINS = "<!-- drawn from here by: .venv/bin/python -m tests.docs.draw_scorecard -->\n"
ENDS = "<!-- to here -->\n"


def card(file: Path = KEPT) -> Card:
    """The card that is kept."""
    return msgspec.json.decode(file.read_bytes(), type=Card)


def tables(made: Card) -> str:
    """What of the page is drawn."""
    counted = {name: cell.trains for name, cell in made.methods[OURS].items() if name.startswith("clean-")}
    said = ", ".join(f"{count} {name}" for name, count in counted.items())
    kind = "was not used in development" if made.published else "is one of development"
    parts = [
        f"Measured {made.day} by `wavetrain scorecard --suite {made.suite} --seed {made.seed}` in "
        f"{made.seconds:.0f} s; the seed {kind}. Clean trains: {said}.",
        "### Clean trains that were stopped",
        "Share of each method's clean trains, at its own threshold, with the Clopper–Pearson interval (95 %).",
        _table(clean_rows(made)),
    ]
    for heading, text, matched in (
        (
            "Minutes to the stop, at the promise",
            f"Mean delay at each method's own threshold; in brackets over the limit of any test at {made.alpha:g}.",
            False,
        ),
        (
            "Minutes to the stop, at matched false rates",
            "The same with every threshold set so that at most 1 % of the world's clean trains are stopped.",
            True,
        ),
    ):
        heading_row, *rows = faulty_rows(made, matched=matched)
        own = [place for place, name in enumerate(heading_row) if place < 2 or is_ours(name)]
        others = [place for place, name in enumerate(heading_row) if place < 1 or place not in own]
        parts += [f"### {heading}", text]
        parts += [
            _table([[row[place] for place in places] for row in (heading_row, *rows)])
            for places in (own, others)
        ]
    parts += [
        "### What placebo trains certify",
        "Three days before a train hold fourteen placebo trains that do not overlap: the lock's threshold is beyond "
        "what they can certify, and marked as extrapolated (`evidence/placebo.py`). `over` counts those at the "
        "promise's own threshold, log(1/alpha) = 6.9.",
        _table(placebo_rows(made)),
        "### Who is to blame",
        "Right: the release that did harm is named; or that none did; or, on the same nodes, that it cannot be told, "
        "with the stagger that would. Clopper–Pearson interval (95 %).",
        _table(blame_rows(made)),
    ]
    parts += ["### Where ours is behind", "\n".join(f"- {line}" for line in behind_lines(made))]
    return "\n\n".join(parts)


def drawn(page: str, made: Card) -> str:
    """The page with the tables of this card."""
    before, _, rest = page.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n{tables(made)}\n\n{ENDS}{after}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        KEPT.write_bytes(msgspec.json.encode(card(Path(sys.argv[1]))) + b"\n")
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), card()), encoding="utf-8")
