"""Standstill commands: why does nothing at all move, and may it go on?"""

from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, Reason, command

app = typer.Typer(
    help="When nothing at all moves: a clock was stepped, or the store was restored.", no_args_is_help=True
)
SILENT_SHOWN = 10


@app.command()
@command
def show(desk: Desk) -> None:
    """What keeps the fleet at a stand, and what a person would confirm."""
    answer = desk.client.get("/v1/standstills")
    desk.say(answer, "\n".join(map(_lines, answer)) or "nothing stands still")


@app.command()
@command
def confirm(
    desk: Desk,
    cause: Annotated[str, typer.Argument(help="clock or restore.")],
    reason: Reason,
    shown: Annotated[str, typer.Option(help="Of a restore: the digest that `standstill show` printed.")] = "",
) -> None:
    """Let it go on: take the clock as it is, or what the nodes report as the truth."""
    from wavetrain.cli.client import at

    answer = desk.client.post(at("standstills", cause, "confirm"), {"reason": reason, "shown": shown})
    after = "rollouts that were rolling are paused" if cause == "restore" else "rollouts go on"
    desk.say(answer, f"{cause} is confirmed; {after}")


def _lines(item: dict[str, Any]) -> str:
    head = f"{item['cause']} since {item['since'][:16]} UTC: {item['detail']}"
    difference = item["difference"]
    if difference is None:
        return f"{head}\n  to go on: wavetrain standstill confirm {item['cause']} --reason TEXT"
    rows = [
        f"  {one['node']}: {one['believed'] or 'nothing'} by the backup, {one['reported'] or 'nothing'} "
        f"({one['phase']}) by its report"
        for one in difference["moved"]
    ]
    silent = difference["silent"]
    named = (
        f": {', '.join(silent[:SILENT_SHOWN])}{', ...' if len(silent) > SILENT_SHOWN else ''}"
        if silent
        else ""
    )
    counts = (
        f"  {len(difference['same'])} nodes run what the backup knew, {len(silent)} have not spoken{named}"
    )
    way = f"  to go on: wavetrain standstill confirm restore --shown {difference['digest']} --reason TEXT"
    return "\n".join([head, *rows, counts, way])
