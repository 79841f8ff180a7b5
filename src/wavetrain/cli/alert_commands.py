"""Alert commands: what operators were told, what did not arrive, and does a channel work?"""

import time
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import OTHERWISE, Desk, command
from wavetrain.errors import RefusedError

app = typer.Typer(
    help="What operators are told by webhook and e-mail, and what did not arrive.", no_args_is_help=True
)
LOOK_S = 0.2


@app.command(name="list")
@command
def list_(
    desk: Desk,
    dead: Annotated[bool, typer.Option("--dead", help="Only what is not tried any more.")] = False,
) -> None:
    """The last alerts, the newest first, in each of their channels."""
    answer = desk.client.get("/v1/alerts", **({"state": "dead"} if dead else {}))
    rows = [
        [item["id"], item["channel"], item["state"], str(item["tries"]), item["made_at"][:16], item["title"]]
        for item in answer
    ]
    empty = "no alert is dead" if dead else "there are no alerts"
    desk.table(answer, ("alert", "channel", "state", "tries", "made", "what"), rows, empty)


@app.command()
@command
def show(desk: Desk, alert: Annotated[str, typer.Argument(help="The alert's id.")]) -> None:
    """One alert, and how it fares in each of its channels."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("alerts", alert))
    first = answer[0]
    lines = [
        first["title"],
        f"  where  {first['subject']}",
        f"  since  {first['since'][:16]} UTC",
        f"  why    {first['why']}",
        f"  type   {first['command']}",
        *(f"  {item['channel']}: {_fares(item)}" for item in answer),
    ]
    desk.say(answer, "\n".join(lines))


@app.command()
@command
def channels(desk: Desk) -> None:
    """The channels of wavetrain.toml, with what they tell."""
    answer = desk.client.get("/v1/channels")
    rows = [
        [item["name"], item["kind"], ", ".join(item["on"]), str(item["waiting"]), str(item["dead"])]
        for item in answer
    ]
    desk.table(
        answer,
        ("channel", "kind", "on", "waiting", "dead"),
        rows,
        "no channel is configured; see docs/alerts.md",
    )


@app.command()
@command
def retry(
    desk: Desk,
    alert: Annotated[str, typer.Argument(help="The alert's id.")] = "",
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Everything that was given up.")] = False,
) -> None:
    """Try again at once what a channel has not taken."""
    from wavetrain.cli.client import at

    if bool(alert) == all_dead:
        raise RefusedError("name one alert, or give --all-dead; see: wavetrain alert list --dead")
    answer = desk.client.post(at("alerts", alert, "retry") if alert else "/v1/alerts/retry", None)
    told = "\n".join(f"{item['id']} is tried again by {item['channel']}" for item in answer)
    desk.say(answer, told or "no alert is dead")


@app.command(name="test")
@command
def try_channel(
    desk: Desk,
    channel: Annotated[str, typer.Argument(help="The channel's name in wavetrain.toml.")],
    within: Annotated[float, typer.Option(help="Seconds to wait for the outcome.")] = 60.0,
) -> None:
    """Send a test alert through a channel, and wait for what came of it. Ends with 4 when it was not taken."""
    from wavetrain.cli.client import at

    sent = desk.client.post(at("channels", channel, "test"), None)
    until = time.monotonic() + within
    while sent["state"] == "waiting" and time.monotonic() < until:
        time.sleep(LOOK_S)
        sent = desk.client.get(at("alerts", sent["id"]))[0]
    desk.say(sent, f"{channel}: {_fares(sent)}")
    if sent["state"] != "delivered":
        raise typer.Exit(OTHERWISE)


def _fares(item: dict[str, Any]) -> str:
    tries = f"{item['tries']} {'try' if item['tries'] == 1 else 'tries'}"
    said = f": {item['answer']}" if item["answer"] else ""
    due = f"; next in {item['due_in_s']:.0f} s" if item["due_in_s"] is not None else ""
    return f"{item['state']} after {tries}{said}{due}"
