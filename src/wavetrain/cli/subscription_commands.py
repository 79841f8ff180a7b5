"""Subscription commands: by which ways are customers told, and what did not arrive?"""

import time
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import OTHERWISE, Desk, Reason, command
from wavetrain.model.subscription import Topic, Way

app = typer.Typer(
    help="By which ways customers are told of work at their PoPs, and what did not arrive.",
    no_args_is_help=True,
)
LOOK_S = 0.2
Name = Annotated[str, typer.Argument(help="The way's name.")]
Account = Annotated[
    str,
    typer.Option("--account", help="The account; without one, the operator's own ways, told of everything."),
]


@app.command()
@command
def add(
    desk: Desk,
    name: Annotated[str, typer.Argument(help="A name for the way, of your choice.")],
    way: Annotated[Way, typer.Argument(help="How.")],
    to: Annotated[str, typer.Argument(help="A url, or with mail an address.")],
    account: Account = "",
    on: Annotated[
        list[Topic] | None, typer.Option(help="What is told; repeat it. Without: everything.")
    ] = None,
) -> None:
    """Add a way. The secret that its messages are signed with is shown this once."""
    body: dict[str, Any] = {"name": name, "way": way.value, "to": to}
    body |= {"on": [topic.value for topic in on]} if on else {}
    answer = desk.client.post(_at(account), body)
    _say_secret(desk, answer, f"way {name} is added")


@app.command(name="list")
@command
def list_(desk: Desk, account: Account = "") -> None:
    """Every way, and how much waits for it."""
    answer = desk.client.get(_at(account))
    rows = [
        [
            item["name"],
            item["way"],
            item["to"],
            "paused" if item["paused"] else "used",
            str(item["waiting"]),
            str(item["dead"]),
        ]
        for item in answer
    ]
    empty = "there are no ways; add one: wavetrain subscription add NAME webhook URL"
    desk.table(answer, ("way", "kind", "to", "state", "waiting", "dead"), rows, empty)


@app.command(name="test")
@command
def try_way(
    desk: Desk,
    name: Name,
    account: Account = "",
    within: Annotated[float, typer.Option(help="Seconds to wait for the outcome.")] = 60.0,
) -> None:
    """Send a test by a way, and wait for what came of it. Ends with 4 when it was not taken."""
    sent = desk.client.post(_at(account, name, "test"), None)
    until = time.monotonic() + within
    while sent["state"] == "waiting" and time.monotonic() < until:
        time.sleep(LOOK_S)
        sent = desk.client.get(_at(account, sent["id"], part="notices"))[0]
    desk.say(sent, f"{name}: {_fares(sent)}")
    if sent["state"] != "delivered":
        raise typer.Exit(OTHERWISE)


@app.command()
@command
def pause(desk: Desk, name: Name, reason: Reason, account: Account = "") -> None:
    """Send nothing by it; what happens meanwhile is not told by it later."""
    desk.say(desk.client.post(_at(account, name, "pause"), {"reason": reason}), f"way {name} is paused")


@app.command()
@command
def resume(desk: Desk, name: Name, account: Account = "") -> None:
    """Send by it again, what still waits first."""
    desk.say(desk.client.post(_at(account, name, "resume"), None), f"way {name} is used again")


@app.command()
@command
def remove(desk: Desk, name: Name, account: Account = "") -> None:
    """Never send by it again."""
    desk.say(desk.client.delete(_at(account, name)), f"way {name} is removed")


@app.command()
@command
def secret(desk: Desk, name: Name, account: Account = "") -> None:
    """Give a way a new secret. The one before signs as well, until the next change."""
    answer = desk.client.post(_at(account, name, "secret"), None)
    _say_secret(desk, answer, f"way {name} has a new secret")


@app.command()
@command
def sent(
    desk: Desk,
    account: Account = "",
    dead: Annotated[bool, typer.Option("--dead", help="Only what is not tried any more.")] = False,
) -> None:
    """The last messages, the newest first, by each of their ways."""
    answer = desk.client.get(_at(account, part="notices"), **({"state": "dead"} if dead else {}))
    rows = [
        [
            item["topic"],
            item["name"],
            item["state"],
            str(item["tries"]),
            item["made_at"][:16],
            ", ".join(item["about"][:3]) + (" ..." if len(item["about"]) > 3 else ""),
            item["answer"],
        ]
        for item in answer
    ]
    empty = "no message is dead" if dead else "nothing was told yet"
    desk.table(answer, ("what", "way", "state", "tries", "made", "about", "answer"), rows, empty)


@app.command()
@command
def retry(desk: Desk, account: Account = "") -> None:
    """Try everything again at once that was given up."""
    answer = desk.client.post(_at(account, "retry", part="notices"), None)
    told = "\n".join(f"{item['id']} is tried again by {item['name']}" for item in answer)
    desk.say(answer, told or "no message is dead")


def _at(account: str, *parts: str, part: str = "subscriptions") -> str:
    from wavetrain.cli.client import at

    return at("accounts", account, part, *parts) if account else at(part, *parts)


def _say_secret(desk: Desk, answer: dict[str, Any], text: str) -> None:
    if answer["secret"]:
        typer.echo("the secret is shown this once; verify with it, as Standard Webhooks asks", err=True)
    desk.say(answer, answer["secret"] or text)


def _fares(item: dict[str, Any]) -> str:
    tries = f"{item['tries']} {'try' if item['tries'] == 1 else 'tries'}"
    said = f": {item['answer']}" if item["answer"] else ""
    due = f"; next in {item['due_in_s']:.0f} s" if item["due_in_s"] is not None else ""
    return f"{item['state']} after {tries}{said}{due}"
