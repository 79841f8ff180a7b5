"""Blame: which of what changed on these nodes is to blame?

Releases of several components, content and features travel at the same time. The verdict on one of them needs no
blame: its control carries all else alike, so what comes from outside or from another change that both sides carry
cancels there, and a release goes back only when it is worse than that control. Blame explains a fail to a person, and
says whose turn it is where two changes sit on the same nodes: then neither has a control with all else equal, none
goes back on statistics, both are held, and the answer names the nodes on which one of them must be held back (half of
each PoP, by stable hash) to tell them apart.
"""

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.decide.cohort import rank
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.errors import RefusedError
from wavetrain.evidence.blame import Blame, Counted, Layout, blame_of
from wavetrain.evidence.calibration import Calibration, assumed, calibrate_class
from wavetrain.evidence.counters import Array
from wavetrain.evidence.preperiod import Preperiod
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Direction, MetricRule, Policy

BINS_MAX: Final = 100_000
_NAMED: Final = 8
"""So many strata are named in the sentence; the answer has all."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that changed: a release, content, a feature. `at` is by node, on the clock of the bins' ends."""

    cause: str
    at: Mapping[str, float]


class Stagger(msgspec.Struct, frozen=True, kw_only=True):
    """On which nodes of a PoP a cause must be held back, so that it can be told from those that sit there too."""

    pop: str
    cause: str
    nodes: tuple[str, ...]


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to blame, in a sentence too; `stagger` where that cannot be told."""

    blame: Blame
    stagger: tuple[Stagger, ...]
    text: str


def changes_in(bins: Sequence[PopCounts]) -> tuple[Change, ...]:
    """The releases that nodes went to in these bins; a change is told at the end of the bin before it shows."""
    ran: dict[str, tuple[str, float]] = {}
    found: dict[str, dict[str, float]] = {}
    for seen in sorted(bins, key=lambda item: item.ended):
        for node, release in zip(map(str, seen.nodes), seen.releases, strict=True):
            before = ran.get(node)
            if before is not None and before[0] != release:
                found.setdefault(release, {}).setdefault(node, before[1])
            ran[node] = release, seen.ended
    return tuple(Change(cause=release, at=nodes) for release, nodes in sorted(found.items()))


def explained(
    bins: Sequence[PopCounts],
    changes: Sequence[Change],
    policy: Policy,
    watches: Mapping[str, PopWatch],
) -> Explained:
    """Which change is to blame for what the checks see in these bins; they begin before the first change, best at rest.

    `watches` are the PoPs' pre-periods; of one without, cautious assumptions. Nodes that changed within a bin are left
    out of it.
    """
    rules = [rule for rule in policy.verdicts.metrics if rule.events and rule.weight > 0]
    if not rules:
        raise RefusedError("the policy counts nothing with a weight, so nothing can be blamed; add a check")
    table = _Table(bins)
    since = np.full((len(changes), len(table.nodes)), np.inf)
    straddled = np.zeros((len(table.ends), len(table.nodes)), bool)
    for row, change in enumerate(changes):
        for node, at in change.at.items():
            if node in table.column:
                first = int(np.searchsorted(table.starts, at - 1e-9))
                since[row, table.column[node]] = first
                within = first - 1
                if 0 <= within < len(table.ends) and table.starts[within] < at - 1e-9 < table.ends[within]:
                    straddled[within, table.column[node]] = True
    layout = Layout(
        names=table.pops,
        strata=table.strata,
        causes=tuple(change.cause for change in changes),
        since=since,
        ages=np.zeros(straddled.shape, dtype=np.int64),
    )
    fits = {pop: _fits(rules, watches.get(pop), policy.verdicts.tau_floor) for pop in table.pops}
    counted = [
        _counted(table, rule, [of[row] for of in fits.values()], straddled) for row, rule in enumerate(rules)
    ]
    found = blame_of(layout, counted, policy.verdicts.alpha)
    stagger = tuple(_stagger(table, layout, found.suspects)) if len(found.suspects) > 1 else ()
    return Explained(blame=found, stagger=stagger, text=_said(found, stagger))


class _Table:
    """Bins of all PoPs over one time and one list of nodes."""

    def __init__(self, bins: Sequence[PopCounts]) -> None:
        told = [seen for seen in bins if seen.seconds > 0 and seen.nodes]
        ends = sorted({seen.ended for seen in told})
        if not told or len(ends) > BINS_MAX:
            raise RefusedError(
                f"blame on bins of {len(ends)} times: give 1 to {BINS_MAX}, of the PoPs that changed"
            )
        self.bins = told
        self.ends: Array = np.array(ends)
        self.row = {ended: row for row, ended in enumerate(ends)}
        lengths = np.zeros(len(ends))
        homes: dict[str, str] = {}
        for seen in told:
            lengths[self.row[seen.ended]] = max(lengths[self.row[seen.ended]], seen.seconds)
            homes.update(dict.fromkeys(map(str, seen.nodes), str(seen.pop)))
        self.starts: Array = self.ends - lengths
        self.nodes = tuple(sorted(homes))
        self.column = {node: place for place, node in enumerate(self.nodes)}
        self.pops = tuple(sorted(set(homes.values())))
        place = {pop: number for number, pop in enumerate(self.pops)}
        self.strata = np.array([place[homes[node]] for node in self.nodes], dtype=np.int64)

    def figures(self, name: str) -> Array:
        """A counter by time and node, NaN where it was not seen."""
        out = np.full((len(self.ends), len(self.nodes)), np.nan)
        for seen in self.bins:
            if name in seen.counters:
                columns = [self.column[str(node)] for node in seen.nodes]
                out[self.row[seen.ended], columns] = seen.counted[seen.counters.index(name)]
        return out


def _fits(rules: Sequence[MetricRule], watch: PopWatch | None, floor: float) -> list[Calibration]:
    """What the pre-period of a PoP says of each check."""
    held = watch.metrics if watch is not None else {}
    found = calibrate_class([held.get(rule.name, Preperiod()) for rule in rules], floor)
    return [fit or assumed(floor) for fit in found]


def _counted(
    table: _Table, rule: MetricRule, fits: Sequence[Calibration], straddled: NDArray[np.bool_]
) -> Counted:
    """One check with its nodes' offsets, and the widest noise of its PoPs."""
    offsets = {node: weight for fit in fits for node, weight in fit.weights}
    weights = np.array([offsets.get(node, 1.0) for node in table.nodes])
    return Counted(
        weight=rule.weight,
        events=np.where(straddled, np.nan, table.figures(rule.events)),
        exposure=table.figures(rule.exposure) * weights,
        phi=max(fit.phi for fit in fits),
        tau=max(fit.tau for fit in fits),
        margin_log=log1p(rule.margin_ratio),
        falls=rule.direction is Direction.DOWN,
    )


