"""Alerts: which facts are operators told of now?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from wavetrain.decide import feature_evidence, ramp, stillness, way_out
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.plain_line import plain_line
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import Quarantine
from wavetrain.model.health import Verdict
from wavetrain.model.notice import Alert, AlertKind, Channel, Tenure
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, TurnPhase, Wave
from wavetrain.model.standstill import Standstill

ERRORED_FOR = timedelta(minutes=10)
STARVED_FOR = timedelta(hours=1)
MOMENT_KEPT = timedelta(days=7)
"""What happened longer ago is not told any more: nobody waits for it."""
TITLE_MAX, WHY_MAX = 200, 1_000

_SHORT_OF = frozenset({Reason.SLOT_TAKEN, Reason.CAPACITY, Reason.REGION_SHARE, Reason.GROUP_OUT})
_OVER = {
    Status.COMPLETED: AlertKind.COMPLETED,
    Status.REVERTED: AlertKind.REVERTED,
    Status.RESIDUE: AlertKind.RESIDUE,
    Status.PARTLY_REVERTED: AlertKind.RESIDUE,
    Status.STOPPED: AlertKind.STOPPED,
}

Key = tuple[str, str, str]
"""What tells one lasting fact from another: kind, subject, reason."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds that may be worth an alert. Clocks: `now` is train time, `steady` the store's own."""

    now: datetime
    steady: float
    rollouts: Sequence[Rollout] = ()
    waves: Sequence[Wave] = ()
    turns: Sequence[Turn] = ()
    slots: Sequence[Slot] = ()
    quarantined: Mapping[str, Quarantine] = {}
    standstills: Sequence[Standstill] = ()
    failing: frozenset[str] = frozenset()
    """The rollouts whose evidence says `fail`."""
    features: Sequence[tuple[Feature, FeatureEvidence | None]] = ()
    """Those that name checks, each with its running test."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is to be told at this instant, whether or not it was told before."""

    lasting: tuple[Alert, ...] = ()
    """Facts that still stand."""
    moments: tuple[Alert, ...] = ()
    """Facts that happened once, not long ago."""
    standing: Mapping[Key, datetime] = {}
    """What lasts and has no time of its own, told already or not, and since when."""
    told: frozenset[Key] = frozenset()
    """Those of them that an alert stands for."""
    next_at: datetime | None = None
    """When something will have lasted long enough."""


class _Matter(msgspec.Struct, frozen=True, kw_only=True):
    kind: AlertKind
    subject: str
    title: str
    why: str
    command: str
    reason: str = ""
    rollout: str = ""
    since: datetime | None = None
    """None where the fact has no time of its own: then it counts from when it was first seen."""
    mark: str = ""
    """The fact's own time to the last digit, where `since` is only its image in train time."""
    after: timedelta = timedelta(0)
    moment: bool = False


def answer(scene: Scene, known: Mapping[Key, datetime]) -> Answer:
    """What is told now. `known` has the lasting facts that were seen before, and since when."""
    lasting, moments, standing, told = [], [], {}, set()
    ends = []
    for matter in _matters(scene):
        key: Key = (matter.kind.value, matter.subject, matter.reason)
        since = matter.since
        if since is None:
            # Two holds of one kind may stand under one subject, a wave's and a rollout's; they are one fact.
            since = standing[key] = known.get(key, scene.now)
        if since + matter.after > scene.now:
            ends.append(since + matter.after)
        elif not matter.moment:
            lasting.append(_alert(matter, since))
            told.add(key)
        elif scene.now - since < MOMENT_KEPT:
            moments.append(_alert(matter, since))
    return Answer(
        lasting=tuple(lasting),
        moments=tuple(moments),
        standing=standing,
        told=frozenset(told) & standing.keys(),
        next_at=min(ends, default=None),
    )


def wanted(channel: Channel, answered: Answer) -> Iterator[Alert]:
    """What a channel tells: of what happened once, only what came after the channel was set up."""
    yield from (alert for alert in answered.lasting if alert.kind in channel.on)
    yield from (
        alert for alert in answered.moments if alert.kind in channel.on and alert.since >= channel.since
    )


def of_lease(before: Tenure, holder: str, now: datetime) -> Alert | None:
    """A writer that did not say good-bye: it died, or it was frozen or cut off and may not know yet."""
    if before.ended or before.holder == holder:
        return None
    matter = _Matter(
        kind=AlertKind.LEASE,
        subject=before.holder,
        mark=before.since.isoformat(),
        title=f"control plane {before.holder} lost its place as the writer",
        why=f"it did not give it up itself; {holder} writes now",
        command="wavetrain doctor",
    )
    return _alert(matter, now)


