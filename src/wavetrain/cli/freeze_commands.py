"""Freeze commands: add, import, list and remove spans in which nothing new moves."""

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, Reason, command, instant, text_of
from wavetrain.errors import RefusedError

File = Annotated[Path, typer.Argument(help="A freeze file (TOML).")]
Until = Annotated[
    str | None,
    typer.Option(
        help="The last day on which a freeze may begin, e.g. 2027-12-31; without: two years from now."
    ),
]
HEADS = ("freeze", "from", "to", "scope", "by", "calendar", "reason")

app = typer.Typer(help="Spans in which nothing new moves.", no_args_is_help=True)


@app.command()
@command
def add(
    desk: Desk,
    reason: Reason,
    starts: Annotated[
        str, typer.Option("--from", help="ISO 8601, e.g. 2026-12-20T00:00; UTC without an offset.")
    ],
    ends: Annotated[str, typer.Option("--to", help="Likewise; this instant is free again.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="A region, PoP or lane; repeat it for more. Without: everything.")
    ] = None,
    name: Annotated[str, typer.Option("--id", help="Its id; made up when left out.")] = "",
) -> None:
    """Freeze a span."""
    body = {"starts": instant("--from", starts), "ends": instant("--to", ends), "reason": reason}
    answer = desk.client.post("/v1/freezes", {**body, "scope": scope or [], "id": name})
    where = ", ".join(answer["scope"]) or "everything"
    span = f"from {answer['starts'][:16]} to {answer['ends'][:16]} UTC"
    desk.say(answer, f"freeze {answer['id']}: {where} {span}: {reason}")


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every freeze, the earliest first."""
    answer = desk.client.get("/v1/freezes")
    desk.table(answer, HEADS, map(_row, answer), "there are no freezes")


@app.command(name="import")
@command
def import_(desk: Desk, file: File, until: Until = None) -> None:
    """Make the freezes of a calendar what its file says; the same file again changes nothing."""
    last = _day(until)
    answer = desk.client.post(
        "/v1/freezes/import", {"text": text_of(file), "until": last.isoformat() if last else None}
    )
    words = ("added", "changed", "removed", "over", "kept")
    parts = [f"{word} {', '.join(answer[word])}" for word in words if answer[word]]
    said = "; ".join(parts) or f"nothing changes, {answer['same']} freezes stay"
    desk.say(answer, f"calendar {answer['calendar']} until {answer['until']}: {said}")


@app.command()
@command
def check(desk: Desk, file: File, until: Until = None) -> None:
    """Read a freeze file, list every fault, and show the freezes that it stands for. Needs no control plane."""
    import msgspec

    from wavetrain.decide.freeze_calendar import freezes_of, until_of
    from wavetrain.wire.freeze_file import read_freezes

    now = datetime.fromtimestamp(time.time(), UTC)
    whole = read_freezes(text_of(file), now, str(file))
    made = freezes_of(whole, "-", now, until_of(_day(until), now))
    answer = [msgspec.to_builtins(item) for item in made]
    desk.table(answer, HEADS, map(_row, answer), f"{file} is good; it stands for no freeze in that time")


@app.command()
@command
def remove(desk: Desk, freeze: Annotated[str, typer.Argument(help="The freeze's id.")]) -> None:
    """Lift a freeze."""
    from wavetrain.cli.client import at

    desk.client.delete(at("freezes", freeze))
    desk.say({"removed": freeze}, f"freeze {freeze} is removed")


def _row(item: dict[str, Any]) -> list[str]:
    """Whole days by each zone's clock are shown as days, the last one included."""
    is_days = item["first"] is not None
    span = (
        (item["first"], f"{item['last']} (local days)")
        if is_days
        else (item["starts"][:16], item["ends"][:16])
    )
    where = ", ".join(item["scope"]) or "everything"
    return [item["id"], *span, where, item["by"], item["calendar"] or "-", item["reason"]]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise RefusedError(f"--until {text} is no day; give one like 2027-12-31") from None
