"""Bench rehearse command: do a train, its memory, or a tick take more than they may?"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from wavetrain.cli.bench_figures import shown
from wavetrain.cli.desk import OTHERWISE, exit_codes

FULL = (4_000, 100, 200_000, 40)
MIDDLE = (90, 50, 4_500)
WAVE = (400, 100)
SMALL = (6, 4)
WARM_TICKS = 1_500
SMALL_ROUNDS = 10


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What `wavetrain bench rehearse` measured."""

    full_s: float
    full_peak_rss_mb: int
    full_ticks: int
    full_status: str
    middle_s: float
    guards_violated: int
    tick_warm_p99_ms: float
    tick_cold_p99_ms: float
    changing_ticks_per_minute: float


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

        console = Console(stderr=json_file == Path("-"))
        with console.status("a train of the full size") as status:
            bench = _measured(folder, 10 if quick else 1, status.update)
        shown(console, _rows(bench), bench, json_file)
        if bench.guards_violated:
            raise typer.Exit(OTHERWISE)


def _measured(folder: Path | None, part: int, say: Callable[[str], None]) -> Bench:
    from wavetrain.cli.rehearse_command import plan_of
    from wavetrain.simulate.run_rehearsal import play
    from wavetrain.simulate.tick_bench import pace, ticks

    pops, nodes, sites, metrics = FULL
    full = play(plan_of(size=(pops // part, nodes, sites // part), metrics=metrics))
    say("a train of 90 PoPs x 50 nodes")
    middle = play(plan_of(size=MIDDLE))
    say(f"ticks over a wave of {WAVE[0]} PoPs x {WAVE[1]} nodes")
    with tempfile.TemporaryDirectory(prefix="wavetrain-bench-", dir=folder) as made:
        took = ticks(Path(made), WAVE[0] // part, WAVE[1], WARM_TICKS // part)
    say("ticks a minute on a small fleet")
    small = pace(*SMALL, max(1, SMALL_ROUNDS // part))
    return Bench(
        full_s=full.said.seconds,
        full_peak_rss_mb=full.said.peak_rss_mb,
        full_ticks=full.said.ticks,
        full_status=full.said.status,
        middle_s=middle.said.seconds,
        guards_violated=full.violated + middle.violated,
        tick_warm_p99_ms=round(1e3 * took.warm_p99_s, 1),
        tick_cold_p99_ms=round(1e3 * took.cold_p99_s, 1),
        changing_ticks_per_minute=round(small.per_minute),
    )


def _rows(bench: Bench) -> list[list[str]]:
    return [
        ["4,000 PoPs x 100 nodes, 40 metrics, 14 days", f"{bench.full_s:.1f} s", "under 120 s"],
        ["its memory at most", f"{bench.full_peak_rss_mb} MB", "under 1,024 MB"],
        ["90 PoPs x 50 nodes, 14 days", f"{bench.middle_s:.1f} s", "under 5 s"],
        ["guards violated", str(bench.guards_violated), "0"],
        [
            "tick over 400 PoPs x 100 nodes, SQLite, p99 warm",
            f"{bench.tick_warm_p99_ms:.0f} ms",
            "under 50 ms",
        ],
        ["the same, first of a process", f"{bench.tick_cold_p99_ms:.0f} ms", "under 250 ms"],
        [
            "ticks a minute that change something, 6 PoPs x 4 nodes",
            f"{bench.changing_ticks_per_minute:,.0f}",
            "at least 50,000",
        ],
    ]
