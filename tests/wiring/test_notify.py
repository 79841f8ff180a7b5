"""What the service manager hears, by a socket that stands in its place."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wavetrain.wiring.notify import Notify


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(5.0)
        yield heard


def environ(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(manager.getsockname()), **more}


def test_it_hears_that_the_doors_are_open_and_that_they_close(manager: socket.socket) -> None:
    notify = Notify(environ(manager))
    notify.waits("another control plane holds the lease")
    notify.ready("https://127.0.0.1:8440")
    notify.ends()
    assert [manager.recv(4096) for _ in range(3)] == [
        b"STATUS=another control plane holds the lease",
        b"READY=1\nSTATUS=serving https://127.0.0.1:8440",
        b"STOPPING=1",
    ]


def test_it_hears_the_ticker_four_times_within_its_limit_and_not_more_often(manager: socket.socket) -> None:
    at = [0.0]
    notify = Notify(
        environ(manager, WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid())), clock=lambda: at[0]
    )
    for second in range(20):
        at[0] = float(second)
        notify.beat()
    manager.setblocking(False)
    heard = 0
    while True:
        try:
            assert manager.recv(4096) == b"WATCHDOG=1"
        except BlockingIOError:
            break
        heard += 1
    assert heard == 4


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_of_ours_nothing_beats(manager: socket.socket, more: dict[str, str]) -> None:
    Notify(environ(manager, **more)).beat()
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("")  # the kernel picks one
        heard.settimeout(5.0)
        name = heard.getsockname()
        Notify({"NOTIFY_SOCKET": "@" + name[1:].decode()}).ends()
        assert heard.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("place", ["", "relative", "/nowhere/at/all", "@", "/" + "x" * 300])
def test_a_manager_that_does_not_listen_stops_nothing(place: str) -> None:
    Notify({"NOTIFY_SOCKET": place}).ready("https://127.0.0.1:8440")


def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket) -> None:
    notify = Notify(environ(manager))
    for _ in range(5_000):
        notify.ends()
