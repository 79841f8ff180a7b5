"""Strangers who answer: nodes that are measured, programs that are asked, and what is no control plane at all."""

import itertools
import math
import time
from collections.abc import Callable, Iterable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.bounds import bounded
from tests.fuzz.mutation import json_bytes, mutants
from tests.fuzz.raw_server import RawServer

from wavetrain.adapters.scrape import Reading, ScrapeSource, increments, parse
from wavetrain.agent.exchange import exchange
from wavetrain.agent.traffic_lab import LabTraffic
from wavetrain.agent.visits import Visits
from wavetrain.cli.client import Client
from wavetrain.control.targets import Target
from wavetrain.errors import UnreachableError, WavetrainError
from wavetrain.model.fleet import NodeId, PopId

EXAMPLES = 60
COUNTERS = ("operations_total", "failures_total")
METRICS = """\
# HELP operations_total Operations.
# TYPE operations_total counter
operations_total{release="2.0.0",kind="a"} 5
operations_total{release="2.0.0",kind="b"} 7.5e3 1700000000000
# TYPE failures_total counter
failures_total{release="2.0.0"} 0
# TYPE held gauge
held{release="2.0.0"} 12
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e9
# TYPE spans histogram
spans_bucket{le="0.1"} 3
spans_bucket{le="+Inf"} 4
spans_count 4
spans_sum 0.5
"""
FIGURES = [
    "NaN",
    "+Inf",
    "-Inf",
    "1e999",
    "-1",
    "0",
    "1e308",
    "9" * 400,
    "0x5",
    "1_0",
    "",
    "1 NaN",
    "4 -1",
    "\u0663",
]
PIECES = [
    '"',
    "\\",
    "{",
    "}",
    "=",
    ",",
    " ",
    "\n",
    "#",
    "NaN",
    "-Inf",
    "+Inf",
    "1e999",
    "-5",
    "0x5",
    "9" * 400,
    "\x00",
    "\u2028",
    "# TYPE operations_total nonsense\n",
    "# TYPE operations_total counter\n",
    "operations_total NaN\n",
    "operations_total{} +Inf\n",
    'operations_total{release="x"} -1\n',
    "x" * 5_000,
    '{a="' * 500,
]


@st.composite
def _metrics(draw: st.DrawFn) -> str:
    """A page of metrics, spoiled in a few places."""
    text = METRICS
    for _ in range(draw(st.integers(0, 2))):
        lines = text.splitlines(keepends=True)
        which = draw(st.integers(0, len(lines) - 1))
        name = lines[which].rpartition(" ")[0]
        text = "".join([*lines[:which], f"{name} {draw(st.sampled_from(FIGURES))}\n", *lines[which + 1 :]])
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 12))
        text = text[:at] + draw(st.sampled_from(PIECES) | st.text(max_size=5)) + text[at + gone :]
    return text


def _is_sound(reading: Reading) -> bool:
    figures = (*reading.totals.values(), reading.sessions, reading.started)
    return all(math.isfinite(figure) and figure >= 0 for figure in figures)


@bounded(4 * EXAMPLES)
@given(first=_metrics(), second=_metrics())
def test_a_page_of_metrics_is_sound_figures_or_none(first: str, second: str) -> None:
    readings = []
    for page in (METRICS, first, second):
        try:
            reading = parse(page, COUNTERS, "held", 1.0)
        except ValueError:
            continue
        assert _is_sound(reading), "figures that no test of evidence can take"
        readings.append(reading)
    for before, after in itertools.permutations(readings, 2):
        counted = increments(before, after) or {}
        assert all(math.isfinite(count) and count >= 0 for count in counted.values())


HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
HEADS = [
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"HTTP/9.9 200\r\n\r\n",
    b"HTTP/1.1 -5 X\r\n\r\n",
    b"HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + HTTP,
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=nonsense\r\nContent-Length: 2\r\n\r\n{}",
]


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    """Bytes that are HTTP or nearly so."""
    content = draw(st.sampled_from([HTTP, *HEADS]))
    if draw(st.booleans()):
        at = draw(st.integers(0, min(len(content), 200)))
        content = content[:at] + draw(st.binary(max_size=6)) + content[at + draw(st.integers(0, 3)) :]
    return content


