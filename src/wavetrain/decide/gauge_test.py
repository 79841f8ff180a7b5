"""Gauge test: what have the gauges of a rollout's PoPs said so far? Nothing, where the policy names none."""

from collections.abc import Iterable

import numpy as np

from wavetrain.decide import levels
from wavetrain.decide.comparison import gauge_calibration_of
from wavetrain.decide.evidence_kept import PopCalibration
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_strata import TOTALS, GaugeStrata
from wavetrain.evidence.gauges import LEVEL_STRAND, STRANDS, shift_lower, shift_upper
from wavetrain.evidence.processes import POINTS, WIDTH
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy


class Gauges:
    """The gauges of one rollout, packed and unpacked for the store. Changes in place."""

    def __init__(self, policy: Policy, kept: bytes = b"") -> None:
        """`kept` are the totals of an earlier process."""
        self.rules = levels.gauges_of(policy)
        totals = np.frombuffer(kept, dtype="<f8").reshape(-1, STRANDS, TOTALS) if kept else None
        self._strata = (
            GaugeStrata(
                levels.falls_of(self.rules), levels.shifts_of(self.rules), policy.verdicts.beta, totals
            )
            if self.rules
            else None
        )

    def take(self, known: PopCalibration, state: bytes) -> None:
        """A PoP with its calibration; `state` is what it has said already."""
        calibration = gauge_calibration_of(known)
        if self._strata is not None and calibration is not None:
            self._strata.take(known.pop, calibration, _unpacked(state) if state else None)

    def absorb(
        self, pop: str, seen: PopCounts, arms: tuple[Mask, Mask], age_s: float, clock_s: float | None
    ) -> bool:
        """One bin; whether it closed a block, so that the evidence has changed."""
        if self._strata is None or pop not in self._strata:
            return False
        read = levels.levels_in(self.rules, seen)
        return self._strata.absorb(pop, tuple(map(str, seen.nodes)), read, arms, seen.seconds, age_s, clock_s)

    def state(self, pop: str) -> bytes:
        """What a live PoP has said, as it is kept."""
        assert self._strata is not None, "only gauges close blocks"
        return self._strata.state(pop).astype("<f8").tobytes()

    def settle(self, pop: str) -> None:
        """Nothing more comes of a PoP."""
        if self._strata is not None and pop in self._strata:
            self._strata.settle(pop)

    def settled_anew(self, states: Iterable[bytes]) -> None:
        """From what the settled PoPs have said, as it is kept, for when one of them is no longer done."""
        if self._strata is not None:
            self._strata.settled_anew(_unpacked(state) for state in states if state)

    def totals(self) -> bytes:
        """The test as a whole, as it is kept."""
        return self._strata.totals.astype("<f8").tobytes() if self._strata is not None else b""

    def log_es(self) -> list[float]:
        """Log e by gauge."""
        return self._strata.log_es().tolist() if self._strata is not None else []

    def pooled(self, gauge: int) -> Array:
        """The level's row of a gauge, all PoPs together; the rows of `evidence.gauges`."""
        assert self._strata is not None, "there is no gauge to ask"
        row: Array = self._strata.totals[gauge, LEVEL_STRAND, :WIDTH]
        return row

    def shifts(self, beta: float = 0.05) -> list[tuple[float, float]]:
        """Of each gauge the least and greatest shift that all PoPs together do not refute at 1 / beta."""
        found = []
        for place, rho in enumerate(levels.shifts_of(self.rules).tolist()):
            logliks = self.pooled(place)[None, :POINTS]
            low, high = (bound(logliks, beta / 2)[0] for bound in (shift_lower, shift_upper))
            found.append((float(low) * rho, float(high) * rho))
        return found

    def parts(self, gauge: int) -> tuple[tuple[str, float], ...]:
        """Log e of a gauge by live PoP."""
        return self._strata.parts(gauge) if self._strata is not None else ()


def _unpacked(kept: bytes) -> Array:
    return np.frombuffer(kept, dtype="<f8").reshape(-1, STRANDS, WIDTH)
