"""Scorecard worlds: under which noise, in which waves, with which faults are the methods compared?

The same trains serve all faults of a world: a fault is laid over one metric of forty, the others stay as recorded.
So a world's fault cells stand beside its own clean cell, at the same noise.
"""

from math import exp
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.evidence.counters import Array
from wavetrain.evidence.limit import two_arm_information

LOOKS: Final = 300
"""One-minute bins of a train, with a look after each."""
NEW, CONTROL, NODES = 10, 40, 50
NEW_ORDER: Final = (0, 1, 7, 2, 3, 8, 4, 5, 9, 6)
"""Nodes 0 to 9 are new, in this order; those from 10 on are the control."""
STRATA: Final = ((*range(7), *range(10, 38)), (*range(7, 10), *range(38, 50)))
"""Two PoPs of unlike hardware: 7 new nodes with 28 control nodes, 3 with 12."""
METRICS: Final = 40
COUNTERS: Final = METRICS - 1
"""The first metric is the latency of requests, a histogram; the others count events."""
LATENCY, BAD = 0, 1
RATE: Final = 0.165
"""Events per node and minute, as in the prototype's table; in mixed worlds from 0.01 to 3."""

Mask = NDArray[np.bool_]


class Noise(Struct, frozen=True, kw_only=True):
    """How counts vary, beyond chance, while nothing is wrong."""

    node_cv: float = 0.0
    """Lasting differences between nodes, metric by metric."""
    burst_cv: float = 0.0
    """Of each node and bin by itself."""
    drift_sd: float = 0.0
    """Of the log rate of a node; it forgets in two hours."""
    season: float = 0.0
    """Amplitude of a day's course of traffic, and half of it for the rates; both arms share it."""
    outside: float = 1.0
    """For half an hour all rates are this many times as high, in both arms."""
    missing: float = 0.0
    """Share of scrapes that do not arrive, in runs of three; of counters that start anew, a tenth of it."""
    mixed_rates: bool = False


class Fault(Struct, frozen=True, kw_only=True):
    """What the new release does to one metric: to its rate on new nodes, or to the tail of its latencies."""

    ratio: float = 1.0
    onset: int = 0
    leak_min: float = 0.0
    """With it, the ratio grows by 1 each so many minutes."""
    stratum: int | None = None
    """Only nodes of this one have the fault."""
    tail_share: float = 0.0
    tail_times: float = 4.5

    def ratios(self) -> Array:
        """The rate on a faulty node over what it was, by look."""
        minute = np.arange(LOOKS) + 0.5
        grown = self.ratio + (minute / self.leak_min if self.leak_min else 0.0)
        out: Array = np.where(np.arange(LOOKS) >= self.onset, grown, 1.0)
        return out

    def touches(self) -> Mask:
        """Which nodes have it, once they are new."""
        nodes = np.zeros(NODES, bool)
        nodes[list(range(NEW) if self.stratum is None else STRATA[self.stratum])] = True
        return nodes


class World(Struct, frozen=True, kw_only=True):
    """A kind of noise, a plan of waves, and the faults that are laid over its trains."""

    name: str
    noise: Noise
    steps: tuple[tuple[int, int], ...] = ((0, NEW),)
    """From which minute on how many nodes are new."""
    faults: tuple[tuple[str, Fault], ...] = ()

    def new_nodes(self) -> Mask:
        """Which nodes are new, by look: shape (LOOKS, NODES)."""
        out = np.zeros((LOOKS, NODES), bool)
        for minute, nodes in self.steps:
            out[minute:, list(NEW_ORDER[:nodes])] = True
        return out


_REALISTIC: Final = Noise(node_cv=0.3, burst_cv=1.0, drift_sd=0.1, season=0.4, outside=3.0, missing=0.01)
_FAULTS: Final = (
    ("x1.5", Fault(ratio=1.5)),
    ("x2", Fault(ratio=2.0)),
    ("x3", Fault(ratio=3.0)),
    ("x10", Fault(ratio=10.0)),
    ("late-x2", Fault(ratio=2.0, onset=180)),
    ("leak", Fault(leak_min=60.0)),
    ("bimodal", Fault(ratio=4.0, stratum=1)),
    ("tail", Fault(tail_share=0.02)),
)


def _named(suffix: str, faults: tuple[tuple[str, Fault], ...]) -> tuple[tuple[str, Fault], ...]:
    return tuple((f"{name}-{suffix}", fault) for name, fault in faults)


WORLDS: Final = (
    World(name="poisson", noise=Noise(), faults=_FAULTS),
    World(name="realistic", noise=_REALISTIC, faults=_named("realistic", _FAULTS)),
    World(
        name="mixed-rates",
        noise=Noise(
            node_cv=0.3,
            burst_cv=1.0,
            drift_sd=0.1,
            season=0.4,
            outside=3.0,
            missing=0.01,
            mixed_rates=True,
        ),
    ),
    World(
        name="outside-event",
        noise=Noise(season=0.4, outside=3.0),
        faults=_named("outside-event", _FAULTS[1:2]),
    ),
    World(name="node-cv", noise=Noise(node_cv=0.3), faults=_named("node-cv", _FAULTS[1:2])),
    World(name="wave-1", noise=Noise(), steps=((0, 1),), faults=_named("wave-1", _FAULTS[2:4])),
    World(name="wave-3", noise=Noise(), steps=((0, 3),), faults=_named("wave-3", _FAULTS[1:4])),
    World(
        name="ramp",
        noise=_REALISTIC,
        steps=((0, 1), (30, 3), (60, NEW)),
        faults=_named("ramp", _FAULTS[1:4]),
    ),
)
"""The scenario of a world's clean trains is called `clean-NAME`."""


def rates(noise: Noise) -> Array:
    """Events per node and minute of each counter; the one that goes bad has the same in all worlds."""
    out = np.full(COUNTERS, RATE)
    if noise.mixed_rates:
        out[BAD:] = np.exp(np.linspace(np.log(0.01), np.log(3.0), COUNTERS - BAD))
    return out


def information(world: World, fault: Fault) -> Array:
    """Nats a minute, by look, that the new nodes yield about a fault of a rate, for who knows which metric is bad.

    Bursts make a count's variance 1 + CV^2 mean times its mean; a nat is worth so much less.
    """
    phi = 1 + world.noise.burst_cv**2 * RATE
    new, touched = world.new_nodes(), fault.touches()
    out = np.zeros(LOOKS)
    for look, ratio in enumerate(fault.ratios().tolist()):
        parts = STRATA if fault.stratum is not None else (tuple(range(NODES)),)
        out[look] = sum(
            two_arm_information(
                control_rate=RATE,
                new_exposure=float((new[look, list(part)] & touched[list(part)]).sum()),
                control_exposure=float(sum(node >= NEW for node in part)),
                ratio=ratio,
            )
            for part in parts
        )
    return out / phi


def limit_min(nats: Array, onset: int, alpha: float) -> float:
    """The least expected delay of any test in minutes: when the nats since the onset reach log(1 / alpha)."""
    gained = np.cumsum(nats[onset:])
    needed = -np.log(alpha)
    if gained[-1] < needed:
        return float(len(gained))
    place = int(np.searchsorted(gained, needed))
    before = gained[place - 1] if place else 0.0
    return float(place + (needed - before) / nats[onset + place])


def forgets(minutes: float) -> float:
    """What is left of a drift after so many minutes."""
    return exp(-minutes / 120)
