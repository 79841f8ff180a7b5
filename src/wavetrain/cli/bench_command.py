"""Bench command: how fast are the parts that a large fleet waits for?"""

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from wavetrain.cli.bench_features_command import bench_features
from wavetrain.cli.bench_figures import shown
from wavetrain.cli.bench_pages_command import bench_pages
from wavetrain.cli.bench_rehearse_command import rehearse
from wavetrain.cli.bench_timetable_command import timetable
from wavetrain.cli.desk import exit_codes

if TYPE_CHECKING:
    from wavetrain.lab.store_bench import Pace

app = typer.Typer(
    help="Measure this machine; each figure is a ratio to a peer or to a limit.", no_args_is_help=True
)

app.command("features")(bench_features)
app.command("pages")(bench_pages)
app.command()(rehearse)
app.command()(timetable)

ROUNDS = 5
REPORTS = 400
TAKEOVERS = 3
LATE_ROUNDS = 50
EVIDENCE_ROUNDS = 20


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What `wavetrain bench store` measured."""

    postgresql_ratio: float
    sqlite_ratio: float
    takeover_s: dict[str, float]
    late_commits_refused: int
    late_commits: int
    reports_per_s: dict[str, float]


@app.command()
def store(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the files are made: the disk to measure.")
    ] = None,
    late: Annotated[int, typer.Option(min=1, help="Rounds of late commits.")] = LATE_ROUNDS,
) -> None:
    """Reports a second on SQLite and PostgreSQL against the bare drivers; takeovers; late commits. About 2 minutes."""
    with exit_codes():
        from rich.console import Console

        console = Console(stderr=json_file == Path("-"))
        with console.status("the store on SQLite") as status:
            bench = _measured(folder, late, status.update)
        shown(console, _rows(bench), bench, json_file)


@app.command()
def evidence(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, of which the best counts.")] = EVIDENCE_ROUNDS,
) -> None:
    """10,000 metric streams in one tick; bins of 400 PoPs of 100 nodes; a verdict over 4,000 PoPs. Some seconds."""
    with exit_codes():
        from rich.console import Console

        from wavetrain.lab.evidence_bench import measure

        console = Console(stderr=json_file == Path("-"))
        with console.status("the statistics") as status:
            pace = measure(rounds, status.update)
        absorbed = f"{pace.absorb_us_per_pop_bin_40_metrics:.0f} µs"
        judged = f"{pace.judge_ms_4000x40:.1f} ms"
        rows = (
            (f"{pace.streams} streams, one tick", f"{pace.tick_ms:.1f} ms", "under 200 ms"),
            ("a PoP's bin, 40 metrics x 100 nodes", absorbed, "under 150 µs"),
            ("the verdict over 4000 PoPs x 40 metrics", judged, "under 50 ms"),
            (
                "state of a process",
                f"{pace.state_bytes_per_process:.0f} bytes",
                "at most 600 bytes, of two processes",
            ),
        )
        shown(console, rows, pace, json_file)


def _measured(folder: Path | None, late: int, say: Callable[[str], None]) -> Bench:
    from wavetrain.lab.postgresql import DURABLE, Server
    from wavetrain.lab.store_rivals import late_commits, takeover_s

    with tempfile.TemporaryDirectory(prefix="wavetrain-bench-", dir=folder) as made:
        sqlite = _sqlite(Path(made))
    say("the store on PostgreSQL")
    with Server(DURABLE) as server:
        postgresql = _postgresql(server.make("store"), server.make("raw"))
        place, takeover = server.make("rivals"), {}
        for how in ("kill", "freeze"):
            say(f"takeover after a {how}")
            takeover[how] = round(takeover_s(place, how, TAKEOVERS), 2)
        say("late commits")
        frozen = late_commits(server.make("late"), late)
    return Bench(
        postgresql_ratio=round(postgresql.ratio, 3),
        sqlite_ratio=round(sqlite.ratio, 3),
        takeover_s=takeover,
        late_commits_refused=frozen.refused,
        late_commits=frozen.rounds,
        reports_per_s={
            "postgresql": round(postgresql.store_per_s),
            "raw psycopg": round(postgresql.raw_per_s),
            "sqlite": round(sqlite.store_per_s),
            "raw sqlite3": round(sqlite.raw_per_s),
        },
    )


def _rows(bench: Bench) -> list[list[str]]:
    pace = bench.reports_per_s
    return [
        [
            "PostgreSQL, reports/s to raw psycopg",
            f"{bench.postgresql_ratio:.2f} ({pace['postgresql']:.0f} to {pace['raw psycopg']:.0f})",
            "at least 0.50",
        ],
        [
            "SQLite, reports/s to raw sqlite3",
            f"{bench.sqlite_ratio:.2f} ({pace['sqlite']:.0f} to {pace['raw sqlite3']:.0f})",
            "at least 0.25",
        ],
        ["takeover after a kill", f"{bench.takeover_s['kill']:.2f} s", "under 5 s"],
        ["takeover after a freeze", f"{bench.takeover_s['freeze']:.2f} s", "under 5 s"],
        ["late commits refused", f"{bench.late_commits_refused} of {bench.late_commits}", "all"],
    ]


def _sqlite(folder: Path) -> "Pace":
    from wavetrain.adapters.sql_store import SqlStore
    from wavetrain.lab.store_bench import measure, raw_sqlite

    file = folder / "store.sqlite"
    with closing(SqlStore(file, exclusive=True)) as opened, raw_sqlite(str(folder / "raw.sqlite")) as raw:
        opened.take("bench")
        return measure(opened, raw, ROUNDS, REPORTS)


def _postgresql(url: str, raw_url: str) -> "Pace":
    from wavetrain.adapters.sql_store import SqlStore
    from wavetrain.lab.store_bench import measure, raw_postgresql

    with closing(SqlStore(url)) as opened, raw_postgresql(raw_url) as raw:
        opened.take("bench")
        return measure(opened, raw, ROUNDS, REPORTS)
