"""A source that speaks PromQL is asked, and believed only as far as it can be; then its nodes are not seen."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.answering_source import Answer, AnsweringSource, matrix, told
from tests.adapters.receivers import certificates
from tests.adapters.scraped_nodes import N3, ScrapedNodes

from wavetrain.adapters.prometheus import PrometheusSource, Settings
from wavetrain.adapters.promql import Labels
from wavetrain.adapters.promql_call import Place
from wavetrain.control.targets import Target
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import Observed, PopBin, Trouble, bucket, observations

N1 = NodeId("n1")
TARGET = Target("lis1", "http://h:1/metrics", ("operations_total",), "held")
WITHIN_S = 60.0
BY_NAME = Labels()
STEP_S = AnsweringSource.STEP_S


@pytest.fixture
def there() -> Iterator[AnsweringSource]:
    made = AnsweringSource()
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., PrometheusSource]]:
    made: list[PrometheusSource] = []

    def open_(
        url: str, labels: Labels = BY_NAME, timeout_s: float = 2.0, **settings: Any
    ) -> PrometheusSource:
        headers, trust = settings.pop("headers", {}), settings.pop("trust", None)
        place = Place(url=url, timeout_s=timeout_s, headers=headers, trust=trust)
        made.append(PrometheusSource(Settings(place=place, labels=labels, **settings)))
        made[-1].watch({N1: TARGET})
        return made[-1]

    yield open_
    for source in made:
        source.close()


def until(source: PrometheusSource, wanted: Callable[[Observed], bool]) -> Observed:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        seen = source.observe()
        if wanted(seen):
            return seen
        threading.Event().wait(0.02)
    raise AssertionError(f"not observed in time; {source.figures()}")


def has_bins(seen: Observed) -> bool:
    return bool(seen.bins)


def bins_for(source: PrometheusSource, seconds: float) -> list[PopBin]:
    found: list[PopBin] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found += source.observe().bins
        threading.Event().wait(0.02)
    return found


def test_bins_are_as_long_as_the_scrape_interval_and_lose_nothing(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url, headers={"X-Scope-OrgID": "edge"})
    first = until(source, has_bins)
    assert first.at is not None
    bins = [*first.bins, *bins_for(source, 1.0)]
    ended = [made.ended for made in bins]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ended)]
    assert gaps == pytest.approx([STEP_S] * len(gaps), abs=0.001)
    assert [made.samples[0].increments for made in bins] == [{"operations_total": 10.0}] * len(bins)
    assert {(made.samples[0].release, made.samples[0].sessions) for made in bins} == {("1.0", 31.0)}
    assert abs(first.at - ended[0]) < 2.0
    assert source.observe().last_seen["n1"] < 1.0
    assert there.headers[-1]["X-Scope-OrgID"] == "edge"
    assert there.forms[-1]["partial_response"] == "false"


def test_the_lag_is_kept(there: AnsweringSource, opened: Callable[..., PrometheusSource]) -> None:
    source = opened(there.url, lag_s=0.7)
    seen = until(source, has_bins)
    assert seen.at is not None
    assert all(seen.at - made.ended >= 0.69 for made in seen.bins)


def bad(status: int, body: bytes) -> Callable[[float], Answer]:
    return lambda _: (status, body)


FAULTS = {
    "an error": (bad(500, b"oops"), Trouble.REFUSED, "answered 500"),
    "a refusal": (
        bad(422, b'{"status":"error","errorType":"execution","error":"too many samples"}'),
        Trouble.REFUSED,
        "answered 422: execution: too many samples",
    ),
    "no entry": (bad(401, b""), Trouble.REFUSED, "answered 401"),
    "elsewhere": (bad(302, b""), Trouble.REFUSED, "answered 302"),
    "no json": (bad(200, b"<html>"), Trouble.UNREADABLE, "not JSON"),
    "not utf-8": (bad(200, b'{"status": "\xff"}'), Trouble.UNREADABLE, "not JSON"),
    "deep": (bad(200, b"[" * 100_000), Trouble.UNREADABLE, "answer"),
    "empty": (bad(200, b""), Trouble.UNREADABLE, "answer"),
    "a list": (bad(200, b"[]"), Trouble.UNREADABLE, "Expected `object`, got `array`"),
    "a vector": (lambda _: told({"resultType": "vector", "result": []}), Trouble.UNREADABLE, "no matrix"),
    "a string": (lambda _: told({"resultType": "string", "result": [1, ""]}), Trouble.UNREADABLE, "string"),
    "an unknown field": (lambda _: told(matrix([]), missing=3), Trouble.UNREADABLE, "missing"),
    "warnings": (
        lambda _: told(matrix([]), warnings=["store gateway \x1b[31maway"]),
        Trouble.PARTIAL,
        "may be only a part: store gateway [31maway",
    ),
    "a part": (lambda _: told(matrix([]), isPartial=True), Trouble.PARTIAL, "isPartial"),
    "nothing": (lambda _: told(matrix([])), Trouble.EMPTY, "no samples of 1 nodes"),
}


@pytest.mark.parametrize("name", FAULTS, ids=str)
def test_what_cannot_be_believed_is_a_fault_and_nodes_are_not_seen(
    name: str, there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    data, trouble, says = FAULTS[name]
    source, well = opened(there.url), there.data
    until(source, lambda seen: bool(seen.bins) and not seen.fault)
    there.data = data
    seen = until(source, lambda seen: bool(seen.fault))
    assert says in seen.fault
    assert seen.fault.isprintable()
    assert source.figures().troubles == {trouble.value: source.figures().troubles[trouble.value]}
    age = seen.last_seen["n1"]
    threading.Event().wait(0.3)
    later = source.observe()
    assert later.last_seen["n1"] >= age + 0.29
    assert not later.bins
    there.data = well
    back = until(source, lambda seen: not seen.fault and bool(seen.bins))
    assert all(made.samples[0].increments["operations_total"] % 10 == 0 for made in back.bins)


def changed(there: AnsweringSource, change: Callable[[float, str], tuple[float, str]]) -> None:
    there.rows = lambda at: [
        (labels, [change(*pair) for pair in values]) for labels, values in there.samples(at)
    ]


@pytest.mark.parametrize(
    ("change", "trouble", "says"),
    [
        pytest.param(lambda at, _: (at, "NaN"), Trouble.UNREADABLE, "n1: operations_total is nan", id="nan"),
        pytest.param(
            lambda at, _: (at, "+Inf"), Trouble.UNREADABLE, "operations_total is inf", id="infinite"
        ),
        pytest.param(lambda at, _: (at, "-1"), Trouble.UNREADABLE, "operations_total is -1", id="negative"),
        pytest.param(lambda at, _: (at, "much"), Trouble.UNREADABLE, "much is no number", id="no number"),
        pytest.param(lambda at, text: (at + 9.0, text), Trouble.CLOCK, "ahead of the source", id="future"),
        pytest.param(lambda at, text: (-at, text), Trouble.CLOCK, "go back in time", id="backwards"),
    ],
)
def test_samples_that_cannot_be_are_a_fault(
    change: Callable[[float, str], tuple[float, str]],
    trouble: Trouble,
    says: str,
    there: AnsweringSource,
    opened: Callable[..., PrometheusSource],
) -> None:
    source = opened(there.url)
    until(source, has_bins)
    changed(there, change)
    seen = until(source, lambda seen: bool(seen.fault))
    assert says in seen.fault
    assert trouble.value in source.figures().troubles


def test_a_slow_source_is_late_and_never_holds_up_who_observes(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url, timeout_s=0.2)
    until(source, has_bins)
    there.delay_s = 1.0
    slowest = 0.0
    deadline = time.monotonic() + WITHIN_S
    while not (seen := source.observe()).fault:
        assert time.monotonic() < deadline
        began = time.monotonic()
        source.observe()
        slowest = max(slowest, time.monotonic() - began)
        threading.Event().wait(0.02)
    assert "did not answer within 0.2 s" in seen.fault
    assert set(source.figures().troubles) == {Trouble.LATE.value}
    assert slowest < 0.1


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_source_that_never_answers_does_not_hold_up_the_end(
    is_tls: bool, tmp_path: Path, opened: Callable[..., PrometheusSource]
) -> None:
    there = AnsweringSource(certificates(tmp_path) if is_tls else None)
    try:
        trust = ssl.create_default_context(cafile=str(tmp_path / "authority.pem")) if is_tls else None
        source = opened(there.url, timeout_s=30.0, trust=trust)
        until(source, has_bins)
        there.delay_s = 4.0
        asked = len(there.forms)
        until(source, lambda _: len(there.forms) > asked)
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 2.0
    finally:
        there.close()


def test_nobody_there_is_a_fault(opened: Callable[..., PrometheusSource]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    source = opened(f"http://127.0.0.1:{port}")
    seen = until(source, lambda seen: bool(seen.fault))
    assert "cannot be asked" in seen.fault
    assert seen.last_seen == {}
    assert set(source.figures().troubles) == {Trouble.UNREACHABLE.value}


def test_bytes_that_drip_do_not_hold_the_thread(opened: Callable[..., PrometheusSource]) -> None:
    """A server that says one byte at a time, for ever."""
    ended = threading.Event()

    def drip(door: socket.socket) -> None:
        while not ended.is_set():
            try:
                line, _ = door.accept()
            except TimeoutError:
                continue
            with line:
                try:
                    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not ended.wait(0.05):
                        line.sendall(b"x")
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        thread = threading.Thread(target=drip, args=(door,))
        thread.start()
        try:
            source = opened(f"http://127.0.0.1:{door.getsockname()[1]}", timeout_s=0.3)
            seen = until(source, lambda seen: bool(seen.fault))
            assert "did not answer within 0.3 s" in seen.fault
        finally:
            ended.set()
            thread.join()


def test_a_clock_that_differs_is_told_and_bins_follow_it(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    there.ahead_s = 3_600.0
    there.began += 3_600.0
    source = opened(there.url)
    seen = until(source, has_bins)
    assert not seen.fault
    assert source.figures().skew_s == pytest.approx(3_600.0, abs=1.0)
    assert seen.at is not None
    assert 0 <= seen.at - seen.bins[-1].ended < 2.0
    assert seen.last_seen["n1"] < 1.0


@pytest.mark.parametrize("by_s", [-30.0, 30.0])
def test_a_clock_that_is_set_is_a_fault_once_and_counts_anew(
    by_s: float, there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url)
    last = until(source, has_bins).bins[-1].ended
    there.ahead_s = by_s
    seen = until(source, lambda seen: bool(seen.fault))
    assert f"the source's clock went {'ahead' if by_s > 0 else 'back'} by 30.0 s" in seen.fault
    back = until(source, has_bins)
    assert not back.fault
    assert source.figures().troubles[Trouble.CLOCK.value] == 1
    assert back.bins[0].ended > last - 1.0
    assert all(made.samples[0].increments["operations_total"] == 10 for made in back.bins)


def test_a_gap_of_the_source_is_told_afterwards_as_far_as_it_was_scraped(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url)
    before = until(source, has_bins).bins[-1].ended
    there.delay_s, well = 0.0, there.data
    there.data = bad(503, b"")
    until(source, lambda seen: bool(seen.fault))
    threading.Event().wait(0.5)
    there.data = well
    bins = list(until(source, lambda seen: bool(seen.bins) and not seen.fault).bins)
    assert bins[0].ended - before < 1.5
    assert [made.samples[0].increments for made in bins] == [{"operations_total": 10.0}] * len(bins)
    assert len(bins) >= 4


def test_a_node_that_the_source_does_not_know_is_missing_beside_one_that_it_knows(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url)
    source.watch({N1: TARGET, NodeId("n2"): TARGET})
    seen = until(source, lambda seen: any(made.missing for made in seen.bins))
    assert {made.missing for made in seen.bins if made.missing} == {(NodeId("n2"),)}
    assert "n2" not in seen.last_seen
    assert not seen.fault


def test_a_source_is_believed_by_its_certificate_alone(
    tmp_path: Path, opened: Callable[..., PrometheusSource]
) -> None:
    there = AnsweringSource(certificates(tmp_path))
    try:
        known = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        until(opened(there.url, trust=known), has_bins)
        stranger = opened(there.url, trust=ssl.create_default_context())
        seen = until(stranger, lambda seen: bool(seen.fault))
        assert "certificate" in seen.fault.lower()
        assert set(stranger.figures().troubles) == {Trouble.UNREACHABLE.value}
    finally:
        there.close()


def test_a_slow_source_is_late_over_tls_too(tmp_path: Path, opened: Callable[..., PrometheusSource]) -> None:
    there = AnsweringSource(certificates(tmp_path))
    try:
        source = opened(
            there.url, timeout_s=0.3, trust=ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        )
        there.delay_s = 1.0
        until(source, lambda seen: "did not answer within 0.3 s" in seen.fault)
    finally:
        there.close()


def test_where_nothing_is_asked_for_nobody_is_asked(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    source = opened(there.url)
    source.watch({N1: Target("lis1", "http://h:1/metrics", (), "")})
    bins_for(source, 0.3)
    asked = len(there.forms)
    assert bins_for(source, 0.3) == []
    assert len(there.forms) == asked
    assert source.observe().fault == ""


def test_a_node_of_another_pop_is_not_taken_for_this_one(
    there: AnsweringSource, opened: Callable[..., PrometheusSource]
) -> None:
    there.rows = lambda at: [({**labels, "pop": "fra1"}, values) for labels, values in there.samples(at)]
    until(opened(there.url, Labels(pop="pop")), lambda seen: "no samples" in seen.fault)
    there.rows = lambda at: [({**labels, "pop": "lis1"}, values) for labels, values in there.samples(at)]
    until(opened(there.url, Labels(pop="pop")), has_bins)
    assert 'pop=~"lis1"' in there.forms[-1]["query"] or there.forms[-1]["query"] == "time()"


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScrapedNodes]:
    made = ScrapedNodes(tmp_path_factory.mktemp("prometheus"))
    yield made
    made.close()


def test_native_histograms_of_a_real_prometheus_are_counted_at_bounds(scraped: ScrapedNodes) -> None:
    source, node = scraped.source(), scraped.nodes[N3]
    try:
        target = Target("lis1", node.url, ("operations_total",), "held", ("took_seconds",))
        source.watch({N3: target})
        until(source, has_bins)
        bins_for(source, 1.0)
        node.fast, node.slow, node.ops = 110, 7, 205.0
        told_ = [sample for made in bins_for(source, 2.5) for sample in made.samples]
        assert told_
        assert sum(sample.increments["operations_total"] for sample in told_) == 105
        assert sum(sample.increments[observations("took_seconds")] for sample in told_) == 105
        assert sum(sample.increments[bucket("took_seconds", 0.5)] for sample in told_) == 100
        assert sum(sample.increments[bucket("took_seconds", 1.0)] for sample in told_) == 105
        assert bucket("took_seconds", 0.594604) not in told_[-1].increments, "it would cut a bucket in two"
    finally:
        source.close()


def test_a_source_without_the_release_refuses_the_node_and_says_why(scraped: ScrapedNodes) -> None:
    source = PrometheusSource(
        Settings(
            place=Place(url=scraped.server.url, timeout_s=5.0),
            labels=Labels(node="instance", node_is="address", release="version"),
        )
    )
    try:
        source.watch({N3: Target("lis1", scraped.nodes[N3].url, ("operations_total",), "held")})
        seen = until(source, lambda seen: "no label version" in seen.fault)
        assert seen.last_seen == {}
    finally:
        source.close()


def test_the_release_of_an_info_metric_is_joined(scraped: ScrapedNodes) -> None:
    node = scraped.nodes[NodeId("n1")]
    node.more = '# TYPE gateway_build_info gauge\ngateway_build_info{version="7.1"} 1\n'
    labels = Labels(node="instance", node_is="address", release="version", release_info="gateway_build_info")
    source = scraped.source(labels)
    try:
        source.watch({N1: Target("lis1", node.url, ("operations_total",), "held")})
        seen = until(source, has_bins)
        assert seen.bins[-1].samples[0].release == "7.1"
    finally:
        source.close()
        node.reset()


def test_a_matcher_narrows_what_is_asked(scraped: ScrapedNodes) -> None:
    labels = Labels(node="instance", node_is="address", match=('job="others"',))
    source = scraped.source(labels)
    try:
        source.watch({N1: Target("lis1", scraped.nodes[NodeId("n1")].url, ("operations_total",), "held")})
        seen = until(source, lambda seen: bool(seen.fault))
        assert "no samples of 1 nodes" in seen.fault
    finally:
        source.close()
