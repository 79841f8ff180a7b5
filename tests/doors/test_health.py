"""The process's own doors: cheap, bounded, and silent about the fleet to strangers."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics import parser
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from tests.control.practice import ROLLOUT, Practice, node_caller

from wavetrain.control import tokens
from wavetrain.control.poll import Report, hear
from wavetrain.control.vitals import Vitals
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.doors.health import FRESH_S, Checked, Readiness, ReadySeen
from wavetrain.doors.http import build
from wavetrain.doors.metrics import Metrics, Traffic, is_local
from wavetrain.model.access import Role
from wavetrain.model.fleet import Generation, NodeId, Phase
from wavetrain.model.health import SourceFigures

LOCAL = ("127.0.0.1", 40000)
ELSEWHERE = ("192.0.2.7", 40000)
HANG_S_MAX = 30.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Counting:
    """A check that counts how often it is asked."""

    def __init__(self, *answers: Checked) -> None:
        self.asked = 0
        self._answers = answers or ((True, "well"),)

    def __call__(self) -> Checked:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


def families(text: str) -> dict[str, Any]:
    """By name, as the format's own parser reads them."""
    read: Any = parser.text_string_to_metric_families
    return {family.name: family for family in read(text)}


class Rig:
    """A practice house behind its application, asked without a socket."""

    def __init__(self, folder: Path, **checks: Callable[[], Checked]) -> None:
        self.house = Practice(folder)
        self.clock, self.vitals, self.turned = Clock(), Vitals(), list[ReadySeen]()
        self.ready = Readiness(checks or {"store": Counting()}, self.clock, self.turned.append)
        source = partial(SourceFigures, kind="prometheus")
        metrics = Metrics(self.vitals, Traffic(), self.clock, self.ready, source)
        self.app = build(self.house.store, self.house.artifacts, self.house.trust, None, self.ready, metrics)

    def token(self, *roles: Role) -> dict[str, str]:
        secret = tokens.create(self.house.store, tokens.HOUSE, "vic", roles)[1]
        return {"Authorization": f"Bearer {secret}"}

    def get(
        self, path: str, client: tuple[str, int] = LOCAL, host: str = "127.0.0.1", **headers: str
    ) -> httpx.Response:
        async def ask(to: httpx.AsyncClient) -> httpx.Response:
            return await to.get(
                path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )

        answer = self.asked(ask, client, host)
        assert isinstance(answer, httpx.Response)
        return answer

    def asked(
        self,
        ask: Callable[[httpx.AsyncClient], Awaitable[Any]],
        client: tuple[str, int] = LOCAL,
        host: str = "127.0.0.1",
    ) -> Any:
        async def run() -> Any:
            transport = httpx.ASGITransport(self.app, client=client, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8440") as to:
                return await ask(to)

        return asyncio.run(run())

    def families(self) -> dict[str, Any]:
        """What a scrape reads, by the parser of the format."""
        answer = self.get("/metrics")
        assert answer.status_code == 200, answer.text
        return families(answer.text)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_ready_process_says_200_and_an_unready_one_503_with_each_check(tmp_path: Path) -> None:
    rig = Rig(tmp_path, store=Counting(), disk=Counting((True, "much"), (False, "12 MB are free")))
    answer = rig.get("/readyz", ELSEWHERE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    rig.clock.at += FRESH_S
    answer = rig.get("/readyz", ELSEWHERE)
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": [
            {"name": "store", "ok": True, "text": "well"},
            {"name": "disk", "ok": False, "text": "12 MB are free"},
        ],
    }
    assert [seen.ready for seen in rig.turned] == [False]


def test_however_often_somebody_looks_the_checks_are_asked_once_a_second(tmp_path: Path) -> None:
    check = Counting()
    rig = Rig(tmp_path, store=check)

    async def rush(to: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(to.get("/readyz") for _ in range(200)))
        assert {answer.status_code for answer in answers} == {200}

    rig.asked(rush)
    rig.get("/metrics")
    assert check.asked == 1
    rig.clock.at += FRESH_S
    rig.asked(rush)
    assert check.asked == 2


