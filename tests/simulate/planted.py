"""Planted: for each guard, the bug that it exists for, as a decider that has it.

The tests play these deciders, and docs/guards.md is drawn from the same table.
"""

from collections.abc import Callable
from itertools import count
from types import ModuleType
from typing import Any

import msgspec

from wavetrain.decide import (
    arrivals,
    disturbance,
    handover,
    lapses,
    outlook,
    placebo_wave,
    planner,
    retreat,
    succession,
    turns,
    verdict,
    way_back,
)
from wavetrain.decide.disturbance import Asked
from wavetrain.decide.facts import Choice, Draft, Facts
from wavetrain.decide.instruct import tell
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.journal import Entry
from wavetrain.model.plan import Hold
from wavetrain.model.rollout import Status, Turn, Wave

Decide = Callable[[Facts], Choice]


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """A bug, the guard that must catch it, and a seed in whose history it does so before any other guard."""

    guard: str
    bug: str
    decide: Decide
    seed: int

    @property
    def name(self) -> str:
        """As tests are called."""
        return f"{self.guard}-{self.bug.replace(' ', '-')}"


class GuardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A guard as the page tells it: what holds, where it is enforced, and which property watches over it."""

    guard: str
    holds: str
    enforced: tuple[str, ...]
    """Modules, below src/wavetrain."""
    watched: tuple[str, ...]
    """Properties, as `module:name`, below src/wavetrain/simulate."""


def having(module: ModuleType, name: str, value: Any) -> Decide:
    """The planner, with this in the place of its own while it decides; nothing else ever sees it."""

    def decide(facts: Facts) -> Choice:
        own = getattr(module, name)
        setattr(module, name, value)
        try:
            return planner.decide(facts)
        finally:
            setattr(module, name, own)

    return decide


def _with_gate(name: str, other: Callable[[Asked], Hold | None] | None) -> Decide:
    """The planner with another gate in the place of this one, or with none."""
    gates = [gate if gate.__name__ != name else other for gate in disturbance.GATES]
    assert sum(gate is other for gate in gates) == 1, name
    return having(disturbance, "GATES", tuple(gate for gate in gates if gate is not None))


_settle, _rest, _advance = arrivals.settle, turns._rest, planner._advance
_next_placebo, _turned = placebo_wave.next_unit, retreat.turned
_window, _capacity = disturbance._window, disturbance._capacity


def _credulous(draft: Draft, turn: Turn) -> Turn:
    """Whoever says that it is steady is done."""
    turn = _settle(draft, turn)
    for item in turn.progress:
        said = draft.facts.reported.get(NodeId(item.unit))
        if said is not None and said.phase is Phase.STEADY:
            arrivals.give_back(draft, item.unit)
            turn = turn.changed(progress=tuple(other for other in turn.progress if other is not item))
    return turn


def _windows_for_all(asked: Asked) -> Hold | None:
    """Who goes back waits for a window, too."""
    return _window(msgspec.structs.replace(asked, back=False))


def _restless(draft: Draft, turn: Turn) -> UnitId | None:
    """Restarts what was restarted already."""
    unit = _next_placebo(draft, turn)
    return unit if unit is not None or turn.cursor else next(iter(turn.restarted), None)


def _all_back(draft: Draft, turn: Turn) -> Turn:
    """Takes nodes back that were only restarted."""
    after = _turned(draft, turn)
    return after if after is turn else after.changed(back=(*after.back, *after.restarted))


def _to_itself(draft: Draft, turn: Turn, unit: UnitId, release: str) -> Turn:
    """Goes back to the release that it should leave."""
    return tell(draft, turn, unit, draft.rollout.number)


def _hasty(draft: Draft, wave: Wave) -> Wave:
    for pop, turn in list(draft.turns.items()):
        if turn.wave == wave.ordinal + 1:
            draft.turns[pop] = turns.forward(draft, turn.changed(opens=min(turn.opens, draft.facts.now)))
    return _advance(draft, wave)


def _deaf(draft: Draft, turn: Turn) -> Turn:
    return turn if draft.rollout.status is Status.PAUSED else _settle(draft, turn)


def _stubborn(asked: Asked) -> Hold | None:
    """Nobody's approval counts."""
    rollout = asked.draft.rollout
    asked.draft.rollout = rollout.changed(approvals=())
    hold = _capacity(asked)
    asked.draft.rollout = rollout
    return hold


def _chatty(facts: Facts) -> Choice:
    choice = planner.decide(facts)
    entry = Entry(at=facts.now, who="tick", kind="noise", subject=facts.rollout.id, text="again")
    return msgspec.structs.replace(choice, entries=(*choice.entries, entry))


def _forgetful(draft: Draft, turn: Turn) -> Turn:
    """Begins at the canary again."""
    again = turn.cursor == len(turn.order) and not turn.progress and len(turn.order) > 1
    return _rest(draft, turn.changed(cursor=0) if again else turn)


_dice = count()


