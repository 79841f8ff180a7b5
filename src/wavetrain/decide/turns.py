"""Turns: what moves forward now in this PoP, and why does the rest wait?"""

from datetime import datetime, timedelta

from wavetrain.decide import disturbance, handover, lapses, placebo_wave, verdict, waves, way_back
from wavetrain.decide.facts import Draft
from wavetrain.decide.instruct import tell
from wavetrain.decide.silence import reminded, shown, slot_hold
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Slot, Turn, TurnPhase


def forward(draft: Draft, turn: Turn) -> Turn:
    """One tick of a PoP whose wave is under way. Phases may follow each other within one tick."""
    for _ in TurnPhase:
        moved = _step(draft, turn)
        if moved.phase is turn.phase:
            return moved
        draft.note("turn", turn.pop, f"{turn.pop}: {turn.phase.value} -> {moved.phase.value}")
        turn = moved
    return turn


def _step(draft: Draft, turn: Turn) -> Turn:
    if draft.facts.newer and not turn.at_end and handover.is_taken(draft, turn):
        return turn.changed(phase=TurnPhase.HANDED, hold=None)
    if not turn.cursor and not turn.at_end and draft.facts.now < turn.opens:
        return turn.changed(hold=Hold(Reason.NOT_YET, until=turn.opens))
    match turn.phase:
        case TurnPhase.WAITING:
            return _begin(draft, turn)
        case TurnPhase.PLACEBO:
            return _placebo(draft, turn)
        case TurnPhase.CANARY:
            return _canary(draft, turn)
        case TurnPhase.BAKING:
            return _bake(draft, turn)
        case TurnPhase.REST:
            return _rest(draft, turn)
        case _:
            return turn


def _begin(draft: Draft, turn: Turn) -> Turn:
    facts = draft.facts
    turn = turn.changed(order=_sound_first(draft, turn), hold=None)
    if not (facts.lane.bakes and 0 < turn.canaries < len(turn.order)):
        return turn.changed(phase=TurnPhase.REST)
    if why := placebo_wave.left_out(draft, turn):
        draft.note("turn", turn.pop, f"{turn.pop}: no placebo: {why}")
    return turn.changed(phase=TurnPhase.PLACEBO if placebo_wave.is_asked(draft, turn) else TurnPhase.CANARY)


def _sound_first(draft: Draft, turn: Turn) -> tuple[UnitId, ...]:
    """Units that an earlier release has cost go last: none of them can be a canary."""
    return tuple(sorted(turn.order, key=lambda unit: NodeId(unit) in draft.quarantined))


def _placebo(draft: Draft, turn: Turn) -> Turn:
    """Some of those that go last are restarted, one after the other, once the first canary might go, too."""
    turn = reminded(draft, turn, back=False)
    if turn.placebo_at is not None and turn.placebo_at < turn.opens and not turn.progress:
        turn = turn.changed(
            placebos=(), restarted=(), placebo_at=None
        )  # the window is over: they are too old
    hold: Hold | None = None
    unit = placebo_wave.next_unit(draft, turn) if not turn.progress else None
    if unit is not None:
        hold = handover.yields(draft, turn) or handover.hold(draft, turn)
        hold = hold or _canary_hold(draft, turn) or _why_not(draft, turn, unit)
        if hold is None:
            turn = _begun(draft, turn)
            known = turn.changed(
                placebos=(*turn.placebos, unit), placebo_at=turn.placebo_at or draft.facts.now
            )
            runs = draft.facts.reported[NodeId(unit)].release
            turn = tell(draft, known, unit, runs, restart=True)
            turn = turn.changed(started_at=turn.started_at or draft.facts.now)
            text = f"{unit} may restart on {runs}, as a placebo"
            draft.note("admit", unit, text, generation=_generation(turn, unit))
    if unit is not None or turn.progress:
        hold = shown(draft, turn, hold, Reason.PLACEBO)
        return turn if hold == turn.hold else turn.changed(hold=hold)
    said = ", ".join(turn.restarted) or "no node is like its canary and may be restarted"
    draft.note("turn", turn.pop, f"{turn.pop}: placebo: {said}")
    return turn.changed(phase=TurnPhase.CANARY, hold=None)


