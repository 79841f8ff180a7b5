"""What a connection may send before it is a request."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.control.practice import Practice
from tests.doors.served import Served, served

from wavetrain.wiring.connection import HEAD_BYTES_MAX, Connection


def _answer(doors: Served, parts: Iterable[bytes]) -> bytes:
    """What comes back, up to the end of the connection."""
    with doors.connection() as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except ConnectionError:
            return b""
        return connection.recv(65_536)


def _lines(size: int) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (index, b"x" * 1000) for index in range(size // 1000))


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /healthz HTTP/1.1\r\nHost: x\r\n", _lines(HEAD_BYTES_MAX + 2000), b"\r\n"],
        [b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + _lines(HEAD_BYTES_MAX + 2000) + b"\r\n"],
        [b"GET /" + b"x" * (HEAD_BYTES_MAX + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nX: ", *[b"x" * 16_000] * 40],
        [b"GET /", *[b"x" * 16_000] * 40],
    ],
    ids=["many headers", "many headers at once", "a long address", "an endless header", "an endless address"],
)
def test_a_head_beyond_its_limit_ends_the_connection(doors: Served, parts: list[bytes]) -> None:
    answer = _answer(doors, parts)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    with doors.to() as stranger:
        assert stranger.get("/healthz").status_code == 200


def test_many_requests_on_one_connection_have_a_head_each(doors: Served) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + _lines(HEAD_BYTES_MAX - 2000) + b"\r\n"
    with doors.connection() as connection:
        for _ in range(5):
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200")


def test_a_long_body_after_a_short_head_is_read(doors: Served) -> None:
    with doors.to("ci") as ci:
        digest = "0" * 64
        answer = ci.put(f"/v1/artifacts/{digest}", content=b"x" * (HEAD_BYTES_MAX * 4))
    assert answer.status_code == 422


class Hasty(Connection):
    """Waits no longer than a test can."""

    head_s = 0.2


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(tmp_path: Path, begun: bytes) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with served(Practice(tmp_path), tmp_path, connection=Hasty) as doors:
        for before in (b"", whole):
            with doors.connection() as connection:
                connection.sendall(before)
                while before and not connection.recv(65_536).endswith(b"}"):
                    pass
                connection.sendall(begun or b"G")
                assert connection.recv(1) == b""
