"""Itinerary: what does the timetable make of a rollout, and of a PoP that cannot keep its stop?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import msgspec

from wavetrain.decide import portion, stragglers, timetable, turns
from wavetrain.decide.board import Board
from wavetrain.decide.facts import Draft, Facts
from wavetrain.decide.replan import Move, PlanWave, Replan, Standing
from wavetrain.decide.timetable import Plan, PlannedWave, Unplannable
from wavetrain.decide.wave_turns import is_carried
from wavetrain.decide.work import Start, Works
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.hotfix import How
from wavetrain.model.lane import UnitKind
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Fairness, Status, Stop, Timetable, Turn, TurnPhase, Wave, WaveStatus
from wavetrain.model.window import Freeze

NOTED_MAX = 20
"""So many moves of one revision are named in the journal; the timetable has them all."""


def announce(draft: Draft) -> str | None:
    """Lay the waves and turns of a planned rollout; the text of the rule that cannot be met, or None."""
    facts = draft.facts
    lane, policy, fleet, rollout = facts.lane, facts.policy, facts.fleet, draft.rollout
    departs = max(rollout.departs, rollout.not_before)
    if lane.windowed:
        planned = timetable.plan(
            lane,
            policy,
            fleet,
            facts.freezes,
            departs,
            max(facts.now, rollout.not_before),
            demand=facts.demand,
            fairness=facts.fairness,
            travelled=partial(portion.of_crews, draft),
        )
        if isinstance(planned, Unplannable):
            return planned.text
        _lay(draft, planned)
        return None
    legs = timetable.legs(lane, policy, fleet, rollout.number)
    if not isinstance(legs, Unplannable):
        legs = portion.of(draft, legs)
    if isinstance(legs, Unplannable):
        return legs.text
    stops = timetable.stops(legs, policy, departs)
    waves = tuple(PlannedWave(ring=leg.ring, last_of_ring=leg.last_of_ring) for leg in legs)
    _lay(
        draft,
        Plan(waves=waves, stops=stops),
        {pop: units for leg in legs for pop, units in leg.turns.items()},
    )
    return None


def _lay(draft: Draft, plan: Plan, units: Mapping[PopId, tuple[UnitId, ...]] | None = None) -> None:
    facts, rollout = draft.facts, draft.rollout
    draft.make(
        Timetable(
            rollout=rollout.id,
            number=rollout.timetable + 1,
            parent=rollout.timetable,
            made_at=facts.now,
            stops=plan.stops,
            reason=f"{len(plan.stops)} stops in {len(plan.waves)} waves",
            freezes=freeze_keys(facts.freezes),
            unmet=plan.unmet,
            unmet_sites=plan.unmet_sites,
            uncovered=plan.uncovered,
        )
    )
    draft.rollout = rollout.changed(timetable=rollout.timetable + 1, waves=len(plan.waves), wave=0)
    for ordinal, wave in enumerate(plan.waves):
        draft.waves[ordinal] = Wave(
            rollout=rollout.id,
            ordinal=ordinal,
            ring=wave.ring.name,
            stage=wave.ring.stage,
            status=WaveStatus.PENDING,
            soak_minutes=wave.ring.soak_minutes,
            last_of_ring=wave.last_of_ring,
        )
    for stop in plan.stops:
        named = units[stop.pop] if units is not None else _order(draft, stop.pop)
        draft.turns[stop.pop] = _turn(draft, stop, named)


def freeze_keys(freezes: tuple[Freeze, ...]) -> tuple[str, ...]:
    """What a timetable remembers of the freezes that it was made under."""
    return tuple(
        sorted(
            f"{freeze.id} {freeze.starts:%Y-%m-%dT%H:%M}/{freeze.ends:%Y-%m-%dT%H:%M}" for freeze in freezes
        )
    )


def _order(draft: Draft, pop: PopId) -> tuple[UnitId, ...]:
    facts = draft.facts
    return timetable.order(facts.fleet.pops[pop].nodes, facts.lane.suffix, draft.rollout.number)


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
        beside=stop.beside,
    )


def revise(draft: Draft) -> None:
    """Before the waves are looked at: what do a freeze, PoPs that joined and PoPs that left force to move?

    Nothing else moves. A removed freeze moves nobody.
    """
    facts = draft.facts
    status = draft.rollout.status
    if not facts.lane.windowed or facts.timetable is None or status not in (Status.ANNOUNCED, Status.ROLLING):
        return
    keys = freeze_keys(facts.freezes)
    is_frozen = keys != facts.timetable.freezes
    joined = _joined(draft)
    if not is_frozen and not joined:
        return
    added = sorted(set(keys) - set(facts.timetable.freezes))
    gone = sorted(set(facts.timetable.freezes) - set(keys))
    why = [
        *(f"freeze {key.partition(' ')[0]} was added" for key in added),
        *(f"freeze {key.partition(' ')[0]} was removed" for key in gone),
        *(f"{pop} joined the fleet" for pop in joined[:NOTED_MAX]),
    ]
    _replan(draft, {}, joined=joined, check=bool(added) or bool(joined), text="; ".join(why))


def _joined(draft: Draft) -> list[PopId]:
    """PoPs of the fleet that have no turn: they join the last wave, if the last ring takes the rest."""
    facts = draft.facts
    whole = draft.rollout.hotfix.how is not How.AFFECTED and facts.policy.rings[-1].rest
    if facts.lane.unit is not UnitKind.NODE or not whole:
        return []
    if len(draft.turns) >= len(facts.fleet.pops) and facts.fleet.pops.keys() <= draft.turns.keys():
        return []
    return sorted(facts.fleet.pops.keys() - draft.turns.keys())


def may_revise(facts: Facts) -> bool:
    """Whether this decision may move stops, so that what sites ask is needed: a freeze, a joiner, a missed window."""
    if facts.timetable is None or facts.rollout.status not in (
        Status.PLANNED,
        Status.ANNOUNCED,
        Status.ROLLING,
    ):
        return False
    known = {turn.pop for turn in facts.turns}
    return (
        freeze_keys(facts.freezes) != facts.timetable.freezes
        or not known.issuperset(facts.fleet.pops)
        or any(turn.closes <= facts.now and not turn.at_end for turn in facts.turns)
    )


def keep_time(draft: Draft, pops: Iterable[PopId]) -> None:
    """A PoP that missed its window gets another; the timetable is revised, and others stay where that is possible.

    A bake is extended so once; when the evidence stays inconclusive for a second window, a person is asked.
    """
    for pop in pops:
        turn = draft.turns[pop]
        if turn.at_end or draft.facts.now < turn.closes or turn.progress:
            continue
        if turn.phase is not TurnPhase.BAKING or not turns.was_extended(turn):
            _next_window(draft, turn)


def _next_window(draft: Draft, turn: Turn) -> None:
    """Give a PoP that missed its window another stop, as a revision of the timetable that moves as few as possible.

    All that missed theirs in this tick are moved at once. A turn that has started is carried: it goes on in its next
    window, and stays in its wave. One that has not may go along with a later wave, unless most of its wave slipped.
    """
    facts = draft.facts
    if not facts.lane.windowed:
        days = timedelta(days=max(1, facts.policy.timing.spread_days))
        draft.turns[turn.pop] = turn.changed(opens=facts.now, closes=facts.now + days)
    elif turn.pop in facts.fleet.pops:
        others = [other for other in draft.turns.values() if other.wave == turn.wave]
        missed = {other.pop: _missed(other) for other in others if _has_missed(draft, other)}
        _replan(draft, missed | {turn.pop: _missed(turn)})


def _missed(turn: Turn) -> str:
    return f"{turn.pop} missed its window of {turn.opens:%Y-%m-%d %H:%M} UTC"


def _has_missed(draft: Draft, turn: Turn) -> bool:
    facts = draft.facts
    is_open = turn.at_end or turn.phase is TurnPhase.BAKING or turn.progress or turn.cursor
    return not is_open and facts.now >= turn.closes and turn.pop in facts.fleet.pops


def _replan(
    draft: Draft,
    missed: Mapping[PopId, str],
    *,
    joined: list[PopId] | None = None,
    check: bool = False,
    text: str = "",
) -> None:
    facts, rollout = draft.facts, draft.rollout
    works = Works(
        facts.lane,
        facts.policy,
        facts.fleet,
        facts.freezes,
        max(rollout.departs, rollout.not_before),
        max(facts.now, rollout.not_before),
        facts.almanac,
    )
    board = Board(
        facts.fleet, facts.policy, facts.demand or Demand(), facts.fairness or Fairness(lane=facts.lane.name)
    )
    standing = {
        pop: _standing(draft, works, turn)
        for pop, turn in draft.turns.items()
        if pop in facts.fleet.pops and not turn.at_end
    }
    forced, last = dict(missed), max(draft.waves)
    for pop in joined or ():
        standing[pop] = Standing(last, 0, 0, 0, is_free=True)
        forced[pop] = f"{pop} joined the fleet"
    changed: list[Stop] = []
    for pop, why in missed.items():
        if draft.turns[pop].cursor:
            del forced[pop]
            goes_on = _first_opening(draft, works, pop)
            if goes_on is not None:
                beside = draft.turns[pop].beside or _may_be_left(draft, pop)
                standing[pop] = msgspec.structs.replace(
                    standing[pop],
                    start=goes_on.start,
                    end=goes_on.end,
                    closes=goes_on.closes,
                    holds=standing[pop].holds and not beside,
                )
                changed.append(_take(draft, Move(pop, standing[pop].wave, goes_on, why, beside), works))
    begun = {turn.wave for turn in draft.turns.values() if turn.cursor}
    sizes = Counter(turn.wave for turn in draft.turns.values())
    waves = [
        PlanWave(
            draft.waves[ordinal].soak_minutes * 60 if draft.waves[ordinal].last_of_ring else 0,
            is_general=draft.waves[ordinal].stage is Stage.GENERAL,
            has_begun=ordinal in begun,
            size=sizes[ordinal],
            ring=draft.waves[ordinal].ring,
        )
        for ordinal in sorted(draft.waves)
    ]
    replan = Replan(works, board, waves, standing, works.at(facts.now))
    moves = replan.moves(forced, check=check, stays=_stay(draft, missed))
    changed += [_take(draft, move, works) for move in moves]
    for pop, why in replan.homeless.items():
        far = _first_opening(draft, works, pop)
        if far is not None:
            wave = standing[pop].wave
            beside = not standing[pop].holds or replan.may_straggle(pop, wave)
            changed.append(_take(draft, Move(pop, wave, far, why, beside), works))
    if changed or text:
        _record(draft, text or "; ".join(list(missed.values())[:NOTED_MAX]), changed)


def _may_be_left(draft: Draft, pop: PopId) -> bool:
    """Whether the waves behind need not wait for a PoP of a general wave that missed its window half way."""
    wave = draft.turns[pop].wave
    if wave == max(draft.waves) or draft.waves[wave].stage is not Stage.GENERAL:
        return False
    members = [turn for turn in draft.turns.values() if turn.wave == wave]
    waited = [turn for turn in members if turn.pop != pop and not is_carried(draft, turn)]
    return stragglers.may_go_on(len(waited), len(members))


def _stay(draft: Draft, missed: Mapping[PopId, str]) -> bool:
    """Whether who missed a window keeps its wave: where most of the wave did, or the wave shows the release early."""
    if not missed:
        return False
    wave = draft.turns[next(iter(missed))].wave
    count = sum(turn.wave == wave for turn in draft.turns.values())
    return 2 * len(missed) >= count or draft.waves[wave].stage is Stage.EARLY


def _standing(draft: Draft, works: Works, turn: Turn) -> Standing:
    """A stop as the turn has it. Work that has not started takes as long as is predicted at that hour."""
    start = works.at(turn.opens)
    is_free = turn.started_at is None and not turn.progress
    first = works.first(turn.pop, start, overtime=True) if is_free else None
    end = start + works.seconds_left(turn.pop, len(turn.settled))
    if first is not None and first.start == start:
        end = first.end
    holds = not is_carried(draft, turn)
    return Standing(turn.wave, start, end, works.at(turn.closes), is_free=is_free, holds=holds)


def _first_opening(draft: Draft, works: Works, pop: PopId) -> Start | None:
    """A PoP's first opening at all, also beyond the days of the train; None where there is none in two years."""
    facts = draft.facts
    needed = facts.policy.timing.with_undo
    found = timetable.next_start(facts.fleet, pop, facts.freezes, facts.now, needed, facts.lane.name)
    if found is None:
        return None
    start, turn = works.at(found[0]), draft.turns.get(pop)
    end = start + works.seconds_left(pop, len(turn.settled) if turn is not None else 0)
    return Start(start, end, works.at(found[1]), 0)


