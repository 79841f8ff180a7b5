"""Gauge strata: what do the gauges of all strata of a rollout say, each by itself and together?

As for counters (`strata`): half of a check's evidence is pooled, half lies with single strata in the order in which
they started. The pooled row of each strand only adds what blocks add to the strata's rows; blocks of a few minutes are
few, so that its sums do not drift. What a stratum has said by the time it is settled stays in it and in the mass.
"""

from collections.abc import Iterable
from math import log
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence import gauge_blocks, gauges
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array, log_sum_exp
from wavetrain.evidence.gauge_blocks import OpenBlocks
from wavetrain.evidence.gauge_calibration import GaugeCalibration
from wavetrain.evidence.gauges import STRANDS
from wavetrain.evidence.judgement import WAYS
from wavetrain.evidence.processes import LOG_E, ORDINAL, TAU, WIDTH
from wavetrain.evidence.together import shared

POOLED_SHARE: Final = 0.5
MASS: Final = WIDTH
"""The column of the totals behind a state's: the log of the settled strata's share-weighted e."""
TOTALS: Final = WIDTH + 1
_KEPT: Final = [TAU, ORDINAL]


class _Stratum(Struct):
    known: GaugeCalibration
    state: Array
    open: OpenBlocks


class GaugeStrata:
    """The gauges of one rollout. Changes in place."""

    def __init__(self, falls: Mask, rho: Array, beta: float, totals: Array | None = None) -> None:
        """`falls` marks the gauges of which less is worse, `rho` is the smallest shift worth a rollback, by gauge.

        `totals`, (gauges, STRANDS, TOTALS), are those of an earlier part of this test.
        """
        self._falls, self._rho, self._beta = falls, rho, beta / WAYS
        if totals is None:
            totals = np.concatenate(
                [gauges.unstarted((len(rho),)), np.full((len(rho), STRANDS, 1), -np.inf)], axis=-1
            )
        self.totals: Array = totals.copy()
        self._strata: dict[str, _Stratum] = {}

    def __contains__(self, stratum: str) -> bool:
        return stratum in self._strata

    def take(self, stratum: str, known: GaugeCalibration, state: Array | None = None) -> None:
        """A stratum, unstarted or as it was kept, (gauges, STRANDS, WIDTH)."""
        if len(known.rho) != len(self._rho):
            raise RefusedError(
                f"stratum {stratum} is calibrated for {len(known.rho)} gauges, the test has {len(self._rho)}; "
                "calibrate it for the test's policy"
            )
        rows = gauges.unstarted((len(self._rho),)) if state is None else state.copy()
        self._strata[stratum] = _Stratum(known, rows, gauge_blocks.opened(len(self._rho)))

    def absorb(
        self,
        stratum: str,
        nodes: tuple[str, ...],
        levels: Array,
        arms: tuple[Mask, Mask],
        seconds: float,
        age_s: float,
        clock_s: float | None = None,
    ) -> bool:
        """One bin of levels, (gauges, nodes); whether it closed a block, so that the evidence has changed."""
        held = self._strata[stratum]
        held.open, blocks = gauge_blocks.absorb(
            held.open, nodes, levels, arms, seconds, age_s, held.known, self._falls, clock_s
        )
        if not blocks.any():
            return False
        started = self.totals[..., ORDINAL].copy()
        before = held.state
        after = gauges.moved(before[None], blocks[None], self._rho, started)[0]
        self._weigh(after)
        pooled = self.totals[..., :WIDTH]
        kept = np.maximum(pooled[..., TAU], after[..., TAU]), started
        change = after - before
        change[..., LOG_E:] = 0.0
        pooled += change
        pooled[..., TAU], pooled[..., ORDINAL] = kept
        self._weigh(pooled)
        held.state = after
        return True

    def state(self, stratum: str) -> Array:
        """A live stratum's rows."""
        return self._strata[stratum].state

    def settle(self, stratum: str) -> None:
        """Nothing more comes of a stratum."""
        self._fold(self._strata.pop(stratum).state)

    def settled_anew(self, states: Iterable[Array]) -> None:
        """The mass from the settled strata themselves, for when one of them is no longer done."""
        self.totals[..., MASS] = -np.inf
        for state in states:
            self._fold(state)

    def log_es(self) -> Array:
        """Log e by gauge."""
        pooled = self.totals[..., LOG_E]
        live = [shared(held.state[..., LOG_E], held.state[..., ORDINAL]) for held in self._strata.values()]
        waiting = -np.log1p(self.totals[..., ORDINAL])
        parts = np.stack([*live, self.totals[..., MASS], waiting], axis=-1)
        by_strand = np.logaddexp(pooled + log(POOLED_SHARE), log_sum_exp(parts) + log(1 - POOLED_SHARE))
        return gauges.check_log_e(by_strand)

    def parts(self, gauge: int) -> tuple[tuple[str, float], ...]:
        """Log e of one gauge by live stratum that has said something."""
        return tuple(
            (name, float(gauges.check_log_e(held.state[gauge, :, LOG_E])))
            for name, held in self._strata.items()
            if held.state[gauge, :, ORDINAL].any()
        )

    def _weigh(self, rows: Array) -> None:
        """Work out what rows say of which something is known; the others have e = 1."""
        told = rows[..., TAU] > 0
        widths = np.where(told, rows[..., TAU], 1.0)
        weighed = rows[None].copy()
        gauges.weighed(weighed, gauges.laws_of(widths)[None], self._rho, self._beta)
        weighed[0, ..., LOG_E][~told] = 0.0
        rows[...] = weighed[0]

    def _fold(self, state: Array) -> None:
        said = shared(state[..., LOG_E], state[..., ORDINAL])
        self.totals[..., MASS] = np.logaddexp(self.totals[..., MASS], said)
