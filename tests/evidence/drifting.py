"""Drifting: the gauges of a PoP with a season, nodes that differ, noise that lasts and drifts; many PoPs at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wavetrain.evidence import gauge_blocks, gauges
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_calibration import GaugeCalibration, calibrate
from wavetrain.evidence.gauge_preperiod import GaugeWatch, absorb, unwatched
from wavetrain.evidence.processes import LOG_E

BIN_S = 60.0
DAY_BINS = int(86_400 / BIN_S)
RHO = 5.0


class Fleet:
    """Each gauge is a PoP of its own, so that one run is many trains: levels (pops, nodes), bin by bin."""

    def __init__(
        self,
        seed: int,
        pops: int,
        nodes: int = 8,
        *,
        lasting: float = 0.8,
        noise: float = 2.0,
        drift: float = 0.0,
        drift_hours: float = 2.0,
        season: float = 20.0,
        own_season: float = 0.0,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._shape = pops, nodes
        self.nodes = tuple(f"n{number}" for number in range(nodes))
        self._lasting, self._noise, self.drift = lasting, noise, drift
        self._kept = float(np.exp(-BIN_S / (drift_hours * 3600)))
        self._season, self._own_season = season, own_season
        self._own = self._rng.normal(0, 10, self._shape)
        self._phase = self._rng.uniform(0, 2 * np.pi, self._shape)
        self._near, self._far = self._normal(noise), self._normal(drift)
        self.clock = 0.0

    def bins(self, count: int) -> Iterator[Array]:
        for _ in range(count):
            self.clock += BIN_S
            self._near = self._lasting * self._near + self._normal(
                self._noise * float(np.sqrt(1 - self._lasting**2))
            )
            self._far = self._kept * self._far + self._normal(self.drift * float(np.sqrt(1 - self._kept**2)))
            turned = 2 * np.pi * self.clock / 86_400
            season = self._season * np.sin(turned) + self._own_season * np.sin(turned + self._phase)
            yield 50 + season + self._own + self._near + self._far

    def watched(self, days: float = 1.0, *, clocked: bool = False) -> GaugeWatch:
        watch = unwatched(self._shape[0])
        for levels in self.bins(int(days * DAY_BINS)):
            watch = absorb(watch, self.nodes, levels, BIN_S, self.clock if clocked else None)
        return watch

    def calibrated(self, days: float = 1.0, *, clocked: bool = False) -> GaugeCalibration:
        return calibrate(self.watched(days, clocked=clocked), np.full(self._shape[0], RHO))

    def _normal(self, scale: float) -> Array:
        return self._rng.normal(0, scale, self._shape) if scale else np.zeros(self._shape)


class Trains:
    """The running test of each PoP of a fleet, as the gauges of one stratum."""

    def __init__(self, fleet: Fleet, known: GaugeCalibration, new: int = 1) -> None:
        self.fleet, self.known = fleet, known
        pops = len(known.rho)
        place = np.arange(len(fleet.nodes))
        self.arms = place < new, place >= new
        tau = gauge_blocks.tau_of(known, fleet.nodes, self.arms)
        self.laws = gauges.laws_of(np.repeat(tau[None, :, None], gauges.STRANDS, axis=2))
        self.states = gauges.unstarted((1, pops))
        self.open = gauge_blocks.opened(pops)
        self.started = np.zeros((pops, gauges.STRANDS))
        self.age = 0.0

    def looks(
        self, bins: int, shift: float = 0.0, leak_per_hour: float = 0.0, *, clocked: bool = False
    ) -> Iterator[Array]:
        """The states' log e, (pops, STRANDS), at each look at which a block closed."""
        falls: NDArray[np.bool_] = np.zeros(len(self.known.rho), bool)
        for levels in self.fleet.bins(bins):
            self.age += BIN_S
            moved = levels + np.where(self.arms[0], shift + leak_per_hour * self.age / 3600, 0.0)
            clock = self.fleet.clock if clocked else None
            self.open, closed = gauge_blocks.absorb(
                self.open,
                self.fleet.nodes,
                moved,
                self.arms,
                BIN_S,
                self.age,
                self.known,
                falls,
                clock,
            )
            if closed[:, gauge_blocks.SECONDS_OF].any():
                self.states = gauges.moved(self.states, closed[None], self.known.rho, self.started)
                gauges.weighed(self.states, self.laws, self.known.rho, 0.05)
                yield self.states[0, :, :, LOG_E]
