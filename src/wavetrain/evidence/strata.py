"""Strata: what do all strata of a rollout say together, at the cost of those that changed?

Live strata are rows of one array. A stratum that is done is settled: its part of the pooled likelihood, and its share
of the mixture, go into the totals once, and its rows are free for another. So nothing is added up and taken away
again, and no sum drifts: the live rows are summed anew at each look.
"""

from collections.abc import Iterable, Sequence
from math import log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.counters import Array, laws, laws_of, log_e_rows, log_sum_exp
from wavetrain.evidence.judgement import MAX_METRICS, MAX_STRATA, WAYS, Judgement, Metric, check, judgement_of
from wavetrain.evidence.processes import (
    BINS,
    CONTROL_EXPOSURE,
    LOG_E,
    NEW_EVENTS,
    ORDINAL,
    POINTS,
    TAU,
    WIDTH,
    moved,
    weighed,
)

SUMS: Final = slice(0, CONTROL_EXPOSURE + 1)
"""The columns of the totals that are sums over the settled strata: those of a state, in its order."""
STARTED, WIDEST, LOG_MASS = range(CONTROL_EXPOSURE + 1, CONTROL_EXPOSURE + 4)
"""Then: how many strata have started, settled or live; the widest null of all; the log of the settled strata's
share-weighted e."""
TOTALS: Final = CONTROL_EXPOSURE + 4
FIRST_ROWS: Final = 16


def no_totals(metrics: int) -> Array:
    """The totals before the first bin, shape (metrics, TOTALS)."""
    totals = np.zeros((metrics, TOTALS))
    totals[:, LOG_MASS] = -np.inf
    return totals


