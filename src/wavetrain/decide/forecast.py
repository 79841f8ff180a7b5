"""Forecast: when is a PoP, or a node of it, disturbed next, between which instants, and what does that wait for?

The chain is the planner's own: waves in order, soaks, bakes, windows with their freezes (`calendar.may_start`), the
turns as the timetable has them. Earliest: everything passes at once. Latest: every PoP misses one window more than
planned, as the planner lets it; open while a person is asked, because nobody knows when persons answer.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar, placebo_wave, waves
from wavetrain.model.fleet import Pop, PopId, UnitId
from wavetrain.model.lane import Lane
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Policy
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase, Wave, WaveStatus
from wavetrain.model.window import Freeze

_OF_OLDER = (Reason.PREVIOUS_ROLLOUT, Reason.HANDING_OVER, Reason.PREVIOUS_BAKE)
_BEFORE_BAKE = (TurnPhase.WAITING, TurnPhase.PLACEBO, TurnPhase.CANARY)
WINDOWS_MAX = 60
"""So many windows of one PoP are followed at most; what needs more has no known end."""


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """What a forecast for one rollout looks at."""

    now: datetime
    lane: Lane
    policy: Policy
    rollout: Rollout
    waves: tuple[Wave, ...]
    turns: tuple[Turn, ...]
    pops: dict[PopId, Pop]
    freezes: tuple[Freeze, ...] = ()
    cordoned: frozenset[str] = frozenset()
    standstill: Hold | None = None


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """The next disturbance lies in it, both ends included. `latest` is None while that is open, and `open` says why."""

    earliest: datetime
    latest: datetime | None
    reason: Hold | None
    """What the earliest instant waits for; None when it may be now."""
    open: Hold | None = None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to come for one PoP in one rollout."""

    first: Range
    """Of any node of the PoP."""
    rest: Range
    """Of the first node behind the canaries."""
    canary: Range | None = None
    """Of the first canary, where others are restarted before it, as a placebo; else it is the first of any."""
    batch: int
    """How many nodes behind the canaries go at once."""


