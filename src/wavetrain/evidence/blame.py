"""Blame: which of the changes that overlap on these nodes makes them worse?

The model is log rate = season(stratum, bin) + sum of beta_r over the causes r that a node carries. The season is
nobody's business: it is taken out by contrasts in which all else is equal. Held against each other are nodes of one
stratum and age class in one bin that carry the same other causes, one side with r and one without; their counts are
conditional binomials (`evidence.counters`), which add up over bins, cells and strata, and their mixture e_r says how
much speaks against r (a stepped wedge: nodes pass from one side to the other as they change; Hussey & Hughes 2007).
A cell without both sides says nothing. An event from outside hits both sides alike and cancels, so it need not
compete with the causes for their blame; it is told beside them, from nodes that carry no cause at all: those of one
stratum against those of the others, and all of them after the first change against before it, where a fault of a
change shows nothing and a fault of the world does. The latter holds at one look only, and knows no season.

Blame of r is pi_r e_r / (1 + sum pi e), the 1 for "none of them". It is said where pi_r e_r reaches 1 / alpha: of
harmless causes that happens with probability at most alpha for all together (Ville 1939; `evidence.budget`). Causes
that sit on the same nodes have no contrast. Each is then looked at in company too, its nodes against untouched ones:
where that fails and less than SEEN_ALONE of its information comes from contrasts of its own, it is a suspect.
"""

from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.counters import Array, log_e, log_likelihood

CAUSES_MAX: Final = 32
SEEN_ALONE: Final = 0.1
"""A cause that gets less of its information than this from contrasts of its own cannot be told from its company."""

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


class Layout(Struct, frozen=True, eq=False):
    """Who carries what from when on.

    `strata` are places in `names` by node, `since` by cause and node the first bin that counts as changed (infinite for
    never), `ages` by bin and node the class of the time since a node's last restart: unlike ones are not compared.
    """

    names: tuple[str, ...]
    strata: Places
    causes: tuple[str, ...]
    since: Array
    ages: Places

    def __post_init__(self) -> None:
        nodes, bins = len(self.strata), len(self.ages)
        if not 1 <= len(self.causes) <= CAUSES_MAX:
            raise RefusedError(
                f"{len(self.causes)} causes: blame is told among 1 to {CAUSES_MAX}; leave out what changed long ago"
            )
        if len(set(self.causes)) != len(self.causes):
            raise RefusedError("a cause is named twice; give each change its own name")
        if self.since.shape != (len(self.causes), nodes) or self.ages.shape != (bins, nodes):
            raise RefusedError(
                f"layout: since is {self.since.shape}, ages {self.ages.shape}; must be by cause and node, and by bin "
                f"and node, of {nodes} nodes"
            )
        if np.isnan(self.since).any() or not ((self.strata >= 0) & (self.strata < len(self.names))).all():
            raise RefusedError("layout: a node has no stratum, or a change no time; leave such nodes out")


class Counted(Struct, frozen=True, eq=False):
    """One metric: events and offset-weighted exposure by bin and node, NaN for what was not seen."""

    weight: float
    events: Array
    exposure: Array
    phi: float = 1.0
    tau: float = 0.0
    margin_log: float = 0.0
    falls: bool = False
    """Whether it is worse when it falls: then the sides change."""


class CauseBlame(Struct, frozen=True, kw_only=True):
    """What speaks against one cause. `seen_alone` is the share of its information from contrasts of its own."""

    cause: str
    log_e: float
    share: float
    log_e_in_company: float
    seen_alone: float
    strata: tuple[str, ...]
    """Where it could be told from all else."""


class Blame(Struct, frozen=True, kw_only=True):
    """Who is to blame. `causes` come with the most blamed first; `nobody` is the share of "none of them"."""

    causes: tuple[CauseBlame, ...]
    nobody: float
    blamed: str | None
    """The cause that is to blame; None for nobody, or where that cannot be told."""
    suspects: tuple[str, ...]
    """Causes that cannot be told from each other, one of which is to blame at least."""
    outside: tuple[str, ...]
    """Strata in which untouched nodes got worse, against those elsewhere; or all, against their own past."""
    outside_log_e: float


