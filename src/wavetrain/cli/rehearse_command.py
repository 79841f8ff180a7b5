"""Rehearse command: what becomes of a release on this fleet, before a byte moves?"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.desk import OTHERWISE, exit_codes, text_of
from wavetrain.cli.rehearse_policy import policy_of, rings_in_words
from wavetrain.cli.rehearse_progress import Progress
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.model.fleet import Fleet
    from wavetrain.model.window import Freeze
    from wavetrain.simulate.rehearsal import Plan
    from wavetrain.simulate.run_rehearsal import Played

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
        "--plant",
        help="Break a guard on purpose, to see that it is found: then it ends there, with exit code 4.",
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
        import msgspec

        from wavetrain.simulate.mishaps import read_fault
        from wavetrain.simulate.planted_breach import Impatient
        from wavetrain.simulate.run_rehearsal import play

        size = (pops, nodes, sites)
        planned = plan_of(
            fleet, release, policy, seed, days, freeze or [], size, metrics, calm=calm, nobody=nobody
        )
        rings = tuple(ring.name for ring in planned.policy.rings)
        faults = [read_fault(text, rings) for text in fault or []]
        with Progress(json_file == Path("-")) as progress:
            if plant and faults:
                raise RefusedError(
                    "--plant ends where the breach is found, before any --fault; leave one of them out"
                )
            if plant:
                planned = msgspec.structs.replace(planned, ends_broken=True)
                breach = Impatient(planned)
                played = play(planned, told=progress.tell, with_picture=svg is not None, decide=breach)
                _check_planted(breach.planted, played)
            else:
                played = play(planned, faults, told=progress.tell, with_picture=svg is not None)
        if svg is not None:
            svg.write_text(played.svg)
        _say(played, json_file)
        if played.violated:
            raise typer.Exit(OTHERWISE)


def _check_planted(pop: str, played: "Played") -> None:
    """`RefusedError` where nothing was broken that could have been found."""
    said = played.said
    if not pop:
        raise RefusedError(
            f"nothing was broken on purpose: {said.pops_done} of {said.pops} PoPs were through, and a breach comes "
            "after half of them, in a PoP of three nodes or more; rehearse more --days, or a larger fleet"
        )
    if not played.violated:
        raise RefusedError(
            f"{pop} had more nodes out than its budget allows, and no guard has seen it: do not trust this rehearsal; "
            "see docs/guards.md, and report it with the seed"
        )


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

    from wavetrain.simulate.rehearsal_text import fault_lines, lines

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
        for line in fault_lines(one):
            typer.echo(line)
    if not played.faulty:
        typer.echo("what a bad release would expose before it is stopped: --fault x10, --fault crash@RING")
