"""Strata: what do all strata of a rollout say together, at the cost of those that changed?

Live strata are rows of one array. A stratum that is done is settled: what it counted, and its share of the mixture, go
into the totals once, and its rows are free for another. So nothing is added up and taken away again, and no sum drifts.
The pooled processes (`evidence.together`) only ever add.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import log, log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.counters import Array, laws_of
from wavetrain.evidence.judgement import MAX_METRICS, MAX_STRATA, WAYS, Judgement, Metric, check, judgement_of
from wavetrain.evidence.processes import (
    BINS,
    CONTROL_EXPOSURE,
    LOG_E,
    NEW_EVENTS,
    ORDINAL,
    PHI,
    POINTS,
    TAU,
    WIDTH,
    moved,
    steps,
    weighed,
    widths,
)
from wavetrain.evidence.together import OfClass, Together, mean_of, shared

COUNTED: Final = slice(NEW_EVENTS, CONTROL_EXPOSURE + 1)
SUMS: Final = slice(0, CONTROL_EXPOSURE + 1 - NEW_EVENTS)
"""The columns of the totals that are sums over the settled strata: those of a state that are counts, in its order."""
STARTED, LOG_MASS = range(SUMS.stop, SUMS.stop + 2)
"""Then: how many strata have started, settled or live; the log of the settled strata's share-weighted e."""
TOTALS: Final = SUMS.stop + 2
FIRST_ROWS: Final = 16
AT_ONCE: Final = 32
"""Strata whose processes move in one go: what 40 metrics of them take stays in a core's cache."""

