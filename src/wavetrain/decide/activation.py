"""Activation: which features does an account have now, and why?

Asked by programs for every page that they show, so that all features are answered at once: an account's places in all
ramps come from one vector of hashes, and what else counts are sets of features, one bit each, in the order of their
prerequisites. The result is the same as asking one after the other.

Reasons cost little, since most of them are the sheet's and not the account's: a feature that is on is so by its turn,
one that is off waits for it. Only those of which that is not so are looked at one by one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import msgspec
import numpy as np

from wavetrain.decide import cohort, prerequisites, ramp
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey

T = TypeVar("T")

_CUT: Final = 20
_LAST: Final = (1 << 64) - 1

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
    why: Why


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
        bounds = [min(cohort.bound(share) << _CUT, _LAST) for share in shares]
        self._bounds = np.array(bounds, dtype=np.uint64)
        self._killed = self._bits(one.killed is not None for one in self.features)
        self._live = self._bits(one.killed is None for one in self.features)
        self._early = self._bits(one.early is not None and one.early.since <= now for one in self.features)
        self._begun = self._bits(one.ramp is not None and one.ramp.begins <= now for one in self.features)
        self._whole = self._bits(share == WHOLE_PPM for share in shares)
        self._grows = any(0 < share < WHOLE_PPM for share in shares)
        self._needs = [
            (1 << place, sum(1 << self.places[needed] for needed in one.needs.features))
            for place, one in enumerate(self.features)
            if one.needs.features
        ]
        self._answers = Board(self, _answer)

    def on(self, account: Standing) -> Bits:
        """The features that it has."""
        return self._having(account, self._turned(account.key))

    def choices(self, account: Standing) -> "Choices":
        """What it has of every feature, and why."""
        turned = self._turned(account.key)
        have = self._having(account, turned)
        held = account.held & self._live
        unlicensed = self._live & ~account.licensed & ~held
        wanted = (turned | account.early & self._early) & self._live & ~held & ~unlicensed & ~have
        return Choices(
            have,
            held,
            unlicensed,
            uncovered=wanted & ~account.covered,
            waiting=wanted & account.covered,
            early=have & ~turned,
        )

    def answers(self, account: Standing) -> list[Answer]:
        """What it has of every feature, in the order of the sheet."""
        return self._answers.chosen(self.choices(account))

    def answer(self, account: Standing, place: int) -> Answer:
        """The same of one feature."""
        return self._answers.one(self.choices(account), place)

    def why(self, account: Standing, place: int) -> Why:
        """Why it has the feature at a place, or does not: what is asked first comes first."""
        return self.answer(account, place).why

    def plain(self, place: int) -> tuple[Why, Why]:
        """Why an account has not, and has, the feature at a place where nothing stands in the way but the ramp."""
        bit = 1 << place
        on = Why.EVERYWHERE if self._whole & bit else Why.ITS_TURN
        if self._killed & bit:
            return Why.OFF, on
        return (Why.NOT_YET if self._begun & bit else Why.ANNOUNCED), on

    def _having(self, account: Standing, turned: Bits) -> Bits:
        have = turned | (account.early & self._early)
        have &= account.covered & account.licensed & self._live & ~account.held
        for mine, needed in self._needs:
            if have & mine and have & needed != needed:
                have &= ~mine
        return have

    def _turned(self, account: int) -> Bits:
        """The features in whose ramps the account's turn has come."""
        if not self._grows:
            return self._whole
        hashes = cohort.finished(self._salts ^ np.uint64(account))
        packed = np.packbits(hashes < self._bounds, bitorder="little")
        return int.from_bytes(packed.tobytes(), "little") | self._whole

    def _bits(self, which: Any) -> Bits:
        return sum(1 << place for place, is_in in enumerate(which) if is_in)


class Choices(msgspec.Struct, frozen=True, gc=False):
    """What an account has of a sheet's features; the other sets are those whose reason is not the sheet's own."""

    on: Bits
    held: Bits
    unlicensed: Bits
    uncovered: Bits
    waiting: Bits
    early: Bits

    @property
    def is_odd(self) -> bool:
        """Whether there is any such reason."""
        return bool(self.held | self.unlicensed | self.uncovered | self.waiting | self.early)

    def odd(self) -> tuple[tuple[Why, Bits], ...]:
        """Reasons of the account's own, with their features."""
        return (
            (Why.HELD, self.held),
            (Why.NOT_LICENSED, self.unlicensed),
            (Why.UNCOVERED, self.uncovered),
            (Why.WAITS, self.waiting),
            (Why.EARLY, self.early),
        )


