"""An account says itself how it is told; nobody else's ways are seen, and nothing private is ever spoken to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.doors.status_house import RECORDS
from tests.doors.test_feeds import SITES, Desk

from wavetrain.adapters.outside import Outside
from wavetrain.adapters.webhook import checked_url
from wavetrain.control import tokens
from wavetrain.control.subscriptions import WAYS_MAX, Ways
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.errors import UnreachableError
from wavetrain.model.access import Role

HOOK = {"name": "noc", "way": "webhook", "to": "https://hooks.example.net/T0/s3cret"}
MINE, THEIRS, NOBODYS = (f"/v1/accounts/{name}/subscriptions" for name in ("acme", "other", "nobody"))


class Names(Outside):
    """What names stand for; addresses stand for themselves."""

    known: dict[str, Sequence[str]] = {
        "hooks.example.net": ["8.8.8.8"],
        "inside.example.net": ["10.1.2.3"],
        "both.example.net": ["8.8.8.8", "127.0.0.1"],
    }

    def addresses(self, host: str, port: int) -> list[str]:
        found: list[str] = []
        for one in self.known.get(host, [host]):
            found += super().addresses(one, port)
        return found


class Ask(Desk):
    """A desk whose doors take ways."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        house = self.status.house
        self.app = build(
            house.store,
            house.artifacts,
            house.trust,
            board=self.status.board,
            limits=Limits(lambda: 0.0),
            ways=Ways(Names(), checked_url, mails=True),
        )
        self.operator = tokens.create(house.store, tokens.HOUSE, "olga", [Role.OPERATOR])[1]

    def say(self, method: str, path: str, secret: str, body: object = None) -> tuple[int, Any]:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
                return await client.request(
                    method, path, json=body, headers={"authorization": f"Bearer {secret}"}
                )

        answer = asyncio.run(asked())
        return answer.status_code, answer.json()


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    assert RECORDS
    assert SITES
    return Ask(tmp_path)


def test_an_account_adds_sees_pauses_and_removes_its_ways_and_the_secret_is_shown_once(ask: Ask) -> None:
    status, made = ask.say("POST", MINE, ask.own, HOOK)
    assert status == 201
    assert made["secret"].startswith("whsec_")
    _, listed = ask.say("GET", MINE, ask.own)
    assert [(one["name"], one["to"], one["paused"]) for one in listed] == [
        ("noc", "https://hooks.example.net/...", "")
    ]
    for secret in (made["secret"], "s3cret"):
        assert secret not in str(listed)
        with ask.status.house.store.read() as view:
            assert all(secret not in entry.text for entry in view.journal_tail(50))
    assert ask.say("POST", f"{MINE}/noc/pause", ask.own, {"reason": "it moves"})[1]["paused"] == "it moves"
    assert ask.say("POST", f"{MINE}/noc/test", ask.own)[0] == 409
    assert ask.say("POST", f"{MINE}/noc/resume", ask.own)[1]["paused"] == ""
    assert ask.say("POST", f"{MINE}/noc/resume", ask.own)[0] == 409
    _, other = ask.say("POST", f"{MINE}/noc/secret", ask.own)
    assert other["secret"] not in ("", made["secret"])
    status, test = ask.say("POST", f"{MINE}/noc/test", ask.own)
    assert (status, test["topic"], test["state"]) == (201, "test", "waiting")
    _, sent = ask.say("GET", "/v1/accounts/acme/notices?state=waiting", ask.own)
    assert [one["id"] for one in sent] == [test["id"]]
    assert ask.say("GET", f"/v1/accounts/acme/notices/{test['id']}", ask.own)[1] == sent
    assert ask.say("DELETE", f"{MINE}/noc", ask.own)[0] == 200
    assert ask.say("GET", MINE, ask.own)[1] == []
    assert ask.say("DELETE", f"{MINE}/noc", ask.own)[0] == 404


def test_an_operator_speaks_for_any_account_and_has_ways_of_its_own_and_a_reader_only_reads(ask: Ask) -> None:
    assert ask.say("POST", MINE, ask.operator, HOOK)[0] == 201
    assert ask.say("POST", "/v1/subscriptions", ask.operator, HOOK)[0] == 201
    assert [one["account"] for one in ask.say("GET", "/v1/subscriptions", ask.viewer)[1]] == [""]
    assert ask.say("POST", MINE, ask.viewer, HOOK)[0] == 403
    assert ask.say("POST", NOBODYS, ask.operator, HOOK)[0] == 404


