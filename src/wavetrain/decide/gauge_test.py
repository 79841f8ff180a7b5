"""Gauge test: what have the gauges of a rollout's PoPs said so far? Nothing, where the policy names none.

A PoP whose pre-period tells how its gauges vary is judged by blocks, every other one by matched pairs.
"""

from collections.abc import Iterable

import numpy as np

from wavetrain.decide import levels
from wavetrain.decide.comparison import gauge_calibration_of, pairs_of
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence
from wavetrain.evidence import betting
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_pairs import GaugePairs
from wavetrain.evidence.gauge_strata import TOTALS, GaugeStrata
from wavetrain.evidence.gauges import LEVEL_STRAND, STRANDS, shift_lower, shift_upper
from wavetrain.evidence.processes import POINTS, WIDTH
from wavetrain.model.fleet import Pop
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Turn


class Gauges:
    """The gauges of one rollout, packed and unpacked for the store. Changes in place."""

    def __init__(self, policy: Policy, kept: RolloutEvidence) -> None:
        """`kept` has the totals of an earlier process."""
        self.rules = levels.gauges_of(policy)
        falls, rho = levels.falls_of(self.rules), levels.shifts_of(self.rules)
        totals = np.frombuffer(kept.gauges, dtype="<f8").reshape(-1, STRANDS, TOTALS) if kept.gauges else None
        bets = np.frombuffer(kept.pairs, dtype="<f8").reshape(-1, betting.WIDTH) if kept.pairs else None
        self._strata = GaugeStrata(falls, rho, policy.verdicts.beta, totals) if self.rules else None
        self._pairs = GaugePairs(falls, rho, policy.verdicts.gauge_block_s, bets)

    def take(self, known: PopCalibration, kept: PopEvidence) -> None:
        """A PoP with its calibration; `kept` is what it has said already.

        One that an older release has judged by blocks without a pre-period goes on so.
        """
        calibration = gauge_calibration_of(known)
        if self._strata is None or calibration is None:
            return
        if calibration.bins or kept.gauges:
            self._strata.take(known.pop, calibration, _unpacked(kept.gauges) if kept.gauges else None)
        else:
            self._pairs.take(known.pop, pairs_of(kept), kept.paired)

    def absorb(
        self,
        turn: Turn,
        seen: PopCounts,
        arms: tuple[Mask, Mask],
        kept: PopEvidence,
        pop: Pop | None,
        clock_s: float | None,
    ) -> PopEvidence:
        """One bin; what the PoP has said by then, changed where a block was closed by it, or a pair has bet."""
        if self._strata is None or (turn.pop not in self._strata and turn.pop not in self._pairs):
            return kept
        read, nodes = levels.levels_in(self.rules, seen), tuple(map(str, seen.nodes))
        if turn.pop in self._pairs:
            hardware = pop.hardware if pop is not None else {}
            classes = {str(node): name for name, members in hardware.items() for node in members}
            order = tuple(map(str, turn.order))
            if not self._pairs.absorb(turn.pop, order, classes, nodes, read, arms, seen.seconds):
                return kept
            states, paired = self._pairs.state(turn.pop)
            return kept.changed(pairs=_packed(states), paired=paired)
        if self._strata.absorb(turn.pop, nodes, read, arms, seen.seconds, kept.compared_s, clock_s):
            return kept.changed(gauges=_packed(self._strata.state(turn.pop)))
        return kept

    def settle(self, pop: str) -> None:
        """Nothing more comes of a PoP."""
        for held in (self._strata, self._pairs):
            if held is not None and pop in held:
                held.settle(pop)

    def settled_anew(self, states: Iterable[bytes]) -> None:
        """From what the settled PoPs have said, as it is kept, for when one of them is no longer done."""
        if self._strata is not None:
            self._strata.settled_anew(_unpacked(state) for state in states if state)

    def totals(self) -> dict[str, bytes]:
        """The test as a whole, as it is kept: the fields of its record."""
        if self._strata is None:
            return {}
        bets = self._pairs.total
        return {
            "gauges": _packed(self._strata.totals),
            "pairs": _packed(bets) if bets[:, betting.PAIRS].any() else b"",
        }

    def log_es(self) -> list[float]:
        """Log e by gauge: what blocks say, times what pairs say."""
        return (self._strata.log_es() + self._pairs.log_es()).tolist() if self._strata is not None else []

    def pairs(self) -> list[int]:
        """By gauge how many matched pairs have bet."""
        return [int(count) for count in self._pairs.total[:, betting.PAIRS].tolist()]

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
        if self._strata is None:
            return ()
        return (*self._strata.parts(gauge), *self._pairs.parts(gauge))


def _packed(rows: Array) -> bytes:
    return rows.astype("<f8").tobytes()


def _unpacked(kept: bytes) -> Array:
    return np.frombuffer(kept, dtype="<f8").reshape(-1, STRANDS, WIDTH)
