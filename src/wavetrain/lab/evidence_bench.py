"""Evidence bench: how long do the statistics take at the size of a large fleet?"""

from collections.abc import Callable
from datetime import UTC, datetime
from time import process_time

import msgspec
import numpy as np

from wavetrain.decide import comparison
from wavetrain.decide.running_test import RunningTest
from wavetrain.evidence.counters import Array
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.processes import ARMS, packed, unstarted
from wavetrain.evidence.strata import Strata
from wavetrain.model.fleet import NodeId, PopId, UnitId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import MetricRule, Policy, Ring, Verdicts
from wavetrain.model.release import Stage
from wavetrain.model.rollout import RolloutId, Turn, TurnPhase

METRICS, NODES, POPS, BAKING = 40, 100, 4000, 400
STREAMS = 10_000
RELEASE, BEFORE = "2.0.0", "1.9.0"
AT = datetime(2026, 1, 4, tzinfo=UTC)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The best of several rounds of each, in seconds of one core."""

    streams: int
    tick_ms: float
    absorb_us_per_pop_bin_40_metrics: float
    judge_ms_4000x40: float
    state_bytes_per_process: float


def measure(rounds: int, say: Callable[[str], None]) -> Pace:
    """All figures; `say` is told what is measured next."""
    say("10,000 streams in one tick")
    tick_s = _tick_s(rounds)
    say("bins of 400 baking PoPs of 100 nodes")
    absorb_s = _absorb_s(rounds)
    say("the verdict over 4,000 PoPs")
    judge_s = _judge_s(rounds)
    state = packed(unstarted(np.ones(METRICS)))
    return Pace(
        streams=STREAMS,
        tick_ms=round(tick_s * 1e3, 2),
        absorb_us_per_pop_bin_40_metrics=round(absorb_s * 1e6 / BAKING, 1),
        judge_ms_4000x40=round(judge_s * 1e3, 2),
        state_bytes_per_process=len(state) / METRICS,
    )


def _tick_s(rounds: int) -> float:
    """Each stream's process moves and is judged, then all together."""
    strata, names = _strata(STREAMS // METRICS)
    seen = _arms(len(names))

    def once() -> None:
        strata.absorb(names, seen)
        strata.log_e()

    return _best(once, rounds)


def _absorb_s(rounds: int) -> float:
    """From arrays of counts by node to the processes, the gates and the verdict, as a look of the ticker does it."""
    policy = _policy()
    test, looks = RunningTest("r", policy), []
    for number in range(BAKING):
        turn, seen = _turn(f"pop-{number}"), _counts(f"pop-{number}")
        test.calibrate(comparison.calibrated("r", turn.pop, None, policy))
        looks.append((turn, seen))

    def once() -> None:
        test.compare(looks, RELEASE, 1.0)
        test.judge()

    return _best(once, rounds)


def _judge_s(rounds: int) -> float:
    """All PoPs live: more than a train ever has, since those that are done are settled."""
    strata, names = _strata(POPS)
    strata.absorb(names, _arms(len(names)))
    return _best(lambda: strata.log_e(), rounds)


def _best(once: Callable[[], object], rounds: int) -> float:
    spans = []
    for _ in range(rounds):
        began = process_time()
        once()
        spans.append(process_time() - began)
    return min(spans)


def _strata(pops: int) -> tuple[Strata, list[str]]:
    strata = Strata([Metric(f"m{number}", 1.0, gate=number == 0) for number in range(METRICS)], 0.03)
    names = [f"pop-{number}" for number in range(pops)]
    for name in names:
        strata.take(name, unstarted(np.full(METRICS, 1.3)), np.full(METRICS, 0.03))
    return strata, names


def _arms(pops: int) -> Array:
    rng = np.random.default_rng(1)
    seen = np.empty((pops, METRICS, ARMS))
    seen[:] = (0.0, 0.0, 1000.0, 0.0, 0.0, 9000.0, 300.0, 0.0, 0.0)
    seen[..., 0] = seen[..., 1] = rng.poisson(3.0, seen.shape[:2])
    seen[..., 3] = seen[..., 4] = rng.poisson(27.0, seen.shape[:2])
    return seen


def _policy() -> Policy:
    rules = tuple(
        MetricRule(
            name=f"m{number}", events=f"m{number}", exposure="operations", weight=1.0, gate=number == 0
        )
        for number in range(METRICS)
    )
    ring = Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0)
    return Policy(lane="pop", rings=(ring,), verdicts=Verdicts(metrics=rules))


def _nodes(pop: str) -> tuple[NodeId, ...]:
    return tuple(NodeId(f"{pop}-n{number}") for number in range(NODES))


def _turn(pop: str) -> Turn:
    return Turn(
        rollout=RolloutId("r"),
        pop=PopId(pop),
        wave=1,
        phase=TurnPhase.BAKING,
        order=tuple(UnitId(node) for node in _nodes(pop)),
        canaries=1,
        opens=AT,
        closes=AT,
        cursor=1,
    )


def _counts(pop: str) -> PopCounts:
    rng = np.random.default_rng(2)
    events = rng.poisson(3.0, (METRICS, NODES)).astype(float)
    return PopCounts(
        pop=PopId(pop),
        ended=1.0,
        seconds=300.0,
        nodes=_nodes(pop),
        releases=(RELEASE, *(BEFORE,) * (NODES - 1)),
        counters=(*(f"m{number}" for number in range(METRICS)), "operations"),
        counted=np.concatenate([events, np.full((1, NODES), 10_000.0)]),
        sessions=np.full(NODES, 50.0),
    )
