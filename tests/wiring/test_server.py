"""A server that leaves waits for those who have just asked, and for nobody else."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from tests.agent.waiting import until

from wavetrain.wiring.connection import Connection
from wavetrain.wiring.listening import made
from wavetrain.wiring.server import LIVELY_S, TURN_OVER_S_MAX, Server


async def says_yes(scope: Any, _: Any, send: Callable[[dict[str, Any]], Any]) -> None:
    """The smallest application."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"yes"})


class Running:
    """A server in its own thread, and one client that keeps its connection."""

    def __init__(self) -> None:
        door = made("127.0.0.1:0")
        place = f"127.0.0.1:{door.getsockname()[1]}"
        config = uvicorn.Config(
            says_yes, http=Connection, ws="none", lifespan="off", log_level="error", access_log=False
        )
        self.server = Server(config, place, lambda: None)
        self.thread = threading.Thread(target=self.server.run, args=([door],), name="server")
        self.client = httpx.Client(base_url=f"http://{place}", trust_env=False, timeout=20.0)

    def leaves_in(self) -> float:
        """How many seconds go by until it has left."""
        begun = time.monotonic()
        self.server.leave()
        self.thread.join(20.0)
        assert not self.thread.is_alive()
        return time.monotonic() - begun


@pytest.fixture
def running() -> Iterator[Running]:
    made_up = Running()
    made_up.thread.start()
    with made_up.client:
        until(lambda: made_up.server.started)
        assert made_up.client.get("/").text == "yes"
        yield made_up
        made_up.server.should_exit = True
        made_up.thread.join(20.0)


def test_who_has_just_asked_is_waited_for(running: Running) -> None:
    assert running.leaves_in() >= TURN_OVER_S_MAX


def test_who_has_been_silent_for_long_holds_nobody_up(running: Running) -> None:
    time.sleep(LIVELY_S + 0.1)
    assert running.leaves_in() < TURN_OVER_S_MAX


def test_with_the_last_answer_it_leaves(running: Running) -> None:
    running.server.leave()
    time.sleep(LIVELY_S / 3)
    assert running.client.get("/").headers["connection"] == "close"
    begun = time.monotonic()
    running.thread.join(20.0)
    assert not running.thread.is_alive()
    assert time.monotonic() - begun < TURN_OVER_S_MAX - LIVELY_S
