"""The evaluators' door, by the remote evaluation protocol, behind a real socket."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from openapi_spec_validator import validate
from tests.control.practice import Practice
from tests.doors.feature_desk import FeatureDesk
from tests.doors.features_at_hand import VALUES, desk, feature, killed
from tests.doors.served import Served, served

from wavetrain.control import tokens
from wavetrain.control.audience import Audience
from wavetrain.control.standings import Standings
from wavetrain.decide.permit import Caller
from wavetrain.doors.limits import EVALUATOR, Limits
from wavetrain.doors.ofrep_document import document
from wavetrain.model.access import Role
from wavetrain.model.feature import Kind
from wavetrain.wire.ofrep_messages import BODY_BYTES_MAX, KEY_CHARACTERS_MAX

ALL = "/ofrep/v1/evaluate/flags"
WAIT_S = 10.0


class Door:
    """Open doors, and the desk behind them."""

    def __init__(self, opened: Served, features: FeatureDesk, audience: Audience) -> None:
        self.opened, self.desk, self.audience = opened, features, audience
        self.client = opened.to("pages")

    def one(self, key: str, account: object = "acme", **more: Any) -> httpx.Response:
        return self.client.post(f"{ALL}/{key}", json={"context": {"targetingKey": account}}, **more)

    def all(self, account: str = "acme", **more: Any) -> httpx.Response:
        return self.client.post(ALL, json={"context": {"targetingKey": account}}, **more)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("ofrep")
    features = desk()
    audience = Audience(cast(Standings, features))
    with served(Practice(folder), folder, snapshot=features, audience=audience) as opened:
        made = Door(opened, features, audience)
        with made.client:
            yield made


def of(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """Evaluations by key."""
    return {one["key"]: one for one in answer.json()["flags"]}


@pytest.mark.parametrize("kind", Kind)
def test_value_variant_and_reason_are_always_there(door: Door, kind: Kind) -> None:
    answer = door.one(kind.value)
    assert answer.status_code == 200
    said = answer.json()
    assert said == {
        "key": kind.value,
        "value": VALUES[kind][0],
        "variant": "rich",
        "reason": "STATIC",
        "metadata": {"why": "everywhere"},
    }


def test_a_number_is_never_told_as_a_whole_one(door: Door) -> None:
    assert '"value":2.0' in door.one("number").text


@pytest.mark.parametrize(
    ("key", "reason", "is_on"),
    [
        ("switch", "STATIC", True),
        ("nobody", "SPLIT", False),
        ("announced", "STATIC", False),
        ("early", "TARGETING_MATCH", True),
        ("held", "TARGETING_MATCH", False),
        ("killed", "DISABLED", False),
        ("covered", "TARGETING_MATCH", False),
        ("licensed", "TARGETING_MATCH", False),
        ("waits", "TARGETING_MATCH", False),
    ],
)
def test_every_reason_is_one_of_the_protocol(door: Door, key: str, reason: str, is_on: bool) -> None:
    said = door.one(key).json()
    assert (said["reason"], said["variant"], said["value"]) == (reason, "rich" if is_on else "plain", is_on)


def test_all_at_once_are_what_each_is_by_itself(door: Door) -> None:
    for account in ("acme", "globex", "nobody has heard of it"):
        together = of(door.all(account))
        assert len(together) == len(door.desk.sheet().features)
        for key, said in together.items():
            assert door.one(key, account).json() == said


def test_an_account_that_nobody_has_heard_of_uses_no_pop_and_has_no_licence(door: Door) -> None:
    said = of(door.all("unheard-of"))
    assert said["switch"]["value"] is True
    assert said["covered"]["metadata"] == {"why": "a PoP that the account uses does not have it yet"}
    assert said["licensed"]["metadata"] == {"why": "not in the account's licences"}


def test_nothing_is_sent_twice_to_who_knows_it(door: Door) -> None:
    first = door.all()
    etag = first.headers["etag"]
    again = door.all(headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert door.all("globex").headers["etag"] != etag
    door.desk.put(killed("switch"))
    try:
        after = door.all(headers={"If-None-Match": etag})
        assert (after.status_code, of(after)["switch"]["reason"]) == (200, "DISABLED")
    finally:
        door.desk.put(feature("switch"))
    assert door.all(headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b'"\xff"', "PARSE_ERROR"),
        (b"[" * 50_000, "PARSE_ERROR"),
        (b"{}", "TARGETING_KEY_MISSING"),
        (b'{"context": null}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"user": "bob"}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": null}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
        (b'{"context": "acme"}', "INVALID_CONTEXT"),
        (b'{"context": ["acme"]}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "%s"}}' % (b"x" * (KEY_CHARACTERS_MAX + 1)), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "acme", "more": "%s"}}' % (b"x" * BODY_BYTES_MAX), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "acme", "more": "%s"}}' % (b"x" * 1_048_576), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "acme", "more": "%s"}}' % (b"x" * 3_500_000), "INVALID_CONTEXT"),
    ],
    ids=range(17),
)
def test_bad_input_gets_the_protocols_own_code(door: Door, body: bytes, code: str) -> None:
    for path, has_key in ((ALL, False), (f"{ALL}/switch", True)):
        answer = door.client.post(path, content=body, headers={"Content-Type": "application/json"})
        said = answer.json()
        assert (answer.status_code, said["errorCode"], said.get("key")) == (
            400,
            code,
            "switch" if has_key else None,
        )
        assert said["errorDetails"]


def test_what_else_a_context_says_is_taken_and_not_looked_at(door: Door) -> None:
    said = {"targetingKey": "acme", "user": "bob", "deep": {"a": [1, None]}, "key": 7}
    answer = door.client.post(f"{ALL}/switch", json={"context": said, "more": 1})
    assert answer.json() == door.one("switch").json()


@pytest.mark.parametrize("key", ["unknown", "a/b", "%20", "switch/", ""])
def test_an_unknown_feature_is_not_found(door: Door, key: str) -> None:
    answer = door.one(key)
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")


def test_other_addresses_and_methods_are_refused(door: Door) -> None:
    assert door.client.get(ALL).status_code == 405
    assert door.client.post("/ofrep/v1/events").headers["allow"] == "GET"
    assert door.client.post("/ofrep/v2/evaluate/flags").status_code == 404


def test_only_an_evaluators_token_opens_it_and_it_opens_nothing_else(door: Door) -> None:
    secret = door.opened.secrets["pages"]
    with door.opened.to() as nobody:
        asked = {"context": {"targetingKey": "acme"}}
        assert nobody.post(ALL, json=asked).status_code == 401
        assert nobody.post(ALL, json=asked, headers={"X-API-Key": secret}).status_code == 200
        refused = nobody.post(ALL, json=asked, headers={"X-API-Key": "wt_nix"})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert "errorDetails" in refused.json()
        assert nobody.get("/ofrep/v1/events").status_code == 401
        assert nobody.get("/ofrep/v1/events?ticket=nix").status_code == 401
    for name in ("vic", "olga", "ada"):
        with door.opened.to(name) as person:
            assert person.post(ALL, json=asked).status_code == 403
    for path in ("/v1/status", "/v1/features", "/v1/tokens"):
        assert door.client.get(path).status_code == 403


def test_a_token_that_is_revoked_counts_a_second_longer_at_most(door: Door) -> None:
    store = door.opened.house.store
    seen, secret = tokens.create(store, tokens.HOUSE, "gone", [Role.EVALUATOR])
    with door.opened.shown(None, secret) as client:
        asked = {"context": {"targetingKey": "acme"}}
        assert client.post(ALL, json=asked).status_code == 200
        tokens.revoke(store, tokens.HOUSE, seen.id)
        assert until(lambda: client.post(ALL, json=asked).status_code == 401)


class Listener(threading.Thread):
    """Reads an event stream to its end."""

    def __init__(self, door: Door, path: str, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.events: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        self._client, self._path = client, path
        self.start()

    def run(self) -> None:
        with self._client, self._client.stream("GET", self._path) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    with self.arrived:
                        self.events.append(json.loads(line[6:]))
                        self.arrived.notify_all()

    def wait(self, count: int) -> dict[str, Any]:
        """The last event, once there are so many."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.events) >= count, WAIT_S)
            return self.events[-1]


