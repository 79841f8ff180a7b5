"""An account's door: what it sees and says of itself, and what nobody learns of another."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.doors.status_house import HOSTILE
from tests.doors.test_feeds import Desk

from wavetrain.control import tokens
from wavetrain.decide.account_settings import BLACKOUT_DAYS_MAX
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.model.access import Role
from wavetrain.model.fleet import BLACKOUTS_MAX
from wavetrain.wire.messages import MESSAGE_BYTES_MAX

OWN = "/v1/accounts/acme/settings"
PATHS = ("", "/settings", "/features", "/calendar.ics", "/maintnote.ics", "/maintnotes/x.ics")
CHRISTMAS = {"first": "2027-12-24", "last": "2027-12-31"}
HOSTILE_NAMES = ("<script>", "%00", "a" * 500, "acme%0d%0aX-Evil:1", "☃", "acme%2f..%2fother")


class Door(Desk):
    """The same house, asked by whatever method."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = self.status.house.store
        self.operator = tokens.create(store, tokens.HOUSE, "olga", [Role.OPERATOR])[1]

    def send(
        self, method: str, path: str, secret: str, body: object = None, **headers: str
    ) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.status.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                content = body if isinstance(body, bytes) else msgspec.json.encode(body)
                return await client.request(
                    method, path, content=content, headers={"authorization": f"Bearer {secret}", **named}
                )

        return asyncio.run(asked())

    def say(self, body: object, secret: str = "", tag: str = "*") -> httpx.Response:
        return self.send("PUT", OWN, secret or self.own, body, if_match=tag)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(tmp_path_factory.mktemp("accounts"))


def test_what_is_said_is_there_for_the_account_and_for_the_operator(door: Door) -> None:
    said = door.say({"early": {"pop": True}, "blackouts": [CHRISTMAS, {"first": "2027-06-01"}]})
    assert said.status_code == 200
    body = said.json()
    assert body["counts"] == {
        "early": {"pop": True},
        "blackouts": [{"first": "2027-06-01", "last": "2027-06-01"}, CHRISTMAS],
    }
    assert body["by"] == "ann"
    for secret in (door.own, door.viewer, door.operator):
        read = door.send("GET", OWN, secret)
        assert (read.json(), read.headers["etag"]) == (body, said.headers["etag"])
    view = door.send("GET", "/v1/accounts/acme", door.own).json()
    assert view["settings"] == body
    assert {one["pop"] for one in view["ahead"]} == {"ber1"}
    assert view["ahead"][0]["why"].endswith("it was moved: its window closed before it began")


def test_two_who_write_at_once_do_not_lose_one_anothers_words(door: Door) -> None:
    tag = door.send("GET", OWN, door.own).headers["etag"]
    first = door.say({"early": {"pop": False}}, door.operator, tag)
    second = door.say({"early": {"pop": True}}, door.own, tag)
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["kind"] == "stale"
    assert "changed by olga since you read them" in second.json()["error"]
    assert door.send("GET", OWN, door.own).json()["early"] == {"pop": False}
    assert door.say({"early": {"pop": True}}, door.own, first.headers["etag"]).status_code == 200


def test_a_change_says_what_was_read(door: Door) -> None:
    before = door.send("GET", OWN, door.own).headers["etag"]
    assert door.send("PUT", OWN, door.own, {}).status_code == 428
    for tag in ('W/"1"', "1", '"x"', '"1", "2"', '"' + "9" * 40 + '"', '"-1"'):
        assert door.say({}, tag=tag).status_code == 422, tag
    assert door.send("GET", OWN, door.own).headers["etag"] == before


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"early": {"console": True}}, 422, "lane console"),
        ({"early": {HOSTILE[:30]: True}}, 422, "lane <script>"),
        ({"early": {"x" * 41: True}}, 422, "$.early"),
        ({"early": {"pop": "yes"}}, 422, "$.early[...]"),
        ({"early": {f"lane-{at}": True for at in range(17)}}, 422, "$.early"),
        ({"colour": "blue"}, 422, "colour"),
        ({"blackouts": [{"first": "2027-12-24", "last": "2027-12-31", "why": "x"}]}, 422, "$.blackouts[0]"),
        ({"blackouts": [{"last": "2027-12-31"}]}, 422, "$.blackouts[0]"),
        ({"blackouts": [{"first": "2027-12-31", "last": "2027-12-24"}]}, 422, "$.blackouts[0]"),
        ({"blackouts": [{"first": "2026-11-00"}]}, 422, "$.blackouts[0].first"),
        ({"blackouts": [{"first": "2020-01-01"}]}, 422, "is over"),
        ({"blackouts": [{"first": "0001-01-01", "last": "9999-12-31"}]}, 422, "ends in more than"),
        ({"blackouts": [{"first": "2026-12-01", "last": "2028-01-01"}]}, 422, f"at most {BLACKOUT_DAYS_MAX}"),
        ({"blackouts": [{"first": "2027-06-01"}] * (BLACKOUTS_MAX + 1)}, 422, "$.blackouts"),
        ({"blackouts": [{"first": "2027-06-01"}] * 5_000}, 413, "larger than"),
        (b"{", 422, "not JSON"),
        (b'{"early": {"\xff": true}}', 422, "UTF-8"),
        (b"[" * 20_000, 422, ""),
        (b" " * (MESSAGE_BYTES_MAX + 1), 413, "larger than"),
        ([], 422, "settings"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(
    door: Door, body: object, status: int, text: str
) -> None:
    before = door.send("GET", OWN, door.own).headers["etag"]
    answer = door.say(body)
    assert answer.status_code == status
    assert text in answer.json()["error"]
    assert door.send("GET", OWN, door.own).headers["etag"] == before


def told(answer: httpx.Response, name: str) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content.replace(name.encode(), b"NAME"), dict(answer.headers)


@pytest.mark.parametrize("path", PATHS)
def test_another_accounts_token_learns_not_even_who_there_is(door: Door, path: str) -> None:
    answers: list[Any] = []
    for name in ("other", "nobdy"):
        where = f"/v1/accounts/{name}{path}"
        answers.append(told(door.send("GET", where, door.own), name))
        if path == "/settings":
            for body in ({}, {"colour": 1}, b"{"):
                put = door.send("PUT", where, door.own, body, if_match='"1"')
                answers.append(told(put, name))
    assert {answer[0] for answer in answers} == {403}
    assert len({(body, tuple(sorted(headers.items()))) for _, body, headers in answers}) == 1


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_an_account_that_there_is_not(door: Door, name: str) -> None:
    for path in PATHS[:3]:
        answer = door.send("GET", f"/v1/accounts/{name}{path}", door.operator)
        assert answer.status_code == 404
        assert "x-evil" not in answer.headers
        assert len(answer.content) < 1_000
        assert door.send("GET", f"/v1/accounts/{name}{path}", door.own).status_code in (403, 404)


@pytest.mark.parametrize("who", ["viewer", "feed"])
def test_who_only_reads_says_nothing(door: Door, who: str) -> None:
    answer = door.say({}, getattr(door, who))
    assert answer.status_code in (401, 403)


def test_a_house_that_publishes_nothing_says_so(door: Door) -> None:
    house = door.status.house
    door.status.app, kept = (
        build(house.store, house.artifacts, house.trust, limits=Limits(lambda: 0.0)),
        door.status.app,
    )
    try:
        answer = door.send("GET", "/v1/accounts/acme", door.own)
        assert (answer.status_code, answer.json()["kind"]) == (503, "unreachable")
        assert door.send("GET", OWN, door.own).status_code == 200
    finally:
        door.status.app = kept