def test_a_check_that_hangs_fails_and_is_not_asked_again_until_it_has_come_back() -> None:
    let_go, asked = threading.Event(), Counting()

    def hangs() -> Checked:
        let_go.wait(HANG_S_MAX)
        return asked()

    clock, other = Clock(), Counting()
    ready = Readiness({"store": hangs, "disk": other}, clock, answer_s=0.2)
    try:
        for _ in range(3):
            seen = asyncio.run(ready.fresh())
            assert "has not answered for" in seen.checks[0].text
            assert (seen.ready, seen.checks[1].ok) == (False, True)
            assert len(_threads()) == 1
            clock.at += FRESH_S
        assert (asked.asked, other.asked) == (0, 3)
    finally:
        let_go.set()
    for thread in _threads():
        thread.join(HANG_S_MAX)
    assert asyncio.run(ready.fresh()).ready
    assert asked.asked == 2  # the one that came back late, and the one that was asked now


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "readiness"]


def test_a_check_that_breaks_fails_and_tells_strangers_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda ended: heard.append(str(ended.exc_value))

    def breaks() -> Checked:
        raise ValueError("/var/lib/wavetrain/store.sqlite of lis1-n1")

    try:
        answer = Rig(tmp_path, store=breaks).get("/readyz", ELSEWHERE)
    finally:
        threading.excepthook = hook
    assert answer.status_code == 503
    assert "lis1" not in answer.text
    assert "/var" not in answer.text
    assert heard == ["/var/lib/wavetrain/store.sqlite of lis1-n1"]


def test_alive_asks_nobody(tmp_path: Path) -> None:
    check = Counting((False, "away"))
    assert Rig(tmp_path, store=check).get("/healthz", ELSEWHERE).json() == {"alive": True}
    assert check.asked == 0


def test_metrics_are_what_the_format_says(rig: Rig) -> None:
    rig.house.rolling()
    hostile = '2.0.0"} 1\n# EOF\\'
    report = Report(
        node=NodeId("lis1-n1"), generation=Generation(1, 1), release=hostile, phase=Phase.DRAINING
    )
    hear(rig.house.store, node_caller("lis1-n1"), report)
    rig.vitals.begins(90.0)
    rig.vitals.ends(90.2, commits=2)
    rig.vitals.begins(91.0)
    rig.vitals.ends(97.0, error="no")
    rig.vitals.wrote(0.003)
    evidence = RolloutEvidence(rollout=ROLLOUT, log_e=1.0, log_threshold=4.0)
    rig.vitals.look(rig.house.store, lambda _: evidence, rig.clock)
    answer = rig.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE_LATEST
    assert answer.text.endswith("# EOF\n")
    seen = rig.families()
    ticks = {sample.labels["result"]: sample.value for sample in seen["wavetrain_ticks"].samples}
    assert ticks == {"ok": 1.0, "failed": 1.0}
    assert seen["wavetrain_tick_age_seconds"].samples[0].value == pytest.approx(3.0)
    counted = {
        (sample.name, sample.labels.get("le")): sample.value
        for sample in seen["wavetrain_tick_seconds"].samples
    }
    assert counted["wavetrain_tick_seconds_bucket", "0.25"] == 1.0
    assert (
        counted["wavetrain_tick_seconds_bucket", "+Inf"]
        == counted["wavetrain_tick_seconds_count", None]
        == 2.0
    )
    assert counted["wavetrain_tick_seconds_sum", None] == pytest.approx(6.2)
    assert [(item.labels, item.value) for item in seen["wavetrain_evidence_ratio"].samples] == [
        ({"rollout": ROLLOUT}, 0.25)
    ]
    assert [item.labels for item in seen["wavetrain_nodes_on_release"].samples] == [{"release": hostile}]
    rolling = [
        item.value for item in seen["wavetrain_rollouts"].samples if item.labels["status"] == "rolling"
    ]
    assert rolling == [1.0]
    assert seen["process_resident_memory_bytes"].samples[0].value > 1e6
    assert seen["wavetrain_build"].samples[0].labels["version"]
    assert [item.labels for item in seen["wavetrain_source"].samples] == [{"kind": "prometheus"}]