def _canary_hold(draft: Draft, turn: Turn) -> Hold | None:
    """Why the first canary may not be disturbed: then a restart would grow old before it goes."""
    pop = draft.facts.fleet.pops.get(turn.pop)
    sound = [unit for unit in turn.order[: turn.canaries] if NodeId(unit) not in draft.quarantined]
    if pop is None or turn.placebos or not sound:
        return None
    return disturbance.first_hold(draft, pop, sound[0])


def _canary(draft: Draft, turn: Turn) -> Turn:
    if turn.canaries >= len(turn.order):
        return turn.changed(phase=TurnPhase.REST, hold=None)
    if placebo_wave.is_stale(turn) and not turn.progress:
        return turn.changed(phase=TurnPhase.PLACEBO, hold=None)
    turn = _admit(draft, turn, turn.canaries)
    here = set(turn.order[: turn.canaries])
    if here <= set(turn.quarantined):
        return turn.changed(phase=TurnPhase.REST, hold=None)
    if turn.cursor < turn.canaries or not here <= {*turn.settled, *turn.quarantined}:
        return turn
    now = draft.facts.now
    return turn.changed(phase=TurnPhase.BAKING, bake_since=now, mixed_since=now, hold=None)


def _bake(draft: Draft, turn: Turn) -> Turn:
    """Minimum time and minimum evidence, only while the canary runs this release (G8)."""
    facts = draft.facts
    if turn.canaries >= len(turn.order):
        draft.note("turn", turn.pop, f"{turn.pop}: nothing is left to compare the canary with")
        return turn.changed(phase=TurnPhase.REST, hold=None)
    hold = verdict.telemetry_hold(draft, turn)
    if hold is not None:
        return turn.changed(hold=hold)
    strayed = [unit for unit in turn.settled if not _serves(draft, unit)]
    if strayed:
        hold = Hold(
            Reason.NOT_REPORTING,
            detail=f"{strayed[0]} does not say that it serves on {draft.rollout.number}",
            asks=True,
        )
        return turn.changed(bake_since=None, hold=hold)
    since = _steady_since(draft, turn)
    if turn.bake_since is not None and since > turn.bake_since:
        draft.note(
            "turn", turn.pop, f"{turn.pop}: its canary has served without a break since then; it bakes anew"
        )
    turn = turn.changed(bake_since=since)
    consent = any(approval.kind == "inconclusive" for approval in draft.rollout.approvals)
    hold = None if consent else verdict.gate_hold(draft, turn)
    ends = since + timedelta(minutes=facts.policy.bake.minutes)
    if hold is not None:
        if facts.now >= turn.closes and was_extended(turn):
            hold = Hold(Reason.INCONCLUSIVE, detail=hold.detail, asks=True)
        return turn.changed(hold=hold)
    if facts.now < ends:
        return turn.changed(hold=Hold(Reason.BAKE_TIME, until=ends))
    baked = timedelta(seconds=round((facts.now - since).total_seconds()))
    draft.note("verdict", turn.pop, f"{turn.pop}: the canary passed after {baked}", verdict="pass")
    return turn.changed(phase=TurnPhase.REST, hold=None)


def was_extended(turn: Turn) -> bool:
    """Whether its bake has outlasted the window in which it began, so that this is its second one."""
    return turn.mixed_since is not None and turn.mixed_since < turn.opens


def mixed_too_long(draft: Draft, turn: Turn) -> bool:
    """Whether a PoP has run two releases for longer than the policy allows without its gate passing."""
    if turn.phase is not TurnPhase.BAKING or turn.mixed_since is None:
        return False
    return draft.facts.now - turn.mixed_since > timedelta(hours=draft.facts.policy.bake.mixed_hours_max)


def _serves(draft: Draft, unit: UnitId) -> bool:
    said = draft.facts.reported.get(NodeId(unit))
    return said is not None and said.release == draft.rollout.number and said.phase is not Phase.FAILED


def _steady_since(draft: Draft, turn: Turn) -> datetime:
    """Since when its canaries have served on this release without a break; one that broke and came back bakes anew."""
    said = [draft.facts.reported[NodeId(unit)].since for unit in turn.settled]
    return max([turn.bake_since or draft.facts.now, *said])


