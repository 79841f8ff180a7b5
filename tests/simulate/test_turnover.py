"""Nodes join and leave in the middle of a history: the real control plane takes them in, and the guards watch."""

import pytest

from wavetrain.decide import desired, work
from wavetrain.model.fleet import Pop
from wavetrain.simulate import turnover
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.history import History, run
from wavetrain.simulate.shrink import breaks

JOINS, LEAVES = 27, 15
"""Seeds in which a node with an older release joins, and in which one leaves."""


def test_machines_come_and_go_with_the_fleet() -> None:
    for seed, verb in ((JOINS, "joins"), (LEAVES, "leaves")):
        history = History(seed)
        assert history.play().broken == ()
        assert any(f" {verb} " in text for text in history.turnover.done)
        named = {node for pop in history.mirror.all(Pop) for node in pop.nodes}
        assert set(history.nodes) == named
        assert len(history.contents) == len(named)


def test_a_history_may_be_played_without_them() -> None:
    history = History(JOINS, cut=Cut(without=frozenset(f"fleet-{count}" for count in range(1, 20))))
    assert history.play().broken == ()
    assert history.turnover.done == []


def test_a_node_that_joins_outside_the_window_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desired, "joiner_hold", lambda *_: None)
    broken = [outcome for seed in (JOINS, 16, 19) if (outcome := run(seed)).broken]
    assert broken, "no seed catches it; find others"
    assert all(breaks(outcome, "G12") for outcome in broken), [outcome.broken[0] for outcome in broken]


def test_a_pop_gives_no_node_away_that_those_who_stay_could_not_spare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turnover, "CHANCE", 1.0)
    history = History(0)
    history.mirror.follow(history.house.store)
    for _ in range(60):
        history.turnover.turn()
    history.mirror.follow(history.house.store)
    shrunk = [
        pop
        for pop in history.mirror.all(Pop)
        if not set(history.fleet.pops[pop.id].nodes).issubset(set(pop.nodes))
    ]
    assert shrunk
    assert all(work.spared(len(pop.nodes), pop.load, turnover.HEADROOM) for pop in shrunk)
