"""A guard is proven by planting the bug that it exists for, and seeing it caught in some history."""

from collections.abc import Callable
from itertools import count

import msgspec
import pytest

from wavetrain.decide import arrivals, disturbance, lapses, planner, retreat, silence, turns, verdict
from wavetrain.decide.facts import Choice, Draft, Facts
from wavetrain.decide.instruct import tell
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.journal import Entry
from wavetrain.model.rollout import Status, Turn, Wave
from wavetrain.simulate.history import run

SEEDS = 100
KNOWN = {"G4": 1, "G5": 32, "G7": 14, "canary": 3}
"""A seed that caught the bug when this was written; the others are asked when the rules have changed."""
Patch = pytest.MonkeyPatch
Decide = Callable[[Facts], Choice]


def _caught(guard: str, decide: Decide = planner.decide) -> str:
    """A seed that catches the bug, and what it says; empty when none of the hundred does.

    The seed that is known to catch it is asked first, because most bugs are rare.
    """
    for seed in (KNOWN.get(guard, 0), *range(SEEDS)):
        for text in run(seed, decide).broken:
            if f": {guard}: " in text:
                return f"seed {seed}: {text}"
    return ""


def _without(patch: Patch, gate: str) -> None:
    gates = tuple(each for each in disturbance.GATES if each.__name__ != gate)
    assert len(gates) == len(disturbance.GATES) - 1
    patch.setattr(disturbance, "GATES", gates)


def test_g1_reports_of_older_generations_that_count_are_caught(monkeypatch: Patch) -> None:
    settle = arrivals.settle

    def credulous(draft: Draft, turn: Turn) -> Turn:
        """Whoever says that it is steady is done."""
        turn = settle(draft, turn)
        for item in turn.progress:
            said = draft.facts.reported.get(NodeId(item.unit))
            if said is not None and said.phase is Phase.STEADY:
                arrivals.give_back(draft, item.unit)
                turn = turn.changed(progress=tuple(other for other in turn.progress if other is not item))
        return turn

    monkeypatch.setattr(arrivals, "settle", credulous)
    assert _caught("G1")


def test_g3_a_retreat_to_the_withdrawn_release_is_caught(monkeypatch: Patch) -> None:
    def to_itself(draft: Draft, turn: Turn, unit: UnitId, release: str) -> Turn:
        return tell(draft, turn, unit, draft.rollout.number)

    monkeypatch.setattr(retreat, "tell", to_itself)
    assert _caught("G3")


def test_g4_forgotten_redundancy_groups_are_caught(monkeypatch: Patch) -> None:
    _without(monkeypatch, "_group")
    assert _caught("G4")


def test_g5_a_pass_in_the_dark_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(verdict, "telemetry_hold", lambda draft, turn: None)
    assert _caught("G5")


def test_g6_a_ring_that_starts_before_its_turn_is_caught(monkeypatch: Patch) -> None:
    advance = planner._advance

    def hasty(draft: Draft, wave: Wave) -> Wave:
        for pop, turn in list(draft.turns.items()):
            if turn.wave == wave.ordinal + 1:
                draft.turns[pop] = turns.forward(draft, turn.changed(opens=min(turn.opens, draft.facts.now)))
        return advance(draft, wave)

    monkeypatch.setattr(planner, "_advance", hasty)
    assert _caught("G6")


def test_g7_a_paused_rollout_that_does_not_listen_is_caught(monkeypatch: Patch) -> None:
    settle = arrivals.settle

    def deaf(draft: Draft, turn: Turn) -> Turn:
        return turn if draft.rollout.status is Status.PAUSED else settle(draft, turn)

    monkeypatch.setattr(arrivals, "settle", deaf)
    assert _caught("G7")


def test_g8_bake_time_counted_from_the_window_is_caught(monkeypatch: Patch) -> None:
    bake = turns._bake

    def generous(draft: Draft, turn: Turn) -> Turn:
        return bake(draft, turn.changed(bake_since=turn.opens))

    monkeypatch.setattr(turns, "_bake", generous)
    assert _caught("G8")


def test_g10_forgotten_capacity_is_caught(monkeypatch: Patch) -> None:
    _without(monkeypatch, "_capacity")
    assert _caught("G10")


def test_g11_a_silent_wait_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(turns, "shown", lambda draft, turn, hold, reason: hold)
    assert _caught("G11")


def test_g11_pops_of_later_waves_that_say_nothing_are_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(planner, "_look_ahead", lambda draft: None)
    assert "later PoPs" in _caught("G11")


def test_a_unit_that_is_asked_again_for_ever_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lapses, "is_too_often", lambda turn, unit: False)
    assert _caught("liveness")


def test_g12_forgotten_windows_are_caught(monkeypatch: Patch) -> None:
    _without(monkeypatch, "_window")
    assert _caught("G12")


def test_g13_a_tick_that_always_finds_something_to_say_is_caught() -> None:
    def chatty(facts: Facts) -> Choice:
        choice = planner.decide(facts)
        entry = Entry(at=facts.now, who="tick", kind="noise", subject=facts.rollout.id, text="again")
        return msgspec.structs.replace(choice, entries=(*choice.entries, entry))

    assert _caught("G13", chatty)


def test_g14_a_unit_that_is_told_again_what_it_has_is_caught(monkeypatch: Patch) -> None:
    rest = turns._rest

    def forgetful(draft: Draft, turn: Turn) -> Turn:
        """Begins at the canary again."""
        again = turn.cursor == len(turn.order) and not turn.progress and len(turn.order) > 1
        return rest(draft, turn.changed(cursor=0) if again else turn)

    monkeypatch.setattr(turns, "_rest", forgetful)
    assert _caught("G14")


def test_g15_a_slot_that_is_not_given_back_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(arrivals, "give_back", lambda draft, unit: None)
    assert _caught("G15")


def test_g16_a_decider_that_rolls_dice_is_caught() -> None:
    dice = count()

    def moody(facts: Facts) -> Choice:
        choice = planner.decide(facts)
        said = tuple(
            msgspec.structs.replace(entry, text=f"{entry.text}, mood {next(dice)}")
            for entry in choice.entries
        )
        return msgspec.structs.replace(choice, entries=said)

    assert _caught("G16", moody)


def test_a_verdict_that_never_falls_lets_a_bad_release_out_and_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(verdict, "of_rollout", lambda draft: None)
    monkeypatch.setattr(verdict, "gate_hold", lambda draft, turn: None)
    assert _caught("canary")


def test_a_unit_that_is_never_reminded_waits_for_ever_and_is_caught(monkeypatch: Patch) -> None:
    """Liveness: nobody is asked, and nothing ends."""
    assert callable(silence.reminded)
    monkeypatch.setattr(turns, "_rest", lambda draft, turn: turn.changed(hold=None))
    assert _caught("G11") or _caught("liveness")
