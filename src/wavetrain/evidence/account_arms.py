"""Account arms: do events come faster to accounts that have a feature than to those that do not, on the same nodes?

A cell is one node in one bin: both sides meet the same release, hardware, load and world there, so that whatever hits
the node hits both and cancels (`evidence.counters`, conditional binomials). Two things do not cancel:

* Accounts differ from each other, and a ramp sets the same accounts on one side for days. The log ratio of two groups
  drawn by chance, of n and m accounts, has about the variance spread^2 (1/n + 1/m): the square of the null law's tau.
  While the ramp grows the groups change; the mean of their variances, weighed by information, bounds that of the whole,
  because later groups contain earlier ones.
* Events come in bursts. The dispersion phi is Pearson's sum of squares of the cells about the ratio as it was known
  before each (McCullagh & Nelder 1989), shrunken to ASSUMED_PHI, never below 1.

Both are estimates, so that the promise is as good as they are; `tests/decide/test_feature_verdict.py` draws ramps of
unlike accounts and counts how often a harmless feature is stopped.
"""

from math import ceil, log1p, sqrt
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.evidence.calibration import ASSUMED_PHI, TAU_FLOOR
from wavetrain.evidence.counters import GRID, Array, laws, log_e_doubling, log_e_rows, log_likelihood

PHI_CELLS: Final = 10.0
"""So many cells at ASSUMED_PHI are imagined before the first."""
EVENTS_LEAST: Final = 1.0
"""A cell with fewer events in all says nothing of its dispersion."""
_TAU_STEPS: Final = 1_000
_HALF: Final = 0.5


class ArmSums(Struct, frozen=True, kw_only=True):
    """What all cells of one check add up to. `loglik` is over the grid of log ratios, not tempered."""

    loglik: tuple[float, ...] = (0.0,) * len(GRID)
    on_events: float = 0.0
    on_exposure: float = 0.0
    off_events: float = 0.0
    off_exposure: float = 0.0
    cells: float = 0.0
    """Those that tell of dispersion."""
    squares: float = 0.0
    information: float = 0.0
    tau_information: float = 0.0
    """Information times tau squared, added up."""

    @property
    def phi(self) -> float:
        """The dispersion."""
        return max(1.0, (PHI_CELLS * ASSUMED_PHI + self.squares) / (PHI_CELLS + self.cells))

    @property
    def tau(self) -> float:
        """How far the log ratio of harmless sides may lie from none."""
        square = self.tau_information / self.information if self.information else 0.0
        return max(TAU_FLOOR, ceil(sqrt(square) * _TAU_STEPS) / _TAU_STEPS)

    @property
    def ratio(self) -> float | None:
        """Of the rates, on to off, with half an event added to each; None where nothing is compared."""
        if not self.on_exposure or not self.off_exposure:
            return None
        return (self.on_events + _HALF) / self.on_exposure / ((self.off_events + _HALF) / self.off_exposure)


def added(sums: ArmSums, on: tuple[Array, Array], off: tuple[Array, Array], tau: float) -> ArmSums:
    """With more cells: events and exposure of both sides by cell. Cells without both sides say nothing."""
    both = (on[1] > 0) & (off[1] > 0) & np.isfinite(on[0]) & np.isfinite(off[0])
    if not both.any():
        return sums
    mine, exposure, theirs, control = (side[both] for side in (*on, *off))
    loglik = log_likelihood(mine, theirs, exposure, control).sum(axis=0)
    ratio = sums.ratio
    share = exposure * (ratio if ratio is not None else 1.0)
    share = share / (share + control)
    counted = mine + theirs
    told = counted >= EVENTS_LEAST
    square = (mine - counted * share) ** 2 / np.where(told, counted * share * (1 - share), 1.0)
    information = float((exposure * control / (exposure + control)).sum())
    return ArmSums(
        loglik=tuple((np.array(sums.loglik) + loglik).tolist()),
        on_events=sums.on_events + float(mine.sum()),
        on_exposure=sums.on_exposure + float(exposure.sum()),
        off_events=sums.off_events + float(theirs.sum()),
        off_exposure=sums.off_exposure + float(control.sum()),
        cells=sums.cells + float(told.sum()),
        squares=sums.squares + float(square[told].sum()),
        information=sums.information + information,
        tau_information=sums.tau_information + information * tau * tau,
    )


def log_e(sums: ArmSums, margin_ratio: float) -> float:
    """Log e of "the rate of the first side exceeds the other's by more than the margin"."""
    tempered = np.array(sums.loglik) / sums.phi
    return float(log_e_rows(tempered, laws(sums.tau, log1p(margin_ratio))))


def doubling_log_e(sums: ArmSums) -> float:
    """Log e against "at least twice as fast"."""
    return float(log_e_doubling(np.array(sums.loglik) / sums.phi))


def account_tau(spread: float, on: float, off: float) -> float:
    """The tau of sides of so many accounts, drawn by chance."""
    return spread * sqrt(1 / max(1.0, on) + 1 / max(1.0, off))
