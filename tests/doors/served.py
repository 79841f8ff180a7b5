"""Served: a practice house behind a real socket."""

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn
from tests.control.practice import Practice

from wavetrain.control import tokens
from wavetrain.doors.http import build
from wavetrain.model.access import Role

PERSONS = {
    "ci": [Role.CI],
    "olga": [Role.OPERATOR],
    "anna": [Role.APPROVER],
    "ada": [Role.ADMIN],
    "vic": [Role.VIEWER],
    "lis1-n1": [Role.NODE],
    "lis1-n2": [Role.NODE],
}
START_S_MAX = 10.0


class Served:
    """The house, its address, and a token for everybody."""

    def __init__(self, house: Practice, url: str) -> None:
        self.house = house
        self.url = url
        self.secrets = {
            name: tokens.create(house.store, tokens.HOUSE, name, roles)[1] for name, roles in PERSONS.items()
        }

    def to(self, name: str = "") -> httpx.Client:
        """A client that bears the token of `name`; without a name, none."""
        headers = {"Authorization": f"Bearer {self.secrets[name]}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20.0, trust_env=False, verify=False)


@contextlib.contextmanager
def served(house: Practice) -> Iterator[Served]:
    """The doors of a house on a free port of loopback meanwhile."""
    app = build(house.store, house.artifacts, house.trust)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="doors")
    thread.start()
    try:
        deadline = time.monotonic() + START_S_MAX
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            threading.Event().wait(0.005)
        assert server.started, "the doors did not open"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(house, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(10.0)
