"""Train commands: plan a train that nobody has asked for yet, show timetables, compare them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavetrain.cli.desk import Desk, command, text_of
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.control.trains import PlanSeen
    from wavetrain.model.window import Freeze

app = typer.Typer(help="Trains: which PoP goes in which window.", no_args_is_help=True)
SECONDS = 60.0
AHEAD = timedelta(days=2)
"""A train that has left already is planned as if it had been so long before it left."""
PERCENT = 100.0
Listed = Annotated[int, typer.Option("--list", min=0, help="How many stops, wishes and moves are named.")]


@app.command()
@command
def plan(
    desk: Desk,
    fleet: Annotated[Path, typer.Option(help="A fleet file: TOML or JSON lines.")],
    policy: Annotated[Path, typer.Option(help="A policy file of the lane pop.")],
    departs: Annotated[
        str, typer.Option(help="The day of departure, YYYY-MM-DD; by default the next of the policy.")
    ] = "",
    freeze: Annotated[
        list[str] | None,
        typer.Option(help="A freeze to plan around: FROM/TO in UTC, then names that it binds, by commas."),
    ] = None,
    optimize: Annotated[
        bool, typer.Option("--optimize", help="Let a solver look for fewer broken wishes (needs OR-Tools).")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, help="How long the solver may look.")
    ] = SECONDS,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the whole plan into this file.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="A recording of the fleet at rest: says what each wave could see.")
    ] = None,
    see: Annotated[
        float | None, typer.Option(min=0.1, help="The worsening, in per cent, that each wave should see.")
    ] = None,
    listed: Listed = 8,
) -> None:
    """What a train would look like: its windows, the wishes it breaks, and the proof that it breaks no hard rule.

    With a recording (`wavetrain record`) also what each wave could see of a bad release, and which checks could gate.
    """
    from wavetrain.cli import fleet_source
    from wavetrain.cli.history_commands import watched
    from wavetrain.control import trains
    from wavetrain.decide import timetable
    from wavetrain.model.lane import LANES
    from wavetrain.wire.policy_file import read_policy

    known = fleet_source.read(fleet, quiet=desk.as_json)
    rules = read_policy(text_of(policy), known, str(policy))
    now = datetime.fromtimestamp(time.time(), UTC)
    leaves = _day(departs) if departs else timetable.departure(rules, LANES[rules.lane], now)
    spans = tuple(_freeze(text, number) for number, text in enumerate(freeze or (), start=1))
    if see is not None and history is None:
        raise RefusedError("--see needs --history, a recording of the fleet; make one with wavetrain record")
    watches = watched(history, rules) if history is not None else None
    optimizer = None
    if optimize:
        from wavetrain.adapters.cp_sat import CpSat

        optimizer = CpSat()
    with fleet_source.progress(quiet=desk.as_json) as say:
        say("plan", 0, 1)
        made = trains.outlook(
            known,
            rules,
            spans,
            leaves,
            now if now < leaves else leaves - AHEAD,
            optimizer=optimizer,
            seconds=seconds,
            watches=watches,
            worse_by=see / PERCENT if see is not None else None,
        )
        say("plan", 1, 1)
    _write(made, out)
    _say(desk, made, listed)


@app.command()
@command
def show(
    desk: Desk,
    rollout: Annotated[str | None, typer.Argument(help="Its id; by default the oldest under way.")] = None,
    number: Annotated[int, typer.Option(min=0, help="An earlier timetable's number.")] = 0,
    sight: Annotated[
        bool, typer.Option("--sight", help="Say what each wave can see by the fleet's pre-periods.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the whole plan into this file.")
    ] = None,
    listed: Listed = 8,
) -> None:
    """The timetable of a rollout: nights, waves, stops, what is not granted, and the proof."""
    made = _asked(desk, rollout or _under_way(desk), number, sight=sight)
    _write(made, out)
    _say(desk, made, listed)


@app.command()
@command
def diff(
    desk: Desk,
    old: Annotated[str, typer.Argument(help="A plan file; or, with --rollout, a timetable's number.")],
    new: Annotated[str, typer.Argument(help="The same, of the newer plan.")],
    rollout: Annotated[str, typer.Option(help="Compare two timetables of this rollout.")] = "",
    listed: Listed = 40,
) -> None:
    """Which PoPs differ between two plans, and why."""
    import msgspec

    from wavetrain.cli.train_picture import difference_lines
    from wavetrain.control import trains

    found = trains.difference(_plan_of(desk, old, rollout).stops, _plan_of(desk, new, rollout).stops)
    desk.say(msgspec.to_builtins(found), "\n".join(difference_lines(found, listed=listed)))


def _plan_of(desk: Desk, name: str, rollout: str) -> "PlanSeen":
    from wavetrain.wire.plan_file import PLAN_BYTES_MAX, read_plan

    if not rollout:
        file = Path(name)
        try:
            if file.stat().st_size > PLAN_BYTES_MAX:
                raise RefusedError(f"{file} is larger than {PLAN_BYTES_MAX} bytes; it is no plan")
            return read_plan(file.read_bytes(), name)
        except OSError as error:
            raise RefusedError(
                f"{file} cannot be read: {error.strerror}; name a plan file, or a rollout with --rollout"
            ) from None
    if not name.isdigit() or not int(name):
        raise RefusedError(f"{name} is no timetable's number; give 1 or more, as `train show` says it")
    return _asked(desk, rollout, int(name))


def _asked(desk: Desk, rollout: str, number: int, *, sight: bool = False) -> "PlanSeen":
    import msgspec

    from wavetrain.cli.client import at
    from wavetrain.control.trains import PlanSeen

    asked: dict[str, Any] = {"number": number} if number else {}
    if sight:
        asked["sight"] = 1
    return msgspec.convert(desk.client.get(at("trains", rollout), **asked), PlanSeen)


def _under_way(desk: Desk) -> str:
    from wavetrain.cli.rollout_commands import under_way

    return under_way(desk)


def _write(made: "PlanSeen", out: Path | None) -> None:
    from wavetrain.cli import fleet_source
    from wavetrain.wire.plan_file import write_plan

    if out is not None:
        fleet_source.replace(out, [write_plan(made)])


def _say(desk: Desk, made: "PlanSeen", listed: int) -> None:
    import msgspec

    from wavetrain.cli.train_picture import lines

    desk.say(msgspec.to_builtins(made), "\n".join(lines(made, listed=listed)))


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError(f"--departs {text!r} is no day; give YYYY-MM-DD, e.g. 2026-03-01") from None


def _freeze(text: str, number: int) -> "Freeze":
    from wavetrain.model.window import Freeze

    span, *names = text.split(",")
    start, _, end = span.partition("/")
    try:
        first, last = _instant(start), _instant(end)
        return Freeze(
            id=f"asked-{number}",
            starts=first,
            ends=last,
            reason="asked for on the command line",
            by="you",
            scope=tuple(names),
        )
    except ValueError as error:
        raise RefusedError(
            f"--freeze {text!r} cannot be used: {error}; give FROM/TO, e.g. 2026-03-04/2026-03-06T12:00,emea"
        ) from None


def _instant(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