class Board(Generic[T]):
    """What is said of each feature of a sheet for each reason, made ready once: answers, or their bytes."""

    def __init__(self, sheet: Sheet, make: Callable[[Feature, Why], T]) -> None:
        plain = [sheet.plain(place) for place in range(len(sheet.features))]
        self._pairs = [
            (make(one, off), make(one, on)) for one, (off, on) in zip(sheet.features, plain, strict=True)
        ]
        self._odd = {why: [make(one, why) for one in sheet.features] for why in _OWN}
        fours = [self._pairs[first : first + 4] for first in range(0, len(self._pairs), 4)]
        tables = [[_picked(four, which) for which in range(1 << len(four))] for four in fours]
        tables += [[[]]] * (len(tables) % 2)
        self._tables = list(zip(tables[::2], tables[1::2], strict=True))
        """By four features: what is said of them, for each of the sets that they can be on in."""

    def every(self) -> Iterator[T]:
        """All that can be said."""
        for pair in self._pairs:
            yield from pair
        for texts in self._odd.values():
            yield from texts

    def chosen(self, choices: Choices) -> list[T]:
        """Of all features, in the order of the sheet."""
        made: list[T] = []
        on = choices.on.to_bytes(len(self._tables), "little")
        for eight, (low, high) in zip(on, self._tables, strict=True):
            made += low[eight & 15]
            made += high[eight >> 4]
        if choices.is_odd:
            for why, which in choices.odd():
                if which:
                    texts = self._odd[why]
                    for place in _places(which, len(self._tables)):
                        made[place] = texts[place]
        return made

    def one(self, choices: Choices, place: int) -> T:
        """Of one feature."""
        bit = 1 << place
        for why, which in choices.odd():
            if which & bit:
                return self._odd[why][place]
        return self._pairs[place][choices.on >> place & 1]


_OWN: Final = (Why.HELD, Why.NOT_LICENSED, Why.UNCOVERED, Why.WAITS, Why.EARLY)
"""Reasons of an account's own."""
ON: Final = frozenset({Why.EVERYWHERE, Why.ITS_TURN, Why.EARLY})
"""Reasons for having a feature; all others are for having it not."""


def bits_of(sheet: Sheet, keys: Sequence[str]) -> Bits:
    """A set of features by key; what the sheet does not have is left out."""
    places = (sheet.places.get(FeatureKey(key)) for key in keys)
    return sum(1 << place for place in places if place is not None)


def changes_next(feature: Feature, now: datetime) -> datetime | None:
    """When the clock alone changes what is answered of a feature; None where it will not."""
    step = ramp.next_step(feature.ramp, now) if feature.ramp is not None else None
    early = feature.early.since if feature.early is not None and feature.early.since > now else None
    return min((at for at in (step, early) if at is not None), default=None)


def _share(feature: Feature, now: datetime) -> int:
    return ramp.share_ppm(feature.ramp, now) if feature.ramp is not None else 0


def value_of(feature: Feature, why: Why) -> tuple[str, Any]:
    """The variant, by its name, and its value, of an account that has or has not a feature for this reason."""
    name = feature.on if why in ON else feature.off
    return name, next(one.value for one in feature.variants if one.name == name)


def _answer(feature: Feature, why: Why) -> Answer:
    variant, value = value_of(feature, why)
    return Answer(key=feature.id, value=value, variant=variant, is_on=why in ON, why=why)


_IN: Final = tuple(tuple(bit for bit in range(8) if eight >> bit & 1) for eight in range(256))
"""The places in each set of eight."""


def _places(which: Bits, eights: int) -> list[int]:
    """Those of a set, in order."""
    made: list[int] = []
    for first, eight in enumerate(which.to_bytes(eights, "little")):
        if eight:
            made += [first * 8 + bit for bit in _IN[eight]]
    return made


def _picked(pairs: Sequence[tuple[T, T]], which: Bits) -> list[T]:
    return [pair[which >> place & 1] for place, pair in enumerate(pairs)]
