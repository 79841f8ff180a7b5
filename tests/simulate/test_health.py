from random import Random

import msgspec
import pytest

from wavetrain.control.ports import HealthSource
from wavetrain.model.fleet import NodeId
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Kind, Nature, Span
from wavetrain.simulate.nodes import SimNode


class Target(msgspec.Struct, frozen=True):
    pop: str = "a"
    url: str = "http://127.0.0.1/"
    counters: tuple[str, ...] = ("operations_total", "failures_total")
    sessions: str = "sessions"
    histograms: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()


class Rig:
    """Three nodes of one PoP under telemetry."""

    def __init__(self) -> None:
        self.nature = Nature(Random(1))
        self.clock = VirtualClock()
        names = [NodeId(f"n{number}") for number in range(3)]
        self.nodes = {name: SimNode(name, "a", "1.0.0", self.nature) for name in names}
        self.source: HealthSource = SimHealth(self.clock, self.nodes, self.nature)
        self.source.watch({name: Target() for name in names})
        self.source.observe()


def test_only_what_is_watched_is_measured() -> None:
    rig = Rig()
    rig.source.watch({NodeId("n1"): Target()})
    rig.clock.advance(10)
    (seen,) = rig.source.observe().bins
    assert [sample.node for sample in seen.samples] == ["n1"]


def test_two_looks_at_one_instant_measure_once() -> None:
    rig = Rig()
    rig.clock.advance(10)
    assert rig.source.observe().bins
    again = rig.source.observe()
    assert again.bins == ()
    assert again.last_seen["n0"] == 0


def test_a_node_that_does_not_answer_is_missing_and_grows_old() -> None:
    rig = Rig()
    rig.nature.dead["n0"] = [Span(rig.clock() + 5, rig.clock() + 1e6)]
    rig.clock.advance(10)
    seen = rig.source.observe()
    assert seen.bins[0].missing == ("n0",)
    assert seen.last_seen["n0"] == pytest.approx(10)
    assert len(seen.bins[0].samples) == 2


def test_a_program_that_was_started_anew_gives_no_increments_at_first() -> None:
    rig = Rig()
    rig.nodes[NodeId("n0")].program += 1
    rig.clock.advance(10)
    (seen,) = rig.source.observe().bins
    assert {sample.node for sample in seen.samples} == {"n1", "n2"}
    rig.clock.advance(10)
    (seen,) = rig.source.observe().bins
    assert len(seen.samples) == 3


def test_a_degraded_release_fails_more() -> None:
    rig = Rig()
    rig.nature.kinds["1.0.0"] = Kind.DEGRADED
    rig.clock.advance(100)
    (seen,) = rig.source.observe().bins
    failed = sum(sample.increments["failures_total"] for sample in seen.samples)
    done = sum(sample.increments["operations_total"] for sample in seen.samples)
    assert 0.025 < failed / done < 0.04


def test_a_pop_in_the_dark_gives_no_bin() -> None:
    rig = Rig()
    rig.nature.dark["a"] = [Span(rig.clock(), rig.clock() + 60)]
    rig.clock.advance(10)
    assert rig.source.observe().bins == ()


def test_exposure_does_not_grow_with_a_long_absence() -> None:
    rig = Rig()
    rig.clock.advance(1e6)
    (seen,) = rig.source.observe().bins
    assert seen.seconds <= 120


def test_a_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="only passes"):
        VirtualClock().advance(-1)
