"""Sessions: nodes that hold connections until they are asked to let them go, and clients that open them again."""

import contextlib
import json
import selectors
import socket
import threading
from urllib.parse import parse_qs, urlsplit

from tests.agent.servers import Answer, Server


class Node:
    """Accepts connections and keeps them until it is asked to let them go; asked over HTTP as a gateway is."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self.asked: list[str] = []
        self.is_healthy = True
        self.refuses = False
        self.is_stubborn = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        self.door = Server(self._answer)

    @property
    def sessions(self) -> int:
        return len(self._held)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.door.close()
        self._thread.join(5)
        self._let_go()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._held.append(self._listener.accept()[0])

    def _let_go(self, most: int = 1000, peers: tuple[str, ...] | None = None) -> None:
        for held in list(self._held)[:most]:
            if peers is None or "{}:{}".format(*held.getpeername()) in peers:
                self._held.remove(held)
                held.close()

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/healthz":
            return 200 if self.is_healthy else 503, b""
        self.asked.append(f"{method} {path}")
        if self.refuses:
            return 404, b"no such path"
        parts = urlsplit(path)
        if parts.path == "/move-away" and not self.is_stubborn:
            peers = tuple(json.loads(body)["peers"]) if body else None
            self._let_go(int(parse_qs(parts.query).get("count", ["1000"])[0]), peers)
        return 200, b'{"told": 0}'


class Clients:
    """So many sessions through a balancer, each from an address of its own, opened again when they end."""

    def __init__(self, vip: int, count: int) -> None:
        self._vip = vip
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        for number in range(count):
            self._open(f"127.9.0.{number + 1}")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            self._drop(key.fileobj)

    def _open(self, source: str) -> None:
        sock = socket.create_connection(("127.0.0.1", self._vip), source_address=(source, 0))
        self._selector.register(sock, selectors.EVENT_READ, source)

    def _drop(self, sock: object) -> None:
        assert isinstance(sock, socket.socket)
        self._selector.unregister(sock)
        sock.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.02):
                self._drop(key.fileobj)
                with contextlib.suppress(OSError):  # HAProxy itself may be away
                    self._open(key.data)
