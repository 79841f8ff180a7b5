"""Feature blame: is it the feature, or a release that came to the same nodes meanwhile?

Both are causes in one model (`evidence.blame`): each node stands there twice, as the accounts that have the feature and
as those that do not. The first half carries the feature; both carry a release from when it came to the node. So the
feature is held against accounts of like nodes, and a release against like nodes with accounts of the same side.
"""

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Final

import msgspec
import numpy as np

from wavetrain.decide.feature_evidence import FeatureEvidence, check_log_es, total_log_e
from wavetrain.evidence import budget
from wavetrain.evidence.blame import CAUSES_MAX, Blame, Counted, Layout, blame_of
from wavetrain.evidence.counters import Array
from wavetrain.model.health import selected
from wavetrain.model.policy import Direction, Policy

SLOTS_MAX: Final = 360
ROWS_MAX: Final = 200_000
"""Of nodes and slots together; older slots are left out."""
_SUSPECT: Final = 0.5
"""A feature counts as a suspect from this part of its way to `fail` on."""


class Slot(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What one PoP's nodes counted in one span, for each check of a feature.

    `figures` has the shape (checks, 4, nodes): events and exposure with the feature, then without it.
    """

    ended: float
    pop: str
    nodes: tuple[str, ...]
    releases: tuple[str, ...]
    figures: Array


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to blame: `releases` by how much speaks against each (log e), with accounts of the same side."""

    blame: Blame
    feature: float
    releases: Mapping[str, float]
    text: str


def shared(kept: FeatureEvidence, slots: Sequence[Slot], moved: Sequence[str]) -> Shared | None:
    """The effect, shared out among the feature and the releases under way; None where nothing was measured."""
    slots = _fitting(slots)
    if not slots:
        return None
    layout, figures = _laid(kept.feature, slots, moved)
    values = check_log_es(kept)
    place = max(range(len(values)), key=values.__getitem__)
    check, sums = kept.checks[place], kept.sums[place]
    metric = Counted(
        weight=1.0,
        events=figures[:, place, 0],
        exposure=figures[:, place, 1],
        phi=sums.phi,
        tau=sums.tau,
        margin_log=log1p(check.margin_ratio),
        falls=check.direction is Direction.DOWN,
    )
    found = blame_of(layout, [metric], kept.alpha)
    by_name = {item.cause: item.log_e for item in found.causes}
    mine = by_name.pop(_cause(kept.feature))
    releases = {name.removeprefix("release "): value for name, value in by_name.items()}
    return Shared(blame=found, feature=mine, releases=releases, text=_said(kept, mine, releases))


def suspect(kept: FeatureEvidence) -> bool:
    """Whether enough speaks against a feature that what else happens on its nodes may be its fault."""
    return kept.fell_at is not None or total_log_e(kept) >= _SUSPECT * budget.log_threshold(kept.alpha)


def shadow(kept: FeatureEvidence, policy: Policy, found: Shared | None, number: str) -> str:
    """Why a release's `fail` may be the feature's fault; empty where the release is worse by itself.

    Only for checks that count the same as the feature's.
    """
    bases = {selected(name)[0] for check in kept.checks for name in (check.on.events, check.off.events)}
    if found is None or not any(selected(rule.events)[0] in bases for rule in policy.verdicts.metrics):
        return ""
    alone = found.releases.get(number)
    if alone is None or alone >= budget.log_threshold(kept.alpha) or found.feature <= alone:
        return ""
    return (
        f"feature {kept.feature} does harm on the same nodes (log e {found.feature:.2f}), and among accounts of one "
        f"side {number} is not worse (log e {alone:.2f})"
    )


def _cause(feature: str) -> str:
    return f"feature {feature}"


def _fitting(slots: Sequence[Slot]) -> list[Slot]:
    """The youngest, as many as may be looked at."""
    kept: list[Slot] = []
    rows = 0
    for slot in reversed(slots):
        rows += len(slot.nodes)
        if rows > ROWS_MAX:
            break
        kept.append(slot)
    return kept[::-1]


def _laid(feature: str, slots: Sequence[Slot], moved: Sequence[str]) -> tuple[Layout, Array]:
    """The layout, and the figures by (slot, check, what, half of a node)."""
    ends = sorted({slot.ended for slot in slots})
    row = {ended: place for place, ended in enumerate(ends)}
    homes = {node: slot.pop for slot in slots for node in slot.nodes}
    nodes = sorted(homes)
    column = {node: place for place, node in enumerate(nodes)}
    pops = sorted(set(homes.values()))
    stratum = {pop: place for place, pop in enumerate(pops)}
    count = len(nodes)
    figures = np.full((len(ends), slots[0].figures.shape[0], 2, 2 * count), np.nan)
    ran = np.full((len(ends), count), -1)
    numbers = sorted({number for slot in slots for number in slot.releases})
    for slot in slots:
        at, places = row[slot.ended], np.array([column[node] for node in slot.nodes])
        figures[at, :, :, places] = np.moveaxis(slot.figures[:, :2], -1, 0)
        figures[at, :, :, places + count] = np.moveaxis(slot.figures[:, 2:], -1, 0)
        ran[at, places] = [numbers.index(number) for number in slot.releases]
    causes = [number for number in numbers if number in moved][: CAUSES_MAX - 1]
    since = np.full((1 + len(causes), 2 * count), np.inf)
    since[0, :count] = 0.0
    for place, number in enumerate(causes):
        runs = ran == numbers.index(number)
        first = np.where(runs.any(axis=0), runs.argmax(axis=0), np.inf)
        since[place + 1] = np.tile(first, 2)
        gone = (
            np.arange(len(ends))[:, None] >= first
        ) & ~runs  # it went back, or on: what follows is no evidence
        figures[np.broadcast_to(np.tile(gone, 2)[:, None, None], figures.shape)] = np.nan
    layout = Layout(
        names=tuple(pops),
        strata=np.tile(np.array([stratum[homes[node]] for node in nodes], dtype=np.int64), 2),
        causes=(_cause(feature), *(f"release {number}" for number in causes)),
        since=since,
        ages=np.zeros((len(ends), 2 * count), dtype=np.int64),
    )
    return layout, figures


def _said(kept: FeatureEvidence, mine: float, releases: Mapping[str, float]) -> str:
    text = f"of feature {kept.feature} with all else equal: log e {mine:.2f}"
    others = [f"{number} {value:.2f}" for number, value in sorted(releases.items())]
    return f"{text}; of releases on the same nodes: {', '.join(others)}" if others else text
