"""One control plane takes over from another; whoever of both dies in the middle, one is left, and nothing is lost."""

import json
import os
import signal
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import httpx
import pytest
from tests.databases import Databases
from tests.house.hammering import Hammer
from tests.wiring.planes import Plane, up

from wavetrain.adapters.sql_place import is_url
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.lab.layout import free_port
from wavetrain.wiring.handover import SOCKET

pytestmark = pytest.mark.lab

ILL = "disk_free_mb = 1000000"
"""No machine of ours has so much: /readyz of such a control plane never says 200."""
READY = '{"ready": '
EVERY_S, HELD_UP_S = 0.1, 1.2
"""How often a client asks, and how long the machine then holds it up."""


class Place:
    """A folder with its store, and its one address."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store, self.port = folder, store, free_port()

    def up(self, name: str, *options: str, more: str = "") -> AbstractContextManager[Plane]:
        """A control plane at this place."""
        return up(self.folder, name, self.store, *options, port=self.port, more=more)

    def newer(self, *options: str, more: str = "") -> AbstractContextManager[Plane]:
        """One that takes over."""
        return self.up("newer", "--take-over", *options, more=more)

    def hammered(self) -> Hammer:
        var = self.folder / "var"
        token = (var / "admin.token").read_text().strip()
        return Hammer(f"https://127.0.0.1:{self.port}", var / "authority.pem", token, ("/readyz",), 1)

    def client(self) -> httpx.Client:
        """One that keeps its connection."""
        context = ssl.create_default_context(cafile=self.folder / "var" / "authority.pem")
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}", verify=context, trust_env=False, timeout=60.0
        )

    def epoch(self) -> int:
        place = self.store if is_url(self.store) else self.folder / "var" / self.store
        with closing(SqlStore(place)) as store, store.read() as view:
            return view.epoch


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(tmp_path, "store.sqlite")
    databases: Databases = request.getfixturevalue("databases")
    return Place(tmp_path, databases.fresh())


@pytest.fixture
def file(tmp_path: Path) -> Place:
    return Place(tmp_path, "store.sqlite")


@pytest.fixture
def old(place: Place) -> Iterator[Plane]:
    with place.up("old") as plane:
        plane.hear(READY)
        yield plane


def ended_well(plane: Plane) -> None:
    plane.process.terminate()
    assert plane.end() == 0, plane.said


def test_the_next_one_takes_over_and_the_old_one_goes(place: Place, old: Plane) -> None:
    epoch = place.epoch()
    with place.newer() as newer:
        with place.hammered() as hammer:
            newer.hear(READY)
            assert old.end() == 0
        assert hammer.failed == []
        assert any('"handed over"' in line for line in old.said)
        assert place.epoch() == epoch + 1
        ended_well(newer)


def test_a_client_that_is_held_up_while_the_doors_change_hands_is_answered(file: Place) -> None:
    with file.up("old") as old:
        old.hear(READY)
        with file.client() as client, ThreadPoolExecutor() as pool, file.newer() as newer:
            begun = pool.submit(old.hear, "hands over")
            while not begun.done():
                assert client.get("/readyz").is_success
                time.sleep(EVERY_S)
            time.sleep(HELD_UP_S)
            answer = client.get("/readyz")
            assert (answer.status_code, answer.headers["connection"]) == (200, "close"), (
                "the old one's last word"
            )
            newer.hear(READY)
            assert client.get("/readyz").is_success
            assert old.end() == 0
            ended_well(newer)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_one_that_is_not_well_gives_everything_back(place: Place, old: Plane) -> None:
    epoch = place.epoch()
    with place.hammered() as hammer:
        with place.newer("--prove-within", "2", more=ILL) as newer:
            assert newer.end() == 1
            assert "this release gave the control plane back: HTTP/1.1 503" in newer.said[-1]
            assert "the limit is 1000000 MB" in newer.said[-1]
        old.hear('"handed back"')
        old.hear(READY)
    assert hammer.failed == []
    assert place.epoch() == epoch + 2
    ended_well(old)


def test_one_that_is_killed_in_the_middle_leaves_the_old_one(place: Place, old: Plane) -> None:
    epoch = place.epoch()
    with place.hammered() as hammer, place.newer("--prove-within", "60", more=ILL) as newer:
        newer.hear('"starts"')  # it has the store, and proves nothing
        newer.process.kill()
        old.hear('"handed back"')
        assert "it ended before it had proven itself" in old.said[-1]
        old.hear(READY)
    assert hammer.failed == []
    assert place.epoch() == epoch + 2
    ended_well(old)


def test_one_that_hangs_is_killed_by_the_old_one(file: Place) -> None:
    with file.up("old") as old:
        old.hear(READY)
        with file.newer("--prove-within", "1", more=ILL) as newer:
            newer.hear('"starts"')
            os.kill(newer.process.pid, signal.SIGSTOP)
            old.hear('"handed back"')
            assert "it has not proven itself within 1 s" in old.said[-1]
            assert newer.end() == -signal.SIGKILL
        old.hear(READY)
        ended_well(old)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_when_the_old_one_is_killed_in_the_middle_the_next_one_goes_on(place: Place, old: Plane) -> None:
    epoch = place.epoch()
    with place.newer() as newer:
        old.hear('"hands over"')
        old.process.kill()
        newer.hear(READY)
        assert place.epoch() == epoch + 1
        with place.hammered() as hammer:
            while hammer.asked < 3:
                assert newer.process.poll() is None
        assert hammer.failed == []
        ended_well(newer)


def test_one_that_cannot_read_the_store_never_asks(file: Place) -> None:
    with file.up("old") as old:
        old.hear(READY)
        epoch = file.epoch()
        with closing(sqlite3.connect(file.folder / "var" / "store.sqlite")) as store, store:
            store.execute("INSERT INTO cordon (subject, version, body) VALUES ('x', 1, '{}')")
        with file.newer() as newer:
            assert newer.end() == 1
            assert "cannot read what the store holds" in newer.said[-1]
        assert file.epoch() == epoch
        ended_well(old)
        assert not any('"hands over"' in line for line in old.said)


def test_who_says_nothing_or_nonsense_is_not_handed_anything(file: Place) -> None:
    with file.up("old") as old:
        old.hear(READY)
        epoch = file.epoch()
        for content in (b"", b"\n", b"[1]\n", b'{"release": 3}\n', b"x" * 100_000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
                asking.connect(os.path.relpath(file.folder / "var" / SOCKET))
                asking.settimeout(30.0)
                try:
                    asking.sendall(content)
                    asking.shutdown(socket.SHUT_WR)
                    assert asking.recv(100) == b""
                except (BrokenPipeError, ConnectionResetError):
                    pass
        assert file.epoch() == epoch
        assert json.loads(old.said[0])["event"] == "starts"
        ended_well(old)
