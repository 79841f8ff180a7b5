"""Features: which are announced, how far is each of them, and who steers their ramps?"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.decide import prerequisites, ramp, retelling
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.feature import FEATURES_MAX, WHOLE_PPM, Feature, FeatureKey, Killed, Ramp, Step


class FeatureSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, and how far it is now."""

    feature: Feature
    status: str
    """`announced`, `early`, `rolling out`, `paused`, `everywhere` or `off`."""
    share: float
    """Of the accounts, by its ramp alone: from 0 to 1."""
    whole_at: datetime | None
    """When its ramp reaches everybody, were it not paused again; None without a ramp."""


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What a file has changed, by key."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]


def add(store: Store, caller: Caller, features: Sequence[Feature]) -> Added:
    """Announce features, or say otherwise what is known of them; all of the file or nothing.

    When it was announced, its pauses and a kill stay as they are. A ramp under way gets another schedule only if nobody
    loses the feature by it.
    """
    require(caller, Act.ANNOUNCE)
    found: dict[str, list[str]] = {"added": [], "changed": [], "same": []}
    with store.write() as transaction:
        known = {one.id: one for one in transaction.find(Feature)}
        made = {one.id: _merged(one, known.get(one.id), transaction.now) for one in features}
        together = {**known, **made}
        if len(together) > FEATURES_MAX:
            raise RefusedError(
                f"there would be {len(together)} features, at most {FEATURES_MAX}; take expired ones out"
            )
        prerequisites.order(together.values())
        for key, feature in made.items():
            before = known.get(key)
            how = "added" if before is None else "same" if feature == before else "changed"
            found[how].append(key)
            if how != "same":
                transaction.put(feature)
                tell(transaction, caller, "feature", key, f"{how}: {feature.summary}")
    return Added(**{how: tuple(keys) for how, keys in found.items()})


def listed(store: Store, caller: Caller) -> list[FeatureSeen]:
    """Every feature, by key."""
    require(caller, Act.READ)
    with store.read() as view:
        return [_seen(one, view.now) for one in view.find(Feature)]


def show(store: Store, caller: Caller, key: str) -> FeatureSeen:
    """One feature."""
    require(caller, Act.READ)
    with store.read() as view:
        return _seen(found(view, key), view.now)


def schedule(
    store: Store, caller: Caller, key: str, begins: datetime | None, steps: Sequence[Step]
) -> FeatureSeen:
    """Give a feature its ramp, or a ramp under way another schedule; `begins` is for one that has not begun.

    Without `begins` a new ramp begins now.
    """

    def change(feature: Feature, now: datetime) -> tuple[Feature, str]:
        known = feature.ramp
        if known is not None and now >= known.begins:
            if begins is not None and begins != known.begins:
                raise RefusedError(
                    f"the ramp of {feature.id} began {known.begins:%Y-%m-%d %H:%M} UTC; it cannot be another one now"
                )
            made = ramp.rescheduled(known, steps, now)
        else:
            ramp.check(steps)
            if begins is not None and begins.year not in ramp.YEARS:
                raise RefusedError(
                    f"a ramp begins in {ramp.YEARS[0]} to {ramp.YEARS[-1]}, not in {begins.year}"
                )
            made = Ramp(begins=begins or now, steps=tuple(steps))
            if made.begins < now:
                raise RefusedError(
                    f"a ramp from {made.begins:%Y-%m-%d %H:%M} UTC would have begun already; give a later beginning"
                )
        text = f"ramp from {made.begins:%Y-%m-%d %H:%M} UTC in {len(made.steps)} steps"
        return feature.changed(ramp=made), text

    return _steered(store, caller, key, change)


def pause(store: Store, caller: Caller, key: str, reason: str) -> FeatureSeen:
    """Let a ramp stand still: who has the feature keeps it."""

    def change(feature: Feature, now: datetime) -> tuple[Feature, str]:
        made = ramp.paused(_ramp_of(feature), now, caller.name, reason)
        return feature.changed(ramp=made), f"paused at {ramp.percent(ramp.share_ppm(made, now))}: {reason}"

    return _steered(store, caller, key, change)


