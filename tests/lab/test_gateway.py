"""A gateway alone: its sockets, its doors, its faults."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.lab.rig import NODES, Rig, eventually, rig

from wavetrain.errors import UnreachableError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.layout import NodePlace
from wavetrain.lab.tls_lines import SERVER_NAME, client_context
from wavetrain.model.check_catalogue import CATALOGUE
from wavetrain.model.health import bucket, observations

pytestmark = pytest.mark.lab

FIRST, SECOND, THIRD, FOURTH = NODES


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Path]]:
    with rig(tmp_path_factory.mktemp("lab")) as made:
        yield made


class Caller:
    """A site that a test speaks for, line by line."""

    def __init__(
        self, place: NodePlace, context: ssl.SSLContext, name: str = "site-1", previous: str = "-"
    ) -> None:
        plain = socket.create_connection(place.sessions_at, timeout=5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = context.wrap_socket(plain, server_hostname=SERVER_NAME)
        self._file = self._sock.makefile("rb")
        self.say(f"auth site {name} account-1 {previous} first")
        self.hello = self.hear()

    def say(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")

    def hear(self) -> str:
        return self._file.readline().decode().strip()

    def close(self) -> None:
        self._file.close()
        self._sock.close()


@pytest.fixture(scope="module")
def trust(running: tuple[Rig, Path]) -> ssl.SSLContext:
    return client_context(str(running[0].lab.authority))


def _metrics(place: NodePlace) -> dict[str, tuple[dict[str, str], float]]:
    host, port = place.admin_at
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        sample.name + sample.labels.get("reason", ""): (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_session_is_greeted_answered_and_counted(running: tuple[Rig, Path], trust: ssl.SSLContext) -> None:
    place = running[0].lab.nodes[FIRST]
    site = Caller(place, trust)
    assert site.hello == f"hello {FIRST} 2.0.0 serving"
    site.say("op 1\nop 2")
    assert [site.hear(), site.hear()] == ["ok 1", "ok 2"]
    site.say(f"came {SECOND} 12 update\nop 3")
    assert site.hear() == "ok 3"
    counted = _metrics(place)
    assert counted["gateway_operations_total"] == ({"node": FIRST, "release": "2.0.0"}, 3.0)
    assert counted["gateway_sessions"][1] == 1
    assert set(counted) >= {
        "gateway_operations_total",
        "gateway_operations_failed_total",
        "gateway_sessions_accepted_total",
        "gateway_sessions_lost_total",
        "gateway_reconnects_total",
        "gateway_moves_totalupdate",
        "gateway_moves_totalrebalance",
        "gateway_sessions",
        "gateway_draining",
        "gateway_start_time_seconds",
        "gateway_build_info",
    }
    [move] = running[0].gateway(FIRST, "/moves")["moves"]
    assert (move["moved"], move["from"], move["to"]) == ("site-1", SECOND, FIRST)
    assert (move["gap_ms"], move["reason"]) == (12, "update")
    later = running[0].gateway(FIRST, "/moves?since=1")
    assert (later["next"], later["moves"]) == (1, [])
    [day] = running[0].gateway(FIRST, "/visits").values()
    assert day == {"account-1": 1}
    site.close()
    eventually("the loss is counted", lambda: _metrics(place)["gateway_sessions_lost_total"][1] == 1)


def test_what_the_catalogue_of_checks_asks_for_is_served_and_counts(
    running: tuple[Rig, Path], trust: ssl.SSLContext
) -> None:
    place = running[0].lab.nodes[THIRD]
    before = _figures(place)
    site = Caller(place, trust)
    site.say(f"came {FIRST} 120 update")
    site.say("op 1\nop 2\nop 3")
    assert [site.hear() for _ in range(3)] == ["ok 1", "ok 2", "ok 3"]
    socket.create_connection(place.sessions_at, timeout=5).close()  # it never says who it is
    eventually(
        "the silent one is counted",
        lambda: _grown(before, _figures(place))["gateway_handshakes_failed_total"] == 1,
    )
    grown = _grown(before, _figures(place))
    site.close()
    assert grown["gateway_handshakes_total"] == 2
    assert grown["gateway_operation_seconds_count"] == 3
    assert grown["gateway_reconnect_seconds_count"] == 1
    assert grown['gateway_reconnect_seconds_bucket{le="0.1"}'] == 0
    assert grown['gateway_reconnect_seconds_bucket{le="0.25"}'] == 1
    assert grown["gateway_up_seconds_total"] > 0
    served = _figures(place).keys()
    for rule in CATALOGUE:
        for name in (rule.events, rule.exposure, rule.gauge, rule.histogram and observations(rule.histogram)):
            assert not name or name in served or name.startswith("wavetrain_"), (rule.name, name)


def test_slow_operations_are_answered_late_and_observed_so(
    running: tuple[Rig, Path], trust: ssl.SSLContext
) -> None:
    rig, _ = running
    place = rig.lab.nodes[FOURTH]
    rig.lab.faults.break_node(FOURTH, operations_slow_ratio=1.0)
    try:
        site = Caller(place, trust)
        before = _figures(place)
        eventually("the gateway takes up its faults", lambda: _answered(site) >= 0.2)
        grown = _grown(before, _figures(place))
        site.close()
    finally:
        rig.lab.faults.mend(FOURTH)
    count, quick = "gateway_operation_seconds_count", 'gateway_operation_seconds_bucket{le="0.1"}'
    assert grown[count] - grown[quick] >= 1


def _answered(site: Caller) -> float:
    began = time.monotonic()
    site.say("op 1")
    assert site.hear() == "ok 1"
    return time.monotonic() - began


def _figures(place: NodePlace) -> dict[str, float]:
    host, port = place.admin_at
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        bucket(sample.name.removesuffix("_bucket"), float(sample.labels["le"]))
        if "le" in sample.labels
        else sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _grown(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in after.items()}


def test_so_many_are_asked_to_leave_who_came_from_a_node_first_and_nobody_twice(
    running: tuple[Rig, Path], trust: ssl.SSLContext
) -> None:
    place = running[0].lab.nodes[THIRD]
    sites = [Caller(place, trust, f"site-{n}", previous) for n, previous in enumerate(("-", FIRST, "-"))]
    path = f"/move-away?reason=rebalance&count=2&from={FIRST}"
    assert running[0].gateway(THIRD, path, "POST") == {"told": 2}
    assert [sites[1].hear(), sites[2].hear()] == ["move rebalance"] * 2
    sites[0].say("op 1")
    assert sites[0].hear() == "ok 1", "the oldest was not asked"
    assert running[0].gateway(THIRD, path, "POST") == {"told": 1}
    assert sites[0].hear() == "move rebalance"
    assert not running[0].gateway(THIRD, "/healthz")["draining"]
    for site in sites:
        site.say("bye")
        site.close()
    eventually("they have gone", lambda: _metrics(place)["gateway_sessions"][1] == 0)


def test_a_goodbye_is_no_loss(running: tuple[Rig, Path], trust: ssl.SSLContext) -> None:
    place = running[0].lab.nodes[THIRD]  # the first one's counts are another test's
    before = _metrics(place)["gateway_sessions_lost_total"]
    site = Caller(place, trust)
    site.say("bye")
    site.close()
    eventually("the session has ended", lambda: _metrics(place)["gateway_sessions"][1] == 0)
    assert _metrics(place)["gateway_sessions_lost_total"] == before


@pytest.mark.parametrize(
    "line", ["op x", "hop 1", "auth site again twice - first", "came n1 soon update", "x" * 2000]
)
def test_a_session_that_says_what_nobody_understands_is_ended(
    running: tuple[Rig, Path], trust: ssl.SSLContext, line: str
) -> None:
    site = Caller(running[0].lab.nodes[SECOND], trust)
    site.say(line)
    assert site.hear() == ""
    site.close()


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/move-away?reason=mood", None, "must be one of update, rebalance"),
        ("/move-away?spread_ms=99999999", None, "from 0 to 60000"),
        ("/move-away?count=all", None, "must be a whole number"),
        ("/move-away", {"peer": 1}, "the body must be"),
        ("/move-away", {"peers": [1]}, "must be a list of texts"),
        ("/nowhere", None, "is not served here"),
    ],
)
def test_the_admin_door_refuses_what_it_does_not_understand(
    running: tuple[Rig, Path], path: str, body: Any, message: str
) -> None:
    with pytest.raises(UnreachableError, match=message):
        ask(running[0].lab.nodes[SECOND].admin_at, "POST", path, body)


def test_a_hand_over_refuses_no_new_connection(running: tuple[Rig, Path], trust: ssl.SSLContext) -> None:
    pop, good = running
    place = pop.lab.nodes[SECOND]
    newer = pop.release("2.0.1")
    done = threading.Event()
    heard: list[str] = []
    failed: list[str] = []
    threads = 3

    def arrive() -> None:
        due = time.monotonic()
        while not done.is_set():
            try:
                site = Caller(place, trust)
                heard.append(site.hello)
                site.say("bye")
                site.close()
            except OSError as error:
                failed.append(repr(error))
            due += threads / 300
            done.wait(max(0.0, due - time.monotonic()))

    def more_arrive(count: int) -> None:
        wanted = len(heard) + count
        eventually("connections are coming", lambda: len(heard) >= wanted)

    arriving = [threading.Thread(target=arrive) for _ in range(threads)]
    started = time.monotonic()
    for thread in arriving:
        thread.start()
    for release in (newer, good, newer):
        more_arrive(100)
        pop.nodes[SECOND].hand_over(release)
    more_arrive(200)
    done.set()
    for thread in arriving:
        thread.join()
    assert failed == []
    assert all(hello.startswith(f"hello {SECOND} 2.0.") for hello in heard), set(heard)
    assert heard[-1] == f"hello {SECOND} 2.0.1 serving"
    assert len(heard) / (time.monotonic() - started) > 100, "the test did not load the node"


def _status(own_door: Path) -> int:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(own_door))
            sock.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            return int(sock.recv(4096).split(b" ")[1])
        except OSError:
            return 0


def test_a_release_that_never_gets_healthy_takes_nothing_from_the_old_one(
    running: tuple[Rig, Path], trust: ssl.SSLContext
) -> None:
    pop, _ = running
    node = pop.nodes[THIRD]
    own_door = node.start(pop.release("2.2.0", never_healthy=True))
    sick = node.gateway
    eventually("the sick program answers on its own socket", lambda: _status(own_door) == 503)
    for _ in range(20):
        assert pop.gateway(THIRD, "/healthz")["version"] == "2.0.0"
        site = Caller(node.place, trust)
        assert site.hello == f"hello {THIRD} 2.0.0 serving"
        site.say("bye")
        site.close()
    assert sick.poll() is None
    sick.terminate()
    assert sick.wait(3) == 0


def test_a_release_that_crashes_ends_as_if_killed_and_the_visits_survive(running: tuple[Rig, Path]) -> None:
    pop, good = running
    node = pop.nodes[FOURTH]
    node.kill()
    node.wait_until_healthy(node.start(pop.release("2.3.0", crash_after_s=0.3)))
    assert node.gateway.wait(3) == -9
    node.wait_until_healthy(node.start(good))
    assert pop.gateway(FOURTH, "/healthz")["version"] == "2.0.0"


def test_a_program_without_its_environment_says_what_is_missing(running: tuple[Rig, Path]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN")}
    ended = subprocess.run(
        [running[1] / "start"],
        env={**environment, "WAVETRAIN_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert ended.returncode == 2
    assert "WAVETRAIN_NODE is not set" in ended.stderr


def test_a_release_needs_no_more_than_a_bare_python_and_starts_quickly(
    running: tuple[Rig, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pop, good = running
    bare = getattr(sys, "_base_executable", sys.executable)
    monkeypatch.setattr(sys, "executable", bare)
    node = pop.nodes[FOURTH]
    node.kill()
    started = time.monotonic()
    node.wait_until_healthy(node.start(good))
    assert time.monotonic() - started < 2
    assert pop.gateway(FOURTH, "/healthz")["ok"]