NO_CLASS: Final = ""
"""Nodes of no hardware class are one of their own: a fleet that names none leaves nothing of the budget unused."""


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
        classes: Sequence[str] = (),
        together: Array | None = None,
        most: int = MAX_METRICS,
    ) -> None:
        """`tau_floor` widens every null to at least itself; a gate passes falsely with probability at most beta.

        `totals`, the hardware `classes` and the rows of `together` are those of an earlier part of this test. More
        metrics than `most` are refused.
        """
        check(metrics, most)
        self.metrics = tuple(metrics)
        self._weights = budget.normalised([metric.weight for metric in metrics])
        self._margins = np.array([log1p(metric.margin_ratio) for metric in metrics])
        self._gates = np.array([place for place, metric in enumerate(metrics) if metric.gate], dtype=np.intp)
        self._floor, self._beta = tau_floor, beta
        self.totals: Array = no_totals(len(metrics)) if totals is None else totals.copy()
        self.together = Together(self._margins, tau_floor, classes, together)
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._states: Array = np.zeros((0, len(metrics), WIDTH))
        self._laws: Array = np.zeros((0, len(metrics), 2, POINTS))
        self._tau: Array = np.zeros((0, len(metrics)))
        self._errors: Array = np.zeros((0, len(metrics)))
        self._widths: Array = np.zeros((0, len(metrics)))
        self._grow(FIRST_ROWS)

    def __contains__(self, stratum: str) -> bool:
        return stratum in self._rows

    @property
    def live(self) -> tuple[str, ...]:
        """The strata that are not settled, in the order in which they were taken in."""
        return tuple(self._rows)

    def take(self, stratum: str, state: Array, tau: Array, errors: Array | None = None) -> None:
        """A stratum, unstarted or as it was kept; by metric, `tau` are the widths of its null for one node.

        `errors` are the variances in them that many nodes even out, none by default (`processes.widths`).
        """
        if stratum in self._rows:
            raise RefusedError(f"stratum {stratum} is in the test already; absorb its bins")
        if len(self._rows) >= MAX_STRATA or self.totals[:, STARTED].max() >= MAX_STRATA:
            raise RefusedError(f"more than {MAX_STRATA} strata; group PoPs into fewer strata")
        if not self._free:
            self._grow(len(self._states))
        row = self._free.pop()
        self._rows[stratum] = row
        self._states[row] = state
        self._tau[row], self._errors[row] = tau, 0.0 if errors is None else errors
        self._widths[row] = np.nan
        self._widen(np.array([row]), state[None, :, TAU])
        if np.isnan(state[:, LOG_E]).any():
            self._weigh(self._states[row : row + 1], np.array([row]))

    def absorb(
        self, strata: Sequence[str], counts: Array, classes: Mapping[str, OfClass] | None = None
    ) -> None:
        """One bin of each of these strata, shape (strata, metrics, ARMS); a stratum may be named once.

        `classes` says by stratum what its bin says of each hardware class; one that is not in it is of none.
        """
        rows = np.array([self._rows[stratum] for stratum in strata], dtype=np.intp)
        if len(set(strata)) != len(strata):
            raise RefusedError("a stratum is named twice in one look; absorb its bins one after the other")
        phi, errors = self._states[rows, :, PHI], self._errors[rows]
        tau = np.maximum(widths(self._tau[rows], errors, counts), self._states[rows, :, TAU])
        self._widen(rows, tau)
        step = steps(counts, phi)
        by_class = [NO_CLASS if classes is None else classes.get(stratum, NO_CLASS) for stratum in strata]
        self.together.absorb(phi, counts, step, (tau, self._tau[rows], errors), by_class)
        for start in range(0, len(rows), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            at = rows[some]
            null = self._laws[at, :, 0]
            after = moved(
                self._states[at], counts[some], step[some], tau[some], null, self.totals[:, STARTED]
            )
            self._weigh(after, at)
            self._states[at] = after

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
        """Log e by metric: half pooled, a quarter strata, a quarter classes (`budget.metric_log_e`)."""
        pooled, *by_class = self.together.log_es()
        live, settled = shared(self._live(LOG_E), self._live(ORDINAL)), self.totals[None, :, LOG_MASS]
        classes = shared(np.array(by_class).reshape(-1, len(self.metrics)), self.together.places)
        out: Array = np.logaddexp(
            pooled + log(budget.POOLED_SHARE),
            np.logaddexp(
                mean_of(np.concatenate([live, settled]), self.totals[:, STARTED]) + log(budget.STRATA_SHARE),
                mean_of(classes, self.together.started()) + log(budget.CLASS_SHARE),
            ),
        )
        return out

    def log_e(self) -> float:
        """Log e of the whole test."""
        return budget.log_mean(self.log_es().tolist(), self._weights)

    def pooled(self) -> Array:
        """The log likelihood over GRID of all strata together, shape (metrics, POINTS)."""
        out: Array = self.together.rows[0, :, :POINTS]
        return out

    def judgement(self, alpha: float) -> Judgement:
        """The verdict with its parts, of the strata that are live one by one."""
        sums = self.totals[:, SUMS] + np.stack(
            [self._live(column).sum(axis=0) for column in range(COUNTED.start, COUNTED.stop)], axis=-1
        )
        strata = _started(self._live(LOG_E), self._live(BINS))
        classes = _started(self.together.log_es()[1:], self.together.places)
        return judgement_of(
            self.metrics,
            self._weights,
            self.log_es().tolist(),
            sums.tolist(),
            alpha,
            _by_metric(self._rows, strata),
            _by_metric(self.together.classes, classes),
        )

    def _widen(self, rows: NDArray[np.intp], tau: Array) -> None:
        """The laws of those whose null is wider than before, or was not known."""
        wanted = np.maximum(tau, self._floor)
        places, metrics = np.nonzero(wanted != self._widths[rows])
        for margin in set(self._margins[metrics].tolist()):
            some = self._margins[metrics] == margin
            at, of = rows[places[some]], metrics[some]
            each, which = np.unique(wanted[places[some], of], return_inverse=True)
            self._laws[at, of] = laws_of(each, margin)[which]
            self._widths[at, of] = each[which]

    def _weigh(self, states: Array, rows: NDArray[np.intp]) -> None:
        weighed(states, self._laws[rows], self._gates, self._beta / WAYS)

    def _live(self, column: int) -> Array:
        """One column of the live strata's processes, shape (strata, metrics)."""
        out: Array = self._states[np.fromiter(self._rows.values(), np.intp, len(self._rows)), :, column]
        return out

    def _grow(self, by: int) -> None:
        held = len(self._states)
        self._free.extend(range(held + by - 1, held - 1, -1))
        for name in ("_states", "_laws", "_tau", "_errors", "_widths"):
            old: Array = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((by, *old.shape[1:]))]))


def _fold(totals: Array, state: Array) -> None:
    totals[:, SUMS] += state[:, COUNTED]
    totals[:, LOG_MASS] = np.logaddexp(totals[:, LOG_MASS], shared(state[:, LOG_E], state[:, ORDINAL]))


def _started(log_es: Array, bins: Array) -> list[list[float | None]]:
    return [
        [value if some else None for value, some in zip(values, of, strict=True)]
        for values, of in zip(log_es.tolist(), bins.tolist(), strict=True)
    ]


def _by_metric(
    names: Iterable[str], said: Sequence[Sequence[float | None]]
) -> list[tuple[tuple[str, float], ...]]:
    """By metric, what each of these has said that has said something."""
    named = list(zip(names, said, strict=True))
    return [
        tuple((name, value) for name, of_it in named if (value := of_it[place]) is not None)
        for place in range(len(said[0]) if said else 0)
    ]
