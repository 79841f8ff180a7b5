"""Logging in at the pages: by a token, a link, a provider; and what nobody gets in by."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.adapters.issuing import Idp, issuing
from tests.control.practice import Practice
from tests.doors.browsing import Browser

from wavetrain.adapters.oidc import Known, Oidc
from wavetrain.control import logins, tokens
from wavetrain.control.logins import IDLE, LASTS, OF_ONE_MAX
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.login import WAY, WAY_S
from wavetrain.doors.login_links import LINK_S
from wavetrain.doors.pages import COOKIE, OWN, own_path
from wavetrain.model.access import Role
from wavetrain.model.journal import Entry
from wavetrain.model.login import Login, Person

GO = {"go": "1"}
"""A form with a button alone."""


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Doors:
    """A house with people."""

    def __init__(self, folder: Path, idp: Idp | None = None) -> None:
        self.house = Practice(folder)
        self.clock = Clock()
        store = self.house.store
        made = {
            "olga": [Role.OPERATOR],
            "vic": [Role.VIEWER],
            "ci": [Role.CI],
            "eve": [Role.EVALUATOR],
        }
        self.secrets = {name: tokens.create(store, tokens.HOUSE, name, roles) for name, roles in made.items()}
        provider = None
        if idp is not None:
            known = Known(
                issuer=idp.url,
                client_id="wt",
                address="https://doors",
                roles={"netops": (Role.OPERATOR,)},
                ca_file=str(idp.ca_file),
            )
            provider = Oidc(known)
        self.app = build(
            store,
            self.house.artifacts,
            self.house.trust,
            provider=provider,
            clock=self.clock,
            limits=Limits(lambda: 0.0),
        )

    def browser(self) -> Browser:
        return Browser(self.app)

    def secret(self, name: str) -> str:
        return self.secrets[name][1]

    def enter(self, name: str = "olga") -> Browser:
        browser = self.browser()
        assert browser.ask("/login", {"token": self.secret(name)}).status_code == 303
        return browser

    def logged(self) -> list[Entry]:
        with self.house.store.read() as view:
            return view.journal_tail(kind="login")

    def kept(self) -> list[Login]:
        with self.house.store.read() as view:
            return view.find(Login)


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    with issuing(tmp_path_factory.mktemp("provider")) as made:
        yield made


def is_in(browser: Browser) -> bool:
    """Somebody who is logged in is sent on from the login page."""
    return browser.ask("/login").status_code == 303


def test_a_person_logs_in_by_a_token_and_out_again(doors: Doors) -> None:
    browser = doors.browser()
    assert "Token" in browser.ask("/login").text
    entered = browser.ask("/login", {"token": f" {doors.secret('olga')} ", "next": "/console/journal?q=x"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/journal?q=x")
    assert is_in(browser)
    assert doors.secret("olga") not in str(doors.kept())
    assert browser.cookies[COOKIE] not in str(doors.kept()), "the store has its SHA-256 alone"
    last = doors.logged()[-1]
    assert (last.who, last.text) == ("olga", "logged in by token: operator")
    cookie = browser.cookies[COOKIE]
    form = {"form": logins.form_of(cookie)}
    assert browser.ask("/logout", form).headers["location"] == "/login"
    assert not is_in(browser)
    assert doors.logged()[-1].text == "logged out"
    assert doors.kept() == []


@pytest.mark.parametrize("name", ["ci", "eve"])
def test_a_token_that_is_not_for_people_opens_no_page(doors: Doors, name: str) -> None:
    browser = doors.browser()
    refused = browser.ask("/login", {"token": doors.secret(name)})
    assert refused.status_code == 401
    assert "not for people" in refused.text
    assert not is_in(browser)


def test_guessing_is_slowed_down_and_nothing_of_the_guess_comes_back(doors: Doors) -> None:
    browser = doors.browser()
    statuses = [browser.ask("/login", {"token": f"wt_{number:043d}"}).status_code for number in range(30)]
    assert statuses.count(401) == 20
    assert statuses[-1] == 429
    assert "wt_0" not in browser.ask("/login", {"token": "wt_0"}).text


def test_a_login_ends_by_itself_with_idleness_and_with_its_token(doors: Doors) -> None:
    store = doors.house.store
    person = logins.person_of(store, doors.secret("olga"))
    assert person is not None
    secret = logins.begin(store, person, "token")
    assert logins.visitor(store, secret) is not None
    for field, age in (("seen_at", IDLE), ("ends_at", LASTS)):
        again = logins.begin(store, person, "token")
        login = next(one for one in doors.kept() if one.id != tokens.hashed(secret))
        with store.write() as transaction:
            transaction.put(login.changed(**{field: getattr(login, field) - age}))
        assert logins.visitor(store, again) is None
        logins.end(store, login.id)
    token = doors.secrets["olga"][0]
    tokens.revoke(store, tokens.HOUSE, token.id)
    assert logins.visitor(store, secret) is None


def test_one_person_has_so_many_logins_and_what_is_over_is_forgotten(doors: Doors) -> None:
    store = doors.house.store
    person = Person(subject="idp u-1", name="u-1", roles=(Role.VIEWER,))
    secrets = [logins.begin(store, person, "provider") for _ in range(OF_ONE_MAX + 2)]
    assert len(doors.kept()) == OF_ONE_MAX
    assert logins.visitor(store, secrets[-1]) is not None
    with store.write() as transaction:
        for login in transaction.find(Login):
            transaction.put(login.changed(ends_at=login.began_at))
    logins.begin(store, person, "provider")
    assert len(doors.kept()) == 1


def test_each_login_has_a_secret_of_its_own_and_ends_the_one_before(doors: Doors) -> None:
    browser = doors.browser()
    browser.cookies[COOKIE] = planted = "a" * 43
    browser.ask("/login", {"token": doors.secret("olga")})
    first = browser.cookies[COOKIE]
    assert first != planted, "nobody can choose another one's login"
    browser.ask("/login", {"token": doors.secret("vic")})
    assert browser.cookies[COOKIE] != first
    assert logins.visitor(doors.house.store, first) is None


FOREIGN = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_page_does_nothing(doors: Doors, headers: dict[str, str]) -> None:
    assert doors.browser().ask("/login", {"token": doors.secret("olga")}, **headers).status_code == 403
    browser = doors.enter()
    form = {"form": logins.form_of(browser.cookies[COOKIE])}
    assert browser.ask("/logout", form, **headers).status_code == 403
    assert is_in(browser)


def test_a_form_without_what_only_our_page_knows_does_nothing(doors: Doors) -> None:
    browser, other = doors.enter(), doors.enter("vic")
    for form in (GO, {"form": ""}, {"form": "0" * 40}, {"form": logins.form_of(other.cookies[COOKIE])}):
        assert browser.ask("/logout", form).status_code == 403
    assert is_in(browser)
    assert browser.ask("/logout", {"form": logins.form_of(browser.cookies[COOKIE])}).status_code == 303
    assert browser.ask("/logout", {"form": "x"}).status_code == 401


ELSEWHERE = [
    "https://evil.example/console",
    "//evil.example/console",
    "/\\evil.example",
    "/console\\..\\..",
    "/console/../feeds",
    "javascript:alert(1)",
    "/consoles",
    "/v1/tokens",
    "/console\r\nSet-Cookie: a=b",
    "/console/" + "a" * 600,
    "http:/console",
]


@pytest.mark.parametrize("there", ELSEWHERE)
def test_nobody_is_sent_elsewhere(doors: Doors, there: str) -> None:
    assert own_path(there) == ""
    entered = doors.browser().ask("/login", {"token": doors.secret("olga"), "next": there})
    assert entered.headers["location"] == OWN[0]


def test_a_link_logs_in_once_within_its_minute_and_looking_at_it_does_not(doors: Doors) -> None:
    bearer = {"authorization": f"Bearer {doors.secret('olga')}"}
    browser = doors.browser()

    def link(there: str = "") -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(doors.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
                return await client.post("/v1/logins", json={"next": there}, headers=bearer)

        return asyncio.run(asked())

    path = link("/console/fleet").json()["path"]
    assert "Log in as olga" in browser.ask(path).text
    assert not is_in(browser)
    assert browser.ask(path, GO, sec_fetch_site="cross-site").status_code == 403
    assert browser.ask(path, GO).headers["location"] == "/console/fleet"
    assert is_in(browser)
    other = doors.browser()
    assert other.ask(path, GO).status_code == 404
    late = link().json()["path"]
    doors.clock.at += LINK_S + 1
    assert other.ask(late).status_code == other.ask(late, GO).status_code == 404
    assert link("https://evil.example").status_code == 422
    bearer["authorization"] = f"Bearer {doors.secret('eve')}"
    assert link().status_code == 403


def test_a_person_comes_by_the_provider(tmp_path: Path, idp: Idp) -> None:
    doors = Doors(tmp_path, idp)
    idp.signs = lambda nonce, client: idp.token(aud=client, nonce=nonce, sub="u-7", groups=["netops"])
    browser = doors.browser()
    assert "/login/provider?next=" in browser.ask("/login?next=/console/fleet").text
    left = browser.ask("/login/provider?next=%2Fconsole%2Ffleet")
    back = idp.consent(left.headers["location"])
    query = httpx.QueryParams(back)
    arrived = browser.ask(f"/login/arrived?{query}", sec_fetch_site="cross-site")
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/console/fleet")
    assert is_in(browser)
    assert WAY not in browser.cookies
    assert doors.logged()[-1].text == "logged in by the identity provider: operator"
    assert browser.ask(f"/login/arrived?{query}").status_code == 403, "an answer counts once"


def test_an_answer_counts_only_in_the_browser_that_left_and_in_time(tmp_path: Path, idp: Idp) -> None:
    doors = Doors(tmp_path, idp)
    idp.signs = lambda nonce, client: idp.token(aud=client, nonce=nonce, sub="u-7", groups=["netops"])

    def left(browser: Browser) -> dict[str, str]:
        return idp.consent(browser.ask("/login/provider").headers["location"])

    def back(browser: Browser, answer: dict[str, str]) -> int:
        return browser.ask(f"/login/arrived?{httpx.QueryParams(answer)}").status_code

    ann, bob = doors.browser(), doors.browser()
    assert back(bob, left(ann)) == 403, "he never left"
    left(bob)
    assert back(bob, left(ann)) == 403, "the answer is to somebody else"
    answer = left(ann)
    assert back(ann, answer | {"state": "s"}) == 403
    assert back(ann, left(ann) | {"code": "none"}) == 422
    assert back(ann, {"error": "access_denied", "state": left(ann)["state"]}) == 422
    answer = left(ann)
    doors.clock.at += WAY_S + 1
    assert back(ann, answer) == 403
    idp.signs = lambda nonce, client: idp.token(aud=client, nonce=nonce, sub="u-7", groups=["cooks"])
    assert back(ann, left(ann)) == 403
    assert not is_in(ann)
    assert not is_in(bob)


def test_every_answer_keeps_others_out_of_the_page(doors: Doors) -> None:
    browser = doors.enter()
    for answer in (doors.browser().ask("/login"), browser.ask("/login/links/none")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "no-store" in answer.headers["cache-control"]
    assert doors.browser().ask("/pages/live.js").headers["content-type"].startswith("text/javascript")
