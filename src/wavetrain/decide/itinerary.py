"""Itinerary: what does the timetable make of a rollout, and of a PoP that missed its window?"""

from datetime import timedelta

from wavetrain.decide import portion, timetable
from wavetrain.decide.facts import Draft
from wavetrain.decide.timetable import Unplannable
from wavetrain.model.fleet import UnitId
from wavetrain.model.rollout import Stop, Timetable, Turn, TurnPhase, Wave, WaveStatus


def announce(draft: Draft) -> str | None:
    """Lay the waves and turns of a planned rollout; the text of the rule that cannot be met, or None."""
    facts = draft.facts
    lane, policy, fleet, rollout = facts.lane, facts.policy, facts.fleet, draft.rollout
    plan = timetable.legs(lane, policy, fleet, rollout.number)
    if not isinstance(plan, Unplannable):
        plan = portion.of(draft, plan)
    if isinstance(plan, Unplannable):
        return plan.text
    departs = max(rollout.departs, rollout.not_before)
    stops = timetable.stops(plan, lane, policy, fleet, facts.freezes, departs)
    if isinstance(stops, Unplannable):
        return stops.text
    draft.make(
        Timetable(
            rollout=rollout.id,
            number=rollout.timetable + 1,
            parent=rollout.timetable,
            made_at=facts.now,
            stops=stops,
            reason=f"{len(stops)} stops in {len(plan)} waves",
        )
    )
    draft.rollout = rollout.changed(timetable=rollout.timetable + 1, waves=len(plan), wave=0)
    for ordinal, leg in enumerate(plan):
        draft.waves[ordinal] = Wave(
            rollout=rollout.id,
            ordinal=ordinal,
            ring=leg.ring.name,
            stage=leg.ring.stage,
            status=WaveStatus.PENDING,
            soak_minutes=leg.ring.soak_minutes,
            last_of_ring=leg.last_of_ring,
        )
    for stop in stops:
        units = plan[stop.wave].turns[stop.pop]
        draft.turns[stop.pop] = _turn(draft, stop, units)
    return None


def _turn(draft: Draft, stop: Stop, units: tuple[UnitId, ...]) -> Turn:
    suffix = draft.facts.lane.suffix
    order = tuple(unit for unit in units if unit.removesuffix(suffix) not in draft.facts.retired)
    return Turn(
        rollout=draft.rollout.id,
        pop=stop.pop,
        wave=stop.wave,
        phase=TurnPhase.WAITING,
        order=order,
        canaries=min(draft.facts.policy.bake.canaries, len(order)),
        opens=stop.opens,
        closes=stop.closes,
    )


def next_window(draft: Draft, turn: Turn) -> Turn:
    """Give a PoP whose window has passed the next one, as a revision of the timetable that moves nobody else."""
    facts = draft.facts
    if not facts.lane.windowed:
        days = timedelta(days=max(1, facts.policy.timing.spread_days))
        return turn.changed(opens=facts.now, closes=facts.now + days)
    needed = 2 * timedelta(minutes=facts.policy.timing.unit_minutes)
    found = timetable.next_start(facts.fleet, turn.pop, facts.freezes, facts.now, needed, facts.lane.name)
    if found is None:
        return turn
    opens, closes = found
    text = f"{turn.pop} missed its window of {turn.opens:%Y-%m-%d %H:%M} UTC and moves to {opens:%Y-%m-%d %H:%M} UTC"
    draft.note("timetable", turn.pop, text)
    moved = turn.changed(opens=opens, closes=closes)
    _revise(draft, moved, text)
    return moved


def _revise(draft: Draft, turn: Turn, text: str) -> None:
    """The next timetable: the same stops, but for this PoP's."""
    number = draft.rollout.timetable + 1
    known = {other.pop: other for other in draft.turns.values()}
    known[turn.pop] = turn
    stops = tuple(
        Stop(
            pop=other.pop,
            wave=other.wave,
            ring=draft.waves[other.wave].ring,
            opens=other.opens,
            closes=other.closes,
        )
        for other in known.values()
    )
    draft.turns[turn.pop] = turn
    draft.make(
        Timetable(
            rollout=draft.rollout.id,
            number=number,
            parent=number - 1,
            made_at=draft.facts.now,
            stops=stops,
            reason=text,
        )
    )
    draft.rollout = draft.rollout.changed(timetable=number)
