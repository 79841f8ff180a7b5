"""Activation: which features does an account have now, and why?

Asked by programs for every page that they show, so that all features are answered at once: an account's places in all
ramps come from one vector of hashes, and what else counts are sets of features, one bit each, in the order of their
prerequisites. The result is the same as asking one after the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import numpy as np

from wavetrain.decide import cohort, prerequisites, ramp
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey

_CUT: Final = np.uint64(20)

Bits = int
"""A set of features: bit n stands for the n-th of a sheet."""


class Why(StrEnum):
    """Why an account has a feature, or does not have it."""

    EVERYWHERE = "everywhere"
    ITS_TURN = "its turn in the ramp has come"
    EARLY = "it opted in early"
    NOT_YET = "its turn in the ramp has not come"
    ANNOUNCED = "announced; no ramp has begun"
    OFF = "switched off for everybody"
    HELD = "held back for this account"
    UNCOVERED = "a PoP that the account uses does not have it yet"
    NOT_LICENSED = "not in the account's licences"
    WAITS = "a feature that it needs is not on"


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a program is told of one feature."""

    key: FeatureKey
    value: Any
    variant: str
    is_on: bool


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What is known of an account, beside the clock. Sets are bits of the sheet that is asked."""

    key: int
    """Its `cohort.unit_key`."""
    early: Bits = 0
    """Features that it opted in to."""
    held: Bits = 0
    """Features that are held back, deferred or given back for it."""
    covered: Bits = -1
    """Features that every PoP has which it uses; -1 for all."""
    licensed: Bits = -1


class Sheet:
    """All features as they are at one instant. Never changes; another instant, or another feature, is another sheet."""

    def __init__(self, features: Mapping[FeatureKey, Feature], now: datetime) -> None:
        """Raises RefusedError where prerequisites are missing or wait for each other."""
        order = prerequisites.order(features.values())
        self.now = now
        self.features: Final = tuple(features[key] for key in order)
        self.places: Final = {key: place for place, key in enumerate(order)}
        shares = [_share(one, now) for one in self.features]
        self._salts = np.array([cohort.salt_key(ramp.salt(key)) for key in order], dtype=np.uint64)
        self._bounds = np.array([cohort.bound(share) for share in shares], dtype=np.uint64)
        self._killed = self._bits(one.killed is not None for one in self.features)
        self._early = self._bits(one.early is not None and one.early.since <= now for one in self.features)
        self._begun = self._bits(one.ramp is not None and one.ramp.begins <= now for one in self.features)
        self._whole = self._bits(share == WHOLE_PPM for share in shares)
        self._needs = [
            (1 << place, sum(1 << self.places[needed] for needed in one.needs.features))
            for place, one in enumerate(self.features)
            if one.needs.features
        ]
        self._answers = [(_answer(one, one.off), _answer(one, one.on)) for one in self.features]
        self._bytes = (len(order) + 7) // 8

    def on(self, account: Standing) -> Bits:
        """The features that it has."""
        have = self._turned(account.key) | (account.early & self._early)
        have &= account.covered & account.licensed & ~(self._killed | account.held)
        for mine, needed in self._needs:
            if have & mine and have & needed != needed:
                have &= ~mine
        return have

    def answers(self, account: Standing) -> list[Answer]:
        """What it has of every feature, in the order of the sheet."""
        bits = np.frombuffer(self.on(account).to_bytes(self._bytes, "little"), dtype=np.uint8)
        each = np.unpackbits(bits, count=len(self._answers), bitorder="little").tolist()
        return [pair[is_on] for pair, is_on in zip(self._answers, each, strict=True)]

    def answer(self, account: Standing, place: int) -> Answer:
        """The same of one feature."""
        return self._answers[place][self.on(account) >> place & 1]

    def why(self, account: Standing, place: int) -> Why:
        """Why it has the feature at a place, or does not: what is asked first comes first."""
        bit = 1 << place
        turned = self._turned(account.key) & bit
        if self._killed & bit:
            return Why.OFF
        if account.held & bit:
            return Why.HELD
        if not account.licensed & bit:
            return Why.NOT_LICENSED
        if not turned and not account.early & self._early & bit:
            return Why.NOT_YET if self._begun & bit else Why.ANNOUNCED
        if not account.covered & bit:
            return Why.UNCOVERED
        if not self.on(account) & bit:
            return Why.WAITS
        if not turned:
            return Why.EARLY
        return Why.EVERYWHERE if self._whole & bit else Why.ITS_TURN

    def _turned(self, account: int) -> Bits:
        """The features in whose ramps the account's turn has come."""
        hashes = cohort.finished(self._salts ^ np.uint64(account)) >> _CUT
        return int.from_bytes(np.packbits(hashes < self._bounds, bitorder="little").tobytes(), "little")

    def _bits(self, which: Any) -> Bits:
        return sum(1 << place for place, is_in in enumerate(which) if is_in)


def bits_of(sheet: Sheet, keys: Sequence[str]) -> Bits:
    """A set of features by key; what the sheet does not have is left out."""
    places = (sheet.places.get(FeatureKey(key)) for key in keys)
    return sum(1 << place for place in places if place is not None)


def _share(feature: Feature, now: datetime) -> int:
    return ramp.share_ppm(feature.ramp, now) if feature.ramp is not None else 0


def _answer(feature: Feature, name: str) -> Answer:
    value = next(one.value for one in feature.variants if one.name == name)
    return Answer(key=feature.id, value=value, variant=name, is_on=name == feature.on)