def _moody(facts: Facts) -> Choice:
    choice = planner.decide(facts)
    said = tuple(
        msgspec.structs.replace(entry, text=f"{entry.text}, mood {next(_dice)}") for entry in choice.entries
    )
    return msgspec.structs.replace(choice, entries=said)


def _blissful(facts: Facts) -> Choice:
    """No verdict ever falls, and no gate asks for evidence."""
    own = verdict.of_rollout
    verdict.of_rollout = lambda draft: None
    try:
        return having(verdict, "gate_hold", lambda draft, turn: None)(facts)
    finally:
        verdict.of_rollout = own


PLANTED: tuple[Planted, ...] = (
    Planted(
        guard="G1",
        bug="reports of older generations count",
        decide=having(arrivals, "settle", _credulous),
        seed=0,
    ),
    Planted(
        guard="G2",
        bug="a way back waits for its window",
        decide=_with_gate("_window", _windows_for_all),
        seed=2,
    ),
    Planted(
        guard="G3",
        bug="a retreat leads to the withdrawn release",
        decide=having(retreat, "tell", _to_itself),
        seed=3,
    ),
    Planted(guard="G4", bug="redundancy groups are forgotten", decide=_with_gate("_group", None), seed=1),
    Planted(
        guard="G5",
        bug="a bake passes in the dark",
        decide=having(verdict, "telemetry_hold", lambda draft, turn: None),
        seed=8,
    ),
    Planted(
        guard="G6",
        bug="a ring starts before its turn",
        decide=having(planner, "_advance", _hasty),
        seed=0,
    ),
    Planted(
        guard="G7",
        bug="a paused rollout does not listen",
        decide=having(arrivals, "settle", _deaf),
        seed=16,
    ),
    Planted(
        guard="G8",
        bug="bake time counts from the window",
        decide=having(turns, "_steady_since", lambda draft, turn: turn.opens),
        seed=2,
    ),
    Planted(
        guard="G9",
        bug="approval to go forward is not listened to",
        decide=_with_gate("_capacity", _stubborn),
        seed=92,
    ),
    Planted(
        guard="G8",
        bug="a newer release cuts a bake short at once",
        decide=having(succession, "bake_hold", lambda draft, turns, since: None),
        seed=6,
    ),
    Planted(
        guard="G8",
        bug="a newer release cuts a bake short in silence",
        decide=having(succession, "cut_short", lambda draft, other, turns: ""),
        seed=1,
    ),
    Planted(guard="G10", bug="capacity is forgotten", decide=_with_gate("_capacity", None), seed=4),
    Planted(
        guard="G11",
        bug="a wait is silent",
        decide=having(turns, "shown", lambda draft, turn, hold, reason: hold),
        seed=1,
    ),
    Planted(
        guard="G11",
        bug="PoPs of later waves say nothing",
        decide=having(outlook, "say", lambda draft: None),
        seed=1,
    ),
    Planted(
        guard="G11",
        bug="the rest is never told",
        decide=having(turns, "_rest", lambda draft, turn: turn.changed(hold=None)),
        seed=1,
    ),
    Planted(guard="G12", bug="windows are forgotten", decide=_with_gate("_window", None), seed=8),
    Planted(guard="G13", bug="a tick always finds something to say", decide=_chatty, seed=0),
    Planted(
        guard="G14",
        bug="a unit is told again what it has",
        decide=having(turns, "_rest", _forgetful),
        seed=1,
    ),
    Planted(
        guard="G14",
        bug="a node is restarted twice before its canary",
        decide=having(placebo_wave, "next_unit", _restless),
        seed=5,
    ),
    Planted(
        guard="G14",
        bug="a revert takes back what was only restarted",
        decide=having(retreat, "turned", _all_back),
        seed=5,
    ),
    Planted(
        guard="G15",
        bug="a slot is not given back",
        decide=having(arrivals, "give_back", lambda draft, unit: None),
        seed=0,
    ),
    Planted(guard="G16", bug="the decider rolls dice", decide=_moody, seed=3),
    Planted(guard="canary", bug="no verdict falls", decide=_blissful, seed=3),
    Planted(
        guard="canary",
        bug="a PoP that was handed over counts as proven",
        decide=having(handover, "unproven", lambda draft: None),
        seed=146,
    ),
    Planted(
        guard="liveness",
        bug="a unit is asked again for ever",
        decide=having(lapses, "is_too_often", lambda turn, unit: False),
        seed=29,
    ),
    Planted(
        guard="succession",
        bug="an older train goes on in the window of the newer one",
        decide=having(handover, "yields", lambda draft, turn: None),
        seed=2,
    ),
    Planted(
        guard="succession",
        bug="a hotfix takes nothing over",
        decide=having(handover, "take", lambda draft, turn: None),
        seed=2,
    ),
    Planted(
        guard="way-back",
        bug="every PoP goes back to what most of the fleet ran",
        decide=having(way_back, "of", lambda draft, turn: draft.rollout.previous),
        seed=16,
    ),
)


