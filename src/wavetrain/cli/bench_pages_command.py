"""Bench pages command: do pages stay quick and small, however large the fleet is?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavetrain.cli.bench_figures import shown
from wavetrain.cli.desk import exit_codes

if TYPE_CHECKING:
    from wavetrain.lab.page_bench import Measured

WINDOWS, ACCOUNTS = 10_000, 50_000
ROUNDS, REQUESTS = 7, 300
PAGE_MS, FLOOR, PAGE_KB = 50.0, 0.6, 150.0
"""The limits."""


def bench_pages(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    windows: Annotated[int, typer.Option(min=1, help="How many windows are to come.")] = WINDOWS,
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts there are.")] = ACCOUNTS,
    rounds: Annotated[int, typer.Option(min=1, help="The ratio is the median of so many.")] = ROUNDS,
) -> None:
    """An account's page and feed, the public summary beside a bare answer, the largest page. About a minute."""
    with exit_codes():
        from rich.console import Console

        from wavetrain.lab.page_bench import measure

        console = Console(stderr=json_file == Path("-"))
        with console.status(f"{windows:,} windows, {accounts:,} accounts"):
            found = measure(windows, accounts, rounds, REQUESTS)
        shown(console, _rows(found), found, json_file)


def _rows(found: "Measured") -> list[list[str]]:
    return [
        ["an account's page, p99", f"{found.account_page_ms_p99:.1f} ms", f"under {PAGE_MS:g} ms"],
        ["an account's calendar, p99", f"{found.feed_ms_p99:.1f} ms", f"under {PAGE_MS:g} ms"],
        ["an account's notice, p99", f"{found.notice_ms_p99:.1f} ms", f"under {PAGE_MS:g} ms"],
        [
            "the summary, to a bare answer of the same size",
            f"{found.summary_ratio_to_floor:.2f}",
            f"at least {FLOOR:.2f}",
        ],
        ["the largest page", f"{found.page_kb_max:.1f} kB", f"under {PAGE_KB:g} kB"],
    ]
