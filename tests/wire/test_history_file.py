"""A history says what a bin says, is read in the order of its times, and is refused with the line that is wrong."""

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts, bucket, observations
from wavetrain.model.policy import Kind, MetricRule, Policy, Ring, Verdicts
from wavetrain.model.release import Stage
from wavetrain.wire.history_file import Head, bin_lines, head_line, read_bins, read_head

POLICY = Policy(
    lane="pop",
    rings=(Ring(name="all", stage=Stage.GENERAL, rest=True),),
    verdicts=Verdicts(
        sessions="sessions",
        metrics=(
            MetricRule(name="errors", events="failures", exposure="operations", weight=1.0),
            MetricRule(name="latency", kind=Kind.HISTOGRAM, histogram="took", weight=1.0, gate=False),
            MetricRule(name="memory", kind=Kind.GAUGE, gauge="resident", weight=1.0, gate=False),
            MetricRule(name="cpu", kind=Kind.GAUGE, gauge="cpu_total", weight=1.0, gate=False),
        ),
    ),
)
NAMES = (
    "failures",
    "operations",
    observations("took"),
    bucket("took", 0.5),
    bucket("took", 1e-05),
    "cpu_total",
)
SEEN = PopCounts(
    pop=PopId("fra1"),
    ended=600.0,
    seconds=60.0,
    nodes=(NodeId("n1"), NodeId("n2")),
    releases=("1.0.0", "2.0.0"),
    counters=NAMES,
    counted=np.array([[2.0, np.nan], [1000.0, 900.0], [50.0, 40.0], [45.0, 30.0], [1.0, 0.0], [6.0, 12.0]]),
    sessions=np.array([25.0, 30.0]),
    gauges=("resident",),
    levels=np.array([[1e8, np.nan]]),
)
HEAD = Head(history=1, change="edge 2.0.0", label="bad", seconds=60.0)
ROW = (
    '{"time": %s, "node": "n1", "pop": "fra1", "release": "1.0.0", "metric": "failures", "kind": "counter", '
    '"value": 1, "exposure": 10%s}'
)


def read(*lines: str) -> list[list[PopCounts]]:
    return list(read_bins([line.encode() for line in lines], HEAD, POLICY, "h.jsonl"))


def test_a_bin_comes_back_as_it_was_but_for_what_nobody_asks() -> None:
    lines = list(bin_lines(SEEN, 600.0, POLICY))
    ((again,),) = read_bins(lines, HEAD, POLICY, "h.jsonl")
    assert (again.nodes, again.releases, again.ended, again.seconds) == (
        SEEN.nodes,
        SEEN.releases,
        600.0,
        60.0,
    )
    got = dict(zip(again.counters, again.counted.tolist(), strict=True))
    np.testing.assert_equal(got["failures"], [2.0, np.nan])
    np.testing.assert_equal(got["operations"], [1000.0, np.nan])  # without its events it says nothing
    assert got[bucket("took", 0.5)] == [45.0, 30.0]
    assert got[bucket("took", 1e-05)] == [1.0, 0.0]
    assert got[observations("took")] == [50.0, 40.0]
    assert again.sessions.tolist() == [25.0, 30.0]
    assert again.levels is not None
    levels = dict(zip(again.gauges, again.levels.tolist(), strict=True))
    np.testing.assert_equal(levels, {"resident": [1e8, np.nan], "cpu_total": [0.1, 0.2]})
    assert read_head(head_line(HEAD), "h.jsonl") == HEAD


def test_bins_come_by_time_and_pop_and_gaps_are_gaps() -> None:
    other = ROW.replace('"n1"', '"m1"').replace('"fra1"', '"ams1"')
    times = read(ROW % (60, ""), other % (60, ""), "", ROW % (300, ""))
    assert [[(seen.pop, seen.ended) for seen in bins] for bins in times] == [
        [("ams1", 60.0), ("fra1", 60.0)],
        [("fra1", 300.0)],
    ]
    assert times[0][0].sessions.tolist() == [1.0], "where no load is told, all carry the same"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([ROW % (60, ""), ROW % (50, "")], "line 3: time 50 comes after 60; sort the lines"),
        (["nonsense"], "line 2"),
        ([ROW % (60, ', "more": 1')], "line 2.*more"),
        ([(ROW % (60, "")).replace('"counter"', '"summary"')], "line 2.*summary"),
        ([(ROW % (60, "")).replace('"value": 1', '"value": -1')], "counts are not negative"),
        ([(ROW % (60, "")).replace('"value": 1', '"value": 1e999')], "line 2"),
        ([ROW % (60, ', "le": 0.5')], "`le` goes with a histogram"),
        ([(ROW % (60, "")).replace('"n1"', '""')], "texts of 1 to"),
        (["x" * 20_000], "20000 bytes; give at most"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_number(lines: list[str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        read(*lines)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "line 1"),
        (b'{"history": 2, "seconds": 60}', "format 2 is not known"),
        (b'{"history": 1, "seconds": 0}', "bins of 0.0 s"),
        (b'{"history": 1, "seconds": 60, "label": "so-so"}', "line 1"),
    ],
)
def test_a_first_line_that_cannot_be_is_refused(line: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        read_head(line, "h.jsonl")
