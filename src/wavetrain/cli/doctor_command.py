"""Doctor command: what is wrong with this installation, and what is the way out?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import CONFIG, REFUSED, Json, exit_codes

if TYPE_CHECKING:
    from wavetrain.wiring.findings import Finding


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="The control plane's configuration; wavetrain.toml here unless --agent is given."
        ),
    ] = None,
    agent: Annotated[
        Path | None, typer.Option("--agent", help="The configuration of this node's agent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at this machine, a control plane and an agent: what is wrong, and what is the way out.

    Changes nothing, and may be run beside what it looks at. Ends with 1 when something does not work.
    """
    with exit_codes():
        import msgspec

        from wavetrain.wiring.doctor import examine

        report = examine(config or (None if agent else Path(CONFIG)), agent)
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        else:
            typer.echo("\n".join(line for item in report.findings for line in _lines(item)))
            typer.echo(
                "nothing is broken" if report.healthy else "something is broken: see the lines with fail"
            )
        if not report.healthy:
            raise typer.Exit(REFUSED)


def _lines(item: "Finding") -> list[str]:
    if item.state == "skip":
        return [f"{item.state:<5} {item.check:<20} {item.thing}: {item.rule}"]
    lines = [f"{item.state:<5} {item.check:<20} {item.thing}"]
    lines += [f"{'':26} rule: {item.rule}"] if item.rule else []
    lines += [f"{'':26} way out: {item.way_out}"] if item.way_out else []
    return lines
