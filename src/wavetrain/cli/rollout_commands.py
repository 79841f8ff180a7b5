"""Rollout commands: list, watch and steer what is under way."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import OTHERWISE, Desk, Reason, command
from wavetrain.errors import UnknownError

app = typer.Typer(help="Releases on their way.", no_args_is_help=True)
Rollout = Annotated[str, typer.Argument(help="The rollout's id, as `rollout list` shows it.")]
LOOK_EVERY_S = 0.5


class Consent(StrEnum):
    """What is consented to."""

    GENERAL = "general"
    INCONCLUSIVE = "inconclusive"
    FORWARD = "forward"
    HOTFIX = "hotfix"
    CUT = "cut"


class Way(StrEnum):
    """How a release enters while an older one is under way."""

    TRAIN = "train"
    SUPERSEDE = "supersede"
    BEHIND = "behind"
    RESTART = "restart"
    AFFECTED = "affected"


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every rollout, the newest first."""
    answer = desk.client.get("/v1/rollouts")
    rows = [
        [
            item["id"],
            item["lane"],
            item["previous"] or "-",
            item["number"],
            item["status"],
            item["departs"][:16],
            (item["hold"] or {}).get("reason") or item["cause"] or "-",
        ]
        for item in answer
    ]
    heads = ("rollout", "lane", "from", "to", "status", "departs", "waits or why")
    desk.table(
        answer, heads, rows, "there are no rollouts; submit a release: wavetrain release submit MANIFEST"
    )


@app.command()
@command
def watch(
    desk: Desk,
    rollout: Annotated[str | None, typer.Argument(help="Its id; by default the oldest under way.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Show how it stands, and end.")] = False,
) -> None:
    """Watch a rollout until it is over; exit code 0 when it completed, 4 when it ended otherwise."""
    name = rollout or under_way(desk)
    last = _json_watch(desk, name, once) if desk.as_json else _live_watch(desk, name, once)
    if last["is_over"] and not last["status"].startswith("completed"):
        raise typer.Exit(OTHERWISE)


@app.command()
@command
def approve(
    desk: Desk,
    rollout: Rollout,
    consent: Annotated[Consent, typer.Option(help="What to consent to.")] = Consent.GENERAL,
) -> None:
    """Consent to a step; nobody approves their own request."""
    answer = _post(desk, rollout, "approve", {"consent": consent.value})
    desk.say(answer, f"{rollout}: approved ({consent.value})")


@app.command()
@command
def pause(desk: Desk, rollout: Rollout, reason: Reason) -> None:
    """Stop for now; what is being moved comes to its end."""
    _steer(desk, rollout, "pause", reason)


@app.command()
@command
def resume(desk: Desk, rollout: Rollout, reason: Reason = "resumed") -> None:
    """Go on after a pause."""
    _steer(desk, rollout, "resume", reason)


@app.command()
@command
def abort(desk: Desk, rollout: Rollout, reason: Reason) -> None:
    """Stop for good and keep the mix until a person decides."""
    _steer(desk, rollout, "abort", reason)


@app.command()
@command
def revert(desk: Desk, rollout: Rollout, reason: Reason) -> None:
    """Go back to the older release; passes windows and freezes, needs no second person."""
    _steer(desk, rollout, "revert", reason)


@app.command()
@command
def place(
    desk: Desk,
    rollout: Rollout,
    how: Annotated[Way, typer.Option(help="How it enters while an older one is under way.")],
    reason: Reason,
    wave: Annotated[int, typer.Option(help="With restart: the wave to begin with.")] = 0,
    pop: Annotated[list[str] | None, typer.Option(help="With affected: a PoP; may be given again.")] = None,
) -> None:
    """Let a rollout that has not departed enter a train under way in another way."""
    body = {"how": how.value, "wave": wave, "pops": pop or [], "reason": reason}
    answer = _post(desk, rollout, "place", body)
    desk.say(answer, f"{rollout} enters in another way: {answer['hotfix']['how']}")


def _post(desk: Desk, rollout: str, verb: str, body: dict[str, Any]) -> Any:
    from wavetrain.cli.client import at

    return desk.client.post(at("rollouts", rollout, verb), body)


def _steer(desk: Desk, rollout: str, verb: str, reason: str) -> None:
    answer = _post(desk, rollout, verb, {"reason": reason})
    desk.say(answer, f"{rollout} is {answer['status']}: {reason}")


def under_way(desk: Desk) -> str:
    """The oldest rollout that is under way, or the last that was."""
    known = desk.client.get("/v1/status", recent=1)["rollouts"]
    active = [item for item in known if not item["is_over"]]
    if not known:
        raise UnknownError("there are no rollouts; submit a release: wavetrain release submit MANIFEST")
    return str((active or known)[0]["id"])


def _look(desk: Desk, name: str) -> dict[str, Any]:
    from wavetrain.cli.client import at

    return dict(desk.client.get(at("rollouts", name)))


def _json_watch(desk: Desk, name: str, once: bool) -> dict[str, Any]:
    """One line of JSON for each change."""
    import json

    before: dict[str, Any] = {}
    while True:
        seen = _look(desk, name)
        if seen != before:
            typer.echo(json.dumps(seen, ensure_ascii=False))
        if once or seen["is_over"]:
            return seen
        before = seen
        time.sleep(LOOK_EVERY_S)


def _live_watch(desk: Desk, name: str, once: bool) -> dict[str, Any]:
    from rich.live import Live

    from wavetrain.cli.rollout_picture import picture

    console = desk.console
    seen = _look(desk, name)
    if once or seen["is_over"]:
        console.print(picture(seen))
        return seen
    with Live(picture(seen), console=console, refresh_per_second=4) as live:
        while not seen["is_over"]:
            time.sleep(LOOK_EVERY_S)
            seen = _look(desk, name)
            live.update(picture(seen))
    return seen
