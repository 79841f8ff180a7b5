"""Bench features command: are features evaluated fast enough, and does a change reach everybody in time?"""

from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import typer

from wavetrain.cli.bench_figures import shown
from wavetrain.cli.desk import exit_codes

ROUNDS = 7
REQUESTS = 3_000
ACCOUNTS, FEATURES, EVALUATORS = 1_000_000, 200, 50
RATIO, FLOOR, STEP_S, KILL_S = 10.0, 0.6, 1.0, 1.0
"""The limits."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What `wavetrain bench features` measured; without its peers, nothing is said of them."""

    ns_per_flag: float
    peers_ns_per_flag: dict[str, float]
    ratio_to_fastest_peer: float | None
    ofrep_ratio_to_floor: float
    ramp_step_visible_s: float
    kill_switch_s: float
    rounds: int
    accounts: int
    features: int
    evaluators: int


def bench_features(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file; - for standard output.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Every figure is the median of so many.")] = ROUNDS,
    accounts: Annotated[int, typer.Option(min=100, help="Of the fleet whose ramps step.")] = ACCOUNTS,
) -> None:
    """100 flags of an account beside other libraries; by OFREP beside a bare answer; a step, a kill. About a minute."""
    with exit_codes():
        from rich.console import Console

        from wavetrain.lab.feature_bench import ramp_step_s
        from wavetrain.lab.feature_rivals import PEERS_PYTHON, kill_switch_s, ofrep_ratio, pace
        from wavetrain.wiring.clock import utc_now

        console = Console(stderr=json_file == Path("-"))
        with console.status("evaluations in process") as status:
            paces = pace(rounds)
            status.update("evaluations by OFREP")
            ratio = ofrep_ratio(rounds, REQUESTS)
            status.update("a kill switch")
            kill = median(kill_switch_s(EVALUATORS, rounds))
            status.update(f"a ramp's step with {accounts:,} accounts")
            step = median(ramp_step_s(accounts, FEATURES, utc_now(), rounds))
        if not paces.peers:
            typer.echo(f"without the peers' figures: {PEERS_PYTHON} is not there; run: make peers", err=True)
        fastest = min(paces.peers.values(), default=None)
        bench = Bench(
            ns_per_flag=round(paces.ours, 1),
            peers_ns_per_flag={name: round(ns) for name, ns in paces.peers.items()},
            ratio_to_fastest_peer=round(fastest / paces.ours, 1) if fastest is not None else None,
            ofrep_ratio_to_floor=round(ratio, 3),
            ramp_step_visible_s=round(step, 4),
            kill_switch_s=round(kill, 4),
            rounds=rounds,
            accounts=accounts,
            features=FEATURES,
            evaluators=EVALUATORS,
        )
        shown(console, _rows(bench), bench, json_file)


def _rows(bench: Bench) -> list[list[str]]:
    ratio = bench.ratio_to_fastest_peer
    return [
        ["a flag of 100, of a new account", f"{bench.ns_per_flag:.0f} ns", ""],
        *(["the same: " + name, f"{ns:,.0f} ns", ""] for name, ns in bench.peers_ns_per_flag.items()),
        [
            "to the fastest of these",
            "no peers here" if ratio is None else f"{ratio:.0f} x",
            f"at least {RATIO:g} x",
        ],
        [
            "OFREP, to a bare answer of the same size",
            f"{bench.ofrep_ratio_to_floor:.2f}",
            f"at least {FLOOR:.2f}",
        ],
        [
            f"a ramp's step, {bench.accounts:,} accounts x {bench.features} features",
            f"{bench.ramp_step_visible_s:.3f} s",
            f"under {STEP_S:g} s",
        ],
        [
            f"a kill switch, to the last of {bench.evaluators} evaluators",
            f"{bench.kill_switch_s:.3f} s",
            f"under {KILL_S:g} s",
        ],
    ]
