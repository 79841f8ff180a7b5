"""Feature watch: what was measured of accounts with and without each feature, and what follows from it?"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np

from wavetrain.control.image import Image
from wavetrain.control.ports import Store, Transaction
from wavetrain.decide import blind_ramp, feature_blame, feature_evidence, ramp, retelling
from wavetrain.decide.feature_blame import Slot
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.model.feature import Feature, FeatureKey, Killed
from wavetrain.model.feature_check import OnFail
from wavetrain.model.fleet import Account
from wavetrain.model.health import PopCounts, Verdict
from wavetrain.model.journal import Entry
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Rollout

WHO = "verdict"
CHECKPOINT_S = 60.0
SLOT_S = 60.0
"""For blame bins are added up to this."""


class FeatureWatch:
    """Holds the running tests of features between checkpoints. Rebuilt from the store when it starts."""

    def __init__(self, store: Store, image: Image) -> None:
        self._store, self._image = store, image
        self._tests: dict[FeatureKey, FeatureEvidence] = {}
        self._unwritten: set[FeatureKey] = set()
        self._written_at = float("-inf")
        self._steady = 0.0
        self._measured_at: dict[FeatureKey, float] = {}
        """By the machine's seconds: when both sides of a feature were last measured, or it was first looked at."""
        self._turning: set[FeatureKey] = set()
        """Those whose ramps are to stand still, or to grow on."""
        self._slots: dict[FeatureKey, deque[Slot]] = {}
        self._open: dict[tuple[FeatureKey, str], tuple[float, Slot]] = {}

    def counters(self, now: datetime) -> frozenset[str]:
        """What nodes are to be measured by for the features whose ramps are under way."""
        return frozenset(
            name
            for feature in self._under_test(now)
            for check in feature.checks
            for side in (check.on, check.off)
            for name in (side.events, side.exposure)
        )

    def look(self, bins: Sequence[PopCounts], now: datetime, steady: float) -> None:
        """Lay bins to the features that they tell something of."""
        self._steady = steady
        features = {feature.id: feature for feature in self._under_test(now)}
        for key in [key for key in self._slots if key not in features]:
            del self._slots[key]
            self._open = {place: kept for place, kept in self._open.items() if place[0] != key}
        self._measured_at = {key: at for key, at in self._measured_at.items() if key in features}
        self._turning.clear()
        accounts = len(self._image.by_name(Account)) if features else 0
        for key, feature in features.items():
            known = self._test(feature)
            assert feature.ramp is not None
            made = feature_evidence.observed(known, bins, accounts, ramp.share_ppm(feature.ramp, now), now)
            measured_at = self._measured_at.setdefault(key, steady)
            if blind_ramp.turned(made, feature, now, steady - measured_at, WHO) is not None:
                self._turning.add(key)
            if made is not known:
                self._measured_at[key] = steady
                self._tests[key] = made
                self._unwritten.add(key)
                for seen in bins:
                    self._remember(made, seen)

    def steps(self) -> Iterable[Callable[[], int]]:
        """What is to be committed, each for itself: features that have fallen, then everything once a minute."""
        for key, test in list(self._tests.items()):
            if test.fell_at is None and feature_evidence.total_log_e(test) >= -np.log(test.alpha):
                yield lambda key=key: self._fall(key)  # type: ignore[misc]
        for key in sorted(self._turning):
            yield lambda key=key: self._turn(key)  # type: ignore[misc]
        yield self._keep

    def shadow(self, rollout: Rollout, policy: Policy) -> str:
        """Why a rollout's `fail` may be a feature's fault; empty for none."""
        for key, test in sorted(self._tests.items()):
            if feature_blame.suspect(test) and self._slots.get(key):
                found = feature_blame.shared(test, self._history(key), [rollout.number])
                said = feature_blame.shadow(test, policy, found, rollout.number)
                if said:
                    return said
        return ""

    def _under_test(self, now: datetime) -> list[Feature]:
        return [one for one in self._image.all(Feature) if feature_evidence.under_test(one, now)]

    def _test(self, feature: Feature) -> FeatureEvidence:
        known = self._tests.get(feature.id)
        if known is None:
            with self._store.read() as view:
                known = view.get(FeatureEvidence, feature.id)
        made = feature_evidence.begun(feature, known)
        if made is not known:
            self._slots.pop(feature.id, None)
        self._tests[feature.id] = made
        return made

    def _remember(self, test: FeatureEvidence, seen: PopCounts) -> None:
        """For blame: bins of one PoP, added up as long as its nodes run the same."""
        figures = np.stack(
            [
                np.stack(
                    [*feature_evidence.counted(seen, check.on), *feature_evidence.counted(seen, check.off)]
                )
                for check in test.checks
            ]
        )
        made = Slot(
            ended=seen.ended,
            pop=seen.pop,
            nodes=tuple(map(str, seen.nodes)),
            releases=tuple(seen.releases),
            figures=np.nan_to_num(figures),
        )
        place = (test.feature, str(seen.pop))
        begun, held = self._open.get(place, (seen.ended - seen.seconds, None))
        if held is not None and (held.nodes, held.releases) == (made.nodes, made.releases):
            made = msgspec.structs.replace(made, figures=held.figures + made.figures)
        elif held is not None:
            self._push(test.feature, held)
            begun = seen.ended - seen.seconds
        if seen.ended - begun >= SLOT_S:
            self._push(test.feature, made)
            self._open.pop(place, None)
        else:
            self._open[place] = begun, made

    def _push(self, key: FeatureKey, slot: Slot) -> None:
        """By the minute that it ends in, so that PoPs that are measured apart stand side by side."""
        rounded = msgspec.structs.replace(slot, ended=np.ceil(slot.ended / SLOT_S) * SLOT_S)
        most = feature_blame.SLOTS_MAX * max(1, len({held.pop for held in self._slots.get(key, ())}))
        kept = self._slots.setdefault(key, deque())
        kept.append(rounded)
        while len(kept) > most:
            kept.popleft()

    def _history(self, key: FeatureKey) -> list[Slot]:
        return [
            *self._slots.get(key, ()),
            *(held for place, (_, held) in self._open.items() if place[0] == key),
        ]

    def _fall(self, key: FeatureKey) -> int:
        """The verdict fell: the ramp stands still, or the feature is off, in one act with the reason."""
        moved = [one.number for one in self._image.all(Rollout) if one.status in ACTIVE]
        found = feature_blame.shared(self._tests[key], self._history(key), moved)
        with self._store.write() as transaction:
            feature, test = transaction.get(Feature, key), self._tests[key]
            now = transaction.now
            if feature is None or not feature_evidence.under_test(feature, now):
                return 0
            if feature_evidence.begun(feature, test) is not test:
                return 0  # it has another ramp since
            told = feature_evidence.said(test)
            text = f"{told}; {found.text}" if found is not None else told
            made, deed = _stopped(feature, now, told)
            if made is not feature:
                transaction.put(retelling.retold(feature, made, now))
            body: Mapping[str, object] = {
                "verdict": Verdict.FAIL.value,
                "log_e": feature_evidence.total_log_e(test),
            }
            entry = Entry(
                at=now, who=WHO, kind="feature", subject=key, text=f"{deed}: {text}", body=dict(body)
            )
            transaction.note([entry])
            self._tests[key] = _put(transaction, test.changed(fell_at=now, text=text))
        self._unwritten.discard(key)
        return 1

    def _turn(self, key: FeatureKey) -> int:
        """A ramp that nothing is measured of stands still; it grows on when both sides are measured again."""
        with self._store.write() as transaction:
            feature, test, now = transaction.get(Feature, key), self._tests[key], transaction.now
            if feature is None or not feature_evidence.under_test(feature, now):
                return 0
            turned = blind_ramp.turned(test, feature, now, self._steady - self._measured_at[key], WHO)
            if turned is None:
                return 0
            made, text = turned
            transaction.put(retelling.retold(feature, feature.changed(ramp=made), now))
            transaction.note([Entry(at=now, who=WHO, kind="feature", subject=key, text=text, body={})])
        return 1

    def _keep(self) -> int:
        if not self._unwritten or self._steady - self._written_at < CHECKPOINT_S:
            return 0
        self._written_at = self._steady
        with self._store.write() as transaction:
            for key in sorted(self._unwritten):
                self._tests[key] = _put(transaction, self._tests[key])
        self._unwritten.clear()
        return 1


def _stopped(feature: Feature, now: datetime, told: str) -> tuple[Feature, str]:
    known = feature.ramp
    assert known is not None
    stands = known if ramp.is_paused(known) else ramp.paused(known, now, WHO, told)
    if feature.on_fail is OnFail.OFF:
        return feature.changed(ramp=stands, killed=Killed(at=now, by=WHO, reason=told)), "off"
    if stands is known:
        return feature, "fail; its ramp stands still already"
    return feature.changed(ramp=stands), f"paused at {ramp.percent(ramp.share_ppm(stands, now))}"


def _put(transaction: Transaction, test: FeatureEvidence) -> FeatureEvidence:
    stored = transaction.get(FeatureEvidence, test.feature)
    return transaction.put(test.changed(version=stored.version if stored is not None else 0))