def _client(server: RawServer) -> Client:
    """A command's client that was led here; what protects it from that is TLS, and not what is asked now."""
    client = Client("https://127.0.0.1:1", "token")
    client._http = httpx.Client(base_url=server.url, timeout=2.0, trust_env=False)
    return client


def test_an_answer_that_is_hardly_http_is_an_answer_or_nobody_there() -> None:
    with RawServer() as server, _client(server) as client:
        visits = Visits(server.url + "/visits")
        clock = itertools.count(0, 1_000)
        askers: list[Callable[[], object]] = [
            lambda: exchange("GET", server.url, timeout_s=2.0),
            lambda: LabTraffic(server.url, "n", 0).sessions(),
            lambda: visits.look(next(clock)),
            lambda: client.get("/v1/status"),
        ]

        @bounded(EXAMPLES // 2)
        @given(answer=_answers(), asker=st.sampled_from(range(len(askers))))
        def property_(answer: bytes, asker: int) -> None:
            server.answer = (answer,)
            try:
                askers[asker]()
            except WavetrainError:
                return

        property_()


FAILURE = {"error": "there is no rollout x; see: wavetrain rollout list", "kind": "unknown"}


def test_a_refusal_in_no_known_words_is_still_a_refusal() -> None:
    with RawServer() as server, _client(server) as client:

        @bounded(EXAMPLES // 2)
        @given(body=mutants(FAILURE, json_bytes), status=st.sampled_from([400, 401, 404, 422, 500, 503, 599]))
        def property_(body: bytes, status: int) -> None:
            server.http(body, status)
            with pytest.raises(WavetrainError):
                client.get("/v1/status")

        property_()


VISITED = {"2026-11-01": {"acme": 3, "bolt": 4}, "acme": {"2026-11-02": 1}}


def test_whatever_a_program_says_of_its_visits_what_is_told_on_is_sound() -> None:
    with RawServer() as server:

        @bounded(EXAMPLES // 2)
        @given(body=mutants(VISITED, json_bytes))
        def property_(body: bytes) -> None:
            server.http(body)
            visits = Visits(server.url)
            try:
                visits.look(0.0)
            except UnreachableError:
                return
            visits.heard(visits.news())

        property_()


SLOW = {
    "a byte at a time": itertools.repeat(b"x"),
    "a header without an end": itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"y")),
    "go on, for ever": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body a byte at a time": itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"], itertools.repeat(b"z")
    ),
}
WITHIN_S, PAUSE_S = 0.4, 0.05


@pytest.mark.parametrize("how", SLOW)
def test_who_answers_slowly_holds_nobody_longer_than_the_time_for_all_of_it(how: str) -> None:
    with RawServer(PAUSE_S) as server:
        server.answer = SLOW[how]
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            exchange("GET", server.url, timeout_s=WITHIN_S)
        assert time.monotonic() - begun < 4 * WITHIN_S


def _page(text: str) -> list[bytes]:
    body = text.encode()
    return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body), body]


BAD_NODES: dict[str, Iterable[bytes]] = {
    "slow": SLOW["a byte at a time"],
    "no number": _page("operations_total \n"),
    "a number that no float holds": _page(f"operations_total 5\noperations_total {'9' * 400}\n"),
    "a chunk of less than nothing": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"
    ],
    "broken text": [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff"],
}


@pytest.mark.parametrize("how", BAD_NODES)
def test_a_bad_node_does_not_hold_up_or_end_the_measuring_of_others(how: str) -> None:
    with RawServer(PAUSE_S if how == "slow" else 0.0) as bad, RawServer() as good:
        bad.answer = BAD_NODES[how]
        good.http(METRICS.encode())
        source = ScrapeSource(interval_s=0.02)
        try:
            targets = {"bad": bad.url, "good": good.url}
            source.watch(
                {NodeId(name): Target(PopId("p"), url, COUNTERS, "held") for name, url in targets.items()}
            )
            until = time.monotonic() + 15.0
            measured: list[object] = []
            while len(measured) < 3 and time.monotonic() < until:
                measured += [sample.node for item in source.observe().bins for sample in item.samples]
        finally:
            source.close()
        assert measured[:3] == ["good"] * 3
