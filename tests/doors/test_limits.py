"""How often somebody may ask, by a clock of the test's own."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.control.practice import Practice
from tests.docs.pages import DOCS, tables

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.control import tokens
from wavetrain.decide.permit import Caller
from wavetrain.doors.http import build
from wavetrain.doors.limits import (
    ADDRESS,
    FAILED,
    JOIN,
    NODE,
    PERSON,
    Buckets,
    Limits,
    Rate,
    TooOftenError,
    key_of,
)
from wavetrain.model.access import Role
from wavetrain.wiring.clock import utc_now


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Doors:
    """The application in process, from an address of choice."""

    def __init__(self, folder: Path) -> None:
        self.clock = Hand()
        house = Practice(folder)
        self.secret = tokens.create(house.store, tokens.HOUSE, "vic", [Role.VIEWER])[1]
        authority = OwnAuthority(folder, utc_now())
        self.app = build(
            house.store, house.artifacts, house.trust, authority=authority, limits=Limits(self.clock)
        )

    def get(self, secret: str, address: str = "192.0.2.1") -> httpx.Response:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return self._ask(address, httpx.Request("GET", "https://x/v1/freezes", headers=headers))

    def join(self, address: str = "192.0.2.1") -> httpx.Response:
        asked = {"secret": "nix", "csr": "nix"}
        return self._ask(address, httpx.Request("POST", "https://x/v1/agent/join", json=asked))

    def _ask(self, address: str, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app, client=(address, 1))
            ) as client:
                return await client.send(request)

        return asyncio.run(ask())


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    clock = Hand()
    bucket = Buckets(Rate(3, 0.5), clock)
    assert [bucket.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert bucket.take("b") == 0.0
    clock.now += 1.0
    assert bucket.take("a") == 1.0
    clock.now += 1.0
    assert [bucket.take("a"), bucket.take("a")] == [0.0, 2.0]
    clock.now += 1e9
    assert [bucket.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    clock.now -= 500
    assert bucket.take("a") == 2.0


def test_the_number_of_those_remembered_is_bounded_and_the_latest_stay() -> None:
    bucket = Buckets(Rate(1, 0.001), Hand(), keys_max=3)
    for key in "abcad":
        bucket.take(key)
    assert len(bucket) == 3
    assert bucket.take("a") > 0
    assert bucket.take("b") == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "other", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (key_of(one) == key_of(other)) is same


def test_whoever_fails_too_often_is_told_when_to_come_back_and_others_are_not(doors: Doors) -> None:
    assert [doors.get("nix").status_code for _ in range(FAILED.burst)] == [401] * FAILED.burst
    answer = doors.get("nix")
    assert (answer.status_code, answer.json()["kind"], answer.headers["retry-after"]) == (
        429,
        "too often",
        "3",
    )
    assert "192.0.2.1 asks without a good credential too often; ask again in 3 s" in answer.json()["error"]
    assert doors.get("nix", "192.0.2.2").status_code == 401
    assert doors.get(doors.secret).status_code == 200
    doors.clock.now += 3.0
    assert doors.get("").status_code == 401
    assert doors.get("").status_code == 429


def test_a_caller_is_limited_by_name_wherever_it_asks_from(doors: Doors) -> None:
    limits = Limits(doors.clock)
    person, node = Caller("vic", (Role.VIEWER,)), Caller("lis1-n1", (Role.NODE,))
    for caller, rate in ((person, PERSON), (node, NODE)):
        for _ in range(rate.burst):
            limits.ask(caller)
        with pytest.raises(TooOftenError, match=f"{caller.name} asks too often"):
            limits.ask(caller)
        doors.clock.now += 1 / rate.per_s
        limits.ask(caller)


def test_callers_over_their_limit_get_429(doors: Doors) -> None:
    found = {doors.get(doors.secret, f"192.0.2.{index}").status_code for index in range(PERSON.burst + 1)}
    assert found == {200, 429}


def test_attempts_to_join_are_few(doors: Doors) -> None:
    assert {doors.join().status_code for _ in range(JOIN.burst)} == {403}
    answer = doors.join()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "6")
    assert doors.join("192.0.2.2").status_code == 403


def test_an_address_is_limited_before_anybody_is_looked_up(doors: Doors) -> None:
    limits, asked = Limits(doors.clock), 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        around = limits.around(app)
        for _ in range(ADDRESS.burst + 1):
            await around({"type": "http", "client": ("192.0.2.1", 1), "headers": []}, receive, send)

    asyncio.run(run())
    assert asked == ADDRESS.burst
    assert sent[0]["status"] == 429


def test_the_documents_say_these_limits() -> None:
    rows = tables((DOCS / "configuration.md").read_text())["Limits of the doors"]
    told = [(int(burst), int(then.split()[0]) / (60 if "minute" in then else 1)) for _, burst, then in rows]
    assert told == [(rate.burst, rate.per_s) for rate in (ADDRESS, FAILED, JOIN, NODE, PERSON)]


def test_a_lab_and_who_watches_it_stay_far_below_every_limit() -> None:
    """A dozen nodes and a few screens on one address: polls as often as agents ask at most, screens five a second."""
    clock = Hand()
    limits = Limits(clock)
    nodes = [Caller(f"n{index}", (Role.NODE,)) for index in range(12)]
    for _ in nodes:
        limits.join("127.0.0.1")
    for _ in range(600):
        clock.now += 0.2
        for caller in (*nodes, Caller("screen", (Role.VIEWER,)), Caller("ci", (Role.CI,))):
            limits.ask(caller)
