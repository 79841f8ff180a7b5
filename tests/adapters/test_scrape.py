"""Scrape: what is read from nodes becomes increments; what is not read is missing, and never zero."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.adapters.metrics_node import Node

from wavetrain.adapters.scrape import Reading, ScrapeSource, increments, parse
from wavetrain.control.targets import Target
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import Observed, bucket, observations

COUNTERS = ("operations_total", "failures_total")
WITHIN_S = 60.0


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def source() -> Iterator[ScrapeSource]:
    made = ScrapeSource(interval_s=0.02)
    yield made
    made.close()


def until(source: ScrapeSource, wanted: Callable[[Observed], bool]) -> Observed:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        seen = source.observe()
        if wanted(seen):
            return seen
        threading.Event().wait(0.01)
    raise AssertionError("not observed in time")


def has_bins(seen: Observed) -> bool:
    return bool(seen.bins)


def test_a_node_is_measured_by_the_increments_of_its_counters(node: Node, source: ScrapeSource) -> None:
    source.watch({NodeId("n1"): Target("lis1", node.url, COUNTERS, "held")})
    until(source, has_bins)
    node.ops, node.bad = 160.0, 3.0
    seen = until(
        source, lambda seen: any(bin_.samples[0].increments["operations_total"] for bin_ in seen.bins)
    )
    (sample,) = next(bin_ for bin_ in seen.bins if bin_.samples[0].increments["operations_total"]).samples
    assert (sample.node, sample.release, sample.sessions) == ("n1", "1.0", 31.0)
    assert sample.increments == {"operations_total": 60.0, "failures_total": 2.0}
    assert seen.last_seen["n1"] < WITHIN_S


def test_a_node_that_fails_is_missing_and_grows_old(node: Node, source: ScrapeSource) -> None:
    source.watch({NodeId("n1"): Target("lis1", node.url, COUNTERS, "held")})
    until(source, has_bins)
    node.status = 500
    until(source, lambda seen: not seen.bins and seen.last_seen["n1"] > 0.2)
    node.status, node.garbage = 200, True
    until(source, lambda seen: not seen.bins and seen.last_seen["n1"] > 0.4)
    node.garbage = False
    until(source, has_bins)


def test_only_the_nodes_asked_for_are_measured(node: Node, source: ScrapeSource) -> None:
    source.watch({NodeId("n1"): Target("lis1", node.url, COUNTERS, "held")})
    until(source, has_bins)
    source.watch({})
    until(source, lambda seen: not seen.bins)
    quiet = [source.observe() for _ in range(5)]
    assert not any(seen.bins for seen in quiet)


def test_an_address_that_is_not_http_is_a_missing_node(source: ScrapeSource) -> None:
    source.watch({NodeId("n1"): Target("lis1", "file:///etc/passwd", COUNTERS, "held")})
    until(source, lambda seen: not seen.bins and not seen.last_seen)


def reading(**changed: object) -> Reading:
    values: dict[str, object] = {
        "at": 1.0,
        "release": "1.0",
        "started": 5.0,
        "totals": {"ops_total": 100.0, "bad_total": 1.0},
        "sessions": 3.0,
    }
    return Reading(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(None, reading(), id="a first reading"),
        pytest.param(reading(), reading(release="2.0"), id="another release"),
        pytest.param(reading(), reading(started=9.0), id="another start"),
    ],
)
def test_another_program_has_no_increments(before: Reading | None, now: Reading) -> None:
    assert increments(before, now) is None


def test_a_counter_that_went_down_or_is_new_is_left_out() -> None:
    now = reading(totals={"ops_total": 90.0, "bad_total": 4.0, "other_total": 2.0})
    assert increments(reading(), now) == {"bad_total": 3.0}


def test_label_sets_of_a_counter_are_summed() -> None:
    text = 'ops_total{release="1.0",x="a"} 2\nops_total{release="1.0",x="b"} 3\nheld{release="1.0"} 7\n'
    seen = parse(text, ("ops_total",), "held", 4.0)
    assert (seen.totals, seen.sessions, seen.release, seen.at) == ({"ops_total": 5.0}, 7.0, "1.0", 4.0)


TEXT = """\
took_bucket{release="1.0",path="a",le="0.5"} 4
took_bucket{release="1.0",path="b",le="0.5"} 1
took_bucket{release="1.0",path="a",le="+Inf"} 6
took_count{release="1.0",path="a"} 6
took_count{release="1.0",path="b"} 1
queue{release="1.0"} -2.5
share{release="1.0"} NaN
cpu_seconds_total{release="1.0"} 12
"""


def test_histograms_are_counters_by_bucket_and_gauges_levels() -> None:
    seen = parse(TEXT, (), "held", 4.0, ("took",), ("queue", "share", "cpu_seconds_total"))
    assert seen.totals == {bucket("took", 0.5): 5.0, observations("took"): 7.0, "cpu_seconds_total": 12.0}
    assert seen.levels == {"queue": -2.5}


@pytest.mark.parametrize("le", ["fast", "NaN", ""])
def test_a_bucket_without_a_bound_is_no_reading_or_left_out(le: str) -> None:
    text = f'took_bucket{{le="{le}"}} 4\n'
    if le == "NaN":
        assert parse(text, (), "held", 4.0, ("took",)).totals == {}
    else:
        with pytest.raises(ValueError, match="could not convert"):
            parse(text, (), "held", 4.0, ("took",))