def _take(draft: Draft, move: Move, works: Works) -> Stop:
    known = draft.turns.get(move.pop)
    stop = Stop(
        pop=move.pop,
        wave=move.wave,
        ring=draft.waves[known.wave if known is not None else move.wave].ring,
        opens=works.instant(move.start.start),
        closes=works.instant(move.start.closes),
        ends=works.instant(move.start.end),
        beside=move.beside,
        why=move.why,
    )
    if known is None:
        draft.turns[move.pop] = _turn(draft, stop, _order(draft, move.pop))
    else:
        draft.turns[move.pop] = known.changed(
            opens=stop.opens, closes=stop.closes, wave=stop.wave, beside=stop.beside
        )
    draft.moved[move.pop] = stop
    return stop


def _record(draft: Draft, text: str, changed: Sequence[Stop]) -> None:
    """One revision a tick: what several causes moved in it stands in the same one."""
    facts = draft.facts
    number = facts.rollout.timetable + 1
    before = next((item for item in draft.made if isinstance(item, Timetable)), None)
    draft.made = [item for item in draft.made if not isinstance(item, Timetable)]
    for stop in changed[:NOTED_MAX]:
        draft.note("timetable", stop.pop, f"{stop.why} and moves to {stop.opens:%Y-%m-%d %H:%M} UTC")
    if len(changed) > NOTED_MAX:
        draft.note("timetable", draft.rollout.id, f"{len(changed) - NOTED_MAX} more stops move: {text}")
    draft.make(
        Timetable(
            rollout=draft.rollout.id,
            number=number,
            parent=number - 1,
            made_at=facts.now,
            stops=tuple(sorted(draft.moved.values(), key=lambda stop: (stop.opens, stop.pop))),
            reason=f"{before.reason}; {text}" if before is not None else text,
            freezes=freeze_keys(facts.freezes),
        )
    )
    draft.rollout = draft.rollout.changed(timetable=number)
