"""Practice: a PoP of four nodes with live sessions, seeded; the situation that the verdict has to master."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wavetrain.evidence.arms import ArmCounts, split
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, calibrate
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.preperiod import Preperiod, absorb

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
        pre = absorb(pre, second(rng, [rate] * len(NODES), exposure))
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
