"""Scorecard command: how does our test stand beside other ways to judge a release?"""

import os
import sys
from pathlib import Path
from time import gmtime, monotonic, strftime
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import exit_codes
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from rich.console import Console

    from wavetrain.simulate.scorecard import Card

SEEDS_MAX = 2**31


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",") if name.strip()]


def scorecard(
    suite: Annotated[
        str, typer.Option(help="smoke, in minutes; full, in hours, with what the error rates take.")
    ] = "smoke",
    seed: Annotated[
        int, typer.Option(help="Of the recorded counts; below 1,000 for development, from there to publish.")
    ] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the card into this file; - for standard output.")
    ] = None,
    of_methods: Annotated[
        str, typer.Option("--methods", metavar="NAMES", help="Only these, with commas between them.")
    ] = "",
    of_scenarios: Annotated[
        str, typer.Option("--scenarios", metavar="NAMES", help="Only these, with commas between them.")
    ] = "",
    jobs: Annotated[
        int | None, typer.Option(help="In how many processes; one a processor by default.")
    ] = None,
) -> None:
    """Hold our test, whole and in parts, and other methods against the same recorded counts of trains.

    Clean trains give each method's false rate; faults laid over one metric of forty how many it misses, and how soon it
    stops the rest: at its own threshold, and at one at which all stop 1 % of the clean trains.
    """
    with exit_codes():
        from rich.console import Console

        from wavetrain.cli.fleet_source import progress
        from wavetrain.simulate.scorecard import SUITES, card

        if suite not in SUITES:
            raise RefusedError(f"--suite {suite} is unknown; there are: {', '.join(SUITES)}")
        if not 0 <= seed < SEEDS_MAX:
            raise RefusedError(f"--seed is {seed}; give 0 to {SEEDS_MAX - 1}")
        if jobs is not None and jobs < 1:
            raise RefusedError(f"--jobs is {jobs}; give 1 or more")
        if json_file not in (None, Path("-")) and json_file is not None and not json_file.parent.is_dir():
            raise RefusedError(f"--json {json_file}: there is no folder {json_file.parent}; make it first")
        # Each process has a processor of its own: threads of the linear algebra would only be in each other's way.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with progress(quiet=False) as say:
            made = card(
                suite,
                SUITES[suite],
                seed,
                jobs=jobs or os.cpu_count() or 1,
                clock=monotonic,
                day=strftime("%Y-%m-%d", gmtime()),
                say=lambda done, of: say("batches of trains", done, of),
                of_methods=_names(of_methods),
                of_scenarios=_names(of_scenarios),
            )
        shown(Console(stderr=json_file == Path("-")), made)
        _kept(made, json_file)


def shown(console: "Console", made: "Card") -> None:
    """The card in brief: false rates; a line for each fault; blame; where ours is behind. All of it is in the JSON."""
    from rich.table import Table

    from wavetrain.simulate.scorecard_text import (
        behind_lines,
        blame_rows,
        brief_clean_rows,
        brief_faulty_rows,
        placebo_rows,
    )

    for title, (head, *rows) in (
        ("Clean trains that were stopped", brief_clean_rows(made)),
        (
            "Minutes to the stop (x the limit); matched: where all stop 1 % of clean trains",
            brief_faulty_rows(made),
        ),
        ("What placebo trains of a pre-period certify", placebo_rows(made)),
        ("Who is to blame", blame_rows(made)),
    ):
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*row)
        if rows:
            console.print(table)
    for line in behind_lines(made):
        console.print(line, highlight=False)
    for name, cell in made.methods.get("wavetrain", {}).items():
        if cell.false_stops is not None:
            low, high = cell.false_rate_interval
            said = f"{name}: {cell.false_stops} of {cell.trains} stopped, at 95 % between {low:.4f} and {high:.4f}"
            console.print(said, highlight=False)


def _kept(made: "Card", json_file: Path | None) -> None:
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"
    if json_file == Path("-"):
        sys.stdout.write(text)
    elif json_file is not None:
        json_file.write_text(text, encoding="utf-8")
