"""Choosing: what becomes of an account's choice by one more word, and which words are refused?"""

from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import ramp
from wavetrain.errors import RefusedError
from wavetrain.model.feature import WHOLE_PPM, Feature
from wavetrain.model.feature_choice import FeatureChoice, Word
from wavetrain.model.feature_verb import Verb

REASON_CHARACTERS_MAX = 500


OPERATORS = frozenset({Verb.HOLD, Verb.RELEASE})
"""The words that an account cannot say."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A word, who says it, when and why."""

    verb: Verb
    now: datetime
    by: str
    until: datetime | None = None
    reason: str = ""


def defer_limit(feature: Feature, now: datetime) -> datetime | None:
    """Until when an account may put a feature off, as far as is known now; None where it has no ramp yet."""
    if feature.ramp is None:
        return None
    return ramp.turn(feature.ramp, WHOLE_PPM - 1, now) + timedelta(days=feature.defer_days)


def chosen(feature: Feature, known: FeatureChoice, said: Said) -> FeatureChoice:
    """The choice after it; the same one where it says nothing new. Raises RefusedError."""
    if len(said.reason) > REASON_CHARACTERS_MAX:
        raise RefusedError(
            f"the reason has {len(said.reason)} characters; give at most {REASON_CHARACTERS_MAX}"
        )
    if said.until is not None and said.verb is not Verb.DEFER:
        raise RefusedError(f"`until` goes with defer, not with {said.verb.value}; leave it out")
    word = Word(at=said.now, by=said.by, reason=said.reason)
    match said.verb:
        case Verb.EARLY:
            _check_early(feature, known, said.now)
            return known.changed(early=known.early or word, deferred_until=None, given_back=None)
        case Verb.LEAVE:
            return known.changed(early=None)
        case Verb.DEFER:
            until = _checked_until(feature, said)
            return known.changed(deferred_until=until, early=None, given_back=None)
        case Verb.GIVE_BACK:
            return known.changed(given_back=known.given_back or word, early=None, deferred_until=None)
        case Verb.TAKE:
            return known.changed(given_back=None, deferred_until=None)
        case Verb.HOLD:
            if not said.reason.strip():
                raise RefusedError(
                    f"feature {feature.id} is held back from {known.account} without a reason; give one"
                )
            return known.changed(held=known.held or word)
        case Verb.RELEASE:
            return known.changed(held=None)


def _check_early(feature: Feature, known: FeatureChoice, now: datetime) -> None:
    if feature.early is None:
        raise RefusedError(
            f"feature {feature.id} is not offered early; account {known.account} gets it when its turn comes: "
            f"wavetrain feature account {known.account}"
        )
    if now < feature.early.since:
        raise RefusedError(
            f"feature {feature.id} is offered early from {feature.early.since:%Y-%m-%d %H:%M} UTC on; opt in then"
        )
    if feature.killed is not None:
        raise RefusedError(
            f"feature {feature.id} is switched off for everybody: {feature.killed.reason}; opt in when it is on again"
        )


def _checked_until(feature: Feature, said: Said) -> datetime:
    if said.until is None:
        raise RefusedError(f"feature {feature.id} is put off without a date; say until when")
    limit = defer_limit(feature, said.now)
    if limit is None:
        raise RefusedError(
            f"feature {feature.id} has no ramp yet, so there is nothing to put off; defer it when its dates are known"
        )
    if feature.defer_days == 0:
        raise RefusedError(f"feature {feature.id} cannot be put off; ask the operator to hold it back")
    if said.until <= said.now:
        raise RefusedError(f"{said.until:%Y-%m-%d %H:%M} UTC is over; give a later date")
    if said.until > limit:
        raise RefusedError(
            f"feature {feature.id} can be put off until {limit:%Y-%m-%d %H:%M} UTC at most, {feature.defer_days} days "
            "after its ramp is whole; give an earlier date, or ask the operator to hold it back"
        )
    return said.until