def until(holds: Any) -> bool:
    """Whether it comes to hold in time."""
    step = threading.Event()
    return any(holds() or step.wait(0.02) for _ in range(int(WAIT_S / 0.02)))


def test_who_listens_is_told_and_who_has_fetched_is_known(tmp_path: Path) -> None:
    features = desk()
    audience = Audience(cast(Standings, features))
    with served(Practice(tmp_path), tmp_path, snapshot=features, audience=audience) as opened:
        door = Door(opened, features, audience)
        stream = door.all().json()["eventStreams"]
        assert [one["type"] for one in stream] == ["sse"]
        address = stream[0]["endpoint"]["requestUri"]
        assert not audience.behind(features.version), "nobody is connected"

        listener = Listener(door, address, opened.to())  # no header: the ticket is enough
        first = listener.wait(1)
        assert first["type"] == "refetchEvaluation"
        assert audience.behind(features.version)
        door.all(params={"flagConfigEtag": first["etag"]})
        assert not audience.behind(features.version)

        version = features.put(killed("switch"))
        told = listener.wait(2)
        assert audience.behind(version)
        answer = door.all(params={"flagConfigEtag": told["etag"], "flagConfigLastModified": 17})
        assert of(answer)["switch"]["reason"] == "DISABLED"
        assert not audience.behind(version)
        assert audience.behind(version + 1)
        with door.opened.to() as nobody:
            assert nobody.post(ALL, headers={"X-API-Key": address.partition("=")[2]}).status_code == 401
        door.client.close()


def test_who_is_gone_is_waited_for_no_longer(tmp_path: Path) -> None:
    features = desk()
    audience = Audience(cast(Standings, features))
    with served(Practice(tmp_path), tmp_path, snapshot=features, audience=audience) as opened:
        with opened.to("pages") as client, client.stream("GET", "/ofrep/v1/events") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry")
            assert audience.behind(features.version)
        assert until(lambda: not audience.behind(features.version))


def test_a_program_that_asks_too_often_is_told_when_to_ask_again(tmp_path: Path) -> None:
    limits = Limits(lambda: 0.0)
    with served(Practice(tmp_path), tmp_path, limits, snapshot=desk()) as opened:
        for _ in range(EVALUATOR.burst):
            limits.evaluate(Caller("pages", ()))
        with opened.to("pages") as client:
            answer = client.post(ALL, json={"context": {"targetingKey": "acme"}})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_the_document_is_a_valid_one_and_given_to_anybody(door: Door) -> None:
    validate(document())
    with door.opened.to() as nobody:
        assert nobody.get("/ofrep/v1/openapi.json").json() == document()


def test_without_a_snapshot_there_is_no_such_door(doors: Served) -> None:
    with doors.to("pages") as client:
        assert client.post(ALL, json={"context": {"targetingKey": "acme"}}).status_code == 404