GUARDS: tuple[GuardRow, ...] = (
    GuardRow(
        guard="G1",
        holds="A step completes only on a report for this generation.",
        enforced=("decide/arrivals.py", "control/poll.py"),
        watched=("invariants:g1",),
    ),
    GuardRow(
        guard="G2",
        holds="`reverting` is reachable from every state that is not over, in any window, under any freeze.",
        enforced=("decide/lifecycle.py", "control/rollouts.py", "decide/disturbance.py", "decide/retreat.py"),
        watched=("probes:Probes",),
    ),
    GuardRow(
        guard="G3",
        holds="A device never receives a release that was tombstoned for it.",
        enforced=("decide/disturbance.py", "decide/retreat.py", "control/poll.py", "agent/accept.py"),
        watched=("invariants:g3", "deeds:broken", "house:House"),
    ),
    GuardRow(
        guard="G4",
        holds="No disturbance starts while another member of the redundancy group is out, forward or back.",
        enforced=("decide/disturbance.py", "decide/waves.py", "decide/away.py"),
        watched=("invariants:g4",),
    ),
    GuardRow(
        guard="G5",
        holds="Missing telemetry never advances and never reverts by itself.",
        enforced=("decide/verdict.py", "decide/turns.py", "control/watch.py"),
        watched=("invariants:g5",),
    ),
    GuardRow(
        guard="G6",
        holds="A device in no ring, or whose ring has not been reached, receives nothing.",
        enforced=("decide/planner.py", "decide/timetable.py"),
        watched=("invariants:g6",),
    ),
    GuardRow(
        guard="G7",
        holds="No pause, however long, leaves a device in limbo.",
        enforced=("decide/planner.py", "decide/arrivals.py"),
        watched=("invariants:g7",),
    ),
    GuardRow(
        guard="G8",
        holds="Bake time counts only time on this release; no newer release cuts a bake short in silence.",
        enforced=("decide/turns.py", "decide/succession.py", "decide/handover.py"),
        watched=("invariants:g8", "successions:Successions"),
    ),
    GuardRow(
        guard="G9",
        holds="Where the older release is what is broken, going forward with approval stays possible.",
        enforced=("decide/disturbance.py", "control/rollouts.py"),
        watched=("probes:Probes",),
    ),
    GuardRow(
        guard="G10",
        holds="Shares round down but are at least one; capacity and redundancy are never exceeded by that one.",
        enforced=("decide/waves.py", "decide/disturbance.py"),
        watched=("invariants:g10",),
    ),
    GuardRow(
        guard="G11",
        holds="Nothing waits without a reason.",
        enforced=("decide/planner.py", "decide/turns.py", "decide/silence.py"),
        watched=("invariants:g11",),
    ),
    GuardRow(
        guard="G12",
        holds="Nothing is disturbed outside its window, or in a freeze, save a revert.",
        enforced=("decide/disturbance.py", "decide/calendar.py", "decide/arrivals.py", "control/poll.py"),
        watched=("invariants:g12", "deeds:broken"),
    ),
    GuardRow(
        guard="G13",
        holds="A second run of the same tick changes nothing.",
        enforced=("control/tick.py", "decide/planner.py"),
        watched=("history:History",),
    ),
    GuardRow(
        guard="G14",
        holds="A crash between any two commits loses nothing and disturbs nothing twice.",
        enforced=("control/tick.py", "adapters/store_rules.py", "decide/instruct.py", "agent/accept.py"),
        watched=("invariants:g14", "deeds:broken", "history:History", "drill:difference"),
    ),
    GuardRow(
        guard="G15",
        holds="A slot is never lost: it is owned, or given back by a healthy return or by a person.",
        enforced=("decide/arrivals.py", "decide/staffing.py", "control/nodes.py"),
        watched=("invariants:g15", "deeds:broken"),
    ),
    GuardRow(
        guard="G16",
        holds="Every decision replays to the same result.",
        enforced=("control/facts.py", "control/tick.py"),
        watched=("replay:differs",),
    ),
    GuardRow(
        guard="canary",
        holds="A release that is bad from the start reaches the canary of one PoP and nobody else.",
        enforced=("decide/verdict.py", "decide/comparison.py", "decide/recovery.py"),
        watched=("deeds:exposure",),
    ),
    GuardRow(
        guard="liveness",
        holds="Every rollout comes to an end, or a person is asked.",
        enforced=("decide/lapses.py", "decide/silence.py", "decide/disturbance.py"),
        watched=("history:History",),
    ),
    GuardRow(
        guard="succession",
        holds="An older rollout begins nothing where a newer one has begun, or begins in the same window.",
        enforced=("decide/handover.py", "decide/turns.py"),
        watched=("successions:Successions",),
    ),
    GuardRow(
        guard="way-back",
        holds="A revert leads a PoP to what it ran before, unless that may run no more.",
        enforced=("decide/way_back.py", "decide/retreat.py"),
        watched=("successions:Successions",),
    ),
)
