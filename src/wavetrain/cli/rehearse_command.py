"""Rehearse command: what becomes of a release on this fleet, before a byte moves?"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import OTHERWISE, exit_codes, text_of
from wavetrain.cli.rehearse_policy import policy_of, rings_in_words
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.model.fleet import Fleet
    from wavetrain.model.window import Freeze
    from wavetrain.simulate.rehearsal import Plan, Stand
    from wavetrain.simulate.run_rehearsal import Played

LINE_S = 10.0
"""Seconds between two lines about how far it has come, where nobody watches a bar."""

FleetFile = Annotated[
    Path | None, typer.Option("--fleet", help="A fleet file; without: one is made up, see --pops.")
]
ReleaseFile = Annotated[
    Path | None, typer.Option("--release", help="A release manifest; without: a sound release 2.0.0.")
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        help="A policy file of the lane pop; without: NAME.policy.toml beside the fleet file NAME, else one is made.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Decides the mishaps; the same seed, the same train.")
]
Days = Annotated[float, typer.Option("--days", min=0.1, max=366.0, help="How long the train is rehearsed.")]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="FAULT",
        help="Rehearse again with a bad release: xN (N times the failures) or crash, perhaps @RING. May be repeated.",
    ),
]
Freezes = Annotated[
    list[str] | None,
    typer.Option(
        "--freeze", metavar="START/END", help="Nothing new moves in this span, e.g. 2026-01-20/2026-01-22."
    ),
]
Calm = Annotated[bool, typer.Option("--calm", help="No mishaps of nodes, reports, PoPs and telemetry.")]
Pops = Annotated[int, typer.Option("--pops", help="PoPs of a fleet that is made up.")]
Nodes = Annotated[int, typer.Option("--nodes", help="Nodes of each of its PoPs.")]
Sites = Annotated[int, typer.Option("--sites", help="Sites of its customers.")]
Metrics = Annotated[
    int | None,
    typer.Option(
        "--metrics", min=0, max=40, help="Metrics of a policy that is made up: 8, or the sample's two."
    ),
]
Nobody = Annotated[bool, typer.Option("--nobody", help="Let nobody answer what persons are asked.")]
Planted = Annotated[
    bool,
    typer.Option(
        "--plant", help="Break a guard on purpose, to see that it is found: then the exit code is 4."
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
]
SvgFile = Annotated[Path | None, typer.Option("--svg", help="Draw the train into this file.")]


def rehearse(
    fleet: FleetFile = None,
    release: ReleaseFile = None,
    policy: PolicyFile = None,
    seed: Seed = 1,
    days: Days = 14.0,
    fault: Faults = None,
    freeze: Freezes = None,
    calm: Calm = False,
    pops: Pops = 60,
    nodes: Nodes = 8,
    sites: Sites = 3_000,
    metrics: Metrics = None,
    nobody: Nobody = False,
    plant: Planted = False,
    json_file: JsonFile = None,
    svg: SvgFile = None,
) -> None:
    """Play a whole train on this fleet: the real decisions, a virtual clock, nodes and telemetry that are played.

    Prints the calendar, whom each wave touches, how soon all could be undone, and what each fault would expose.
    """
    with exit_codes():
        from wavetrain.simulate.mishaps import read_fault
        from wavetrain.simulate.planted_breach import impatient
        from wavetrain.simulate.run_rehearsal import play

        size = (pops, nodes, sites)
        planned = plan_of(
            fleet, release, policy, seed, days, freeze or [], size, metrics, calm=calm, nobody=nobody
        )
        rings = tuple(ring.name for ring in planned.policy.rings)
        faults = [read_fault(text, rings) for text in fault or []]
        with Progress(json_file == Path("-")) as progress:
            more = {"decide": impatient(planned)} if plant else {}
            played = play(planned, faults, told=progress.tell, with_picture=svg is not None, **more)
        if svg is not None:
            svg.write_text(played.svg)
        _say(played, json_file)
        if played.violated:
            raise typer.Exit(OTHERWISE)


def plan_of(
    fleet: Path | None = None,
    release: Path | None = None,
    policy: Path | None = None,
    seed: int = 1,
    days: float = 14.0,
    freezes: Sequence[str] = (),
    size: tuple[int, int, int] = (0, 0, 0),
    metrics: int | None = None,
    *,
    calm: bool = False,
    nobody: bool = False,
) -> "Plan":
    """What the options and files say is to be rehearsed. `size`: PoPs, nodes of each, and sites, where no file says."""
    from wavetrain.simulate import made_up
    from wavetrain.simulate.mishaps import CALM, ROUGH, Mishaps
    from wavetrain.simulate.rehearsal import COMPONENT, Plan

    known = _fleet(fleet) if fleet is not None else made_up.fleet(*size, seed)
    rules, origin = policy_of(policy, fleet, known, metrics)
    component, number = _release(release) if release is not None else (COMPONENT, "2.0.0")
    return Plan(
        fleet=known,
        policy=rules,
        mishaps=Mishaps(seed, CALM if calm else ROUGH),
        component=component,
        number=number,
        freezes=tuple(_freeze(text, place) for place, text in enumerate(freezes)),
        days=days,
        rules=f"{origin}: {rings_in_words(rules)}",
        answered=not nobody,
    )


def _fleet(file: Path) -> "Fleet":
    from wavetrain.cli.fleet_source import read

    return read(file)


def _release(file: Path) -> tuple[str, str]:
    from wavetrain.simulate.rehearsal import BASELINE
    from wavetrain.wire.release_file import read_release

    candidate = read_release(text_of(file), str(file), digest="0" * 64, size=1)
    if candidate.lane != "pop":
        raise RefusedError(f"{file} is a release of lane {candidate.lane}; a rehearsal plays lane pop")
    if candidate.number == BASELINE:
        raise RefusedError(
            f"{file} is release {BASELINE}, which the rehearsal's nodes run already; name a newer one"
        )
    return candidate.component, candidate.number


def _freeze(text: str, place: int) -> "Freeze":
    from wavetrain.model.window import Freeze

    first, _, last = text.partition("/")
    try:
        starts, ends = (datetime.fromisoformat(part) for part in (first, last))
        starts, ends = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (starts, ends))
        return Freeze(
            id=f"freeze-{place + 1}",
            starts=starts.astimezone(UTC),
            ends=ends.astimezone(UTC),
            reason="rehearsed",
            by="rehearsal",
        )
    except ValueError as error:
        raise RefusedError(
            f"freeze {text[:80]!r} cannot be read ({error}); give START/END, e.g. 2026-01-20/2026-01-22"
        ) from None


def _say(played: "Played", json_file: Path | None) -> None:
    import msgspec

    from wavetrain.simulate.rehearsal_text import lines

    if json_file is not None:
        said = msgspec.to_builtins(played.said)
        said["guards_violated"] = played.violated
        said["faults"] = [
            {"status": one.status, "cause": one.cause, **msgspec.to_builtins(one.fault)}
            for one in played.faulty
        ]
        del said["fault"]
        text = msgspec.json.format(msgspec.json.encode(said), indent=2).decode() + "\n"
        if json_file == Path("-"):
            sys.stdout.write(text)
            return
        json_file.write_text(text)
    for line in lines(played.said):
        typer.echo(line)
    for one in played.faulty:
        typer.echo("")
        for line in list(lines(one))[-FAULT_LINES:]:
            typer.echo(line)


FAULT_LINES = 3
"""Of a run with a fault only its end is told: the rest is as before."""


class Progress:
    """A bar where a person watches, else a line now and then; on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet and not sys.stderr.isatty()
        self._bar: Callable[[Stand], None] | None = None
        self._close: Callable[[], None] = lambda: None
        self._told_at = time.monotonic()

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            bar = Bar(
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            bar.start()
            task = bar.add_task("furnishing", total=1.0)
            self._close = bar.stop
            self._bar = lambda stand: bar.update(task, completed=stand.share, description=_stand(stand))
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def tell(self, stand: "Stand") -> None:
        """After each tick."""
        now = time.monotonic()
        if self._bar is not None:
            if now - self._told_at > BAR_S:
                self._told_at = now
                self._bar(stand)
        elif not self._quiet and now - self._told_at > LINE_S:
            self._told_at = now
            typer.echo(f"{stand.share:.0%} {_stand(stand)}", err=True)


BAR_S = 0.2


def _stand(stand: "Stand") -> str:
    return f"{stand.now:%a %d %b %H:%M}, {stand.text}, {stand.done} PoPs done"
