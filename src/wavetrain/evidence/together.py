"""Together: what do the bins of all strata say as one process, and those of each hardware class?

The bins of a look, added up over strata, are one bin of a process for which only the sum matters: a fault that is
everywhere is seen by all nodes together, one of some hardware by the nodes of its class in whatever PoP. A class is
compared within a stratum only: its new nodes with its control nodes there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.evidence import onset
from wavetrain.evidence.counters import Array, laws, log_sum_exp
from wavetrain.evidence.processes import POINTS, steps, telling, widths

MAX_CLASSES: Final = 64
"""Of more hardware classes the later ones are left out; they are in the strata and in the pooled process."""

LOOKS, WIDEST, ORDINAL = range(POINTS, POINTS + 3)
"""A row begins with the log likelihood, as a stratum's does; then follow how many looks told something, the widest null
of the strata in it, the place among the metric's classes in the order in which they started, and the later onset."""
LATE: Final = slice(POINTS + 3, 2 * POINTS + 3)
WIDTH: Final = 2 * POINTS + 3

OfClass = str | Mapping[str, Array]
"""A stratum's bin by hardware class: the class that all of it is of, or the counts of each, (metrics, ARMS)."""


def nothing(rows: int, metrics: int) -> Array:
    """Processes without a look, shape (rows, metrics, WIDTH)."""
    out = np.zeros((rows, metrics, WIDTH))
    out[..., LATE] = -np.inf
    return out


class Together:
    """The pooled process of each metric, in row 0, and one of each hardware class. Changes in place."""

    def __init__(
        self, margins: Array, floor: float, classes: Sequence[str] = (), rows: Array | None = None
    ) -> None:
        """`margins` are the logs of the harmless ratios, by metric; `rows` are those of an earlier part."""
        self.classes = list(classes)
        self.rows: Array = nothing(1 + len(classes), len(margins)) if rows is None else rows.copy()
        self._margins, self._floor = margins, floor
        self._widths: Array = np.full(self.rows.shape[:2], np.nan)
        self._laws: Array = np.zeros((*self.rows.shape[:2], 2, POINTS))
        self._renew()

    def absorb(
        self,
        phi: Array,
        counts: Array,
        step: Array,
        nulls: tuple[Array, Array, Array],
        classes: Sequence[OfClass],
    ) -> None:
        """One bin of some strata, with their dispersions, and how it falls to classes.

        `step` is what `processes.steps` makes of the counts; `nulls` are the widths of the strata's nulls, and of
        what they follow: those of one node, and the errors in them.
        """
        tau, of_one, errors = nulls
        added = [(0, step, telling(counts), tau)]
        whole: dict[str, list[int]] = {}
        for place, of_it in enumerate(classes):
            if isinstance(of_it, str):
                whole.setdefault(of_it, []).append(place)
        parts = [
            (name, place, counted)
            for place, of_it in enumerate(classes)
            if not isinstance(of_it, str)
            for name, counted in of_it.items()
        ]
        by_class: dict[str, list[tuple[Array, NDArray[np.bool_], Array]]] = {}
        for name, places in whole.items():
            by_class.setdefault(name, []).append((step[places], added[0][2][places], tau[places]))
        if parts:
            at = [place for _, place, _ in parts]
            counted = np.stack([counted for _, _, counted in parts])
            said, told = steps(counted, phi[at]), telling(counted)
            wide = widths(of_one[at], errors[at], counted)
            named = np.array([name for name, _, _ in parts])
            for name in dict.fromkeys(named.tolist()):
                of_it = named == name
                by_class.setdefault(name, []).append((said[of_it], told[of_it], wide[of_it]))
        for name, pieces in by_class.items():
            row = self._row(name)
            if row:
                one, told, wide = (np.concatenate(each) for each in zip(*pieces, strict=True))
                added.append((row, one, told, wide))
        self._add(
            np.array([row for row, *_ in added]),
            np.stack([one.sum(axis=0) for _, one, _, _ in added]),
            np.stack([told.any(axis=0) for _, _, told, _ in added]),
            np.stack([np.where(told, wide, 0.0).max(axis=0) for _, _, told, wide in added]),
        )

    def log_es(self) -> Array:
        """Log e of each process, shape (1 + classes, metrics)."""
        rows = self.rows
        return onset.log_e(
            rows[..., :POINTS], rows[..., LATE], np.moveaxis(self._laws, -2, 0), rows[..., LOOKS]
        )

    @property
    def places(self) -> Array:
        """The place of each class among those of a metric that have started, 0 before, shape (classes, metrics)."""
        out: Array = self.rows[1:, :, ORDINAL]
        return out

    def started(self) -> Array:
        """How many classes have started, by metric."""
        out: Array = self.places.max(axis=0, initial=0.0)
        return out

    def _row(self, name: str) -> int:
        """The row of a class, a new one where it has none; 0 for one too many."""
        if name not in self.classes:
            if len(self.classes) >= MAX_CLASSES:
                return 0
            self.classes.append(name)
            metrics = len(self._margins)
            self.rows = np.concatenate([self.rows, nothing(1, metrics)])
            self._widths = np.concatenate([self._widths, np.full((1, metrics), np.nan)])
            self._laws = np.concatenate([self._laws, np.zeros((1, metrics, 2, POINTS))])
        return 1 + self.classes.index(name)

    def _add(self, places: NDArray[np.intp], step: Array, told: NDArray[np.bool_], widest: Array) -> None:
        """One bin of each of these rows; `places` are in the order in which classes start in one look."""
        rows = self.rows[places]
        rows[..., WIDEST] = np.maximum(rows[..., WIDEST], widest)
        fresh = told & (rows[..., ORDINAL] == 0)
        fresh[0] = False
        if fresh.any():
            rows[..., ORDINAL] = np.where(
                fresh, np.cumsum(fresh, axis=0) + self.started(), rows[..., ORDINAL]
            )
        self.rows[places] = rows
        self._renew()
        rows[..., LOOKS] += told
        late = onset.later(
            rows[..., LATE], rows[..., :POINTS], step, self._laws[places, :, 0], rows[..., LOOKS]
        )
        rows[..., LATE] = np.where(told[..., None], late, rows[..., LATE])
        rows[..., :POINTS] += step
        self.rows[places] = rows

    def _renew(self) -> None:
        """The laws of those whose null has become wider."""
        widths = np.maximum(self.rows[..., WIDEST], self._floor)
        other = widths != self._widths
        if other.any():
            margins = np.broadcast_to(self._margins, widths.shape)[other]
            self._laws[other] = [
                laws(width, margin)
                for width, margin in zip(widths[other].tolist(), margins.tolist(), strict=True)
            ]
            self._widths = widths


def shared(log_es: Array, places: Array) -> Array:
    """Log of each e times its share 1 / (k (k + 1)), k its place; -inf for one that has not started (0)."""
    with np.errstate(divide="ignore"):
        share = np.log(np.where(places > 0, 1 / np.maximum(places * (places + 1), 1), 0.0))
    out: Array = log_es + share
    return out


def mean_of(parts: Array, started: Array) -> Array:
    """Log of the sum of shared e, shape (any, metrics), with e = 1 for all that has not started."""
    out: Array = log_sum_exp(np.concatenate([parts, -np.log1p(started)[None]]).T)
    return out