def resume(store: Store, caller: Caller, key: str, reason: str) -> FeatureSeen:
    """Let a ramp grow on from where it stands; a feature that was switched off is on again for those who had it."""

    def change(feature: Feature, now: datetime) -> tuple[Feature, str]:
        if feature.killed is not None:
            known = feature.ramp
            grows = ramp.resumed(known, now) if known is not None and ramp.is_paused(known) else known
            return feature.changed(killed=None, ramp=grows), f"on again: {reason}"
        made = ramp.resumed(_ramp_of(feature), now)
        return feature.changed(ramp=made), f"resumed at {ramp.percent(ramp.share_ppm(made, now))}: {reason}"

    return _steered(store, caller, key, change)


def off(store: Store, caller: Caller, key: str, reason: str) -> FeatureSeen:
    """Switch a feature off for everybody, at once; its ramp stands still meanwhile."""

    def change(feature: Feature, now: datetime) -> tuple[Feature, str]:
        if feature.killed is not None:
            raise RefusedError(f"feature {feature.id} was switched off by {feature.killed.by} already")
        known = feature.ramp
        if known is not None and not ramp.is_paused(known):
            known = ramp.paused(known, now, caller.name, reason)
        return feature.changed(
            ramp=known, killed=Killed(at=now, by=caller.name, reason=reason)
        ), f"off: {reason}"

    return _steered(store, caller, key, change)


def _steered(
    store: Store, caller: Caller, key: str, change: Callable[[Feature, datetime], tuple[Feature, str]]
) -> FeatureSeen:
    require(caller, Act.STEER)
    with store.write() as transaction:
        known, now = found(transaction, key), transaction.now
        made, text = change(known, now)
        tell(transaction, caller, "feature", made.id, text)
        return _seen(transaction.put(retelling.retold(known, made, now)), now)


def _merged(new: Feature, known: Feature | None, now: datetime) -> Feature:
    """What a file says of a feature, over what has happened to it."""
    if known is None:
        return new
    made = new.changed(
        version=known.version,
        announced_at=known.announced_at,
        killed=known.killed,
        moves=known.moves,
        told_at=known.told_at,
    )
    return retelling.retold(known, _ramped(made, known, now), now)


def _ramped(made: Feature, known: Feature, now: datetime) -> Feature:
    """With the ramp that a file gives it, as far as the one under way allows it."""
    if known.ramp is None or now < known.ramp.begins:
        return made
    if made.ramp is None or made.ramp.begins != known.ramp.begins:
        raise RefusedError(
            f"the ramp of feature {known.id} began {known.ramp.begins:%Y-%m-%d %H:%M} UTC; the file must say so, too"
        )
    if made.ramp.steps == known.ramp.steps:
        return made.changed(ramp=known.ramp)
    return made.changed(ramp=ramp.rescheduled(known.ramp, made.ramp.steps, now))


def found(view: View | Transaction, key: str) -> Feature:
    """The feature of a key; `UnknownError` where there is none."""
    feature = view.get(Feature, FeatureKey(key))
    if feature is None:
        raise UnknownError(f"there is no feature {key[:120]}; see: wavetrain feature list")
    return feature


def _ramp_of(feature: Feature) -> Ramp:
    if feature.ramp is None:
        raise RefusedError(
            f"feature {feature.id} has no ramp; give it one: wavetrain feature ramp {feature.id}"
        )
    return feature.ramp


def _seen(feature: Feature, now: datetime) -> FeatureSeen:
    known = feature.ramp
    share = ramp.share_ppm(known, now) if known is not None else 0
    return FeatureSeen(
        feature=feature,
        status=_status(feature, share, now),
        share=share / WHOLE_PPM if feature.killed is None else 0.0,
        whole_at=ramp.turn(known, WHOLE_PPM - 1, now) if known is not None else None,
    )


def _status(feature: Feature, share: int, now: datetime) -> str:
    if feature.killed is not None:
        return "off"
    if feature.ramp is not None and now >= feature.ramp.begins:
        if share == WHOLE_PPM:
            return "everywhere"
        return "paused" if ramp.is_paused(feature.ramp) else "rolling out"
    return "early" if feature.early is not None and feature.early.since <= now else "announced"
