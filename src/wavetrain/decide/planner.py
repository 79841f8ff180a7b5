"""Planner: what moves now in this rollout, and why does the rest wait?"""

from datetime import timedelta

from wavetrain.decide import (
    absence,
    arrivals,
    departure,
    fairness,
    features_off,
    handover,
    lapses,
    lifecycle,
    outlook,
    portion,
    preparation,
    recovery,
    retreat,
    silence,
    stillness,
    succession,
    turns,
    verdict,
    way_back,
)
from wavetrain.decide.facts import Choice, Draft, Facts
from wavetrain.decide.itinerary import announce, keep_time, revise
from wavetrain.decide.lifecycle import Cause, WaveCause
from wavetrain.decide.wave_turns import goes_with, going_with, is_carried
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.release import Stage, Tombstone
from wavetrain.model.rollout import Fairness, Status, Turn, TurnPhase, Wave, WaveStatus

CONTENDING = frozenset({Reason.REGION_SHARE, Reason.GROUP_OUT, Reason.CAPACITY, Reason.SLOT_TAKEN})
_GOING = (TurnPhase.PLACEBO, TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST)


def decide(facts: Facts) -> Choice:
    """Everything that follows from the facts at this instant. The same facts again give an empty choice (G13)."""
    draft = Draft(facts)
    if stillness.stand(draft):
        return draft.choice()
    for turn in facts.turns if facts.sweep else facts.to_settle():
        draft.turns[turn.pop] = arrivals.settle(draft, absence.without_the_gone(draft, turn))
    _judge(draft)
    revise(draft)
    match draft.rollout.status:
        case Status.PLANNED:
            _plan(draft)
        case Status.ANNOUNCED:
            _depart(draft)
        case Status.REVERTING:
            _go_back(draft)
        case Status.PAUSED:
            _pause(draft)
        case _:
            pass
    if draft.rollout.status is Status.ROLLING:
        _roll(draft)
        outlook.say(draft)
    if draft.rollout.status in lifecycle.TERMINAL:
        _fall_silent(draft)
        if draft.rollout.over_at is None:
            draft.rollout = draft.rollout.changed(over_at=facts.now, hold=None)
    return draft.choice()


def _pause(draft: Draft) -> None:
    _hold(draft, Hold(Reason.PAUSED, detail=draft.rollout.cause, asks=True))
    for turn in list(draft.turns.values()):
        if turn.lapses:
            draft.turns[turn.pop] = lapses.forgiven(turn)
    _fall_silent(draft)


def _fall_silent(draft: Draft) -> None:
    """Nothing is about to be told: no gate is waited for any more, only for units that are on their way."""
    for pop, turn in draft.turns.items():
        if turn.hold is not None or turn.progress:
            draft.turns[pop] = turn.changed(hold=silence.late_hold(draft, turn, Reason.IN_PROGRESS))
    for ordinal, wave in draft.waves.items():
        if wave.hold is not None:
            draft.waves[ordinal] = wave.changed(hold=None)


def _status(draft: Draft, cause: Cause, text: str) -> None:
    before = draft.rollout.status
    after = lifecycle.rollout_after(draft.rollout.id, before, cause)
    draft.rollout = draft.rollout.changed(status=after)
    draft.note("rollout", draft.rollout.id, f"{before.value} -> {after.value}: {text}", status=after.value)


def _hold(draft: Draft, hold: Hold | None) -> None:
    draft.rollout = draft.rollout.changed(hold=hold)


def _judge(draft: Draft) -> None:
    """A fail from the reports or the evidence, answered by `recovery`."""
    rollout, facts = draft.rollout, draft.facts
    if rollout.status not in (Status.ROLLING, Status.PAUSED):
        return
    ruling = verdict.of_rollout(draft)
    if ruling is None:
        _mixed_too_long(draft)
        return
    chosen = recovery.choose(ruling, facts.lane, verdict.doubt(draft))
    if chosen.way is recovery.Way.PAUSE:
        if any(approval.kind == "inconclusive" for approval in rollout.approvals):
            return
        if rollout.status is Status.ROLLING:
            draft.rollout = rollout.changed(cause=chosen.text)
            draft.note("verdict", rollout.id, chosen.text, verdict="fail")
            _status(draft, Cause.PAUSE, chosen.text)
        return
    draft.note("verdict", rollout.id, chosen.text, verdict="fail")
    closes = [turn.closes for turn in draft.turns.values() if turn.phase in _GOING]
    draft.rollout = draft.rollout.changed(
        cause=chosen.text, failed_at=facts.steady, not_before=max([facts.now, *closes])
    )
    _bury(draft, chosen.text)
    cause = Cause.REVERT if chosen.way is recovery.Way.BACK else Cause.ABORT
    _status(draft, cause, chosen.text)


