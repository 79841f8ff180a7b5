"""Open pages hear of commits: soon, once, only while their login lasts, and never so many that others suffer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message
from tests.control.practice import OPERATOR, Practice

from wavetrain.control import cordons, logins, tokens
from wavetrain.doors import page_events
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.page_events import OF_ONE_MAX, STREAMS_MAX
from wavetrain.doors.pages import COOKIE
from wavetrain.model.access import Role
from wavetrain.model.login import Person

SOON_S = 20.0


class Listening:
    """One stream, spoken to as a server does."""

    def __init__(self, app: Any, cookie: str) -> None:
        self._app, self._cookie = app, cookie
        self.said: asyncio.Queue[Message] = asyncio.Queue()
        self.left = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.left.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/console/events",
            "raw_path": b"/console/events",
            "query_string": b"",
            "scheme": "https",
            "http_version": "1.1",
            "server": ("doors", 443),
            "client": ("192.0.2.1", 1),
            "headers": [(b"host", b"doors"), (b"cookie", f"{COOKIE}={self._cookie}".encode())],
            "app": self._app,
        }
        await self._app(scope, receive, self.said.put)

    async def status(self) -> int:
        start = await asyncio.wait_for(self.said.get(), SOON_S)
        return int(start["status"])

    async def events(self, count: int) -> list[int]:
        """The numbers of so many events."""
        found: list[int] = []
        while len(found) < count:
            message = await asyncio.wait_for(self.said.get(), SOON_S)
            body = message.get("body", b"")
            if body.startswith(b"data: "):
                found.append(int(body[6:].split(b"\n")[0]))
            elif not message.get("more_body"):
                raise AssertionError("the stream has ended")
        return found

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, SOON_S)

    async def leave(self) -> None:
        self.left.set()
        await asyncio.wait_for(self.task, SOON_S)


class House:
    def __init__(self, folder: Path) -> None:
        self.practice = Practice(folder)
        self.store = self.practice.store
        self.app = build(self.store, self.practice.artifacts, self.practice.trust, limits=Limits(lambda: 0.0))

    def login(self, name: str = "vic") -> str:
        person = Person(subject=name, name=name, roles=(Role.VIEWER,))
        return logins.begin(self.store, person, "test")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_page_hears_of_each_burst_of_commits_and_of_the_last(house: House) -> None:
    async def run() -> None:
        async with house.app.router.lifespan_context(house.app):
            stream = Listening(house.app, house.login())
            assert await stream.status() == 200
            await stream.events(1)
            for number in range(30):
                cordons.cordon(house.store, OPERATOR, "lis1", f"{number}")
                cordons.uncordon(house.store, OPERATOR, "lis1")
            with house.store.read() as view:
                last = view.sequence
            heard = [0]
            while heard[-1] < last:
                heard += await stream.events(1)
            assert len(heard) < 10, "many commits are few events"
            await stream.leave()

    asyncio.run(run())


def test_nobody_hears_who_is_not_logged_in_any_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_events, "QUIET_S", 0.05)

    async def run() -> None:
        async with house.app.router.lifespan_context(house.app):
            assert await Listening(house.app, "").status() == 401
            token, secret = tokens.create(house.store, tokens.HOUSE, "vic", [Role.VIEWER])
            person = logins.person_of(house.store, secret)
            assert person is not None
            stream = Listening(house.app, logins.begin(house.store, person, "token"))
            assert await stream.status() == 200
            tokens.revoke(house.store, tokens.HOUSE, token.id)
            await stream.ended()

    asyncio.run(run())


def test_a_login_has_few_streams_and_all_together_are_bounded(house: House) -> None:
    async def run() -> None:
        async with house.app.router.lifespan_context(house.app):
            cookie = house.login()
            own = [Listening(house.app, cookie) for _ in range(OF_ONE_MAX)]
            assert {await one.status() for one in own} == {200}
            refused = Listening(house.app, cookie)
            start = await asyncio.wait_for(refused.said.get(), SOON_S)
            assert start["status"] == 503
            assert (b"retry-after", b"5") in start["headers"]
            await own.pop().leave()
            again = Listening(house.app, cookie)
            assert await again.status() == 200
            for one in (*own, again):
                await one.leave()

    asyncio.run(run())


def test_ten_thousand_streams_are_refused_beyond_the_limit_and_leave_nothing(house: House) -> None:
    """Each of many logins opens as many as it may."""

    async def run() -> None:
        async with house.app.router.lifespan_context(house.app):
            cookies = [house.login(f"p{number}") for number in range(STREAMS_MAX // OF_ONE_MAX + 1)]
            streams = [Listening(house.app, cookies[number % len(cookies)]) for number in range(10_000)]
            statuses = [await one.status() for one in streams]
            assert statuses.count(200) == STREAMS_MAX
            assert set(statuses) == {200, 429, 503}, "too many at once, or too often"
            house.app.state.let_go()
            for one in streams:
                await one.ended()

    asyncio.run(run())
