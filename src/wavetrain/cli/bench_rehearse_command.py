"""Bench rehearse command: do a train, its memory, or a tick take more than they may?"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from wavetrain.cli.bench_figures import shown, yardstick_row
from wavetrain.cli.desk import OTHERWISE, exit_codes
from wavetrain.cli.rehearse_policy import made_for
from wavetrain.cli.rehearse_progress import Progress

if TYPE_CHECKING:
    from wavetrain.simulate.run_rehearsal import Played
    from wavetrain.simulate.tick_bench import Pace, Ticks

FULL, FULL_METRICS = (4_000, 100, 200_000), 40
MIDDLE, MIDDLE_METRICS = (90, 50, 4_500), 8
WAVE = (400, 100)
SMALL = (6, 4)
ROUNDS = 3
"""Every figure is the median of so many, but for the train of the full size, which is played once."""
WARM_TICKS = 600
SMALL_SEEDS = 4
FULL_S, FULL_MB, MIDDLE_S, WARM_MS, COLD_MS, PER_MINUTE = 120.0, 1_024, 5.0, 50.0, 250.0, 50_000
"""The limits."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What `wavetrain bench rehearse` measured. `cpu`: of one core, which is what counts where others work, too."""

    pops: int
    nodes: int
    metrics: int
    full_s: float
    full_cpu_s: float
    full_peak_rss_mb: int
    full_ticks: int
    full_status: str
    middle_s: float
    middle_cpu_s: float
    guards_violated: int
    rounds: int
    wave_pops: int
    tick_warm_p99_ms: float
    tick_warm_cpu_p99_ms: float
    tick_cold_p99_ms: float
    tick_cold_cpu_p99_ms: float
    changing_ticks_per_minute: float
    changing_ticks_per_cpu_minute: float
    yardstick_s: float
    """A fixed piece of plain Python in the same run: machines are compared by it."""


def rehearse(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the store's file is made: the disk to measure.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of everything, to see that it works.")
    ] = False,
) -> None:
    """Trains of 4,000 PoPs x 100 nodes, of 90 x 50; ticks over a wave on SQLite; ticks a minute. About 5 minutes."""
    with exit_codes():
        from rich.console import Console

        with Progress(json_file == Path("-")) as progress:
            bench = _measured(folder, 10 if quick else 1, progress)
        shown(Console(stderr=json_file == Path("-")), _rows(bench), bench, json_file)
        if bench.guards_violated:
            raise typer.Exit(OTHERWISE)


def _measured(folder: Path | None, part: int, progress: Progress) -> Bench:
    from wavetrain.simulate import yardstick

    rounds = 1 if part > 1 else ROUNDS
    before = yardstick.seconds()
    full = _played(FULL, FULL_METRICS, part, progress)
    middle = [_played(MIDDLE, MIDDLE_METRICS, 1, progress) for _ in range(rounds)]
    took = [_ticks(folder, part, progress) for _ in range(rounds)]
    small = [_pace(part, progress) for _ in range(rounds)]
    return Bench(
        pops=full.said.pops,
        nodes=full.said.nodes,
        metrics=FULL_METRICS,
        full_s=full.said.seconds,
        full_cpu_s=full.said.cpu_seconds,
        full_peak_rss_mb=full.said.peak_rss_mb,
        full_ticks=full.said.ticks,
        full_status=full.said.status,
        middle_s=median(one.said.seconds for one in middle),
        middle_cpu_s=median(one.said.cpu_seconds for one in middle),
        guards_violated=sum(one.violated for one in (full, *middle)),
        rounds=rounds,
        wave_pops=took[0].pops,
        tick_warm_p99_ms=_ms(one.warm_p99_s for one in took),
        tick_warm_cpu_p99_ms=_ms(one.warm_cpu_p99_s for one in took),
        tick_cold_p99_ms=_ms(one.cold_p99_s for one in took),
        tick_cold_cpu_p99_ms=_ms(one.cold_cpu_p99_s for one in took),
        changing_ticks_per_minute=round(median(one.per_minute for one in small)),
        changing_ticks_per_cpu_minute=round(median(one.per_cpu_minute for one in small)),
        yardstick_s=round(yardstick.middle(before, yardstick.seconds()), 4),
    )