def of_test(channel: str, asked_by: str, steady: float, now: datetime) -> Alert:
    """A person tries a channel."""
    matter = _Matter(
        kind=AlertKind.TEST,
        subject=channel,
        mark=repr(steady),
        title=f"test of channel {channel}",
        why=f"{asked_by} asked for it; nothing is wrong",
        command="wavetrain alert list",
    )
    return _alert(matter, now)


def _alert(matter: _Matter, since: datetime) -> Alert:
    parts = (matter.kind.value, matter.subject, matter.reason, matter.mark or since.isoformat())
    # Lengths go in as well, so that no two facts are written alike, whatever their names contain.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return Alert(
        id=f"alert-{blake2b(text.encode(), digest_size=16).hexdigest()}",
        kind=matter.kind,
        subject=matter.subject,
        title=plain_line(matter.title, TITLE_MAX),
        since=since,
        why=plain_line(matter.why, WHY_MAX),
        command=matter.command,
        rollout=matter.rollout,
    )


def _matters(scene: Scene) -> Iterator[_Matter]:
    for rollout in scene.rollouts:
        yield from _of_rollout(scene, rollout)
    for feature, kept in scene.features:
        yield from _of_feature(scene, feature, kept)
    for item in scene.standstills:
        yield _standstill(item)
    yield from _asking(scene)
    for turn in scene.turns:
        yield from _of_turn(scene, turn)
    for slot in scene.slots:
        yield from _of_slot(scene, slot)


def _of_rollout(scene: Scene, rollout: Rollout) -> Iterator[_Matter]:
    """The verdict, and the end."""
    if rollout.failed_at:
        yield _Matter(
            kind=AlertKind.FAIL,
            subject=rollout.id,
            rollout=rollout.id,
            mark=repr(rollout.failed_at),
            since=scene.now - timedelta(seconds=max(0.0, scene.steady - rollout.failed_at)),
            title=f"{rollout.id}: the verdict is fail; it is {rollout.status.value}",
            why=rollout.cause or "worse than its control",
            command=f"wavetrain rollout watch {rollout.id}",
            moment=True,
        )
    elif rollout.status is Status.PAUSED and rollout.id in scene.failing and not _goes_on(rollout):
        yield _Matter(
            kind=AlertKind.FAIL,
            subject=rollout.id,
            rollout=rollout.id,
            reason="paused",
            title=f"{rollout.id}: the verdict is fail; it is paused until a person decides",
            why=rollout.cause or "worse than its control",
            command=f"wavetrain rollout revert {rollout.id} --reason TEXT",
        )
    if rollout.status in _OVER and rollout.over_at is not None:
        left = f"; left behind: {', '.join(rollout.residue)}" if rollout.residue else ""
        yield _Matter(
            kind=_OVER[rollout.status],
            subject=rollout.id,
            rollout=rollout.id,
            since=rollout.over_at,
            title=f"{rollout.id}: {rollout.status.value}",
            why=f"{rollout.cause or 'every PoP had its turn'}{left}",
            command=f"wavetrain why {rollout.release}",
            moment=True,
        )


def _of_feature(scene: Scene, feature: Feature, kept: FeatureEvidence | None) -> Iterator[_Matter]:
    """Its verdict fell, or it ramps and nothing is measured."""
    if kept is not None and kept.fell_at is not None:
        state = "off" if feature.killed is not None else "paused" if _stands(feature) else "going on"
        yield _Matter(
            kind=AlertKind.FAIL,
            subject=feature.id,
            reason="feature",
            since=kept.fell_at,
            title=f"feature {feature.id}: the verdict is fail; it is {state}",
            why=kept.text,
            command=f"wavetrain feature verdict {feature.id}",
            moment=True,
        )
    elif feature.ramp is not None and feature_evidence.under_test(feature, scene.now):
        said = feature_evidence.ruling(feature_evidence.begun(feature, kept), feature, scene.now)
        if said.verdict is Verdict.ERRORED:
            yield _Matter(
                kind=AlertKind.ERRORED,
                subject=feature.id,
                reason="feature",
                title=f"feature {feature.id}: no verdict, because telemetry is missing",
                why=said.text,
                command=f"wavetrain feature verdict {feature.id}",
            )