def test_a_scrape_opens_no_view_of_the_store(rig: Rig) -> None:
    rig.vitals.look(rig.house.store, lambda _: None, rig.clock)
    rig.house.store.close()
    assert "wavetrain_nodes" in rig.families()


def test_before_the_first_picture_a_scrape_has_what_there_is(rig: Rig) -> None:
    seen = rig.families()
    assert "wavetrain_ticks" in seen
    assert "wavetrain_nodes" not in seen
    assert [(item.labels, item.value) for item in seen["wavetrain_ready"].samples] == [
        ({"check": "store"}, 1.0)
    ]


def test_requests_are_counted_by_door_and_reports_apart(rig: Rig) -> None:
    rig.get("/v1/status")
    rig.get("/v1/agent/poll")
    rig.get("/nowhere")
    seen = rig.families()
    counted = {
        (item.labels["door"], item.labels["status"]): item.value
        for item in seen["wavetrain_requests"].samples
    }
    assert counted == {("operators", "4xx"): 1.0, ("agents", "4xx"): 1.0, ("house", "4xx"): 1.0}
    reports = {item.labels["status"]: item.value for item in seen["wavetrain_reports"].samples}
    assert reports == {"2xx": 0.0, "4xx": 1.0}
    assert seen["wavetrain_polls_waiting"].samples[0].value == 0.0


def test_a_fault_of_ours_is_counted_as_one(rig: Rig) -> None:
    rig.app.state.house = None
    assert rig.get("/v1/status", authorization="Bearer x").status_code == 500
    assert ("operators", "5xx") in {
        (item.labels["door"], item.labels["status"]) for item in rig.families()["wavetrain_requests"].samples
    }


@pytest.mark.parametrize(
    ("client", "host", "headers", "local"),
    [
        ("127.0.0.1", "127.0.0.1", {}, True),
        ("127.9.9.9", "localhost", {}, True),
        ("::1", "[::1]", {}, True),
        ("::ffff:127.0.0.1", "127.0.0.1", {}, True),
        ("192.0.2.7", "127.0.0.1", {}, False),
        ("::ffff:192.0.2.7", "127.0.0.1", {}, False),
        ("", "127.0.0.1", {}, False),
        ("localhost.example", "127.0.0.1", {}, False),
        # a proxy on this machine asks for somebody else
        ("127.0.0.1", "127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", "127.0.0.1", {"forwarded": "for=192.0.2.7"}, False),
        ("127.0.0.1", "127.0.0.1", {"via": "1.1 proxy"}, False),
        # a page whose own name was made to mean this machine
        ("127.0.0.1", "evil.example", {}, False),
        ("127.0.0.1", "wavetrain.example.net", {}, False),
    ],
)
def test_who_asks_for_itself_on_this_machine(
    client: str, host: str, headers: dict[str, str], local: bool
) -> None:
    scope = {
        "type": "http",
        "client": (client, 1) if client else None,
        "server": ("127.0.0.1", 8440),
        "scheme": "http",
        "path": "/metrics",
        "query_string": b"",
        "headers": [
            (b"host", f"{host}:8440".encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ],
    }
    assert is_local(Request(scope)) is local


def test_from_elsewhere_metrics_take_a_viewers_token(rig: Rig) -> None:
    rig.vitals.look(rig.house.store, lambda _: None, rig.clock)
    viewer = rig.token(Role.VIEWER)
    assert rig.get("/metrics", ELSEWHERE).status_code == 401
    assert rig.get("/metrics", ELSEWHERE, authorization="Bearer wt_wrong").status_code == 401
    assert rig.get("/metrics", LOCAL, x_forwarded_for="192.0.2.7").status_code == 401
    assert rig.get("/metrics", LOCAL, host="evil.example").status_code == 401
    allowed = rig.get("/metrics", ELSEWHERE, authorization=viewer["Authorization"])
    assert allowed.status_code == 200
    assert "wavetrain_nodes" in allowed.text
