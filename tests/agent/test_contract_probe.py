"""The contract of the port Probe, on every implementation."""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.fakes import FakeProbe
from tests.agent.servers import Server
from tests.ports import free_port

from wavetrain.agent.ports import Healthy, Probe, Unhealthy
from wavetrain.agent.probe_command import CommandProbe
from wavetrain.agent.probe_http import HttpProbe
from wavetrain.agent.probe_tcp import TcpProbe


@pytest.fixture(params=["fake", "http", "tcp", "command"])
def good(request: pytest.FixtureRequest) -> Iterator[Probe]:
    with Server(lambda *_: (200, b"")) as server:
        match request.param:
            case "fake":
                yield FakeProbe()
            case "http":
                yield HttpProbe(f"{server.url}/healthz", 2)
            case "tcp":
                yield TcpProbe(f"127.0.0.1:{server.port}", 2)
            case _:
                yield CommandProbe("n1", (sys.executable, "-I", "-S", "-c", ""), 10)


@pytest.fixture(
    params=["fake", "http 503", "http closed", "http hangs", "tcp", "command", "no command", "command hangs"]
)
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Probe]:
    with Server(lambda *_: (503, b"warming up")) as server, socket.create_server(("127.0.0.1", 0)) as silent:
        match request.param:
            case "fake":
                yield FakeProbe(lambda: False)
            case "http 503":
                yield HttpProbe(server.url, 2)
            case "http closed":
                yield HttpProbe(f"http://127.0.0.1:{free_port()}/", 2)
            case "http hangs":
                yield HttpProbe(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2)
            case "tcp":
                yield TcpProbe(f"127.0.0.1:{free_port()}", 2)
            case "command":
                yield CommandProbe(
                    "n1", (sys.executable, "-I", "-S", "-c", "raise SystemExit('warming up')"), 10
                )
            case "no command":
                yield CommandProbe("n1", (str(tmp_path / "missing"),), 10)
            case _:
                hangs = "import time; time.sleep(60)"
                yield CommandProbe("n1", (sys.executable, "-I", "-S", "-c", hangs), 0.2)


def test_a_release_that_serves_is_healthy(good: Probe) -> None:
    assert good.check() == Healthy()


def test_one_that_does_not_is_unhealthy_with_what_was_seen_and_soon(bad: Probe) -> None:
    began = time.monotonic()
    seen = bad.check()
    assert isinstance(seen, Unhealthy)
    assert seen.detail
    assert time.monotonic() - began < 5


def test_a_probe_sees_what_answered() -> None:
    with Server(lambda *_: (503, b"warming up")) as server:
        seen = HttpProbe(f"{server.url}/healthz", 2).check()
    assert isinstance(seen, Unhealthy)
    assert seen.detail.endswith("/healthz: 503 warming up")


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_inside_is_asked_instead_of_the_shared_address(kind: str, tmp_path: Path) -> None:
    with Server(lambda *_: (200, b"")) as server:
        probe: Probe = (
            HttpProbe(server.url, 0.5) if kind == "http" else TcpProbe(f"127.0.0.1:{server.port}", 0.5)
        )
        assert probe.check() == Healthy()
        missing = str(tmp_path / "missing.sock")
        assert isinstance(probe.check(missing), Unhealthy)