def blame_of(
    layout: Layout, metrics: Sequence[Counted], alpha: float, priors: Sequence[float] | None = None
) -> Blame:
    """Which cause is to blame; `priors` weigh the causes, alike by default."""
    _check(layout, metrics)
    least = budget.log_threshold(alpha)
    shares = budget.normalised(priors if priors is not None else [1.0] * len(layout.causes))
    bits = _carried(layout)
    alone = [_seen(layout, metrics, *_alone(layout, bits, place)) for place in range(len(layout.causes))]
    company = [_seen(layout, metrics, *_company(layout, bits, place)) for place in range(len(layout.causes))]
    weighed = [
        found.log_e + log(share) if share > 0 else -np.inf for found, share in zip(alone, shares, strict=True)
    ]
    total = np.logaddexp.reduce([0.0, *weighed])
    causes = [
        CauseBlame(
            cause=cause,
            log_e=mine.log_e,
            share=float(np.exp(value - total)),
            log_e_in_company=theirs.log_e,
            seen_alone=min(1.0, mine.information / theirs.information) if theirs.information else 1.0,
            strata=tuple(layout.names[place] for place in mine.strata),
        )
        for cause, mine, theirs, value in zip(layout.causes, alone, company, weighed, strict=True)
    ]
    top = int(np.argmax(weighed))
    blamed = layout.causes[top] if weighed[top] >= least else None
    suspects = [
        item.cause
        for item, share in zip(causes, shares, strict=True)
        if item.seen_alone < SEEN_ALONE and share > 0 and item.log_e_in_company + log(share) >= least
    ]
    outside, outside_log_e = _outside(layout, metrics, bits, least)
    return Blame(
        causes=tuple(sorted(causes, key=lambda item: -item.share)),
        nobody=float(np.exp(-total)),
        blamed=blamed,
        suspects=() if blamed is not None else tuple(suspects),
        outside=outside,
        outside_log_e=outside_log_e,
    )


class _Found(Struct, frozen=True):
    log_e: float
    information: float
    strata: tuple[int, ...]


def _check(layout: Layout, metrics: Sequence[Counted]) -> None:
    if not metrics:
        raise RefusedError("blame on no metric: name the checks that failed")
    for metric in metrics:
        if metric.events.shape != layout.ages.shape or metric.exposure.shape != layout.ages.shape:
            raise RefusedError(
                f"blame: counts of shape {metric.events.shape} for {layout.ages.shape} bins and nodes; give both by "
                "bin and node"
            )
        seen = metric.events[~np.isnan(metric.events)]
        if not (np.isfinite(seen) & (seen >= 0)).all():
            raise RefusedError("blame: counts are finite and not negative; leave a counter reset out as NaN")


def _carried(layout: Layout) -> Places:
    """The causes that each node carries in each bin, as bits."""
    bins = np.arange(len(layout.ages))[:, None, None]
    carried = bins >= layout.since[None]
    powers = 1 << np.arange(len(layout.causes), dtype=np.int64)
    out: Places = (carried * powers[None, :, None]).sum(axis=1)
    return out


def _cells(layout: Layout, others: Places) -> Places:
    """A number for each stratum, age class and set of other causes."""
    ages = layout.ages - layout.ages.min(initial=0)
    place = layout.strata[None] * (int(ages.max(initial=0)) + 1) + ages
    _, found = np.unique(others, return_inverse=True)
    sets = found.reshape(others.shape).astype(np.int64)
    out: Places = place * (int(sets.max(initial=0)) + 1) + sets
    return out


def _alone(layout: Layout, bits: Places, place: int) -> tuple[Places, Mask, Mask]:
    """Cells, and the two sides, of a cause with all else equal."""
    carries = (bits >> place & 1).astype(bool)
    return _cells(layout, bits & ~(1 << place)), carries, ~carries


def _company(layout: Layout, bits: Places, place: int) -> tuple[Places, Mask, Mask]:
    """The same of its nodes, whatever else they carry, against nodes that carry nothing."""
    return _cells(layout, np.zeros_like(bits)), (bits >> place & 1).astype(bool), bits == 0


