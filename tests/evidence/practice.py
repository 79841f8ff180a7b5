"""Practice: a PoP of four nodes with live sessions, seeded; the situation that the verdict has to master."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence import judgement, processes, together
from wavetrain.evidence.arms import ArmCounts, split
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, calibrate
from wavetrain.evidence.counters import laws_of
from wavetrain.evidence.judgement import GateAnswer, Judgement, Metric
from wavetrain.evidence.preperiod import Preperiod
from wavetrain.evidence.preperiod import absorb as absorb_quiet
from wavetrain.evidence.strata import STARTED, Strata

NODES = ("n1", "n2", "n3", "n4")
CANARY, CONTROL = frozenset({"n1"}), frozenset({"n2", "n3", "n4"})
OPERATIONS, SESSIONS = 310.0, 100.0  # per node and second
BASE = 1e-4  # failed operations per operation; lost sessions and reconnects per session-second
ALPHA, BETA = 1e-3, 0.05

METRICS = (
    Metric("operations_failed", 0.4, excess_max=0.002, exposure_min=2000),
    Metric("sessions_lost", 0.2, excess_max=0.01),
    Metric("reconnects", 0.2, excess_max=0.01),
    Metric("crashes", 0.2, gate=False),
)
EXPOSURE = {
    "operations_failed": OPERATIONS,
    "sessions_lost": SESSIONS,
    "reconnects": SESSIONS,
    "crashes": 1.0,
}
RATE = {"operations_failed": BASE, "sessions_lost": BASE, "reconnects": BASE, "crashes": 1e-6}


def second(
    rng: np.random.Generator, rates: Sequence[float], exposure: float, nodes: Sequence[str] = NODES
) -> Bin:
    """One second of one metric: Poisson counts at a rate for each node."""
    counts = rng.poisson(np.array(rates) * exposure)
    return Bin(1.0, tuple(NodeCount(n, float(x), exposure) for n, x in zip(nodes, counts, strict=True)))


def pre_period(rng: np.random.Generator, rate: float, exposure: float, seconds: int = 60) -> Preperiod:
    pre = Preperiod()
    for _ in range(seconds):
        pre = absorb_quiet(pre, second(rng, [rate] * len(NODES), exposure))
    return pre


def calibrations(rng: np.random.Generator, seconds: int = 60) -> dict[str, Calibration]:
    """A calibration of each metric from a quiet minute."""
    out = {}
    for metric in METRICS:
        found = calibrate(pre_period(rng, RATE[metric.name], EXPOSURE[metric.name], seconds))
        assert found is not None
        out[metric.name] = found
    return out


def arms(
    rng: np.random.Generator, known: Mapping[str, Calibration], failing: float = BASE
) -> tuple[ArmCounts, ...]:
    """One second of all metrics; the canary fails the share `failing` of its operations."""
    out = []
    for metric in METRICS:
        name = metric.name
        rates = [failing if name == "operations_failed" else RATE[name], *[RATE[name]] * 3]
        out.append(split(name, second(rng, rates, EXPOSURE[name]), CANARY, CONTROL, known[name]))
    return tuple(out)


def counts(
    metric: str, new: float, control: float, *, e_new: float = 310, e_control: float = 930
) -> ArmCounts:
    """One second of one metric, nothing capped."""
    return ArmCounts(metric, 1.0, new, new, e_new, control, control, e_control)


def steady(phi: float = 1.0, tau: float = 0.0, rate: float = BASE, cap: int = 1000) -> Calibration:
    """A calibration that says: these numbers, no offsets."""
    return Calibration(weights=(), phi=phi, tau=tau, cap_per_bin=cap, bins=60, seconds=60.0, rate=rate)


def gamma_poisson(
    rng: np.random.Generator, means: NDArray[np.float64], burst: float, bins: int
) -> NDArray[np.float64]:
    """Counts (bins, nodes): Poisson with a burst of its own for each node and bin, of that variation."""
    shape = 1 / burst**2
    return rng.poisson(means * rng.gamma(shape, 1 / shape, size=(bins, len(means)))).astype(float)


class Counter(NamedTuple):
    """One process with the names of its columns; starts empty."""

    loglik: tuple[float, ...] = (0.0,) * processes.POINTS
    new_events: float = 0.0
    control_events: float = 0.0
    control_capped: float = 0.0
    new_exposure: float = 0.0
    control_exposure: float = 0.0
    bins: float = 0.0
    seconds: float = 0.0
    tau: float = 0.0


def observe(state: Counter, seen: ArmCounts, *, phi: float, tau: float) -> Counter:
    return observe_all((state,), (seen,), phis=(phi,), taus=(tau,))[0]


def observe_all(
    states: Sequence[Counter], bins: Sequence[ArmCounts], *, phis: Sequence[float], taus: Sequence[float]
) -> tuple[Counter, ...]:
    """Several processes as the metrics of one stratum."""
    rows = processes.unstarted(np.array(phis))
    rows[:, : processes.ORDINAL] = [[*state.loglik, *state[1:]] for state in states]
    counted = np.array([[in_arms(seen) for seen in bins]])
    null = laws_of(np.array(taus), 0.0)[None, :, 0]
    step = processes.steps(counted, rows[None, :, processes.PHI])
    after = processes.moved(rows[None], counted, step, np.array([taus]), null, np.zeros(len(states)))[0]
    return tuple(
        Counter(tuple(row[: processes.POINTS]), *row[processes.POINTS : processes.ORDINAL])
        for row in after.tolist()
    )


def in_arms(seen: ArmCounts) -> list[float]:
    """A bin of one metric as the processes take it."""
    return [
        seen.new_events,
        seen.new_capped,
        seen.new_exposure,
        seen.control_events,
        seen.control_capped,
        seen.control_exposure,
        seen.seconds,
        seen.surplus,
        seen.evened,
    ]


class Evidence(msgspec.Struct, frozen=True):
    """A whole test in one value, through the bytes that the store keeps; by stratum, metrics as they first came."""

    metrics: tuple[str, ...] = ()
    strata: tuple[tuple[str, bytes, tuple[float, ...]], ...] = ()
    together: bytes = b""


def absorb(
    evidence: Evidence,
    stratum: str,
    seen: Sequence[ArmCounts],
    known: Mapping[str, Calibration],
    rules: Sequence[Metric] = (),
    tau: float = 0.0,
) -> Evidence:
    """One more bin of one stratum, with what the policy says of its metrics and the least width of every null."""
    telling = [each for each in seen if each.new_exposure > 0 and each.control_exposure > 0]
    if not telling:
        return evidence
    names = tuple(dict.fromkeys((*evidence.metrics, *(each.metric for each in telling))))
    if len({each.metric for each in telling}) != len(telling):
        raise RefusedError("a metric is named twice in one bin")
    if not {each.metric for each in telling} <= set(known):
        raise RefusedError("a metric is not calibrated")
    ruled = {rule.name: rule for rule in rules}
    strata = running(evidence, [ruled.get(name, Metric(name, 1.0)) for name in names], tau)
    if stratum not in strata:
        widths = [known[name].tau if name in known else 0.0 for name in names]
        phis = [known[name].phi if name in known else 1.0 for name in names]
        strata.take(stratum, processes.unstarted(np.array(phis)), np.array(widths))
    by_name = {each.metric: in_arms(each) for each in telling}
    strata.absorb([stratum], np.array([[by_name.get(name, [0.0] * processes.ARMS) for name in names]]))
    taus = {name: known[name].tau for name in names if name in known}
    before = {name: dict(zip(evidence.metrics, wide, strict=True)) for name, _, wide in evidence.strata}
    return Evidence(
        names,
        tuple(
            (
                held,
                processes.packed(strata.state(held)),
                tuple({**taus, **before.get(held, {})}.get(name, 0.0) for name in names),
            )
            for held in strata.live
        ),
        strata.together.rows.tobytes(),
    )


def running(evidence: Evidence, metrics: Sequence[Metric], tau: float = 0.0, beta: float = BETA) -> Strata:
    """The production's test of these metrics, with every stratum of the value laid into it again."""
    classes = [""] * bool(evidence.together)
    rows = together.nothing(1 + len(classes), len(metrics))
    kept_rows = np.frombuffer(evidence.together)
    kept_rows = (
        kept_rows.reshape(len(rows), len(evidence.metrics), together.WIDTH) if classes else rows[:, :0]
    )
    for place, metric in enumerate(metrics):
        if metric.name in evidence.metrics:
            rows[:, place] = kept_rows[:, evidence.metrics.index(metric.name)]
    strata = Strata(metrics, tau, beta, classes=classes, together=rows)
    for stratum, kept, widths in evidence.strata:
        held = dict(zip(evidence.metrics, processes.unpacked(kept), strict=True))
        width = dict(zip(evidence.metrics, widths, strict=True))
        empty = processes.unstarted(np.ones(1))[0]
        state = np.array([held.get(metric.name, empty) for metric in metrics])
        strata.take(stratum, state, np.array([width.get(metric.name, 0.0) for metric in metrics]))
        places = state[:, processes.ORDINAL]
        strata.totals[:, STARTED] = np.maximum(strata.totals[:, STARTED], places)
    strata.weigh()
    return strata


def judge(evidence: Evidence, metrics: Sequence[Metric], alpha: float, tau: float = 0.0) -> Judgement:
    return running(evidence, metrics, tau).judgement(alpha)


def gate(
    evidence: Evidence,
    stratum: str,
    metrics: Sequence[Metric],
    known: Mapping[str, Calibration],
    beta: float,
    seconds_min: float = 0.0,
) -> GateAnswer:
    if not metrics or len({metric.name for metric in metrics}) < len(metrics):
        return judgement.gate(None, metrics, beta, seconds_min)
    strata = running(evidence, metrics, beta=beta)
    if stratum not in strata or not {metric.name for metric in metrics if metric.gate} <= set(known):
        return judgement.gate(None, metrics, beta, seconds_min)
    return judgement.gate(strata.state(stratum), metrics, beta, seconds_min)
