"""HAProxy: a real one before two small servers whose sessions come back when they are asked to leave."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from tests.agent.sessions import Clients, Node
from tests.agent.waiting import until
from tests.ports import free_port

from wavetrain.agent.haproxy_socket import HaproxySocket
from wavetrain.agent.traffic_haproxy import HaproxyTraffic, Left

CONFIG = """
global
    maxconn 200
    nbthread 1
    stats socket {stats} mode 600 level {level}
    stats socket ipv4@127.0.0.1:{port} level {level}
defaults
    mode tcp
    timeout connect 1s
    timeout client 1m
    timeout server 1m
    timeout check 1s
    option redispatch 1
frontend vip
    bind 127.0.0.1:{vip}
    default_backend pop
backend pop
    balance leastconn
    default-server check inter 50ms fastinter 20ms downinter 20ms fall 2 rise 1
    option httpchk GET /healthz
    server n1 127.0.0.1:{n1} port {n1_door}
    server n2 127.0.0.1:{n2} port {n2_door}
"""


def haproxy() -> str:
    """The installed HAProxy; skips the test where there is none, and fails it where there must be one."""
    for place in (shutil.which("haproxy"), "/usr/sbin/haproxy"):
        if place and os.access(place, os.X_OK):
            return place
    if os.environ.get("CI") == "true":
        pytest.fail("HAProxy is not installed, and in CI it must be: ci/packages tests")
    pytest.skip("HAProxy is not installed: apt-get install haproxy")


class House:
    """HAProxy with the servers n1 and n2 and six sessions."""

    def __init__(self, program: str, level: str = "admin", sessions: int = 6) -> None:
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="hap-"))
        self.stats = str(self._folder / "s")
        self.nodes = {"n1": Node(), "n2": Node()}
        self._ports = {"vip": free_port(), "port": free_port()}
        self._level = level
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._clients = Clients(self._ports["vip"], sessions)
        until(lambda: sum(node.sessions for node in self.nodes.values()) == sessions)

    @property
    def address(self) -> str:
        """The runtime API on the loopback."""
        return f"127.0.0.1:{self._ports['port']}"

    def start(self) -> None:
        """Start HAProxy, again as if nothing was before."""
        config = self._folder / "haproxy.cfg"
        ports = {name: node.port for name, node in self.nodes.items()}
        ports |= {f"{name}_door": node.door.port for name, node in self.nodes.items()}
        config.write_text(CONFIG.format(stats=self.stats, level=self._level, **self._ports, **ports))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-db", "-f", str(config)], stdout=log, stderr=log
            )
        until(lambda: Path(self.stats).exists() and self._answers(), what=(self._folder / "log").read_text)

    def kill(self) -> None:
        """End HAProxy as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        Path(self.stats).unlink()

    def socket(self, place: str = "") -> HaproxySocket:
        return HaproxySocket(place or self.stats, 3.0)

    def traffic(
        self, server: str = "n1", backend: str = "pop", left: Left = "stay", ready_timeout_s: float = 3.0
    ) -> HaproxyTraffic:
        mine = self.nodes.get(server, self.nodes["n1"]).door.url
        others = {name: node.door.url for name, node in self.nodes.items() if name != server}
        return HaproxyTraffic(
            self.socket(),
            backend,
            server,
            node=server,
            goaway_url=f"{mine}/move-away?spread_ms={{spread_ms}}&from={{node}}",
            stay_url=f"{mine}/stay",
            invite_urls={name: f"{url}/move-away?count={{count}}" for name, url in others.items()},
            left=left,
            ready_timeout_s=ready_timeout_s,
        )

    def close(self) -> None:
        self._clients.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for node in self.nodes.values():
            node.close()
        shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self) -> bool:
        """Both ways to the runtime API: the file is there before anybody listens on it."""
        try:
            socket.create_connection(("127.0.0.1", self._ports["port"]), 1).close()
            with socket.socket(socket.AF_UNIX) as way:
                way.connect(self.stats)
        except OSError:
            return False
        return True


@pytest.fixture
def house() -> Iterator[House]:
    with House(haproxy()) as made:
        yield made
