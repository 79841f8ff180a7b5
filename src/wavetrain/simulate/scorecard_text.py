"""Scorecard text: how is a card told in rows and lines?"""

from wavetrain.simulate.scorecard import CLEAN, Card
from wavetrain.simulate.scorecard_cells import Cell, Found
from wavetrain.simulate.scorecard_methods import OURS, is_ours

NONE = "-"


def clean_rows(card: Card) -> list[list[str]]:
    """A heading, then per method the false rate in each clean scenario."""
    names = [name for name in _scenarios(card) if name.startswith(CLEAN)]
    return [
        ["method", *names],
        *(
            [method, *(_false(row[name]) if name in row else NONE for name in names)]
            for method, row in card.methods.items()
        ),
    ]


def faulty_rows(card: Card, *, matched: bool) -> list[list[str]]:
    """A heading, then per scenario with a fault the limit and each method's mean delay; misses in brackets."""
    names = [name for name in _scenarios(card) if not name.startswith(CLEAN)]
    heading = ["scenario", "limit", *card.methods]
    rows = []
    for name in names:
        limit = card.limits[name].matched_min if matched else card.limits[name].promised_min
        cells = (row.get(name) for row in card.methods.values())
        rows.append([name, f"{limit:.1f}", *(_delay(cell, matched=matched) for cell in cells)])
    return [heading, *rows]


def brief_clean_rows(card: Card) -> list[list[str]]:
    """A heading, then per clean scenario the false rate of each method, in per cent: short enough for a terminal."""
    names = [name for name in _scenarios(card) if name.startswith(CLEAN)]
    return [
        ["method", *(name.removeprefix(CLEAN) for name in names)],
        *(
            [method, *(f"{row[name].false_rate:.1%}" if name in row else NONE for name in names)]
            for method, row in card.methods.items()
        ),
    ]


def brief_faulty_rows(card: Card) -> list[list[str]]:
    """A heading, then per fault ours at its promise, ours at the matched rate, and the best other method there."""
    rows = [["scenario", "ours", "ours, matched", "best other, matched", ""]]
    for name in _scenarios(card):
        if name.startswith(CLEAN):
            continue
        others = [
            (said.delay_mean_min, method, _delay(cell, matched=True))
            for method, row in card.methods.items()
            if not is_ours(method)
            and (cell := row.get(name)) is not None
            and (said := cell.matched) is not None
            and said.delay_mean_min is not None
        ]
        _, method, best = min(others, default=(0.0, NONE, NONE))
        ours = card.methods.get(OURS, {}).get(name)
        rows.append([name, _delay(ours, matched=False), _delay(ours, matched=True), best, method])
    return rows


def behind_lines(card: Card) -> list[str]:
    """Where ours is not ahead, in a line each; one that says so where it is ahead everywhere."""
    if OURS not in card.methods:
        return []
    if not card.behind:
        return ["Ahead of every other method in every cell, at the matched false rate."]
    return [
        f"behind in {cell.scenario}: {cell.method} stops after {cell.theirs_min:.1f} min, wavetrain after "
        f"{cell.ours_min:.1f} ({cell.sigmas:.1f} standard errors)"
        for cell in card.behind
    ]


def placebo_rows(card: Card) -> list[list[str]]:
    """A heading, then by world what placebo trains of its fleets certify, and where they set the threshold."""
    heading = [
        "world",
        "fleets",
        "independent placebos",
        "alpha they certify",
        "needed",
        "over",
        "threshold (most)",
    ]
    return [
        heading,
        *(
            [
                world,
                f"{of.fleets}",
                f"{of.blocks}",
                f"{of.certified:.2g}",
                f"{of.needed}",
                f"{of.over}",
                f"{of.threshold_median:.1f} ({of.threshold_most:.1f})",
            ]
            for world, of in card.placebos.items()
        ),
    ]


def blame_rows(card: Card) -> list[list[str]]:
    """A heading, then by case how often the answer to "who is to blame" was right, with its interval."""
    return [
        ["overlapping changes", "runs", "right", "a wrong one named"],
        *(
            [
                case,
                f"{of.runs}",
                f"{of.share:.1%} ({of.interval[0]:.1%}-{of.interval[1]:.1%})",
                f"{of.wrong / of.runs:.1%}",
            ]
            for case, of in card.blame.items()
        ),
    ]


def _scenarios(card: Card) -> list[str]:
    return list(dict.fromkeys(name for row in card.methods.values() for name in row))


def _false(cell: Cell) -> str:
    low, high = cell.false_rate_interval
    return f"{cell.false_rate:.4f} ({low:.4f}-{high:.4f})"


def _delay(cell: Cell | None, *, matched: bool) -> str:
    said: Cell | Found | None = cell.matched if cell is not None and matched else cell
    if said is None or said.delay_mean_min is None or said.ratio_to_limit is None or said.missed is None:
        return NONE
    missed = f", {said.missed:.0%} missed" if said.missed else ""
    return f"{said.delay_mean_min:.1f} (x{said.ratio_to_limit:.1f}{missed})"
