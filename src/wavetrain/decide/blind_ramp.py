"""Blind ramp: may a feature's ramp grow while neither side of its evidence is measured?

It may not: missing telemetry never advances (G5). It stands still until both sides are measured again, and nobody loses
what they have. A person who lets it go on meanwhile has decided.
"""

from datetime import datetime
from typing import Final

from wavetrain.decide import ramp
from wavetrain.decide.feature_evidence import AWAY_S, FeatureEvidence, ruling
from wavetrain.model.feature import PAUSES_MAX, Feature, Pause, Ramp
from wavetrain.model.health import Verdict

UNMEASURED: Final = "not measured: "
"""With this a reason begins for which a ramp stands still by itself."""


def turned(
    kept: FeatureEvidence, feature: Feature, now: datetime, unmeasured_s: float, by: str
) -> tuple[Ramp, str] | None:
    """The ramp, standing still or growing on from now on, and what to say of that; None: it stays as it is.

    `unmeasured_s` are seconds of the machine: train time that jumps measures nothing, and misses nothing.
    """
    known = feature.ramp
    if known is None or kept.fell_at is not None:
        return None
    last = known.pauses[-1] if known.pauses else None
    stands = last is not None and last.until is None and _is_own(last, by)
    if not stands and unmeasured_s <= AWAY_S:
        return None  # asked in every tick, of features that are measured
    said = ruling(kept, feature, now)
    if said.verdict is not Verdict.ERRORED:
        if not stands:
            return None
        made = ramp.resumed(known, now)
        return made, f"resumed at {ramp.percent(ramp.share_ppm(made, now))}: both sides are measured again"
    decided = last is not None and last.until is not None and _is_own(last, by) and _is_later(last, kept)
    if decided or ramp.is_paused(known) or len(known.pauses) >= PAUSES_MAX:
        return None
    made = ramp.paused(known, now, by, f"{UNMEASURED}{said.text}")
    return made, f"paused at {ramp.percent(ramp.share_ppm(made, now))}: {said.text}"


def _is_own(pause: Pause, by: str) -> bool:
    return pause.by == by and pause.reason.startswith(UNMEASURED)


def _is_later(pause: Pause, kept: FeatureEvidence) -> bool:
    """Whether it ended while nothing had been measured since: a person ended it."""
    return pause.until is not None and (kept.last_at is None or kept.last_at < pause.since)
