"""What a check sees of live nodes is told in figures, and what keeps it from seeing in words with a way out."""

import numpy as np
import pytest

from wavetrain.decide.check_view import seen_by
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts, bucket, observations
from wavetrain.model.policy import Kind, MetricRule

ASKED = ("n1", "n2", "n3")
ERRORS = MetricRule(name="errors", events="failures", exposure="operations", weight=1.0)
TOOK = MetricRule(name="latency", kind=Kind.HISTOGRAM, histogram="took", weight=1.0)
MEMORY = MetricRule(name="memory", kind=Kind.GAUGE, gauge="resident", weight=1.0)
CPU = MetricRule(name="cpu", kind=Kind.GAUGE, gauge="cpu_total", weight=1.0)


def a_bin(**rows: list[float]) -> PopCounts:
    names = {"b1": bucket("took", 0.1), "b2": bucket("took", 1.0), "count": observations("took")}
    levels = {name: rows.pop(name) for name in list(rows) if name == "resident"}
    return PopCounts(
        pop=PopId("fra1"),
        ended=10.0,
        seconds=10.0,
        nodes=(NodeId("n1"), NodeId("n2")),
        releases=("1.0.0", "2.0.0"),
        counters=tuple(names.get(name, name) for name in rows),
        counted=np.array(list(rows.values())).reshape(len(rows), 2),
        sessions=np.ones(2),
        gauges=tuple(levels),
        levels=np.array(list(levels.values())).reshape(len(levels), 2),
    )


def test_a_counter_is_told_by_release_with_its_rate_and_who_told_nothing() -> None:
    view = seen_by(ERRORS, [a_bin(failures=[2, 9], operations=[1000, 900])] * 2, ASKED)
    assert [(seen.release, seen.nodes, seen.value, seen.exposure) for seen in view.releases] == [
        ("1.0.0", 1, 4, 2000),
        ("2.0.0", 1, 18, 1800),
    ]
    assert view.releases[1].rate == pytest.approx(0.01)
    assert (view.nodes, view.nodes_asked, view.seconds) == (2, 3, 20.0)
    assert view.faults == ("1 of 3 nodes told nothing of it: n3; look at their metrics",)


def test_a_histogram_is_told_by_the_bound_that_nearly_all_stay_below() -> None:
    view = seen_by(TOOK, [a_bin(b1=[99, 50], b2=[100, 90], count=[100, 100])], ASKED[:2])
    assert [(seen.value, seen.rate) for seen in view.releases] == [(100, 0.1), (100, None)]
    assert not view.faults


def test_a_gauge_is_told_by_its_level_and_a_counter_as_a_gauge_by_its_growth() -> None:
    seen = a_bin(cpu_total=[5, 1], resident=[1e8, 2e8])
    assert [item.value for item in seen_by(MEMORY, [seen], ASKED[:2]).releases] == [1e8, 2e8]
    assert [item.rate for item in seen_by(CPU, [seen], ASKED[:2]).releases] == [0.5, 0.1]


@pytest.mark.parametrize(
    ("rule", "rows", "said"),
    [
        (ERRORS, {"operations": [1, 1]}, "no node serves the counter `failures`"),
        (TOOK, {"operations": [1, 1]}, "no node serves the histogram `took_count`"),
        (TOOK, {"count": [1, 1]}, "`took` has no buckets"),
        (MEMORY, {"operations": [1, 1]}, "no node serves the gauge `resident`"),
        (ERRORS, {"failures": [0, 0], "operations": [0, 0]}, "its exposure never grew"),
    ],
)
def test_what_keeps_a_check_from_seeing_is_said(
    rule: MetricRule, rows: dict[str, list[float]], said: str
) -> None:
    (fault,) = seen_by(rule, [a_bin(**rows)], ASKED[:2]).faults
    assert said in fault


def test_a_source_that_says_nothing_at_all_is_said() -> None:
    assert "no node was measured" in seen_by(ERRORS, [], ASKED).faults[0]
