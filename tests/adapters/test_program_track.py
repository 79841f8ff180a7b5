"""Raw samples become increments: nothing is guessed, nothing counts twice, and what was reset is left out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.adapters.program_track import Mark, Told, Track
from wavetrain.adapters.promql import Labels
from wavetrain.control.targets import Target
from wavetrain.errors import RefusedError
from wavetrain.model.health import bucket, observations
from wavetrain.wire.prometheus_answer import Series

TARGET = Target(
    "lis1", "http://h:1/metrics", ("ops_total", "bad_total"), "held", ("took",), ("share", "cpu_total")
)
PROGRAM = ("nodes", "h:1")
BY_NAME = Labels()
Values = Sequence[float | None]


def series(name: str, values: Values, first: float = 1.0, **labels: str) -> Series:
    """One sample a second from `first` on; None where there is none."""
    told = {"job": "nodes", "instance": "h:1", "release": "1.0", **labels, "__name__": name}
    samples = [(first + place, value) for place, value in enumerate(values) if value is not None]
    return Series(told, samples, ())


def track(*items: Series, labels: Labels = BY_NAME) -> Track:
    return Track(TARGET, labels, items)


def between(items: Track, before: float = 1.0, ends: float = 3.0, **mark: Any) -> Told:
    """What was told in the bin of two seconds that ends there."""
    marks = {"program": PROGRAM, "at": before, "release": "1.0", "started": None, **mark}
    told = items.between(Mark(**marks), ends - 2.0, ends, -math.inf, {})
    assert told is not None
    return told


def increments(*items: Series, **mark: Any) -> Mapping[str, float] | None:
    return between(track(*items), **mark).increments


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        pytest.param([series("ops_total", [5, 7, 12])], {"ops_total": 7.0}, id="a counter"),
        pytest.param(
            [series("ops_total", [5, 7, 12], x="a"), series("ops_total", [1, 1, 2], x="b")],
            {"ops_total": 8.0},
            id="label sets are summed",
        ),
        pytest.param(
            [series("ops_total", [5, 7, 9]), series("bad_total", [None, None, 3], code="500")],
            {"ops_total": 4.0, "bad_total": 3.0},
            id="labels that appear begin at nothing",
        ),
        pytest.param(
            [series("ops_total", [5, 7, 9], x="a"), series("ops_total", [4, 4, None], x="b")],
            {"ops_total": 4.0},
            id="labels that vanish add what they had",
        ),
        pytest.param(
            [series("ops_total", [5, 2, 9]), series("bad_total", [1, 1, 1])],
            {"bad_total": 0.0},
            id="a reset between two samples is left out",
        ),
        pytest.param(
            [series("ops_total", [50, 7, 9], x="a"), series("ops_total", [1, 90, 95], x="b")],
            {},
            id="a reset of one label set leaves out the counter",
        ),
        pytest.param(
            [series("ops_total", [5, None, 9])], {"ops_total": 4.0}, id="a missed scrape is made up"
        ),
        pytest.param(
            [series("other_total", [1, 2, 3]), series("held", [1, 1, 1])], {}, id="nothing asked for"
        ),
        pytest.param(
            [
                series("took_bucket", [1, 2, 4], le="0.5"),
                series("took_bucket", [2, 4, 8], le="+Inf"),
                series("took_count", [2, 4, 8]),
            ],
            {bucket("took", 0.5): 3.0, observations("took"): 6.0},
            id="a classic histogram",
        ),
    ],
)
def test_increments_are_differences_of_samples(items: list[Series], wanted: dict[str, float]) -> None:
    assert increments(*items) == wanted


@pytest.mark.parametrize(
    ("items", "mark"),
    [
        pytest.param([series("ops_total", [5, 7, 9])], {"release": "0.9"}, id="another release"),
        pytest.param([series("ops_total", [5, 7, 9])], {"program": ("nodes", "h:2")}, id="another instance"),
        pytest.param(
            [series("ops_total", [5, 7, 9]), series("x_start_time_seconds", [4, 4, 6])],
            {"started": 4.0},
            id="another start",
        ),
        pytest.param(
            [
                series("ops_total", [5, None, 9]),
                series("ops_total", [None, 7, None], release="1.1"),
            ],
            {},
            id="another release in between",
        ),
    ],
)
def test_another_program_has_nothing_to_compare_with(items: list[Series], mark: dict[str, Any]) -> None:
    assert between(track(*items), **mark).increments is None


def test_a_restart_on_the_same_release_is_told_as_one() -> None:
    items = track(series("ops_total", [5, 7, 9]), series("x_start_time_seconds", [4, 4, 6]))
    assert between(items, started=4.0).restarted
    assert not between(items, started=4.0, release="0.9").restarted
    assert not between(items, started=6.0).restarted


def test_a_bin_without_a_scrape_tells_nothing_and_an_old_mark_counts_anew() -> None:
    items = track(series("ops_total", [5, 7, 9]))
    assert items.between(None, 3.0, 5.0, -math.inf, {}) is None
    first = items.between(None, 1.0, 3.0, -math.inf, {})
    assert first is not None
    assert (first.mark, first.increments) == (Mark(PROGRAM, 3.0, "1.0", None), None)
    old = items.between(Mark(PROGRAM, 1.0, "1.0", None), 1.0, 3.0, 1.5, {})
    assert old is not None
    assert old.increments is None


def test_gauges_are_those_of_the_last_scrape_without_what_is_none() -> None:
    told = between(
        track(
            series("held", [10, 11, 12], x="a"),
            series("held", [5, 5, None], x="b"),
            series("share", [0.1, 0.2, -0.5]),
            series("cpu_total", [1.0, 2.0, 4.0]),
        )
    )
    assert (told.sessions, told.levels) == (12.0, {"share": -0.5, "cpu_total": 1.5})
    assert told.increments == {}
    none = between(track(series("held", [1, 1, 1]), series("share", [0.1, math.nan, math.nan])))
    assert "share" not in none.levels


@pytest.mark.parametrize(
    ("items", "says"),
    [
        pytest.param([series("ops_total", [5, math.nan, math.nan])], "ops_total is nan", id="nan"),
        pytest.param([series("ops_total", [math.nan, 5])], "ops_total is nan", id="nan at first"),
        pytest.param([series("ops_total", [5, math.inf])], "ops_total is inf", id="infinite"),
        pytest.param([series("held", [-1])], "held is -1", id="negative"),
        pytest.param(
            [series("ops_total", [5, 7], release="")], "no label release; set release_label", id="none"
        ),
        pytest.param(
            [series("ops_total", [5, 7]), series("bad_total", [5, 7], release="2.0")],
            "it runs 1.0 and 2.0 at once",
            id="two releases",
        ),
        pytest.param(
            [series("ops_total", [5, 7, 9]), series("ops_total", [5, 7, 9], first=1.5, instance="h:2")],
            "two targets measure it at once",
            id="two targets",
        ),
        pytest.param(
            [series("ops_total", [5, 7, 9], replica="a"), series("ops_total", [5, 7, 9], 1.5, replica="b")],
            "two scrapes at once",
            id="two replicas",
        ),
        pytest.param([series("took_bucket", [1, 2], le="fast")], 'le="fast"', id="no bound"),
    ],
)
def test_a_node_whose_samples_cannot_be_told_apart_is_refused(items: list[Series], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        track(*items)


def test_a_pod_that_is_replaced_is_another_program_and_no_second_one() -> None:
    items = track(
        series("ops_total", [5, 7, None, None]), series("ops_total", [None, None, 2, 9], instance="h:2")
    )
    assert between(items, ends=3.0).mark.program == ("nodes", "h:2")
    assert between(items, ends=3.0).increments is None
    assert between(items, before=3.0, ends=4.0, program=("nodes", "h:2")).increments == {"ops_total": 7.0}


def test_the_marker_of_labels_that_are_gone_is_no_sample() -> None:
    """As VictoriaMetrics 1.79 answers after an update: the marker is a millisecond younger than the new labels."""
    old = series("ops_total", [5, 7, math.nan])
    old = old._replace(samples=[*old.samples[:2], (3.001, math.nan)])
    items = track(old, series("ops_total", [None, None, 2, 9], release="2.0"))
    assert between(items, ends=3.5).mark == Mark(PROGRAM, 3.0, "2.0", None)
    assert between(items, before=3.0, ends=4.0, release="2.0").increments == {"ops_total": 7.0}
    back = track(series("ops_total", [5, math.nan, 9]))
    assert between(back).increments == {"ops_total": 4.0}


def test_the_release_of_another_job_is_joined_by_the_node() -> None:
    items = track(
        series("ops_total", [5, 7, 9], release=""),
        series("build_info", [1, 1, 1], release="3.1", job="other"),
        labels=Labels(release_info="build_info"),
    )
    assert between(items, release="3.1").increments == {"ops_total": 4.0}


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.integers(1, 5),
)
def test_bins_of_any_length_add_up_to_what_was_counted(
    grew: list[int], missed: list[bool], step: int
) -> None:
    """Whatever scrapes are missed: the increments add up to the difference of the first mark and the last sample."""
    totals = [sum(grew[: place + 1]) for place in range(len(grew))]
    values = [None if gone else total for total, gone in zip(totals, missed, strict=False)]
    there = [value for value in values if value is not None]
    if not there:
        return
    items, first, mark, counted = track(series("ops_total", values)), None, None, 0.0
    for ends in range(step, len(grew) + step + 1, step):
        told = items.between(mark, ends - step, ends, -math.inf, {})
        if told is not None:
            first = first or told.mark
            counted += (told.increments or {}).get("ops_total", 0.0)
            mark = told.mark
    assert first is not None
    assert counted == there[-1] - totals[int(first.at) - 1]
