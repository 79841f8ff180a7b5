"""Feature verdicts: what does the evidence of a feature's ramp say, check by check?"""

from datetime import datetime
from math import isfinite

import msgspec
import numpy as np

from wavetrain.control import features
from wavetrain.control.ports import Store
from wavetrain.decide import feature_evidence
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.account_arms import ArmSums
from wavetrain.evidence.account_arms import log_e as log_e_of
from wavetrain.evidence.interval import ratio_interval
from wavetrain.model.feature_check import FeatureCheck
from wavetrain.model.policy import Direction


class FeatureCheckSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One check's part. Ratios are of the rates, with the feature to without; None where nothing bounds them.

    `tau` is by how much (log) the two groups of accounts may differ by themselves, `phi` how bursty events are.
    """

    name: str
    log_e: float
    weight: float
    on_events: float
    on_exposure: float
    off_events: float
    off_exposure: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    phi: float
    tau: float


class FeatureVerdictSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a feature's ramp: it is stopped when `log_e` reaches `log_threshold`, log(1 / alpha)."""

    feature: str
    verdict: str
    text: str
    log_e: float
    log_threshold: float
    alpha: float
    on_fail: str
    compared_s: float
    last_at: datetime | None
    fell_at: datetime | None
    checks: tuple[FeatureCheckSeen, ...]


def verdict(store: Store, caller: Caller, key: str) -> FeatureVerdictSeen:
    """What the accounts that have a feature say, against those that do not. As fresh as the last minute."""
    require(caller, Act.READ)
    with store.read() as view:
        feature = features.found(view, key)
        if not feature.checks:
            raise RefusedError(
                f"feature {key} names no checks, so nothing is compared; add a [[feature.check]] to its file"
            )
        if feature.ramp is None:
            raise RefusedError(
                f"feature {key} has no ramp, so nothing is compared; give it one: wavetrain feature ramp {key}"
            )
        kept = feature_evidence.begun(feature, view.get(FeatureEvidence, feature.id))
        now = view.now
    said = feature_evidence.ruling(kept, feature, now)
    shares = budget.normalised([check.weight for check in kept.checks])
    return FeatureVerdictSeen(
        feature=feature.id,
        verdict=said.verdict.value,
        text=said.text,
        log_e=said.log_e,
        log_threshold=budget.log_threshold(kept.alpha),
        alpha=kept.alpha,
        on_fail=feature.on_fail.value,
        compared_s=kept.compared_s,
        last_at=kept.last_at,
        fell_at=kept.fell_at,
        checks=tuple(
            _seen(check, sums, share)
            for check, sums, share in zip(kept.checks, kept.sums, shares, strict=True)
        ),
    )


def _seen(check: FeatureCheck, sums: ArmSums, share: float) -> FeatureCheckSeen:
    low, high = ratio_interval(np.array(sums.loglik) / sums.phi)
    events, exposure, others, control, ratio = (
        sums.on_events,
        sums.on_exposure,
        sums.off_events,
        sums.off_exposure,
        sums.ratio,
    )
    if check.direction is Direction.DOWN:  # there the sides are held against each other the other way round
        events, exposure, others, control = others, control, events, exposure
        low, high = (1 / high if isfinite(high) else 0.0), (1 / low if low else float("inf"))
        ratio = 1 / ratio if ratio is not None else None
    return FeatureCheckSeen(
        name=check.name,
        log_e=log_e_of(sums, check.margin_ratio),
        weight=share,
        on_events=events,
        on_exposure=exposure,
        off_events=others,
        off_exposure=control,
        ratio=ratio,
        ratio_low=low if ratio is not None else None,
        ratio_high=high if ratio is not None and isfinite(high) else None,
        phi=sums.phi,
        tau=sums.tau,
    )
