"""Arrivals: what has each unit in progress done, by its own reports?"""

from wavetrain.decide import lapses, lifecycle, placebo_wave, staffing
from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import Desired, NodeId, Phase, PopId, Quarantine, Reported, UnitId
from wavetrain.model.rollout import Progress, Turn, TurnPhase, UnitState

BACK = frozenset({TurnPhase.BACK, TurnPhase.REVERTED})
_ARRIVED = frozenset({UnitState.DONE, UnitState.GONE_BACK, UnitState.QUARANTINED})


def settle(draft: Draft, turn: Turn) -> Turn:
    """Take in the reports of a turn's units; done units give their slots back, lost ones are quarantined.

    Only a report for the unit's own generation counts (G1).
    """
    facts, desired, reported = draft.facts, draft.desired, draft.facts.reported
    lane, on_their_way = facts.lane.name, {}
    for item in turn.progress:
        node = NodeId(item.unit)
        told = desired.get(node)
        if told is None or told.generation > item.generation:
            turn = staffing.without(turn, item.unit)
            draft.note("unit", item.unit, f"{item.unit} is no longer on its way to {item.release}")
            continue
        said = reported.get(node)
        if said is None or said.generation != item.generation:
            if told.permitted_s and facts.steady > item.since + told.permitted_s:
                _expire(draft, item, told)
            continue
        state = lifecycle.unit_after(lane, item.state, said.phase, said.release == item.release)
        if state is item.state:
            continue
        if state in _ARRIVED:
            turn = _arrived(draft, turn, item, state, said)
        else:
            on_their_way[item.unit] = item_with(item, state)
    if not on_their_way:
        return turn
    return turn.changed(progress=tuple([on_their_way.get(item.unit, item) for item in turn.progress]))


def _expire(draft: Draft, item: Progress, told: Desired) -> None:
    """A permission that was not read in its own lifetime is not handed out any more: the window may be over (G12)."""
    draft.desired[told.node] = told.changed(permitted_s=0.0)
    draft.note(
        "unit", item.unit, f"{item.unit} has not taken up generation {item.generation}; its permission ends"
    )


def _arrived(draft: Draft, turn: Turn, item: Progress, state: UnitState, said: Reported) -> Turn:
    """The turn without a unit that is not on its way any more."""
    others = tuple([other for other in turn.progress if other.unit != item.unit])
    is_placebo = placebo_wave.is_placebo(turn, item.unit)
    match state:
        case UnitState.DONE:
            give_back(draft, item.unit)
            _healthy(draft, item.unit)
            draft.note("unit", item.unit, f"{item.unit} runs {item.release} and serves")
            turn = turn.changed(progress=others)
            if item.restart:
                return turn.changed(restarted=(*turn.restarted, item.unit))
            return placebo_wave.without(turn, item.unit) if is_placebo else turn
        case UnitState.GONE_BACK if is_placebo:
            give_back(draft, item.unit)
            why = f": {said.detail}" if said.detail else ""
            draft.note("unit", item.unit, f"{item.unit} was not restarted{why}")
            turn = turn.changed(progress=others)
            return lapses.counted(placebo_wave.without(turn, item.unit), item.unit)
        case UnitState.GONE_BACK:
            give_back(draft, item.unit)
            draft.note(
                "unit",
                item.unit,
                f"{item.unit} stays on {said.release}: its permission lapsed before the switch",
            )
            return _again(lapses.counted(turn.changed(progress=others), item.unit), item)
        case _:
            turn = turn.changed(progress=others)
            return _lost(draft, turn, item, said, by="" if is_placebo else draft.rollout.id)


def item_with(item: Progress, state: UnitState) -> Progress:
    """The same unit in another state."""
    return Progress(
        unit=item.unit,
        state=state,
        generation=item.generation,
        release=item.release,
        since=item.since,
        late_at=item.late_at,
        restart=item.restart,
    )


def _again(turn: Turn, item: Progress) -> Turn:
    """A unit that did not get to its switch is asked again: forward it leaves the exposed, back it rejoins.

    One of the rest that lapses too often lets the others go first.
    """
    if turn.phase in BACK:
        return turn.changed(back=(*turn.back, item.unit))
    exposed = [unit for unit in turn.exposed if unit != item.unit]
    rest = turn.order[turn.cursor :]
    if turn.phase is TurnPhase.REST and lapses.is_too_often(turn, item.unit):
        return turn.changed(order=(*exposed, *rest, item.unit), cursor=len(exposed))
    return turn.changed(order=(*exposed, item.unit, *rest), cursor=len(exposed))


def _lost(draft: Draft, turn: Turn, item: Progress, said: Reported, *, by: str) -> Turn:
    """The unit did not do what it was told; where a release serves, its slot is free again.

    `by` is the rollout whose release has cost it. One that was lost as a placebo says nothing of the release.
    """
    serves = said.phase in (Phase.REVERTED, Phase.STEADY)
    if serves:
        give_back(draft, item.unit)
    where = f"runs {said.release} again" if serves else "serves on no release"
    text = f"{item.unit} did not come up on {item.release} and {where}"
    if not by:
        turn = placebo_wave.without(turn, item.unit)
    elif item.unit not in turn.quarantined:
        turn = turn.changed(quarantined=(*turn.quarantined, item.unit))
    draft.note("quarantine", item.unit, f"{text}: {said.detail}" if said.detail else text, serves=serves)
    known = draft.quarantined.get(NodeId(item.unit))
    if known is not None:
        draft.quarantined[known.node] = known.changed(serves=serves)
    else:
        draft.quarantined[NodeId(item.unit)] = Quarantine(
            node=NodeId(item.unit),
            pop=PopId(turn.pop),
            rollout=by,
            since=draft.facts.now,
            reason=text,
            serves=serves,
        )
    return turn


def _healthy(draft: Draft, unit: str) -> None:
    """A quarantined unit that came back serves; it stays quarantined until a person has looked at it."""
    known = draft.quarantined.get(NodeId(unit))
    if known is not None and not known.serves:
        draft.quarantined[known.node] = known.changed(serves=True)


def give_back(draft: Draft, unit: str) -> None:
    """A healthy return on any release gives the slot back (G15)."""
    for slot in list(draft.slots.of_owner(UnitId(unit))):
        draft.slots.free(slot)
