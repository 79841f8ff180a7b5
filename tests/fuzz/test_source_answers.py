"""Answers of a source of measurements in hostile hands: they are figures, or a fault in one printable line."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.bounds import bounded
from tests.fuzz.mutation import json_bytes, mutants

from wavetrain.adapters.native_histogram import grid
from wavetrain.adapters.program_track import Track
from wavetrain.adapters.promql import Labels
from wavetrain.control.targets import Target
from wavetrain.errors import RefusedError
from wavetrain.wire.prometheus_answer import FaultyError, instant_of, refusal_of, series_of

EXAMPLES = 150
TARGET = Target("lis1", "http://h:1/metrics", ("ops_total",), "held", ("took",), ("share", "cpu_total"))
LABELS = {"job": "nodes", "instance": "h:1", "release": "1.0", "node": "n1"}
SPREAD = {"count": "5", "sum": "1", "buckets": [[0, "0.5", "1", "2"], [0, "1", "2", "3"]]}


def row(name: str, *values: str, **more: str) -> dict[str, Any]:
    timed = [[100.0 + place, value] for place, value in enumerate(values)]
    return {"metric": {**LABELS, **more, "__name__": name}, "values": timed}


ANSWER: dict[str, Any] = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            row("ops_total", "5", "7", "9"),
            row("held", "3", "3", "3"),
            row("share", "0.5", "NaN", "-1"),
            row("cpu_total", "5", "6", "7"),
            row("took_bucket", "1", "2", "3", le="0.5"),
            {"metric": {**LABELS, "__name__": "took"}, "histograms": [[100.0, SPREAD], [101.0, SPREAD]]},
            row("x_start_time_seconds", "9", "9", "9"),
        ],
    },
    "warnings": [],
    "isPartial": False,
}
HOUR = {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "1.5"]}}


@bounded(EXAMPLES)
@given(mutants(ANSWER, json_bytes))
def test_an_answer_is_increments_that_count_something_or_a_fault(spoiled: bytes) -> None:
    try:
        found = series_of(spoiled)
        track = Track(TARGET, Labels(), found)
        first = track.between(None, 99.0, 100.5, 0.0, {})
        grids = {"took": grid(0.5, 2.0)}
        told = track.between(first.mark, 100.5, 103.0, 0.0, grids) if first is not None else None
    except (FaultyError, RefusedError):
        return
    if told is not None and told.increments is not None:
        figures = [*told.increments.values(), told.sessions]
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), told
        assert all(math.isfinite(level) for level in told.levels.values())
        assert told.mark.release


@bounded(EXAMPLES)
@given(mutants(HOUR, json_bytes))
def test_the_time_there_is_a_number_or_a_fault(spoiled: bytes) -> None:
    said = _read(instant_of, spoiled)
    assert isinstance(said, float) or said.isprintable()


@bounded(EXAMPLES)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_fault_in_one_line(body: bytes) -> None:
    for read in (series_of, instant_of):
        said = _read(read, body)
        assert isinstance(said, str), "it was taken for an answer"
        assert said.isprintable()
    assert refusal_of(body).isprintable()


def _read(read: Callable[[bytes], Any], body: bytes) -> Any:
    """What was read, or the fault as text."""
    try:
        return read(body)
    except FaultyError as error:
        return str(error)
