"""The contract of the port Traffic, on every implementation."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.fakes import FakeTraffic
from tests.agent.haproxy import House, haproxy
from tests.agent.lab_balancer import LabBalancer
from tests.agent.servers import FakeBalancer
from tests.agent.waiting import until
from tests.ports import free_port

from wavetrain.agent.haproxy_socket import HaproxySocket
from wavetrain.agent.ports import Traffic
from wavetrain.agent.traffic_command import CommandTraffic
from wavetrain.agent.traffic_haproxy import HaproxyTraffic
from wavetrain.agent.traffic_lab import LabTraffic
from wavetrain.agent.traffic_none import NoTraffic
from wavetrain.errors import UnreachableError

HOOK = """
import os, pathlib, sys
file, act = pathlib.Path(sys.argv[1]), sys.argv[2]
if act == "drain":
    int(os.environ["WAVETRAIN_SPREAD_MS"])
    file.write_text("0")
elif act == "invite":
    file.write_text("3")
elif act == "sessions":
    print(file.read_text() if file.exists() else "3")
"""


def commands(folder: Path, *acts: str) -> dict[str, tuple[str, ...]]:
    hook = folder / "hook.py"
    hook.write_text(HOOK)
    return {act: (sys.executable, "-I", "-S", str(hook), str(folder / "sessions"), act) for act in acts}


@pytest.fixture(params=["fake", "lab", "haproxy", "command", "bare command", "none"])
def traffic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Traffic]:
    match request.param:
        case "fake":
            yield FakeTraffic()
        case "lab":
            with LabBalancer(tmp_path / "log") as balancer:
                yield balancer.traffic("n1")
        case "haproxy":
            with House(haproxy()) as house:
                yield house.traffic()
        case "command":
            yield CommandTraffic("n1", commands(tmp_path, "drain", "undrain", "sessions", "invite"), 10)
        case "bare command":
            yield CommandTraffic("n1", commands(tmp_path, "drain", "undrain"), 10)
        case _:
            yield NoTraffic()


def test_a_drained_node_comes_to_carry_nothing_or_nobody_can_tell(traffic: Traffic) -> None:
    traffic.drain(0)
    until(lambda: traffic.sessions() in (0, None))


def test_every_act_may_be_repeated(traffic: Traffic) -> None:
    for _ in range(2):
        traffic.drain(100)
    for _ in range(2):
        traffic.undrain()
    for _ in range(2):
        traffic.invite()
    left = traffic.sessions()
    assert left is None or left >= 0


@pytest.fixture(params=["fake", "lab", "lab that refuses", "haproxy", "command"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Traffic]:
    match request.param:
        case "fake":
            fake = FakeTraffic()
            fake.away = True
            yield fake
        case "lab":
            yield LabTraffic(f"http://127.0.0.1:{free_port()}", "n1", 800)
        case "haproxy":
            nobody = HaproxySocket(f"127.0.0.1:{free_port()}", 1.0)
            yield HaproxyTraffic(nobody, "pop", "n1", node="n1", invite_urls={"n2": "http://127.0.0.1:1/"})
        case "lab that refuses":
            balancer = FakeBalancer()
            balancer.broken = True
            with balancer.serve() as server:
                yield LabTraffic(server.url, "n1", 800)
        case _:
            missing = (str(tmp_path / "missing"),)
            failing = (sys.executable, "-c", "raise SystemExit('no')")
            yield CommandTraffic(
                "n1", {"drain": missing, "sessions": failing, "undrain": failing, "invite": failing}, 10
            )


def test_where_it_cannot_be_told_it_says_so_and_the_sessions_are_unknown(away: Traffic) -> None:
    assert away.sessions() is None
    with pytest.raises(UnreachableError):
        away.drain(0)
    with pytest.raises(UnreachableError):
        away.undrain()
    with pytest.raises(UnreachableError):
        away.invite()


def test_what_is_settled_stays_drained_and_comes_back_when_it_is_undrained(traffic: Traffic) -> None:
    traffic.drain(0)
    until(lambda: traffic.sessions() in (0, None))
    for _ in range(2):
        traffic.settle()
    assert traffic.sessions() in (0, None)
    traffic.undrain()
    traffic.invite()
    if traffic.sessions() is not None and not isinstance(traffic, NoTraffic | CommandTraffic):
        until(lambda: traffic.sessions() == 3)


def test_a_node_that_the_balancer_does_not_know_has_unknown_sessions(tmp_path: Path) -> None:
    with LabBalancer(tmp_path / "log", 0) as balancer:
        other = balancer.traffic("n7")
        assert other.sessions() is None
        with pytest.raises(UnreachableError, match="n7"):
            other.drain(0)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    slow = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")
    traffic = CommandTraffic("n1", {"drain": slow, "undrain": slow}, 0.2)
    with pytest.raises(UnreachableError, match=r"longer than 0\.2 s"):
        traffic.drain(0)
