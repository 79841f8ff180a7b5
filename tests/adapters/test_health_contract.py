"""The contract of every health source, run on the one that scrapes and on the one that simulates."""

import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Protocol

import pytest
from tests.adapters.metrics_node import Node

from wavetrain.adapters.scrape import ScrapeSource
from wavetrain.control.ports import HealthSource
from wavetrain.control.watch import Target
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import Observed, PopBin
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature, Span
from wavetrain.simulate.nodes import SimNode

N1, N2 = NodeId("n1"), NodeId("n2")
WITHIN_S = 10.0


class Rig(Protocol):
    """Two nodes of PoP `a` that serve the counters `operations_total` and `failures_total`."""

    source: HealthSource

    def target(self, node: NodeId, pop: str = "a", *counters: str) -> Target: ...

    def silence(self, node: NodeId) -> None:
        """The node answers no more."""
        ...

    def observed(self) -> Observed:
        """What the source says after some time."""
        ...


class Scraped:
    """Real nodes over HTTP, and a source that reads them often."""

    def __init__(self) -> None:
        self.nodes = {N1: Node(), N2: Node()}
        self.source: HealthSource = ScrapeSource(interval_s=0.02)

    def target(self, node: NodeId, pop: str = "a", *counters: str) -> Target:
        asked = counters or ("operations_total", "failures_total")
        return Target(pop, self.nodes[node].url, asked, "held")

    def silence(self, node: NodeId) -> None:
        self.nodes[node].status = 500

    def observed(self) -> Observed:
        threading.Event().wait(0.1)
        return self.source.observe()

    def close(self) -> None:
        assert isinstance(self.source, ScrapeSource)
        self.source.close()
        for node in self.nodes.values():
            node.close()


class Simulated:
    """Practice nodes under a virtual clock."""

    def __init__(self) -> None:
        self.nature, self.clock = Nature(Random(1)), VirtualClock()
        self.nodes = {name: SimNode(name, "a", "1.0", self.nature) for name in (N1, N2)}
        self.source: HealthSource = SimHealth(self.clock, self.nodes, self.nature)

    def target(self, node: NodeId, pop: str = "a", *counters: str) -> Target:
        return Target(pop, "http://127.0.0.1/", counters or ("operations_total", "failures_total"), "held")

    def silence(self, node: NodeId) -> None:
        self.nature.dead[node] = [Span(self.clock(), self.clock() + 1e6)]

    def observed(self) -> Observed:
        self.clock.advance(1.0)
        return self.source.observe()

    def close(self) -> None:
        """Nothing runs."""


@pytest.fixture(params=[Scraped, Simulated], ids=["scraped", "simulated"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = request.param()
    yield made
    made.close()


def first_bin(rig: Rig, nodes: int) -> PopBin:
    """The first bin in which so many nodes were measured."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        for seen in rig.observed().bins:
            if len(seen.samples) == nodes:
                return seen
    raise AssertionError("never measured")


def test_the_watched_nodes_of_a_pop_come_in_one_bin_with_what_was_asked_for(rig: Rig) -> None:
    rig.source.watch({N1: rig.target(N1), N2: rig.target(N2, "a", "operations_total")})
    seen = first_bin(rig, 2)
    assert seen.pop == "a"
    assert seen.seconds > 0
    names = {sample.node: set(sample.increments) for sample in seen.samples}
    assert names == {N1: {"operations_total", "failures_total"}, N2: {"operations_total"}}
    assert all(value >= 0 for sample in seen.samples for value in sample.increments.values())
    assert {sample.release for sample in seen.samples} == {"1.0"}


def test_each_pop_has_bins_of_its_own(rig: Rig) -> None:
    rig.source.watch({N1: rig.target(N1, "a"), N2: rig.target(N2, "b")})
    seen: dict[str, str] = {}
    deadline = time.monotonic() + WITHIN_S
    while len(seen) < 2 and time.monotonic() < deadline:
        seen |= {made.pop: made.samples[0].node for made in rig.observed().bins}
    assert seen == {"a": "n1", "b": "n2"}


def test_a_bin_is_told_once(rig: Rig) -> None:
    rig.source.watch({N1: rig.target(N1)})
    first = first_bin(rig, 1)
    later = [made.ended for _ in range(5) for made in rig.observed().bins]
    assert first.ended not in later
    assert later == sorted(set(later))


def test_what_is_watched_no_more_is_measured_no_more(rig: Rig) -> None:
    rig.source.watch({N1: rig.target(N1), N2: rig.target(N2)})
    first_bin(rig, 2)
    rig.source.watch({N1: rig.target(N1)})
    rig.observed()
    later = [sample.node for _ in range(3) for made in rig.observed().bins for sample in made.samples]
    assert set(later) == {N1}


def test_a_silent_node_is_missing_never_zero_and_grows_old(rig: Rig) -> None:
    rig.source.watch({N1: rig.target(N1), N2: rig.target(N2)})
    first_bin(rig, 2)
    rig.silence(N2)
    rig.observed()
    ages = []
    for _ in range(3):
        seen = rig.observed()
        ages.append(seen.last_seen[N2])
        for made in seen.bins:
            assert [sample.node for sample in made.samples] == [N1]
            assert made.missing == (N2,)
    assert ages == sorted(ages)
    assert ages[-1] > ages[0]
    assert seen.last_seen[N1] < ages[-1]


def test_nothing_watched_is_nothing_seen(rig: Rig) -> None:
    assert rig.observed() == Observed()
