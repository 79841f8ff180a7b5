"""Lab balancer: the real program before two small servers."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.agent.sessions import Clients, Node
from tests.agent.waiting import until

from wavetrain.agent.traffic_lab import LabTraffic
from wavetrain.lab.processes import environment


class LabBalancer:
    """It stands before the servers n1 and n2 and six sessions."""

    def __init__(self, log: Path, sessions: int = 6) -> None:
        self.nodes = {"n1": Node(), "n2": Node()}
        with socket.create_server(("127.0.0.1", 0)) as vip, socket.create_server(("127.0.0.1", 0)) as admin:
            ports = vip.getsockname()[1], admin.getsockname()[1]
            places = [
                f"--node={name}=127.0.0.1:{node.port},127.0.0.1:{node.door.port}"
                for name, node in self.nodes.items()
            ]
            sockets = [f"--vip-fd={vip.fileno()}", f"--admin-fd={admin.fileno()}"]
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "wavetrain.lab.balancer", *sockets, *places],
                    stdout=output,
                    stderr=output,
                    pass_fds=(vip.fileno(), admin.fileno()),
                    env=environment(),
                )
        self.url = f"http://127.0.0.1:{ports[1]}"
        until(lambda: self.traffic("n1").sessions() is not None, what=log.read_text)
        self._clients = Clients(ports[0], sessions)
        until(lambda: sum(node.sessions for node in self.nodes.values()) == sessions)

    def traffic(self, node: str) -> LabTraffic:
        return LabTraffic(self.url, node, 0)

    def close(self) -> None:
        self._clients.close()
        self._process.kill()
        self._process.wait()
        for node in self.nodes.values():
            node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
