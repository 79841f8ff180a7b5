"""Simulate command: do the guards hold in these seeded histories?"""

from typing import Annotated

import typer

from wavetrain.cli.desk import OTHERWISE, Json, exit_codes
from wavetrain.errors import RefusedError


def simulate(
    seed: Annotated[int, typer.Option("--seed", help="The first seed.")] = 0,
    count: Annotated[int, typer.Option("--count", help="How many seeds, one history each.")] = 20,
    as_json: Json = False,
) -> None:
    """Rehearse seeded histories of a practice fleet, with every guard checked after every tick."""
    with exit_codes():
        from wavetrain.simulate.rehearse import as_json as encoded
        from wavetrain.simulate.rehearse import line, rehearse, total

        try:
            histories = rehearse(seed, count)
        except ValueError as error:
            raise RefusedError(f"--count: {error}") from None
        outcomes = []
        for outcome in histories:
            outcomes.append(outcome)
            if not as_json:
                typer.echo(line(outcome))
        typer.echo(encoded(outcomes).decode() if as_json else total(outcomes))
        if any(outcome.broken for outcome in outcomes):
            raise typer.Exit(OTHERWISE)
