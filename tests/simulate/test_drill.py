"""A crash at any commit of a short history changes nothing of its end."""

import msgspec
import pytest

from wavetrain.simulate.drill import Drill, Ending, crash_everywhere, difference, points
from wavetrain.simulate.mortal_store import CrashPoint

SEED = 22
"""A release that comes back, ones that complete, a pause, a node that is retired, in less than 200 commits."""
STRIDE, CHUNKS = 6, 3


@pytest.fixture(scope="module")
def calm() -> Ending:
    return Drill(SEED).ending()


def test_the_drill_has_all_that_a_crash_could_disturb(calm: Ending) -> None:
    assert calm.broken == ()
    assert {"completed", "reverted"} <= set(calm.rollouts.values())
    drill = Drill(SEED)
    drill.ending()
    told = drill.tale.lines(drill.house.store, 1_000)
    assert any("pauses gateway" in text for text in told)
    assert any("retires pop" in text for text in told)
    assert len(calm.drained) > 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_crash_around_a_commit_changes_nothing_of_the_end(calm: Ending, chunk: int) -> None:
    """Some of them; `wavetrain simulate --crash-everywhere` plays all."""
    some = points(calm.commits, STRIDE)[chunk::CHUNKS]
    assert some
    tried = list(crash_everywhere(SEED, at=some))
    assert len(tried) == len(some)
    assert [crash for crash in tried if crash.wrong] == []


@pytest.mark.parametrize("after", [False, True])
def test_the_crash_does_happen(after: bool) -> None:
    drill = Drill(SEED, crash=CrashPoint(40, after))
    drill.ending()
    assert drill.house.crashes == 1


def test_every_commit_has_a_crash_before_and_one_after() -> None:
    assert points(2) == [CrashPoint(at, after) for at in (1, 2) for after in (False, True)]
    assert len(points(10, 3)) == 8


def test_an_end_that_is_another_one_is_said(calm: Ending) -> None:
    assert list(difference(calm, calm)) == []
    node, release = next(iter(calm.drained))
    name = next(iter(calm.rollouts))
    other = msgspec.structs.replace(
        calm,
        rollouts={**calm.rollouts, name: "stopped"},
        runs={**calm.runs, node: "9.9.9"},
        drained={**calm.drained, (node, release): calm.drained[node, release] + 1},
        broken=("tick 1, Mon: G4: something",),
    )
    said = list(difference(calm, other))
    assert len(said) == 4
    assert any(text.startswith("G14") for text in said)