class Strata:
    """The running test of one rollout. Changes in place; what it says follows from its arrays alone."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        tau_floor: float = 0.0,
        beta: float = 0.05,
        totals: Array | None = None,
        most: int = MAX_METRICS,
    ) -> None:
        """`tau_floor` widens every null to at least itself; a gate passes falsely with probability at most beta.

        `totals` are those of an earlier part of this test. More metrics than `most` are refused.
        """
        check(metrics, most)
        self.metrics = tuple(metrics)
        self._weights = budget.normalised([metric.weight for metric in metrics])
        self._margins = np.array([log1p(metric.margin_ratio) for metric in metrics])
        self._gates = np.array([place for place, metric in enumerate(metrics) if metric.gate], dtype=np.intp)
        self._floor, self._beta = tau_floor, beta
        self.totals: Array = no_totals(len(metrics)) if totals is None else totals.copy()
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._states: Array = np.zeros((0, len(metrics), WIDTH))
        self._laws: Array = np.zeros((0, len(metrics), 2, POINTS))
        self._tau: Array = np.zeros((0, len(metrics)))
        self._grow(FIRST_ROWS)

    def __contains__(self, stratum: str) -> bool:
        return stratum in self._rows

    @property
    def live(self) -> tuple[str, ...]:
        """The strata that are not settled, in the order in which they were taken in."""
        return tuple(self._rows)

    def take(self, stratum: str, state: Array, tau: Array) -> None:
        """A stratum, unstarted or as it was kept; `tau` are the widths of its null, by metric."""
        if stratum in self._rows:
            raise RefusedError(f"stratum {stratum} is in the test already; absorb its bins")
        if len(self._rows) >= MAX_STRATA or self.totals[:, STARTED].max() >= MAX_STRATA:
            raise RefusedError(f"more than {MAX_STRATA} strata; group PoPs into fewer strata")
        if not self._free:
            self._grow(len(self._states))
        row = self._free.pop()
        self._rows[stratum] = row
        self._states[row] = state
        self._tau[row] = tau
        widths = np.maximum(np.maximum(tau, state[:, TAU]), self._floor)  # of a state that was kept, the same
        for margin in set(self._margins.tolist()):
            of_it = self._margins == margin
            self._laws[row, of_it] = laws_of(widths[of_it], margin)
        if np.isnan(state[:, LOG_E]).any():
            self._weigh(self._states[row : row + 1], np.array([row]))

    def absorb(self, strata: Sequence[str], counts: Array) -> None:
        """One bin of each of these strata, shape (strata, metrics, ARMS); a stratum may be named once."""
        rows = np.array([self._rows[stratum] for stratum in strata], dtype=np.intp)
        if len(set(strata)) != len(strata):
            raise RefusedError("a stratum is named twice in one look; absorb its bins one after the other")
        after = moved(self._states[rows], counts, self._tau[rows], self.totals[:, STARTED])
        self._weigh(after, rows)
        self._states[rows] = after
        self.totals[:, WIDEST] = np.maximum(self.totals[:, WIDEST], after[..., TAU].max(axis=0))

    def weigh(self) -> None:
        """Work out every live process's log e again, as after a change of what harm means."""
        rows = np.fromiter(self._rows.values(), np.intp, len(self._rows))
        states = self._states[rows]
        self._weigh(states, rows)
        self._states[rows] = states

    def state(self, stratum: str) -> Array:
        """A live stratum's processes, shape (metrics, WIDTH); a view that the next bin changes."""
        view: Array = self._states[self._rows[stratum]]
        return view

    def settle(self, stratum: str) -> None:
        """Nothing more comes of a stratum: what it said stays in the totals."""
        row = self._rows.pop(stratum)
        _fold(self.totals, self._states[row])
        self._states[row] = 0.0
        self._free.append(row)

    def settled_anew(self, states: Iterable[Array]) -> None:
        """The totals from the settled strata themselves, for when one of them is no longer done."""
        self.totals[:, SUMS] = 0.0
        self.totals[:, LOG_MASS] = -np.inf
        for state in states:
            _fold(self.totals, state)

    def log_es(self) -> Array:
        """Log e by metric: half pooled, half strata (`budget.metric_log_e`)."""
        live = self._live()
        pooled = self.totals[:, :POINTS] + live[..., :POINTS].sum(axis=0)
        widths = np.maximum(self.totals[:, WIDEST], self._floor)
        law = np.array(
            [laws(tau, margin) for tau, margin in zip(widths.tolist(), self._margins.tolist(), strict=True)]
        )
        together = log_e_rows(pooled, np.moveaxis(law, -2, 0))
        waiting = -np.log1p(self.totals[:, STARTED])
        parts = np.concatenate([_shared(live), self.totals[None, :, LOG_MASS], waiting[None]])
        out: Array = np.logaddexp(
            together + np.log(budget.POOLED_SHARE), log_sum_exp(parts.T) + np.log1p(-budget.POOLED_SHARE)
        )
        return out

    def log_e(self) -> float:
        """Log e of the whole test."""
        return budget.log_mean(self.log_es().tolist(), self._weights)

    def judgement(self, alpha: float) -> Judgement:
        """The verdict with its parts, of the strata that are live one by one."""
        live = self._live()
        sums = self.totals[:, SUMS] + live[..., SUMS].sum(axis=0)
        said = {
            name: dict(zip((metric.name for metric in self.metrics), column, strict=True))
            for name, column in zip(self._rows, _started(live), strict=True)
        }
        return judgement_of(
            self.metrics,
            self._weights,
            self.log_es().tolist(),
            sums[:, NEW_EVENTS:].tolist(),
            alpha,
            {
                metric.name: tuple(
                    (stratum, value)
                    for stratum, of_metric in said.items()
                    if (value := of_metric[metric.name]) is not None
                )
                for metric in self.metrics
            },
        )

    def _weigh(self, states: Array, rows: NDArray[np.intp]) -> None:
        weighed(states, self._laws[rows], self._gates, self._beta / WAYS)

    def _live(self) -> Array:
        if len(self._rows) == len(self._states):
            return self._states
        return self._states[np.fromiter(self._rows.values(), np.intp, len(self._rows))]

    def _grow(self, by: int) -> None:
        held = len(self._states)
        self._free.extend(range(held + by - 1, held - 1, -1))
        for name in ("_states", "_laws", "_tau"):
            old: Array = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((by, *old.shape[1:]))]))


def _shared(states: Array) -> Array:
    """Log of each process's e times its stratum's share 1 / (k (k + 1)); -inf for one that has not started."""
    place = states[..., ORDINAL]
    with np.errstate(divide="ignore"):
        share = np.log(np.where(place > 0, 1 / np.maximum(place * (place + 1), 1), 0.0))
    out: Array = states[..., LOG_E] + share
    return out


def _fold(totals: Array, state: Array) -> None:
    totals[:, SUMS] += state[:, SUMS]
    totals[:, LOG_MASS] = np.logaddexp(totals[:, LOG_MASS], _shared(state))


def _started(live: Array) -> list[list[float | None]]:
    return [
        [value if bins else None for value, bins in zip(of[:, LOG_E].tolist(), of[:, BINS], strict=True)]
        for of in live
    ]
