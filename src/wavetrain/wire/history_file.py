"""History file: JSON lines of what was counted on nodes while a release went over them, to bins and back.

The first line says what the file is; every other line is one figure of one node in one bin:

    {"history": 1, "change": "gateway 2.0.0", "label": "sound", "seconds": 60}
    {"time": 1764201600, "node": "fra1-n1", "pop": "fra1", "release": "1.9.0",
     "metric": "gateway_operations_failed_total", "kind": "counter", "value": 2, "exposure": 1000}

`value` is the increment of a counter with the increment of its exposure beside it, a level for a gauge, and for a
histogram, with the bound `le`, how many of `exposure` observations were at most `le`. Lines come in the order of their
times, which are the ends of bins; a node that was not seen has no line: missing exposure, never zero.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Final, Literal

import msgspec
import numpy as np

from wavetrain.decide.levels import gauges_of, levels_in
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts, bound_of, bucket, observations
from wavetrain.model.policy import Kind, Policy

FORMAT: Final = 1
LINE_BYTES_MAX: Final = 16 * 1024
ROWS_OF_A_BIN_MAX: Final = 2_000_000
NAME_MAX: Final = 500


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a history is of. `label` says what became known of the change since; `seconds` is the length of a bin."""

    history: int
    change: str = ""
    label: Literal["sound", "bad", ""] = ""
    seconds: float


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One figure of one node in one bin."""

    time: float
    node: str
    pop: str
    release: str
    metric: str
    kind: Kind
    value: float
    exposure: float
    le: float | None = None


_head = msgspec.json.Decoder(Head)
_row = msgspec.json.Decoder(Row)
_encode = msgspec.json.Encoder().encode


def read_head(line: bytes, name: str) -> Head:
    """The first line. Raises RefusedError with the place, the rule and the way out."""
    try:
        head = _head.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{name}, line 1: {error}; begin with "
            '{"history": 1, "change": "...", "label": "sound" or "bad" or "", "seconds": 60}'
        ) from error
    if head.history != FORMAT:
        raise RefusedError(
            f"{name}, line 1: format {head.history} is not known here; this version reads {FORMAT}"
        )
    if not (isfinite(head.seconds) and 0 < head.seconds <= 86_400):
        raise RefusedError(f"{name}, line 1: bins of {head.seconds} s; give more than 0 and at most a day")
    return head


def read_bins(lines: Iterable[bytes], head: Head, policy: Policy, name: str) -> Iterator[list[PopCounts]]:
    """The bins that end at one time, PoP by PoP, for the policy's checks; `lines` are those after the first.

    Holds the rows of one time alone. Raises RefusedError for a line that cannot be, and for times that go back.
    """
    rows: list[Row] = []
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        row = _read(line, f"{name}, line {number}")
        if rows and row.time != rows[0].time:
            if row.time < rows[0].time:
                raise RefusedError(
                    f"{name}, line {number}: time {row.time:g} comes after {rows[0].time:g}; sort the lines by time"
                )
            yield _bins(rows, head, policy)
            rows = []
        rows.append(row)
        if len(rows) > ROWS_OF_A_BIN_MAX:
            raise RefusedError(
                f"{name}, line {number}: more than {ROWS_OF_A_BIN_MAX} lines of one time; split the fleet into files"
            )
    if rows:
        yield _bins(rows, head, policy)


def head_line(head: Head) -> bytes:
    """The first line of a file."""
    return _encode(head) + b"\n"


def bin_lines(seen: PopCounts, time: float, policy: Policy) -> Iterator[bytes]:
    """The lines of one bin: what the policy's checks look at, and the gauge of the nodes' load."""
    place = {name: row for row, name in enumerate(seen.counters)}
    gauges = gauges_of(policy)
    levels = dict(zip((rule.name for rule in gauges), levels_in(gauges, seen), strict=True))
    for column, node in enumerate(seen.nodes):
        where = {"time": time, "node": str(node), "pop": str(seen.pop), "release": seen.releases[column]}
        figures = {name: float(seen.counted[row, column]) for name, row in place.items()}
        if isfinite(seen.sessions[column]):
            yield _line(
                where, policy.verdicts.sessions, Kind.GAUGE, float(seen.sessions[column]), seen.seconds
            )
        for rule in policy.verdicts.metrics:
            if rule.kind is Kind.COUNTER:
                value, exposure = figures.get(rule.events, np.nan), figures.get(rule.exposure, np.nan)
                if isfinite(value) and isfinite(exposure):
                    yield _line(where, rule.events, Kind.COUNTER, value, exposure)
            elif rule.kind is Kind.HISTOGRAM:
                count = figures.get(observations(rule.histogram), np.nan)
                for bound, below in _buckets(rule.histogram, figures):
                    if isfinite(below) and isfinite(count):
                        yield _line(where, rule.histogram, Kind.HISTOGRAM, below, count, bound)
            else:
                level = float(levels[rule.name][column])
                if isfinite(level):
                    yield _line(where, rule.gauge, Kind.GAUGE, level, seen.seconds)


def _read(line: bytes, place: str) -> Row:
    if len(line) > LINE_BYTES_MAX:
        raise RefusedError(f"{place}: it has {len(line)} bytes; give at most {LINE_BYTES_MAX}")
    try:
        row = _row.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{place}: {error}; give time, node, pop, release, metric, kind, value and exposure, for a histogram le"
        ) from error
    figures = (row.time, row.value, row.exposure, row.le if row.le is not None else 0.0)
    if not all(map(isfinite, figures)) or row.exposure < 0 or (row.value < 0 and row.kind is not Kind.GAUGE):
        raise RefusedError(
            f"{place}: figures are finite, and counts are not negative; leave out a node that was not seen or reset"
        )
    if (row.le is None) == (row.kind is Kind.HISTOGRAM):
        raise RefusedError(f"{place}: `le` goes with a histogram, and with nothing else; correct kind or le")
    names = (row.node, row.pop, row.release, row.metric)
    if not all(names) or max(map(len, names)) > NAME_MAX:
        raise RefusedError(f"{place}: node, pop, release and metric are texts of 1 to {NAME_MAX} characters")
    return row


def _line(
    where: Mapping[str, object],
    metric: str,
    kind: Kind,
    value: float,
    exposure: float,
    le: float | None = None,
) -> bytes:
    row = {**where, "metric": metric, "kind": kind, "value": value, "exposure": exposure}
    return _encode(row if le is None else {**row, "le": le}) + b"\n"


def _buckets(histogram: str, figures: Mapping[str, float]) -> Iterator[tuple[float, float]]:
    for name, value in figures.items():
        bound = bound_of(histogram, name)
        if bound is not None:
            yield bound, value


def _bins(rows: list[Row], head: Head, policy: Policy) -> list[PopCounts]:
    by_pop: dict[str, list[Row]] = {}
    for row in rows:
        by_pop.setdefault(row.pop, []).append(row)
    return [_bin(PopId(pop), by_pop[pop], head, policy) for pop in sorted(by_pop)]


def _bin(pop: PopId, rows: list[Row], head: Head, policy: Policy) -> PopCounts:
    """One PoP's rows of one time as arrays: NaN where a node said nothing."""
    exposure_of = {
        rule.events: rule.exposure for rule in policy.verdicts.metrics if rule.kind is Kind.COUNTER
    }
    releases = {row.node: row.release for row in rows}
    nodes = sorted(releases)
    column = {node: place for place, node in enumerate(nodes)}
    counted: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    levels: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    sessions = np.full(len(nodes), np.nan)

    def put(
        table: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]], name: str, row: Row, value: float
    ) -> None:
        table.setdefault(name, np.full(len(nodes), np.nan))[column[row.node]] = value

    for row in rows:
        if row.kind is Kind.GAUGE and row.metric == policy.verdicts.sessions:
            sessions[column[row.node]] = row.value
        elif row.kind is Kind.GAUGE:
            put(levels, row.metric, row, row.value)
        elif row.kind is Kind.HISTOGRAM:
            put(counted, bucket(row.metric, row.le or 0.0), row, row.value)
            put(counted, observations(row.metric), row, row.exposure)
        elif row.metric in exposure_of:
            put(counted, row.metric, row, row.value)
            put(counted, exposure_of[row.metric], row, row.exposure)
    if np.isnan(sessions).all():  # nobody says how much each carries: as if all carried the same
        sessions[:] = 1.0
    return PopCounts(
        pop=pop,
        ended=rows[0].time,
        seconds=head.seconds,
        nodes=tuple(map(NodeId, nodes)),
        releases=tuple(releases[node] for node in nodes),
        counters=tuple(counted),
        counted=np.array(list(counted.values())).reshape(len(counted), len(nodes)),
        sessions=np.nan_to_num(sessions),
        gauges=tuple(levels),
        levels=np.array(list(levels.values())).reshape(len(levels), len(nodes)),
    )
