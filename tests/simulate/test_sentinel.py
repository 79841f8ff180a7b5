"""The sentinel finds what the guards find, in what has changed alone; the sweep finds what it holds wrongly."""

import itertools
from datetime import datetime

import msgspec
import pytest
from tests.simulate.planted import PLANTED, Planted

from wavetrain.model.fleet import NodeId, Reported
from wavetrain.model.rollout import Slot, Turn
from wavetrain.simulate import invariants, made_up
from wavetrain.simulate.ground import Ground
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.history import History
from wavetrain.simulate.invariants import Seen
from wavetrain.simulate.mishaps import CALM, Mishaps
from wavetrain.simulate.planted_breach import impatient
from wavetrain.simulate.rehearsal import Plan, Rehearsal
from wavetrain.simulate.sentinel import Sentinel
from wavetrain.simulate.sweep import sweep

COMPARED = frozenset({"G1", "G3", "G4", "G6", "G10", "G12", "G14", "G15"})
"""Guards that hold after every commit; G7 and G11 too where a tick came to its end."""
WHOLE = frozenset({"G7", "G11"})
SEEDS = range(40, 52)


class Nobody:
    """Knows of nobody that anything is wrong."""

    def on_release(self, _node: NodeId) -> tuple[str, float]:
        return "", 0.0

    def age_s(self, _node: NodeId) -> float:
        return 0.0


def names(texts: list[str], among: frozenset[str]) -> set[str]:
    return {name for text in texts if (name := text.partition(":")[0]) in among}


class Watched(History):
    """A history in which a sentinel looks at what the guards look at."""

    def __init__(self, seed: int, planted: Planted | None = None) -> None:
        self.ground: Ground | None = None
        if planted is None:
            super().__init__(seed)
        else:
            super().__init__(seed, planted.decide)
        self.ground = Ground(self.fleet)
        self.sentinel = Sentinel(self.ground, Nobody())
        self.pairs: list[tuple[set[str], set[str]]] = []

    def _catch_up(self) -> None:
        assert self.ground is not None
        with self.house.store.read() as view:
            changes = view.changes(self.ground.sequence)
            self.ground.sequence = view.sequence
        self.ground.take(changes)

    def _tick(self) -> None:
        """What persons did is over; what nodes have said is still to be taken in."""
        self._catch_up()
        assert self.ground is not None
        heard = {name: pair for name, pair in self.ground.moved.items() if name[0] == "Reported"}
        self.ground.settle()
        self.ground.moved.update(heard)
        super()._tick()

    def _guard(self, sampled: dict[str, float], measuring: SimHealth, *, whole: bool) -> None:
        self._catch_up()
        told = invariants.told_by(self.mirror)
        seen = Seen(self.mirror, self.moment, self.house.steady(), told, {}, {}, blind=False)
        among = COMPARED | WHOLE if whole else COMPARED
        theirs = names(invariants.broken(seen, whole=whole), among)
        mine = names(self.sentinel.look(self.moment, self.house.steady()), among)
        self.pairs.append((theirs, mine))
        super()._guard(sampled, measuring, whole=whole)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_the_sentinel_says_what_the_guards_say_of_a_planted_bug(planted: Planted) -> None:
    history = Watched(planted.seed, planted)
    history.play()
    assert all(mine <= theirs for theirs, mine in history.pairs)
    first = next((pair for pair in history.pairs if pair[0]), (set(), set()))
    assert first[0] == first[1], "a breach that stays is said when it comes"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sentinel_says_nothing_where_nothing_is_wrong(seed: int) -> None:
    history = Watched(seed)
    history.play()
    assert not history.broken
    assert all(not mine for _, mine in history.pairs)


def plan(pops: int = 60, nodes: int = 20) -> Plan:
    fleet = made_up.fleet(pops, nodes, 0, 1)
    return Plan(fleet=fleet, policy=made_up.policy(fleet, 0), mishaps=Mishaps(1, CALM))


def test_a_planted_violation_is_found_in_the_middle_of_a_rehearsal() -> None:
    """A thousand nodes and more, of which one PoP gives out too many slots, once."""
    of = plan()
    run = Rehearsal(of, impatient(of))
    for _ in run.play():
        pass
    assert any("G10" in text and "own a slot of pop" in text for text in run.broken)
    assert len({text.rpartition(" ")[2] for text in run.broken}) >= 1


def halfway() -> Rehearsal:
    run = Rehearsal(plan(pops=12, nodes=8))
    for _ in itertools.takewhile(lambda _: not run.ground.owners, run.play()):
        pass
    return run


def swept(run: Rehearsal) -> str:
    with run.store.read() as view:
        return "; ".join(sweep(view, run.ground))


def test_a_sweep_finds_nothing_where_nothing_is_wrong() -> None:
    assert swept(halfway()) == ""


def test_a_sweep_finds_a_record_that_the_sentinel_never_heard_of() -> None:
    run = halfway()
    node, said = next(iter(run.ground.reported.items()))
    run.ground.reported[node] = said.changed(release="9.9.9")
    assert "Reported" in swept(run)
    del run.ground.reported[node]
    assert "the store has" in swept(run)


def test_a_sweep_finds_a_slot_that_nobody_moves_with() -> None:
    run = halfway()
    with run.store.write() as transaction:
        slot = transaction.find(Slot)[0]
        transaction.put(slot.changed(owner="stranger"))
    run._follow()
    assert "stranger" in swept(run)
    assert any(
        "stranger" in text for text in run.sentinel.look(datetime.fromtimestamp(0.0).astimezone(), 0.0)
    )


def test_a_sweep_finds_an_overdrawn_budget_and_a_turn_before_its_wave() -> None:
    run = halfway()
    with run.store.write() as transaction:
        slot = transaction.find(Slot)[0]
        for ordinal in range(100, 108):
            transaction.put(msgspec.structs.replace(slot, ordinal=ordinal, version=0))
        late = max(transaction.find(Turn), key=lambda turn: turn.wave)
        transaction.put(late.changed(cursor=1))
    run._follow()
    said = swept(run)
    assert "G10" in said
    assert "G6" in said


def test_a_sweep_finds_an_index_that_has_drifted() -> None:
    run = halfway()
    run.ground.busy.setdefault("nowhere", set()).add("node")
    run.ground.owners["node"] = 1
    said = swept(run)
    assert "busy" in said
    assert "owners" in said


def test_what_a_ground_is_loaded_with_counts_as_seen() -> None:
    run = halfway()
    again = Ground(run.plan.fleet)
    with run.store.read() as view:
        again.load(view)
    assert again.moved == {}
    assert again.owners == run.ground.owners
    assert again.under_way == run.ground.under_way
    assert len(again.reported) == 96
    assert isinstance(next(iter(again.reported.values())), Reported)
