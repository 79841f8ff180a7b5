"""Bench timetable command: is a large train planned fast enough, near enough to what is possible?"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from wavetrain.cli.bench_figures import shown, yardstick_row
from wavetrain.cli.desk import OTHERWISE, exit_codes, text_of
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from wavetrain.control.ports import Optimizer
    from wavetrain.model.fleet import Fleet
    from wavetrain.model.policy import Policy
    from wavetrain.simulate.train_bench import TrainBench

FULL, SMALL = (4_000, 100, 200_000), (90, 50, 4_500)
SECONDS = 60.0
PLAN_S, REPLAN_S, OPTIMUM_S, WINDOWS_OVER = 2.0, 2.0, 2.0, 2
"""The limits: seconds to plan, to plan again, to prove 90 PoPs' optimum; windows above the proven bound."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What `wavetrain bench timetable` measured."""

    pops: int
    pairs: int
    seconds: float
    windows: int
    lower_bound: int
    hard_broken: int
    soft_unmet: float
    soft_unmet_optimized: float | None
    replan_seconds: float
    replan_moved: int
    replan_forced: int
    demand_seconds: float
    beside: int
    tail: int
    optimize_seconds: float | None
    optimum_90_seconds: float | None
    optimum_90_proven: bool | None
    yardstick_seconds: float
    """A fixed piece of plain Python in the same run: machines are compared by it."""


def timetable(
    fleet: Annotated[
        Path | None, typer.Option(help="A fleet file; by default a sample of 4,000 PoPs and 200,000 sites.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy file; by default the sample's rings at a compact pace.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long the solver may look.")] = SECONDS,
) -> None:
    """Plan, plan again and improve a train of 4,000 PoPs; prove the optimum of 90. About 2 minutes."""
    with exit_codes():
        from rich.console import Console

        console = Console(stderr=json_file == Path("-"))
        with console.status("the fleet") as status:
            figures = _measured(fleet, policy, seconds, status)
        shown(console, rows(figures), figures, json_file)
        if figures.hard_broken or figures.windows > figures.lower_bound + WINDOWS_OVER:
            raise typer.Exit(OTHERWISE)


def rows(figures: Figures) -> list[list[str]]:
    """The figures beside their limits."""
    better = figures.soft_unmet_optimized
    made = [
        ["PoPs, pairs of PoPs that share sites", f"{figures.pops:,}, {figures.pairs:,}", ""],
        ["plan", f"{figures.seconds:.2f} s", f"under {PLAN_S:g} s"],
        ["hard rules broken", str(figures.hard_broken), "0"],
        [
            "windows, and the least possible",
            f"{figures.windows}, {figures.lower_bound}",
            f"at most {figures.lower_bound + WINDOWS_OVER}",
        ],
        ["PoPs that no ring waits for", str(figures.beside), ""],
        ["PoPs after the train's days", str(figures.tail), ""],
        ["cost of broken wishes, in sites", f"{figures.soft_unmet:g}", ""],
        ["the same with --optimize", "no OR-Tools here" if better is None else f"{better:g}", ""],
        [
            "plan again after a freeze",
            f"{figures.replan_seconds:.2f} s, {figures.replan_moved} moved of {figures.replan_forced} frozen",
            f"under {REPLAN_S:g} s",
        ],
    ]
    if figures.optimum_90_seconds is not None:
        proven = "proven" if figures.optimum_90_proven else "not proven"
        made.append(
            ["optimum of 90 PoPs", f"{figures.optimum_90_seconds:.2f} s, {proven}", f"under {OPTIMUM_S:g} s"]
        )
    return [*made, yardstick_row(figures.yardstick_seconds)]


def _measured(fleet: Path | None, policy: Path | None, seconds: float, status: object) -> Figures:
    from wavetrain.cli import fleet_source
    from wavetrain.simulate import yardstick
    from wavetrain.simulate.sample import Size, sample
    from wavetrain.simulate.train_bench import measure

    say = getattr(status, "update")  # noqa: B009 (rich's status has no name of its own to be typed by)
    optimizer = _optimizer()
    known = fleet_source.read(fleet) if fleet is not None else _sample(FULL)
    rules = _policy(policy, known)
    departs = _departs()
    before = yardstick.seconds()
    made = measure(known, rules, departs, optimizer, seconds, say)
    small: TrainBench | None = None
    if optimizer is not None:
        say("the optimum of 90 PoPs")
        few = sample(Size(pops=SMALL[0], nodes=SMALL[1], sites=SMALL[2], seed=1))
        small = measure(few, _policy(None, few), departs, optimizer, OPTIMUM_S)
    return Figures(
        pops=made.pops,
        pairs=made.pairs,
        seconds=made.seconds,
        windows=made.windows,
        lower_bound=made.lower_bound,
        hard_broken=made.hard_broken + made.replan_hard_broken,
        soft_unmet=made.soft_unmet,
        soft_unmet_optimized=made.soft_unmet_optimized,
        replan_seconds=made.replan_seconds,
        replan_moved=made.replan_moved,
        replan_forced=made.replan_forced,
        demand_seconds=made.demand_seconds,
        beside=made.beside,
        tail=made.tail,
        optimize_seconds=made.optimize_seconds,
        optimum_90_seconds=small.optimize_seconds if small is not None else None,
        optimum_90_proven=small.optimum_proven if small is not None else None,
        yardstick_seconds=round(yardstick.middle(before, yardstick.seconds()), 4),
    )


def _sample(size: tuple[int, int, int]) -> "Fleet":
    from wavetrain.simulate.sample import Size, sample

    return sample(Size(pops=size[0], nodes=size[1], sites=size[2], seed=1))


def _policy(file: Path | None, fleet: "Fleet") -> "Policy":
    from wavetrain.model.policy import Pace
    from wavetrain.simulate.sample_policy import policy_text
    from wavetrain.wire.policy_file import read_policy

    if file is not None:
        return read_policy(text_of(file), fleet, str(file))
    made = read_policy(policy_text(fleet), fleet, "sample policy")
    return msgspec.structs.replace(made, timing=msgspec.structs.replace(made.timing, pace=Pace.COMPACT))


def _departs() -> datetime:
    from wavetrain.simulate.train_bench import sunday

    return sunday(datetime.fromtimestamp(time.time(), UTC).date())


def _optimizer() -> "Optimizer | None":
    from wavetrain.adapters.cp_sat import CpSat

    try:
        return CpSat()
    except RefusedError as error:
        typer.echo(f"without the solver's figures: {error}", err=True)
        return None
