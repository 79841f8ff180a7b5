"""Freeze commands: add, list and remove spans in which nothing new moves."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from wavetrain.cli.desk import Desk, Reason, command
from wavetrain.errors import RefusedError

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
    body = {"starts": _instant("--from", starts), "ends": _instant("--to", ends), "reason": reason}
    answer = desk.client.post("/v1/freezes", {**body, "scope": scope or [], "id": name})
    where = ", ".join(answer["scope"]) or "everything"
    span = f"from {answer['starts'][:16]} to {answer['ends'][:16]} UTC"
    desk.say(answer, f"freeze {answer['id']}: {where} {span}: {reason}")


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every freeze, the earliest first."""
    answer = desk.client.get("/v1/freezes")
    rows = [
        [
            item["id"],
            item["starts"][:16],
            item["ends"][:16],
            ", ".join(item["scope"]) or "everything",
            item["by"],
            item["reason"],
        ]
        for item in answer
    ]
    desk.table(answer, ("freeze", "from", "to", "scope", "by", "reason"), rows, "there are no freezes")


@app.command()
@command
def remove(desk: Desk, freeze: Annotated[str, typer.Argument(help="The freeze's id.")]) -> None:
    """Lift a freeze."""
    from wavetrain.cli.client import at

    desk.client.delete(at("freezes", freeze))
    desk.say({"removed": freeze}, f"freeze {freeze} is removed")


def _instant(option: str, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(
            f"{option} {text} is no time; give one like 2026-12-20T00:00 or 2026-12-20T00:00+01:00"
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