def _rest(draft: Draft, turn: Turn) -> Turn:
    dark = verdict.telemetry_hold(draft, turn) if turn.cursor and draft.facts.lane.bakes else None
    if dark is not None:
        return turn.changed(hold=dark)
    turn = _admit(draft, turn, len(turn.order))
    if turn.cursor < len(turn.order) or turn.progress:
        return turn
    return turn.changed(phase=TurnPhase.DONE, hold=None)


def _admit(draft: Draft, turn: Turn, until: int) -> Turn:
    """Admit units in order up to index `until`, as far as gates and slots allow; the hold says why not further."""
    hold: Hold | None = None
    coming = handover.yields(draft, turn)
    turn = reminded(draft, turn, back=False, gives_way=coming is not None)
    while turn.cursor < until:
        unit = turn.order[turn.cursor]
        if NodeId(unit) in draft.quarantined:
            turn = _passed_over(draft, turn, unit, "is quarantined")
            continue
        if lapses.gives_way(draft, turn, unit):
            turn = _passed_over(draft, turn, unit, f"lapsed {turn.lapses[unit]} times")
            continue
        hold = coming or handover.hold(draft, turn) or _why_not(draft, turn, unit)
        if hold is not None:
            break
        turn = _begun(draft, turn)
        turn = tell(draft, turn.changed(cursor=turn.cursor + 1), unit, draft.rollout.number)
        turn = turn.changed(started_at=turn.started_at or draft.facts.now)
        draft.note(
            "admit", unit, f"{unit} may go to {draft.rollout.number}", generation=_generation(turn, unit)
        )
    hold = shown(draft, turn, hold, Reason.IN_PROGRESS)
    return turn if hold == turn.hold else turn.changed(hold=hold)


def _begun(draft: Draft, turn: Turn) -> Turn:
    """The PoP is touched now: before the first unit is told, it is remembered what it ran."""
    if turn.started_at is None:
        turn = turn.changed(previous=way_back.found(draft, turn))
    handover.take(draft, turn)
    return turn


def _passed_over(draft: Draft, turn: Turn, unit: UnitId, text: str) -> Turn:
    """A node quarantined by an earlier release, or that lapses for ever, is the turn's residue and told nothing."""
    draft.note("turn", unit, f"{unit} {text}; {draft.rollout.number} passes it over")
    return turn.changed(cursor=turn.cursor + 1, quarantined=(*turn.quarantined, unit))


def _generation(turn: Turn, unit: UnitId) -> str:
    return next((str(item.generation) for item in turn.progress if item.unit == unit), "")


def _why_not(draft: Draft, turn: Turn, unit: UnitId) -> Hold | None:
    """The gates, and then a slot is taken; lanes that disturb nothing pass with a free node."""
    facts = draft.facts
    if draft.rollout.number in facts.tombstoned:
        return Hold(Reason.TOMBSTONED, detail=draft.rollout.number, asks=True)
    pop = facts.fleet.pops.get(turn.pop)
    if pop is None or not facts.lane.disturbs:
        return lapses.hold(draft, turn, unit)
    if (own := _own_slot(draft, unit)) is not None:
        asks = facts.now - own.since > facts.policy.timing.with_undo
        return Hold(Reason.IN_PROGRESS, detail=f"{unit} is still on its way with {own.rollout}", asks=asks)
    hold = disturbance.first_hold(draft, pop, unit)
    if hold is not None:
        return hold
    size = waves.share_of(len(pop.nodes), facts.policy.budgets.pop_share)
    budget = f"pop:{pop.id}"
    slot = waves.free_slot(draft.slots, budget, size, unit, pop.id, draft.rollout.id, facts.now)
    if slot is None and turn.progress:
        return Hold(
            Reason.SLOT_TAKEN
        )  # in its place its own units on their way are shown: who else owns is not asked
    if slot is None:
        return slot_hold(draft, turn, budget, f"{size} of {len(pop.nodes)} at once")
    draft.slots.take(slot)
    return None


def _own_slot(draft: Draft, unit: UnitId) -> Slot | None:
    return next(iter(draft.slots.of_owner(unit)), None)
