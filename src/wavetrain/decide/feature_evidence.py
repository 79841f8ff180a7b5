"""Feature evidence: what do the accounts that have a feature say, against those that do not?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import ClassVar, Final

import msgspec
import numpy as np

from wavetrain.decide import ramp
from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.account_arms import ArmSums, account_tau, added, doubling_log_e, log_e
from wavetrain.evidence.counters import Array
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey
from wavetrain.model.feature_check import FeatureCheck, Side
from wavetrain.model.health import PopCounts, Verdict
from wavetrain.model.policy import Direction
from wavetrain.model.record import Record

AWAY_S: Final = 600.0
"""Without both sides measured for so long, the verdict of a ramp under way is `errored`."""
BETA: Final = 0.05
ACCOUNTS_ASSUMED: Final = 100
"""Where the fleet names no accounts."""


class FeatureEvidence(Record, frozen=True, kw_only=True):
    """The running test of one ramp of a feature. Another ramp, or other checks, begin another test."""

    KEY: ClassVar[tuple[str, ...]] = ("feature",)
    feature: FeatureKey
    begins: datetime
    """The ramp's beginning, by which a test is known to be of this ramp."""
    checks: tuple[FeatureCheck, ...]
    alpha: float
    sums: tuple[ArmSums, ...]
    """As many as checks."""
    compared_s: float = 0.0
    last_at: datetime | None = None
    """When both sides were last measured."""
    fell_at: datetime | None = None
    """When it said `fail`; it does so once."""
    text: str = ""
    """What was found then."""


class Ruling(msgspec.Struct, frozen=True):
    """What the evidence says now, with its reason."""

    verdict: Verdict
    text: str
    log_e: float


def under_test(feature: Feature, now: datetime) -> bool:
    """Whether there are two sides to compare: its ramp has begun, not everybody has it, and it is not off."""
    known = feature.ramp
    return (
        bool(feature.checks)
        and feature.killed is None
        and known is not None
        and known.begins <= now
        and 0 < ramp.share_ppm(known, now) < WHOLE_PPM
    )


def begun(feature: Feature, kept: FeatureEvidence | None) -> FeatureEvidence:
    """The test of the feature's ramp: the kept one, or a new one where that is of another ramp or other checks."""
    if feature.ramp is None:
        raise RefusedError(f"feature {feature.id} has no ramp, so nothing can be compared; give it one")
    if kept is not None and (kept.begins, kept.checks, kept.alpha) == (
        feature.ramp.begins,
        feature.checks,
        feature.alpha,
    ):
        return kept
    return FeatureEvidence(
        feature=feature.id,
        begins=feature.ramp.begins,
        checks=feature.checks,
        alpha=feature.alpha,
        sums=tuple(ArmSums() for _ in feature.checks),
        version=kept.version if kept is not None else 0,
    )


def observed(
    kept: FeatureEvidence, bins: Sequence[PopCounts], accounts: int, share_ppm: int, now: datetime
) -> FeatureEvidence:
    """With more bins, while the feature is with so many millionths of so many accounts."""
    whole = accounts or ACCOUNTS_ASSUMED
    on = max(1.0, whole * share_ppm / WHOLE_PPM)
    sums, seconds = list(kept.sums), 0.0
    for place, check in enumerate(kept.checks):
        tau = account_tau(check.spread, on, whole - on)
        for seen in bins:
            before = sums[place]
            mine, theirs = counted(seen, check.on), counted(seen, check.off)
            if check.direction is Direction.DOWN:
                mine, theirs = theirs, mine
            sums[place] = added(before, mine, theirs, tau)
            if sums[place] is not before:
                seconds = max(seconds, seen.seconds)
    if not seconds:
        return kept
    return kept.changed(sums=tuple(sums), compared_s=kept.compared_s + seconds, last_at=now)


def counted(seen: PopCounts, side: Side) -> tuple[Array, Array]:
    """Events and exposure of one side, by node; where one of them was not seen, none of both."""
    events, exposure = (_row(seen, name) for name in (side.events, side.exposure))
    there = np.isfinite(exposure)
    # A counter of events is served from its first event on: no event yet is none, where the exposure is told.
    return np.where(np.isnan(events) & there, 0.0, events), np.where(there, exposure, 0.0)


def _row(seen: PopCounts, name: str) -> Array:
    if name in seen.counters:
        row: Array = seen.counted[seen.counters.index(name)]
        return row
    return np.full(len(seen.nodes), np.nan)


def ruling(kept: FeatureEvidence, feature: Feature, now: datetime) -> Ruling:
    """What it says now. A `fail` stays one; nothing that is missing passes, or fails."""
    total = total_log_e(kept)
    least = budget.log_threshold(kept.alpha)
    if kept.fell_at is not None:
        return Ruling(Verdict.FAIL, kept.text, total)
    if total >= least:
        return Ruling(Verdict.FAIL, said(kept), total)
    missing = _dark(kept, feature, now)
    if missing:
        return Ruling(Verdict.ERRORED, missing, total)
    undecided = list(_undecided(kept))
    if undecided:
        return Ruling(Verdict.INCONCLUSIVE, "; ".join(undecided), total)
    return Ruling(Verdict.PASS, "a doubling is refuted by every check", total)


def total_log_e(kept: FeatureEvidence) -> float:
    """Log e of all checks together, by their shares of the budget."""
    weights = budget.normalised([check.weight for check in kept.checks])
    return budget.log_mean(check_log_es(kept), weights)


def check_log_es(kept: FeatureEvidence) -> list[float]:
    """Log e of each check."""
    return [log_e(sums, check.margin_ratio) for check, sums in zip(kept.checks, kept.sums, strict=True)]


def said(kept: FeatureEvidence) -> str:
    """What speaks against it most, in a sentence."""
    values = check_log_es(kept)
    place = max(range(len(values)), key=values.__getitem__)
    sums = kept.sums[place]
    ratio = f"{sums.ratio:.2f}" if sums.ratio is not None else "unknown"
    return (
        f"accounts with it are worse than those without on the same nodes: {kept.checks[place].name} {ratio} times, "
        f"log e {total_log_e(kept):.2f} of {budget.log_threshold(kept.alpha):.2f}"
    )


def _dark(kept: FeatureEvidence, feature: Feature, now: datetime) -> str:
    """Why it cannot say anything; empty where it can."""
    if not under_test(feature, now):
        return ""
    since = max(kept.begins, kept.last_at) if kept.last_at is not None else kept.begins
    if (now - since) <= timedelta(seconds=AWAY_S):
        return ""
    return f"both sides were not measured since {since:%Y-%m-%d %H:%M} UTC; see that its counters are served"


def _undecided(kept: FeatureEvidence) -> Iterator[str]:
    for check, sums in zip(kept.checks, kept.sums, strict=True):
        least = min(sums.on_exposure, sums.off_exposure)
        if least < check.exposure_min:
            yield f"{check.name}: exposure {least:,.0f} of {check.exposure_min:,.0f}"
        elif doubling_log_e(sums) < -np.log(BETA):
            yield f"{check.name}: a doubling is not refuted yet"


def to_threshold(kept: FeatureEvidence) -> float:
    """How far it is on its way to `fail`, 0 to 1."""
    return budget.spent(min(total_log_e(kept), inf), kept.alpha)