class _Reached(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a wave can be under way: at the earliest, at the latest, and what that waits for."""

    earliest: datetime
    latest: datetime | None
    reason: Hold | None = None
    open: Hold | None = None


def of_rollout(prospect: Prospect, wanted: Collection[PopId]) -> dict[PopId, Outlook]:
    """The outlook of each wanted PoP that the rollout will still disturb; the others are left out."""
    rollout = prospect.rollout
    if not prospect.lane.disturbs:
        return {}
    if rollout.status is Status.REVERTING:
        return _going_back(prospect, wanted)
    if not prospect.turns:
        return _unplanned(prospect, wanted)
    last = max((turn.wave for turn in prospect.turns if turn.pop in wanted), default=-1)
    last = max(last, rollout.wave) if last >= 0 else last
    made: dict[PopId, Outlook] = {}
    reached = _departed(prospect)
    for wave in sorted(prospect.waves, key=lambda item: item.ordinal):
        if wave.ordinal < rollout.wave:
            continue
        if wave.ordinal > last:
            break
        reached = _approved(prospect, wave, reached)
        ends, late_ends, asked = reached.earliest, reached.latest, reached.open
        for turn in prospect.turns:
            carried = wave.ordinal == rollout.wave and turn.wave < wave.ordinal
            if not (carried or turn.wave == wave.ordinal) or turn.at_end or turn.pop not in prospect.pops:
                continue
            outlook = _of_turn(prospect, turn, reached)
            if turn.pop in wanted and turn.cursor < len(turn.order):
                made[turn.pop] = outlook
            if turn.beside or carried:
                continue  # no wave waits for it
            ends = max(ends, outlook.rest.earliest)
            over = last_of(prospect, turn, outlook)
            late_ends = max(late_ends, over) if late_ends is not None and over is not None else None
            asked = asked or outlook.rest.open
        reached = _passed(prospect, wave, asked, ends, late_ends)
    return made


def of_node(prospect: Prospect, turn: Turn, outlook: Outlook | None, node: str) -> Range | None:
    """The range of one node, by its place in its PoP's turn; None when the rollout will not disturb it any more."""
    unit = UnitId(node + prospect.lane.suffix)
    if not prospect.lane.disturbs or unit not in turn.order or unit in turn.quarantined:
        return None
    now, unit_time = prospect.now, timedelta(minutes=prospect.policy.timing.unit_minutes)
    if any(item.unit == unit for item in turn.progress):
        return Range(earliest=now, latest=now + unit_time, reason=None)
    if outlook is None:
        return None
    if turn.back:
        return outlook.first if unit in turn.back else None
    place = turn.order.index(unit)
    if place < turn.cursor:
        return None
    if place < turn.canaries and turn.phase in _BEFORE_BAKE:
        return outlook.canary or outlook.first
    before = (place - max(turn.cursor, turn.canaries)) // outlook.batch
    latest = _after_batches(prospect, prospect.pops[turn.pop], outlook.rest.latest, before)
    if outlook.canary is not None and unit not in turn.restarted:  # it may be one of those that are restarted
        return msgspec.structs.replace(outlook.first, latest=latest, open=outlook.rest.open)
    return msgspec.structs.replace(outlook.rest, latest=latest)


def last_of(prospect: Prospect, turn: Turn, outlook: Outlook) -> datetime | None:
    """When the turn is over at the latest; None while that is open."""
    left = len(turn.order) - max(turn.cursor, turn.canaries)
    batches = max(0, -(-left // outlook.batch) - 1)
    starts = _after_batches(prospect, prospect.pops[turn.pop], outlook.rest.latest, batches)
    return starts + 2 * _unit_time(prospect) if starts is not None else None


def joined(older: Range, newer: Range, departs: datetime) -> Range:
    """Of two rollouts of one component: when the newer departs, the older gives way to it."""
    first = min(older, newer, key=lambda item: item.earliest)
    if older.latest is not None and older.latest <= departs:
        latest = older.latest
    elif newer.latest is None:
        latest = None
    else:
        latest = max(newer.latest, older.latest or newer.latest)
    return Range(
        earliest=first.earliest,
        latest=latest,
        reason=first.reason,
        open=(newer.open or older.open) if latest is None else None,
    )


def beside(one: Range, other: Range) -> Range:
    """Of rollouts of two components: whichever comes first."""
    first = min(one, other, key=lambda item: item.earliest)
    known = [item.latest for item in (one, other) if item.latest is not None]
    latest = min(known, default=None)
    opened = (one.open or other.open) if latest is None else None
    return Range(earliest=first.earliest, latest=latest, reason=first.reason, open=opened)


# The chain


def _departed(prospect: Prospect) -> _Reached:
    """When the wave under way, or the first one, is reached."""
    rollout, now = prospect.rollout, prospect.now
    asked = prospect.standstill or (rollout.hold if rollout.hold and rollout.hold.asks else None)
    if rollout.status is Status.PAUSED:
        asked = asked or rollout.hold or Hold(Reason.PAUSED, detail=rollout.cause, asks=True)
    earliest = latest = now
    reason = None
    if rollout.status in (Status.PLANNED, Status.ANNOUNCED):
        if rollout.status is Status.PLANNED:
            asked = asked or rollout.hold
        if rollout.hold is not None and rollout.hold.reason in _OF_OLDER:
            asked = asked or rollout.hold
        opens = min(turn.opens for turn in prospect.turns if turn.wave == 0)
        earliest = max(now, opens)
        reason = Hold(Reason.NOT_YET, until=opens)
        watched = prospect.lane.bakes and prospect.policy.verdicts.metrics
        latest = earliest + timedelta(seconds=prospect.policy.verdicts.pre_period_s if watched else 0)
    return _Reached(earliest=earliest, latest=None if asked else latest, reason=reason, open=asked)


def _approved(prospect: Prospect, wave: Wave, reached: _Reached) -> _Reached:
    given = any(approval.kind == "general" for approval in prospect.rollout.approvals)
    if wave.stage is not Stage.GENERAL or not prospect.policy.approve_general or given:
        return reached
    asked = reached.open or Hold(Reason.APPROVAL, detail="general availability", asks=True)
    return msgspec.structs.replace(reached, latest=None, open=asked)


def _passed(
    prospect: Prospect, wave: Wave, asked: Hold | None, ends: datetime, late_ends: datetime | None
) -> _Reached:
    """When the wave behind this one is reached."""
    soak = timedelta(minutes=wave.soak_minutes if wave.last_of_ring else 0)
    reason = Hold(Reason.PREVIOUS_WAVE, detail=f"wave {wave.ordinal} {wave.ring}")
    if wave.status is WaveStatus.BAKING and wave.baked_since is not None:
        ends = wave.baked_since
        late_ends = ends if asked is None else None
        reason = Hold(Reason.SOAK, until=ends + soak)
    return _Reached(
        earliest=max(prospect.now, ends + soak),
        latest=max(prospect.now, late_ends + soak) if late_ends is not None else None,
        reason=reason,
        open=asked,
    )


def _of_turn(prospect: Prospect, turn: Turn, reached: _Reached) -> Outlook:
    """The ranges of a turn whose wave is reached then."""
    place, bake = prospect.pops[turn.pop], timedelta(minutes=prospect.policy.bake.minutes)
    reached = _asked(prospect, turn, reached)
    bakes = prospect.lane.bakes and 0 < turn.canaries < len(turn.order)
    begins = reached
    if not turn.cursor and turn.opens > reached.earliest:
        late = max(turn.opens, reached.latest) if reached.latest is not None else None
        begins = msgspec.structs.replace(
            reached, earliest=turn.opens, latest=late, reason=Hold(Reason.NOT_YET, until=turn.opens)
        )
    first = _window(prospect, place, begins)
    rest, canary = first, None
    if bakes and turn.phase in _BEFORE_BAKE:
        pending = turn.cursor < turn.canaries
        start = first.earliest if pending else prospect.now
        late_start = first.latest if pending else begins.latest
        placebos = (
            placebo_wave.count(prospect.policy, len(turn.order), turn.canaries) if not turn.cursor else 0
        )
        if placebos:
            late = late_start + placebos * _unit_time(prospect) if late_start is not None else None
            canary = _window(prospect, place, msgspec.structs.replace(begins, earliest=start, latest=late))
            late_start = canary.latest
        baked = start + bake
        late = late_start + _unit_time(prospect) + bake if late_start is not None else None
        rest = _window(prospect, place, _later(begins, baked, late))
        first = first if pending else rest
    elif bakes and turn.phase is TurnPhase.BAKING:
        baked = max(prospect.now, (turn.bake_since or prospect.now) + bake)
        late = max(baked, begins.latest) if begins.latest is not None else None
        first = rest = _window(prospect, place, _later(begins, baked, late))
    size = waves.share_of(len(place.nodes), prospect.policy.budgets.pop_share)
    return Outlook(first=first, rest=rest, batch=size, canary=canary)


def _asked(prospect: Prospect, turn: Turn, reached: _Reached) -> _Reached:
    """A person who is asked about the PoP, or has cordoned it, leaves the latest end open."""
    asked = turn.hold if turn.hold is not None and turn.hold.asks else None
    if turn.pop in prospect.cordoned:
        asked = Hold(Reason.CORDONED, detail=f"cordoned: {turn.pop}")
    return msgspec.structs.replace(reached, latest=None, open=reached.open or asked) if asked else reached


def _later(begins: _Reached, baked: datetime, late: datetime | None) -> _Reached:
    reason = Hold(Reason.BAKE_TIME, until=baked)
    return msgspec.structs.replace(begins, earliest=baked, latest=late, reason=reason)


def _window(prospect: Prospect, place: Pop, begins: _Reached) -> Range:
    """The first instant that fits a window from the earliest on; the last one of the window after the latest's own."""
    answer = _may_start(prospect, place, begins.earliest)
    held = calendar.hold(answer)
    if answer.opens_again is None:
        return Range(earliest=begins.earliest, latest=None, reason=held, open=begins.open or held)
    reason = held or (begins.reason if begins.earliest > prospect.now else None)
    latest = _missed(prospect, place, begins.latest) if begins.latest is not None else None
    opened = None if latest is not None else begins.open or Hold(Reason.NO_WINDOW, asks=True)
    return Range(earliest=answer.opens_again, latest=latest, reason=reason, open=opened)


def _missed(prospect: Prospect, place: Pop, at: datetime) -> datetime | None:
    """The last start in the window after the one that `at` would take."""
    if not prospect.lane.windowed:
        return at + timedelta(days=max(1, prospect.policy.timing.spread_days))
    closes: datetime | None = at
    for _ in range(2):
        start = _may_start(prospect, place, closes).opens_again if closes is not None else None
        opening = calendar.opening_at(place.window, start) if start is not None else None
        if start is None or opening is None:
            return None
        last, closes = max(start, opening.closes - prospect.policy.timing.with_undo), opening.closes
    return last


def _after_batches(prospect: Prospect, place: Pop, first: datetime | None, batches: int) -> datetime | None:
    """The latest start of a batch that has so many before it, of which the first one starts at `first`."""
    unit_time, start = _unit_time(prospect), first
    for _ in range(WINDOWS_MAX):
        if batches <= 0 or start is None:
            return start
        if not prospect.lane.windowed:
            return start + unit_time * batches
        opening = calendar.opening_at(place.window, start)
        room = (
            opening.closes - prospect.policy.timing.with_undo - start if opening is not None else timedelta(0)
        )
        fit = max(0, room // unit_time)
        if batches <= fit:
            return start + unit_time * batches
        batches -= fit + 1
        after = opening.closes if opening is not None else start + unit_time
        start = _may_start(prospect, place, after).opens_again
    return None


def _may_start(prospect: Prospect, place: Pop, at: datetime) -> calendar.Answer:
    if not prospect.lane.windowed:
        return calendar.Answer(open=True, opening=None, freeze=None, opens_again=at)
    scope = (place.id, place.region, prospect.lane.name)
    return calendar.may_start(place.window, prospect.freezes, at, prospect.policy.timing.with_undo, scope)


def _unit_time(prospect: Prospect) -> timedelta:
    return timedelta(minutes=prospect.policy.timing.unit_minutes)


# Those without a chain


def _unplanned(prospect: Prospect, wanted: Collection[PopId]) -> dict[PopId, Outlook]:
    """A rollout without a timetable: not before it departs, and who knows when."""
    rollout = prospect.rollout
    begins = max(prospect.now, rollout.departs, rollout.not_before)
    waits = prospect.standstill or rollout.hold or Hold(Reason.NOT_YET, until=begins)
    reached = _Reached(earliest=begins, latest=None, reason=Hold(Reason.NOT_YET, until=begins), open=waits)
    made = {}
    for pop in wanted:
        if pop in prospect.pops:
            found = _window(prospect, prospect.pops[pop], reached)
            made[pop] = Outlook(first=found, rest=found, batch=1)
    return made


def _going_back(prospect: Prospect, wanted: Collection[PopId]) -> dict[PopId, Outlook]:
    """A revert passes windows and freezes: from now on, until all that is exposed could have gone back in a row."""
    size = prospect.policy.budgets.revert_share
    batches = {
        turn.pop: -(
            -len(turn.back or turn.exposed) // waves.share_of(len(prospect.pops[turn.pop].nodes), size)
        )
        for turn in prospect.turns
        if turn.pop in prospect.pops and turn.phase is not TurnPhase.REVERTED
    }
    latest = prospect.now + sum(batches.values()) * 2 * _unit_time(prospect)
    made = {}
    for turn in prospect.turns:
        if turn.pop in wanted and batches.get(turn.pop):
            asked = prospect.standstill or (turn.hold if turn.hold is not None and turn.hold.asks else None)
            found = Range(
                earliest=prospect.now,
                latest=None if asked else latest,
                reason=Hold(Reason.REVERTING, detail=prospect.rollout.cause),
                open=asked,
            )
            made[turn.pop] = Outlook(first=found, rest=found, batch=1)
    return made