def _stagger(table: _Table, layout: Layout, suspects: Sequence[str]) -> list[Stagger]:
    """Half of the nodes of each PoP that carry all suspects: the one that came last is held back there."""
    rows = [layout.causes.index(cause) for cause in suspects]
    last = max(rows, key=lambda row: (float(layout.since[row].min()), row))
    all_of_them = np.isfinite(layout.since[rows]).all(axis=0)
    out = []
    for place, pop in enumerate(table.pops):
        here = [table.nodes[node] for node in np.flatnonzero(all_of_them & (layout.strata == place)).tolist()]
        if len(here) > 1:
            cause = layout.causes[last]
            half = rank(here, f"stagger/{cause}")[: len(here) // 2]
            out.append(Stagger(pop=pop, cause=cause, nodes=tuple(sorted(half))))
    return out


def _said(found: Blame, stagger: Sequence[Stagger]) -> str:
    """The answer in a sentence, with its way out."""
    where = f"nodes that nothing touched got worse too, in {_named(found.outside)}" if found.outside else ""
    if found.blamed is not None:
        top = found.causes[0]
        said = (
            f"{top.cause} is to blame ({top.share:.0%}): log e {top.log_e:.1f} against nodes that are like its own in "
            f"all else, in {_named(top.strata)}"
        )
        return f"{said}; {where}" if where else said
    if len(found.suspects) > 1:
        names = " from ".join(found.suspects)
        said = f"cannot tell {names}: they sit on the same nodes"
        if stagger:
            nodes = ", ".join(f"{item.pop}: {' '.join(item.nodes)}" for item in stagger[:_NAMED])
            said += f"; hold {stagger[0].cause} back on half of them, {nodes}, and compare again"
        else:
            said += "; no PoP has two of them, so let one go on alone"
        return f"{said}; {where}" if where else said
    if found.suspects:
        return (
            f"{found.suspects[0]} may be to blame: its nodes are worse than untouched ones, but none is like them in "
            "all else; keep nodes of the same kind without it"
        )
    if where:
        return f"nothing that changed is to blame: {where.replace(' too', '')}"
    return "nothing speaks against what changed"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