def _stands(feature: Feature) -> bool:
    return feature.ramp is not None and ramp.is_paused(feature.ramp)


def _goes_on(rollout: Rollout) -> bool:
    """Whether a person has said that it goes on although the evidence speaks against it."""
    return any(approval.kind == "inconclusive" for approval in rollout.approvals)


def _standstill(item: Standstill) -> _Matter:
    hold = stillness.hold_of(item)
    return _Matter(
        kind=AlertKind.ASKS,
        subject=item.cause.value,
        reason=hold.reason.name.lower(),
        since=item.since,
        title=f"nothing moves: {hold.reason.value}",
        why=item.detail,
        command="wavetrain standstill show",
    )


def _asking(scene: Scene) -> Iterator[_Matter]:
    """Holds that ask a person, once where they bind: what stands above only repeats it, and is left out."""
    below: dict[str, set[Reason]] = {}
    for turn in scene.turns:
        if turn.hold is not None and turn.hold.asks:
            below.setdefault(turn.rollout, set()).add(turn.hold.reason)
            yield _asks(turn.rollout, f"{turn.rollout}/{turn.pop}", turn.pop, turn.hold)
    for wave in scene.waves:
        if wave.hold is not None and wave.hold.asks:
            known = below.setdefault(wave.rollout, set())
            if wave.hold.reason not in known:
                known.add(wave.hold.reason)
                yield _asks(wave.rollout, f"{wave.rollout}/{wave.ordinal}", wave.rollout, wave.hold)
    for rollout in scene.rollouts:
        hold = rollout.hold
        if hold is None or not hold.asks or hold.reason in stillness.STANDING:
            continue
        if rollout.status not in TERMINAL and hold.reason not in below.get(rollout.id, set()):
            yield _asks(rollout.id, rollout.id, rollout.id, hold)


def _asks(rollout: str, subject: str, look_at: str, hold: Hold) -> _Matter:
    return _Matter(
        kind=AlertKind.ASKS,
        subject=subject,
        reason=hold.reason.name.lower(),
        rollout=rollout,
        title=f"{subject} asks a person: {hold.reason.value}",
        why=hold.detail or hold.reason.value,
        command=way_out.command(hold.reason, rollout, look_at),
    )


def _of_turn(scene: Scene, turn: Turn) -> Iterator[_Matter]:
    """Blind for too long, or short of a slot for too long while its window is open."""
    hold, subject = turn.hold, f"{turn.rollout}/{turn.pop}"
    if hold is None:
        return
    if hold.reason is Reason.TELEMETRY_AWAY:
        yield _Matter(
            kind=AlertKind.ERRORED,
            subject=subject,
            rollout=turn.rollout,
            title=f"{subject}: no verdict, because telemetry is missing",
            why=hold.detail,
            command=f"wavetrain why {turn.pop}",
            after=ERRORED_FOR,
        )
    elif hold.reason in _SHORT_OF and (turn.phase is TurnPhase.BACK or turn.opens <= scene.now < turn.closes):
        yield _Matter(
            kind=AlertKind.STARVED,
            subject=subject,
            rollout=turn.rollout,
            title=f"{subject} has waited for its turn for over {_hours(STARVED_FOR)}: {hold.reason.value}",
            why=hold.detail or hold.reason.value,
            command=f"wavetrain why {turn.pop}",
            after=STARVED_FOR,
        )


def _of_slot(scene: Scene, slot: Slot) -> Iterator[_Matter]:
    """A slot that its owner will not give back by itself."""
    lost = _lost(scene, slot)
    if lost:
        yield _Matter(
            kind=AlertKind.STARVED,
            subject=f"{slot.budget}/{slot.ordinal}",
            reason=slot.owner,
            rollout=slot.rollout,
            since=slot.since,
            title=f"{slot.owner} has kept slot {slot.budget}/{slot.ordinal} for over {_hours(STARVED_FOR)}",
            why=lost,
            command=f"wavetrain node retire {slot.owner} --reason TEXT",
            after=STARVED_FOR,
        )


def _lost(scene: Scene, slot: Slot) -> str:
    if slot.owner in scene.quarantined:
        return f"it is quarantined: {scene.quarantined[slot.owner].reason}"
    moving = [item for turn in scene.turns for item in turn.progress if item.unit == slot.owner]
    if not moving:
        return "no rollout counts on it any more"
    return "it has not reported in time" if all(scene.steady > item.late_at for item in moving) else ""


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"