def _bury(draft: Draft, text: str) -> None:
    """The release is never offered again."""
    if draft.rollout.number in draft.facts.tombstoned:
        return
    draft.make(
        Tombstone(
            release=draft.release.id,
            number=draft.rollout.number,
            reason=text,
            at=draft.facts.now,
            by="verdict",
        )
    )
    draft.release = draft.release.changed(stage=Stage.WITHDRAWN)
    draft.note("tombstone", draft.release.id, f"{draft.rollout.number} is never offered again: {text}")


def _mixed_too_long(draft: Draft) -> None:
    """A PoP that stays mixed sends its canary back, with the whole rollout; the release keeps its good name."""
    baking = [turn for turn in draft.afoot() if turn.phase is TurnPhase.BAKING]
    stuck = [turn.pop for turn in baking if turns.mixed_too_long(draft, turn)]
    if stuck:
        hours = draft.facts.policy.bake.mixed_hours_max
        text = f"{stuck[0]} was mixed for over {hours} h without a verdict"
        draft.rollout = draft.rollout.changed(cause=text)
        _status(draft, Cause.REVERT, text)


def _plan(draft: Draft) -> None:
    facts = draft.facts
    hold = departure.gates_hold(draft.release, facts.policy) or succession.behind_hold(draft)
    if hold is not None:
        _hold(draft, hold)
        return
    if draft.rollout.hotfix.how is How.BEHIND and not draft.turns:
        draft.rollout = draft.rollout.changed(departs=facts.now)
    if not draft.turns and portion.has_lost_its_pops(draft):
        draft.rollout = draft.rollout.changed(hotfix=Hotfix(how=How.SUPERSEDE))
        said = (
            f"no PoP runs {draft.release.fixes} any more, so that it goes to every PoP, as a train of its own"
        )
        draft.note("rollout", draft.rollout.id, said)
    text = (facts.unplannable or announce(draft)) if not draft.turns else None
    if text is None:
        _status(draft, Cause.ANNOUNCE, f"departs {draft.rollout.departs:%a %Y-%m-%d %H:%M} UTC")
        _hold(draft, None)
        revise(draft)  # it was planned before, and paused: what came meanwhile has moved nobody yet
        _depart(draft)
    else:
        _hold(draft, Hold(Reason.NO_PLAN, detail=text, asks=True))


def _depart(draft: Draft) -> None:
    """A train leaves when a window of its first wave opens, the fleet was watched, and no older one is in its way."""
    if portion.has_lost_credit(draft):
        _replan(draft)
        return
    keep_time(draft, [turn.pop for turn in draft.turns.values() if turn.wave == 0])
    first = min(
        (turn for turn in draft.turns.values() if turn.wave == 0), key=lambda turn: (turn.opens, turn.pop)
    )
    hold = succession.approval_hold(draft)
    if hold is None:
        hold = (
            Hold(Reason.NOT_YET, until=first.opens)
            if draft.facts.now < first.opens
            else preparation.hold(draft) or succession.previous_hold(draft)
        )
    _hold(draft, hold)
    for turn in list(draft.turns.values()):
        until = turn.opens if draft.facts.now < turn.opens else None
        if (turn.hold.until if turn.hold is not None else None) != until:
            draft.turns[turn.pop] = turn.changed(hold=Hold(Reason.NOT_YET, until=until) if until else None)
    if hold is None:
        way_back.inherit(draft)
        if draft.rollout.hotfix.how is How.AFFECTED:
            handover.take_unbegun(draft)
        else:
            succession.supersede(draft)
        _status(draft, Cause.DEPART, f"the window of {first.pop} is open")
        if draft.release.stage is Stage.CANDIDATE:
            draft.release = draft.release.changed(stage=Stage.EARLY)


def _replan(draft: Draft) -> None:
    """What another release has earned counts no more, since that one goes back or is over: from the first wave on."""
    hotfix = Hotfix(how=How.SUPERSEDE)
    draft.rollout = draft.rollout.changed(hotfix=hotfix, wave=0, waves=0, due_since=None)
    draft.turns.clear()
    draft.waves.clear()
    _status(draft, Cause.REPLAN, f"{draft.release.fixes} is not under way any more, and gives no credit")
    _plan(draft)