def _ms(seconds: Iterable[float]) -> float:
    return round(1e3 * median(seconds), 1)


def _played(size: tuple[int, int, int], metrics: int, part: int, progress: Progress) -> "Played":
    """A train of a sample fleet, by the policy that is made for it, with all that goes wrong in a bad fortnight."""
    from wavetrain.simulate.mishaps import Mishaps
    from wavetrain.simulate.rehearsal import Plan
    from wavetrain.simulate.run_rehearsal import play
    from wavetrain.simulate.sample import Size, sample

    pops, nodes, sites = size
    progress.begin(f"a train of {pops // part:,} PoPs x {nodes} nodes")
    fleet = sample(Size(pops=pops // part, nodes=nodes, sites=sites // part, seed=1))
    plan = Plan(fleet=fleet, policy=made_for(fleet, metrics), mishaps=Mishaps(1))
    return play(plan, told=progress.tell)


def _ticks(folder: Path | None, part: int, progress: Progress) -> "Ticks":
    from wavetrain.simulate.tick_bench import ticks

    pops, nodes = WAVE[0] // part, WAVE[1]
    progress.begin(f"ticks over a wave of {pops} PoPs x {nodes} nodes", WARM_TICKS // part)
    with tempfile.TemporaryDirectory(prefix="wavetrain-bench-", dir=folder) as made:
        return ticks(Path(made), pops, nodes, WARM_TICKS // part, progress.step)


def _pace(part: int, progress: Progress) -> "Pace":
    from wavetrain.simulate.tick_bench import pace

    progress.begin("ticks a minute on {} PoPs x {} nodes".format(*SMALL))
    return pace(*SMALL, max(1, SMALL_SEEDS // part))


def _rows(bench: Bench) -> list[list[str]]:
    pops, nodes = bench.pops, bench.nodes // bench.pops
    wave = f"{bench.wave_pops} PoPs x {WAVE[1]} nodes"
    of_median = f"the median of {bench.rounds}" if bench.rounds > 1 else "one round"
    return [
        [
            f"{pops:,} PoPs x {nodes} nodes, {bench.metrics} metrics, 14 days: {bench.full_status}",
            f"{bench.full_s:.1f} s, {bench.full_cpu_s:.1f} s of the processor",
            f"under {FULL_S:g} s",
        ],
        ["its memory at most", f"{bench.full_peak_rss_mb} MB", f"under {FULL_MB:,} MB"],
        [
            f"{MIDDLE[0]} PoPs x {MIDDLE[1]} nodes, 14 days, {of_median}",
            f"{bench.middle_s:.1f} s, {bench.middle_cpu_s:.1f} s of the processor",
            f"under {MIDDLE_S:g} s",
        ],
        ["guards violated", str(bench.guards_violated), "0"],
        [
            f"tick over a wave of {wave} on SQLite, p99 warm, {of_median}",
            f"{bench.tick_warm_p99_ms:.0f} ms, {bench.tick_warm_cpu_p99_ms:.0f} ms of the processor",
            f"under {WARM_MS:g} ms",
        ],
        [
            "the same, first of a process",
            f"{bench.tick_cold_p99_ms:.0f} ms, {bench.tick_cold_cpu_p99_ms:.0f} ms of the processor",
            f"under {COLD_MS:g} ms",
        ],
        [
            "ticks that change something, {} PoPs x {} nodes, {}".format(*SMALL, of_median),
            f"{bench.changing_ticks_per_minute:,.0f} a minute, {bench.changing_ticks_per_cpu_minute:,.0f} a minute "
            "of the processor",
            f"at least {PER_MINUTE:,}",
        ],
        yardstick_row(bench.yardstick_s),
    ]