def test_another_accounts_token_learns_nothing_not_even_who_there_is(ask: Ask) -> None:
    ask.say("POST", THEIRS, ask.operator, HOOK)
    for method, end, body in (
        ("GET", "", None),
        ("POST", "", HOOK),
        ("DELETE", "/noc", None),
        ("POST", "/noc/test", None),
        ("POST", "/noc/pause", {"reason": "x"}),
        ("POST", "/noc/secret", None),
    ):
        theirs, nobodys = (ask.say(method, f"{start}{end}", ask.own, body) for start in (THEIRS, NOBODYS))
        assert theirs[0] == nobodys[0] == 403
        assert str(theirs[1]).replace("other", "nobody") == str(nobodys[1])
    for path in ("/v1/accounts/other/notices", "/v1/subscriptions", "/v1/notices"):
        assert ask.say("GET", path, ask.own)[0] == 403
    assert ask.say("POST", "/v1/subscriptions", ask.own, HOOK)[0] == 403
    assert ask.say("GET", MINE, ask.feed)[0] == 403


BAD = [
    ({"to": "http://hooks.example.net/"}, "plain http"),
    ({"to": "https://127.0.0.1/"}, "this machine"),
    ({"to": "https://[::1]/"}, "this machine"),
    ({"to": "https://[::ffff:127.0.0.1]/"}, "this machine"),
    ({"to": "https://127.1/"}, "this machine"),
    ({"to": "https://2130706433/"}, "this machine"),
    ({"to": "https://0x7f000001/"}, "this machine"),
    ({"to": "http://localhost/"}, "this machine"),
    ({"to": "https://169.254.169.254/latest/meta-data"}, "link-local"),
    ({"to": "https://10.0.0.1/"}, "private"),
    ({"to": "https://224.0.0.1/"}, "multicast"),
    ({"to": "https://inside.example.net/"}, "private"),
    ({"to": "https://both.example.net/"}, "this machine"),
    ({"to": "https://user:pass@hooks.example.net/"}, "leave them out"),
    ({"to": "https://hooks.example.net/\r\nX: y"}, "cannot be used"),
    ({"to": "ftp://hooks.example.net/"}, "not https"),
    ({"to": "https://" + "x" * 2_000}, "2000"),
    ({"way": "mail", "to": "noc@example.net\r\nBcc: all@example.net"}, "no mail address"),
    ({"way": "mail", "to": "Noc <noc@example.net>"}, "no mail address"),
    ({"way": "mail", "to": "a@b,c@d"}, "no mail address"),
    ({"way": "pigeon"}, "way"),
    ({"name": "../etc"}, "name"),
    ({"name": ""}, "name"),
    ({"on": ["test"]}, "some of"),
    ({"on": []}, "some of"),
    ({"on": ["all"]}, "on"),
    ({"more": 1}, "more"),
]


@pytest.mark.parametrize(("field", "says"), BAD, ids=lambda it: str(it)[:60])
def test_what_may_not_be_is_refused_with_the_way_out_and_changes_nothing(
    ask: Ask, field: dict[str, object], says: str
) -> None:
    before = ask.status.house.sequence
    status, answer = ask.say("POST", MINE, ask.own, {**HOOK, **field})
    assert status == 422
    assert says in str(answer)
    assert "pass" not in str(answer)
    assert ask.status.house.sequence == before


def test_there_are_so_many_ways_and_no_more_and_each_has_its_own_name(ask: Ask) -> None:
    for number in range(WAYS_MAX):
        assert ask.say("POST", MINE, ask.own, {**HOOK, "name": f"n{number}"})[0] == 201
    assert ask.say("POST", MINE, ask.own, {**HOOK, "name": "n0"})[0] == 409
    status, answer = ask.say("POST", MINE, ask.own, {**HOOK, "name": "more"})
    assert status == 422
    assert f"{WAYS_MAX} ways already" in str(answer)


def test_a_name_that_is_not_known_is_said_as_such(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: object, host: str, port: int) -> list[str]:
        raise UnreachableError(
            f"{host} has no address that is known here; correct the name, or try again later"
        )

    monkeypatch.setattr(Names, "addresses", away)
    assert ask.say("POST", MINE, ask.own, HOOK)[0] == 503