def _roll(draft: Draft) -> None:
    """Waves in order; the next is reached in the tick in which the one before it passes."""
    for _ in range(len(draft.waves) + 1):
        wave = draft.waves[draft.rollout.wave]
        if wave.status is WaveStatus.PENDING:
            wave = _wave(draft, wave, WaveCause.REACH)
        draft.waves[wave.ordinal] = wave
        if not _approved(draft, wave):
            return
        wave = _advance(draft, wave)
        draft.waves[wave.ordinal] = wave
        if wave.status is not WaveStatus.PASSED:
            return
        if wave.ordinal + 1 == draft.rollout.waves:
            _finish(draft)
            return
        draft.rollout = draft.rollout.changed(wave=wave.ordinal + 1)


def _wave(draft: Draft, wave: Wave, cause: WaveCause) -> Wave:
    after = lifecycle.wave_after(wave.status, cause)
    if after is wave.status:
        return wave
    subject = f"{wave.rollout}/{wave.ordinal}"
    text = f"wave {wave.ordinal} ({wave.ring}): {wave.status.value} -> {after.value}: {cause.value}"
    draft.note("wave", subject, text)
    return wave.changed(status=after)


def _approved(draft: Draft, wave: Wave) -> bool:
    """The step to general availability may need a person."""
    general = wave.stage is Stage.GENERAL
    needs = general and draft.facts.policy.approve_general
    if needs and not any(approval.kind == "general" for approval in draft.rollout.approvals):
        hold = Hold(Reason.APPROVAL, detail="general availability", asks=True)
        draft.waves[wave.ordinal] = wave.changed(hold=hold)
        mine = [turn for turn in draft.turns.values() if turn.wave == wave.ordinal and turn.hold is not None]
        draft.turns.update((turn.pop, turn.changed(hold=None)) for turn in mine)
        return False
    if general and draft.release.stage is Stage.EARLY:
        draft.release = draft.release.changed(stage=Stage.GENERAL)
        draft.note("release", draft.release.id, f"{draft.rollout.number} is generally available")
    return True


def _advance(draft: Draft, wave: Wave) -> Wave:
    """Its turns move on; when units were told, those that wait for others are asked again."""
    due = [turn.pop for turn in going_with(draft, wave) if _is_due(draft, turn)]
    told, slots = draft.ledger, draft.slots.moved
    keep_time(draft, due)
    for pop in due:
        draft.turns[pop] = turns.forward(draft, draft.turns[pop])
    keep_time(draft, due)
    for pop in draft.moved:
        if draft.turns[pop].phase is TurnPhase.WAITING and goes_with(draft.turns[pop], wave):
            draft.turns[pop] = turns.forward(draft, draft.turns[pop])
    asked = [draft.turns[pop] for pop in due]
    if draft.ledger != told or draft.slots.moved != slots:
        asked = [turns.forward(draft, turn) if _contends(draft, turn) else turn for turn in asked]
    for turn in asked:
        draft.turns[turn.pop] = turn
    moved = going_with(draft, wave)
    if any(turn.started_at is not None for turn in moved):
        wave = _wave(draft, wave, WaveCause.START)
    last = wave.ordinal + 1 == draft.rollout.waves
    wave = _sight(draft, wave, moved if last else [turn for turn in moved if not turn.beside])
    if all(turn.at_end or (not last and is_carried(draft, turn)) for turn in moved):
        if (hold := handover.unproven(draft)) is not None:
            return wave.changed(hold=hold)
        wave = _wave(draft, wave, WaveCause.FILL)
    if wave.status is WaveStatus.BAKING:
        return _soak(draft, wave)
    return wave.changed(hold=_wave_hold(moved))


def _is_due(draft: Draft, turn: Turn) -> bool:
    """Whether a PoP has anything to do or to say: one that is done, or waits for its hour, has not."""
    phase = turn.phase  # compared, not matched: asked of every PoP of a wave in every tick
    if phase is TurnPhase.WAITING:
        return turn.hold is None or turn.opens <= draft.facts.now or draft.facts.sweep
    if phase is TurnPhase.DONE or phase is TurnPhase.HANDED:
        return draft.facts.sweep
    return True


def _contends(draft: Draft, turn: Turn) -> bool:
    """Whether what it waits for depends on the slots of others; where it owns one itself, they have to wait for it."""
    return not draft.slots.is_busy(turn.pop) and (turn.hold is None or turn.hold.reason in CONTENDING)


