"""The node's word about sessions that came to it: each is told until it was heard, over starts of either side."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.agent.servers import Server

from wavetrain.agent.reconnects import EVERY_S, PER_POLL_MAX, Reconnects
from wavetrain.errors import UnreachableError


class Program:
    """A program of a node with its page."""

    def __init__(self) -> None:
        self.program = "p1"
        self.moves: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.asked: list[int] = []

    def came(self, count: int = 1, **fields: object) -> None:
        for _ in range(count):
            n = len(self.moves)
            move = {"n": n, "at": 1_000.0 + n, "moved": f"s{n}", "account": "acme", "from": "n2"}
            self.moves.append(move | {"gap_ms": 5, "reason": "update", "extra": 1} | fields)

    def restart(self, program: str) -> None:
        self.program, self.moves = program, []

    def answer(self, _: str, path: str, __: bytes) -> tuple[int, bytes]:
        since = int(parse_qs(urlsplit(path).query)["since"][0])
        self.asked.append(since)
        if self.body is not None:
            return self.status, self.body
        told = {"program": self.program, "next": 0, "moves": [one for one in self.moves if one["n"] >= since]}
        return self.status, json.dumps(told).encode()


@pytest.fixture
def program() -> Iterator[tuple[Program, str]]:
    made = Program()

    server = Server(made.answer)
    try:
        yield made, f"{server.url}/moves"
    finally:
        server.close()


class Looking:
    """An agent's eye, as time passes."""

    def __init__(self, url: str) -> None:
        self.eye = Reconnects(url)
        self.now = 0.0

    def look(self) -> list[int]:
        self.now += EVERY_S
        self.eye.look(self.now)
        return [one.n for one in self.eye.news(2_000.0)]


def test_each_is_told_until_it_was_heard(program: tuple[Program, str]) -> None:
    made, url = program
    looking = Looking(url)
    made.came(3)
    assert looking.look() == [0, 1, 2]
    assert looking.look() == [0, 1, 2], "nobody has heard it"
    said = looking.eye.news(2_000.0)
    assert (said[0].session, said[0].before, said[0].lost_ms, said[0].ago_s) == ("s0", "n2", 5, 1_000.0)
    looking.eye.heard(said[:2])
    made.came(1)
    assert looking.look() == [2, 3]
    looking.eye.heard(looking.eye.news(2_000.0))
    assert looking.look() == []
    assert made.asked[-1] == 4, "what is known is not asked for again"
    looking.eye.look(looking.now + 0.1)
    assert made.asked[-1] == 4
    assert len(made.asked) == 5, "it looks every few seconds"


def test_numbers_begin_anew_with_each_start_of_the_program(program: tuple[Program, str]) -> None:
    made, url = program
    looking = Looking(url)
    made.came(3)
    looking.look()
    looking.eye.heard(looking.eye.news(2_000.0)[:1])
    made.restart("p2")
    made.came(2)
    assert looking.look() == [1, 2, 0, 1], "what the old one said is told as well"
    assert [one.program for one in looking.eye.news(2_000.0)] == ["p1", "p1", "p2", "p2"]


def test_a_poll_carries_so_many_at_most(program: tuple[Program, str]) -> None:
    made, url = program
    looking = Looking(url)
    made.came(PER_POLL_MAX + 5)
    assert len(looking.look()) == PER_POLL_MAX
    looking.eye.heard(looking.eye.news(2_000.0))
    assert len(looking.look()) == 5


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b'{"moves": 7}',
        b'{"moves": [{"n": -1, "at": 1, "moved": "s", "account": "a", "gap_ms": 1, "reason": "update"}]}',
        b'{"moves": [{"n": 1, "at": 1, "moved": "s", "account": "a", "gap_ms": -1, "reason": "update"}]}',
        b'{"moves": [{"n": 1, "at": 1, "moved": "'
        + b"s" * 300
        + b'", "account": "a", "gap_ms": 1, "reason": "u"}]}',
        b" " * 1_100_000,
    ],
)
def test_a_page_that_is_none_is_said_and_costs_nothing(program: tuple[Program, str], body: bytes) -> None:
    made, url = program
    looking = Looking(url)
    made.came(1)
    looking.look()
    made.body = body
    with pytest.raises(UnreachableError):
        looking.look()
    assert [one.n for one in looking.eye.news(2_000.0)] == [0]
    made.body, made.status = None, 500
    with pytest.raises(UnreachableError):
        looking.look()


def test_an_agent_without_a_page_asks_nobody() -> None:
    assert Looking("").look() == []
