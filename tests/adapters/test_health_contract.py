"""The contract of every health source, run on those that scrape, ask a real Prometheus, and simulate."""

import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Any, Protocol

import pytest
from tests.adapters.metrics_node import Node
from tests.adapters.scraped_nodes import N1, N2, ScrapedNodes

from wavetrain.adapters.prometheus import PrometheusSource
from wavetrain.adapters.scrape import ScrapeSource
from wavetrain.control.ports import HealthSource
from wavetrain.control.targets import Target
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import (
    RESTARTS,
    SAMPLES_ASKED,
    Observed,
    PopBin,
    bucket,
    labelled,
    observations,
)
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature, Span
from wavetrain.simulate.nodes import SimNode

WITHIN_S = 60.0


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
        return Target(pop, self.nodes[node].url, asked, "held", KINDS[0], KINDS[1])

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


class Asked:
    """Real nodes, a real Prometheus that scrapes them, and a source that asks it."""

    def __init__(self, scraped: ScrapedNodes) -> None:
        self.scraped = scraped
        scraped.reset()
        self.source: HealthSource = scraped.source()

    def target(self, node: NodeId, pop: str = "a", *counters: str) -> Target:
        asked = counters or ("operations_total", "failures_total")
        return Target(pop, self.scraped.nodes[node].url, asked, "held", KINDS[0], KINDS[1])

    def silence(self, node: NodeId) -> None:
        self.scraped.nodes[node].status = 500

    def observed(self) -> Observed:
        threading.Event().wait(1.2)  # longer than it takes until a bin is told
        return self.source.observe()

    def close(self) -> None:
        assert isinstance(self.source, PrometheusSource)
        self.source.close()


KINDS: tuple[tuple[str, ...], tuple[str, ...]] = (("took_seconds",), ("share", "busy_seconds_total"))
"""A histogram, with gauges: one as it is, one of which the growth counts."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScrapedNodes]:
    made = ScrapedNodes(tmp_path_factory.mktemp("prometheus"))
    yield made
    made.close()


@pytest.fixture(params=["scraped", "prometheus", "simulated"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Any = {
        "scraped": Scraped,
        "prometheus": lambda: Asked(request.getfixturevalue("scraped")),
        "simulated": Simulated,
    }[request.param]()
    yield made
    made.close()


@pytest.fixture(params=["scraped", "prometheus"])
def real(request: pytest.FixtureRequest) -> Iterator[Scraped | Asked]:
    made = Scraped() if request.param == "scraped" else Asked(request.getfixturevalue("scraped"))
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
    names = {
        sample.node: {name for name in sample.increments if not name.startswith("took_seconds")}
        for sample in seen.samples
    }
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
    seen = rig.observed()
    assert (seen.bins, seen.counts, dict(seen.last_seen), seen.fault) == ((), (), {}, "")


def grown(real: Scraped | Asked, name: str) -> tuple[float, list[PopBin]]:
    """By how much a counter of the node grew in all bins until it stood still for a while, with these bins."""
    total, quiet, bins = 0.0, 0, []
    while quiet < 3:
        news = [made for made in real.observed().bins if made.samples]
        found = sum(sample.increments[name] for made in news for sample in made.samples)
        total, quiet = total + found, 0 if found else quiet + 1
        bins += news
    return total, bins


def test_histograms_and_gauges_come_with_the_counters(real: Scraped | Asked) -> None:
    node = (real.nodes if isinstance(real, Scraped) else real.scraped.nodes)[N1]
    real.source.watch({N1: real.target(N1)})
    first_bin(real, 1)
    real.observed()
    node.fast, node.slow, node.level, node.ops, node.busy_s = 40, 5, 0.75, 133.0, 42.0
    total, bins = grown(real, "operations_total")
    assert total == 33
    told = [sample for made in bins for sample in made.samples]
    assert sum(sample.increments[observations("took_seconds")] for sample in told) == 33
    assert sum(sample.increments[bucket("took_seconds", 0.5)] for sample in told) == 30
    assert not any("Inf" in name for sample in told for name in sample.increments)
    assert told[-1].levels["share"] == 0.75
    busy = sum(sample.levels["busy_seconds_total"] * made.seconds for made in bins for sample in made.samples)
    assert busy == pytest.approx(2.0, rel=1e-6)
    assert "busy_seconds_total" not in told[-1].increments


def test_a_restart_is_missing_exposure_and_counted_where_that_is_asked_for(real: Scraped | Asked) -> None:
    node = (real.nodes if isinstance(real, Scraped) else real.scraped.nodes)[N1]
    real.source.watch({N1: real.target(N1, "a", "operations_total", RESTARTS, SAMPLES_ASKED)})
    first_bin(real, 1)
    real.observed()
    node.started, node.ops = 9.0, 1_000.0
    bins = [made for _ in range(4) for made in real.observed().bins]
    told = [sample for made in bins for sample in made.samples]
    assert sum(sample.increments["operations_total"] for sample in told) == 0
    assert sum(sample.increments[RESTARTS] for sample in told) == 1
    assert all(sample.increments[SAMPLES_ASKED] >= 1 for sample in told)


def test_a_gauge_that_is_none_is_left_out_and_the_node_still_counts(real: Scraped | Asked) -> None:
    node = (real.nodes if isinstance(real, Scraped) else real.scraped.nodes)[N1]
    node.level = float("nan")
    real.source.watch({N1: real.target(N1)})
    first_bin(real, 1)
    bins = [made for _ in range(2) for made in real.observed().bins]
    assert bins
    assert all("share" not in sample.levels for made in bins[1:] for sample in made.samples)
    assert all("operations_total" in sample.increments for made in bins for sample in made.samples)


def test_a_counter_that_is_none_makes_the_node_missing(real: Scraped | Asked) -> None:
    node = (real.nodes if isinstance(real, Scraped) else real.scraped.nodes)[N1]
    real.source.watch({N1: real.target(N1), N2: real.target(N2)})
    first_bin(real, 2)
    node.bad = float("nan")
    real.observed()
    later = [made for _ in range(2) for made in real.observed().bins]
    assert later
    assert {(made.missing, made.samples[0].node) for made in later} == {((N1,), N2)}


def test_a_counter_may_be_asked_for_under_some_of_its_labels(real: Scraped | Asked) -> None:
    node = (real.nodes if isinstance(real, Scraped) else real.scraped.nodes)[N1]

    def serve(on: int, off: int) -> None:
        lines = [
            f'asked_total{{node="n1",release="1.0",feature="menu",variant="{name}",path="{path}"}} {count}'
            for name, count in (("on", on), ("off", off))
            for path in ("a", "b")
        ]
        node.more = "\n".join(["# TYPE asked_total counter", *lines, ""])

    on, off = (labelled("asked_total", {"feature": "menu", "variant": name}) for name in ("on", "off"))
    serve(10, 20)
    real.source.watch({N1: real.target(N1, "a", "operations_total", on, off, "asked_total")})
    first_bin(real, 1)
    real.observed()
    serve(13, 40)
    total, bins = grown(real, on)
    assert total == 6
    told = [sample for made in bins for sample in made.samples]
    assert sum(sample.increments[off] for sample in told) == 40
    assert sum(sample.increments["asked_total"] for sample in told) == 46