def _sight(draft: Draft, wave: Wave, moved: list[Turn]) -> Wave:
    """Blind while telemetry is missing somewhere, inconclusive while a person is asked about the evidence."""
    reasons = {turn.hold.reason for turn in moved if turn.hold is not None}
    if Reason.TELEMETRY_AWAY in reasons:
        return _wave(draft, wave, WaveCause.BLIND)
    wave = _wave(draft, wave, WaveCause.SEE)
    if Reason.INCONCLUSIVE in reasons:
        return _wave(draft, wave, WaveCause.DOUBT)
    return _wave(draft, wave, WaveCause.DECIDE)


def _wave_hold(moved: list[Turn]) -> Hold | None:
    """What its PoPs wait for, as one: one that asks a person before others, then the nearest known end."""
    holds = [turn.hold for turn in moved if turn.hold is not None]
    first = [hold for hold in holds if hold.asks] or holds
    until = min((hold.until for hold in first if hold.until is not None), default=None)
    return next((hold for hold in first if hold.until == until), None)


def _soak(draft: Draft, wave: Wave) -> Wave:
    now = draft.facts.now
    since = wave.baked_since or now
    ends = since + timedelta(minutes=wave.soak_minutes if wave.last_of_ring else 0)
    wave = wave.changed(baked_since=since)
    last = wave.ordinal + 1 == draft.rollout.waves
    if now < ends and not last:
        return wave.changed(hold=Hold(Reason.SOAK, until=ends))
    return _wave(draft, wave.changed(hold=None), WaveCause.SOAKED)


def _finish(draft: Draft) -> None:
    residue = tuple(unit for turn in draft.turns.values() for unit in turn.quarantined)
    draft.rollout = draft.rollout.changed(residue=residue)
    if draft.facts.lane.windowed:
        known = draft.facts.fairness or Fairness(lane=draft.rollout.lane)
        draft.make(fairness.after(known, draft.turns.values(), draft.rollout.waves))
    if residue:
        _status(draft, Cause.FINISH_WITH_RESIDUE, f"all but {', '.join(residue)} run {draft.rollout.number}")
    else:
        handed = sorted(turn.pop for turn in draft.turns.values() if turn.phase is TurnPhase.HANDED)
        save = f", save those handed to a hotfix: {', '.join(handed)}" if handed else ""
        _status(draft, Cause.FINISH, f"every PoP runs {draft.rollout.number}{save}")


def _go_back(draft: Draft) -> None:
    """Passes windows and freezes; ends when every exposed unit is back, or known not to be."""
    told, slots = draft.ledger, draft.slots.moved
    going = [turn for turn in draft.turns.values() if turn.phase is not TurnPhase.REVERTED]
    held = {turn.pop: hold for turn in going if (hold := features_off.hold(draft, turn)) is not None}
    for turn in going:
        faced = retreat.turned(draft, turn)
        hold = held.get(turn.pop)
        draft.turns[turn.pop] = retreat.backward(draft, faced) if hold is None else faced.changed(hold=hold)
    if draft.ledger != told or draft.slots.moved != slots:
        for turn in going:
            if turn.pop not in held:
                draft.turns[turn.pop] = retreat.backward(draft, draft.turns[turn.pop])
    exposed = {turn.wave for turn in draft.turns.values() if turn.cursor}
    for ordinal, wave in list(draft.waves.items()):
        draft.waves[ordinal] = (_wave(draft, wave, WaveCause.FAIL) if ordinal in exposed else wave).changed(
            hold=None
        )
    waiting = [turn for turn in draft.turns.values() if turn.phase is not TurnPhase.REVERTED]
    if waiting:
        going_on = Hold(Reason.REVERTING, detail=", ".join(turn.pop for turn in waiting))
        hold = next(iter(held.values()), going_on)
        _hold(draft, next((turn.hold for turn in waiting if turn.hold and turn.hold.asks), hold))
        return
    residue = tuple(
        unit
        for turn in draft.turns.values()
        for unit in turn.quarantined
        if not retreat.is_back(draft, turn, unit)
    )
    draft.rollout = draft.rollout.changed(residue=residue, restored_at=draft.facts.steady)
    ways = {way_back.of(draft, turn) for turn in draft.turns.values() if turn.cursor}
    text = f"all exposed units run {', '.join(sorted(ways)) or draft.rollout.previous}"
    if residue:
        _status(draft, Cause.BACK_WITH_RESIDUE, f"{text}, save {', '.join(residue)}")
    else:
        _status(draft, Cause.BACK, text)