def _seen(layout: Layout, metrics: Sequence[Counted], cells: Places, new: Mask, control: Mask) -> _Found:
    """What a contrast says over all bins, by all metrics; information is in units of exposure."""
    log_es, information = [], 0.0
    strata: set[int] = set()
    for metric in metrics:
        sums, where = _sums(layout, metric, cells, new, control)
        if not len(sums):
            log_es.append(0.0)
            continue
        log_es.append(_log_e(metric, sums))
        information += float((sums[:, 2] * sums[:, 3] / (sums[:, 2] + sums[:, 3])).sum())
        strata |= set(where.tolist())
    weights = budget.normalised([metric.weight for metric in metrics])
    return _Found(budget.log_mean(log_es, weights), information, tuple(sorted(strata)))


def _sums(layout: Layout, metric: Counted, cells: Places, new: Mask, control: Mask) -> tuple[Array, Places]:
    """By bin and cell that has both sides: events of the new and the control, and their exposures; and its stratum."""
    seen = ~np.isnan(metric.events) & (metric.exposure > 0) & (new | control)
    bins, nodes = np.nonzero(seen)
    keys = bins * (int(cells.max(initial=0)) + 1) + cells[bins, nodes]
    _, first, found = np.unique(keys, return_index=True, return_inverse=True)
    is_new, events, exposure = new[seen], metric.events[seen], metric.exposure[seen]
    sums: Array = np.stack(
        [
            np.bincount(found, values * side, minlength=len(first)).astype(float)
            for values in (events, exposure)
            for side in (is_new, ~is_new)
        ],
        axis=-1,
    )
    both = (sums[:, 2] > 0) & (sums[:, 3] > 0)
    return sums[both], layout.strata[nodes[first]][both]


def _outside(
    layout: Layout, metrics: Sequence[Counted], bits: Places, least: float
) -> tuple[tuple[str, ...], float]:
    """Where untouched nodes got worse since the first change, and how much speaks for it.

    Half goes to the strata against each other, half to all of them against their own past.
    """
    begun = np.isfinite(layout.since)
    start = int(layout.since[begun].min()) if begun.any() else len(bits)
    untouched = bits == 0
    late = np.zeros_like(untouched)
    late[max(0, start) :] = True
    one = np.zeros_like(bits)
    count = len(layout.names)
    by_stratum = []
    for place in range(count):
        here = np.broadcast_to(layout.strata[None] == place, bits.shape)
        found = _seen(layout, metrics, one, untouched & late & here, untouched & late & ~here)
        by_stratum.append(found.log_e)
    log_es = [_since_then(metric, untouched & late, untouched & ~late) for metric in metrics]
    world = budget.log_mean(log_es, budget.normalised([metric.weight for metric in metrics]))
    where = [layout.names[place] for place, value in enumerate(by_stratum) if value - log(2 * count) >= least]
    if world - log(2) >= least and not where:
        where = list(layout.names)
    total = budget.log_mean([*by_stratum, world], [*[0.5 / count] * count, 0.5])
    return tuple(where), total


def _since_then(metric: Counted, late: Mask, early: Mask) -> float:
    """Log e of all that was counted late against all that was counted early."""
    seen = ~np.isnan(metric.events) & (metric.exposure > 0)
    figures = [
        float(values[seen & when].sum())
        for values in (metric.events, metric.exposure)
        for when in (late, early)
    ]
    if figures[2] <= 0 or figures[3] <= 0:
        return 0.0
    return _log_e(metric, np.array([figures]))


def _log_e(metric: Counted, sums: Array) -> float:
    """Of rows of events and exposures of the new side and the control."""
    new, control, exposure, theirs = (
        sums[:, column] for column in ((1, 0, 3, 2) if metric.falls else (0, 1, 2, 3))
    )
    loglik = log_likelihood(new, control, exposure, theirs, metric.phi).sum(axis=0)
    return float(log_e(loglik, tau=metric.tau, margin_log=metric.margin_log))
