"""The operators' door over a real socket: who asks what, what they get, and what bad input does not do."""

import contextlib
import json
from typing import Any

import httpx
import pytest
from tests.control.practice import BYTES, DIGEST, FLEET, POLICY, ROLLOUT, START, Practice, pop_text
from tests.doors.served import Served

from wavetrain.control import tokens
from wavetrain.doors.failures import STATUSES
from wavetrain.errors import RefusedError, WavetrainError
from wavetrain.model.access import Role
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.fleet_lines import LINE_BYTES_MAX
from wavetrain.wire.fleet_write import fleet_lines
from wavetrain.wire.messages import NAMES_BYTES_MAX

MANIFEST: dict[str, Any] = {
    "component": "gateway",
    "number": "2.0.0",
    "lane": "pop",
    "digest": DIGEST,
    "size": len(BYTES),
    "gates": {"build": True, "tests": True},
}
BECAUSE = {"reason": "it looks odd"}


def _submit(doors: Served, **changes: object) -> httpx.Response:
    with doors.to("ci") as ci:
        assert ci.put(f"/v1/artifacts/{DIGEST}", content=BYTES).status_code == 201
        return ci.post("/v1/releases", json={**MANIFEST, **changes})


def _failure(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"error", "kind"}
    return answer.status_code, body["kind"], body["error"]


def test_a_release_is_uploaded_submitted_shown_and_withdrawn(doors: Served) -> None:
    answer = _submit(doors)
    assert (answer.status_code, answer.json()["release"]["stage"]) == (201, "candidate")
    with doors.to("vic") as viewer:
        assert [item["id"] for item in viewer.get("/v1/releases").json()] == ["gateway@2.0.0"]
        assert viewer.get("/v1/releases/gateway@2.0.0").json()["tombstone"] is None
    with doors.to("anna") as approver:
        answer = approver.post("/v1/releases/gateway@2.0.0/withdraw", json=BECAUSE)
        assert (answer.status_code, answer.json()["stage"]) == (200, "withdrawn")
        assert approver.get("/v1/releases/gateway%402.0.0").json()["tombstone"]["by"] == "anna"


def test_a_rollout_is_listed_watched_and_steered(doors: Served) -> None:
    doors.house.rolling()
    with doors.to("olga") as operator:
        assert [item["id"] for item in operator.get("/v1/rollouts").json()] == [ROLLOUT]
        assert operator.get(f"/v1/rollouts/{ROLLOUT}").json()["turns"][0]["exposed"] == 1
        for verb, status in (("pause", "paused"), ("resume", "rolling"), ("revert", "reverting")):
            answer = operator.post(f"/v1/rollouts/{ROLLOUT}/{verb}", json=BECAUSE)
            assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert _failure(operator.post(f"/v1/rollouts/{ROLLOUT}/pause", json=BECAUSE))[:2] == (
            409,
            "transition",
        )
        status = operator.get("/v1/status", params={"recent": 0}).json()
        assert status["rollouts"][0]["status"] == "reverting"
        assert operator.get(f"/v1/why/{ROLLOUT}").json()["kind"] == "rollout"
        entries = operator.get("/v1/journal", params={"rollout": ROLLOUT, "limit": 2}).json()["entries"]
        assert [entry["who"] for entry in entries] == ["olga", "olga"]


def test_an_approver_consents_and_a_submitter_may_not(doors: Served) -> None:
    doors.house.rolling()
    path = f"/v1/rollouts/{ROLLOUT}/approve"
    with doors.to("anna") as approver:
        assert approver.post(path, json={"consent": "general"}).json()["approvals"][0]["by"] == "anna"
        assert _failure(approver.post(path, json={"consent": "anything"}))[0] == 422
    _, secret = tokens.create(doors.house.store, tokens.HOUSE, "ci", [Role.APPROVER])
    with doors.shown(None, secret) as submitter:
        answer = submitter.post(path, json={})
    status, kind, text = _failure(answer)
    assert (status, kind) == (403, "forbidden")
    assert "nobody approves their own request" in text


def test_freezes_cordons_nodes_and_tokens_are_made_and_unmade(doors: Served) -> None:
    with contextlib.ExitStack() as stack:
        operator, approver, admin = (stack.enter_context(doors.to(name)) for name in ("olga", "anna", "ada"))
        span = {"starts": "2026-12-20T00:00:00+01:00", "ends": "2027-01-02T00:00:00Z", "reason": "holidays"}
        made = operator.post("/v1/freezes", json=span)
        assert (made.status_code, made.json()["starts"]) == (201, "2026-12-19T23:00:00Z")
        assert len(operator.get("/v1/freezes").json()) == 1
        assert approver.delete(f"/v1/freezes/{made.json()['id']}").status_code == 200
        assert operator.post("/v1/pops/lis1/cordon", json=BECAUSE).json()["by"] == "olga"
        assert operator.get("/v1/why/lis1").json()["hold"]["code"] == "cordoned"
        assert operator.delete("/v1/pops/lis1/cordon").status_code == 200
        assert operator.post("/v1/nodes/lis1-n1/retire", json=BECAUSE).json()["node"] == "lis1-n1"
        assert operator.post("/v1/nodes/lis1-n1/rebuild", json=BECAUSE).status_code == 200
        token = admin.post("/v1/tokens", json={"name": "eve", "roles": ["viewer"], "days": 2})
        eve = stack.enter_context(doors.shown(None, token.json()["secret"]))
        assert eve.get("/v1/rollouts").status_code == 200
        listed = admin.get("/v1/tokens")
        assert token.json()["secret"] not in listed.text
        assert "sha256" not in listed.text
        assert admin.delete(f"/v1/tokens/{token.json()['token']['id']}").json()["revoked"]
        assert eve.get("/v1/rollouts").status_code == 401


def test_a_fleet_and_a_policy_are_checked_applied_and_shown(doors: Served) -> None:
    more = {"text": FLEET + pop_text("jnb1")}
    rules = {"text": POLICY + "[bake]\nminutes = 5\n"}
    with doors.to("olga") as operator, doors.to("anna") as approver:
        assert operator.post("/v1/fleet/check", json=more).json()["added"] == ["PoP jnb1"]
        assert operator.post("/v1/fleet", json=more).status_code == 200
        assert set(operator.get("/v1/fleet").json()["fleet"]["pops"]) == {"lis1", "fra1", "jnb1"}
        assert operator.post("/v1/fleet/adopt", json={}).json()["silent"][0] == "fra1-n1"
        assert operator.post("/v1/policy/check", json=rules).json()["is_new"]
        assert approver.post("/v1/policy", json=rules).json()["is_new"]
        assert approver.get("/v1/policy").json()["pop"]["bake"]["minutes"] == 5


def test_a_large_fleet_is_sent_as_json_lines_and_seen_in_numbers(doors: Served) -> None:
    fleet = read_fleet(FLEET + pop_text("jnb1"), START)
    with doors.to("olga") as operator, doors.to("vic") as viewer:
        sent = fleet_lines(fleet)
        assert viewer.post("/v1/fleet/lines/check", content=b"".join(sent)).json()["added"] == ["PoP jnb1"]
        assert viewer.post("/v1/fleet/lines", content=fleet_lines(fleet)).status_code == 403
        assert operator.post("/v1/fleet/lines", content=fleet_lines(fleet)).json()["pops"] == 3
        seen = viewer.get("/v1/fleet/summary").json()
        assert (seen["fleet"]["nodes"], seen["silent"], seen["releases"]) == (12, 12, {})
        assert list(viewer.get("/v1/fleet", params={"pop": "jnb1"}).json()["fleet"]["pops"]) == ["jnb1"]
        assert viewer.get("/v1/fleet", params={"pop": "nix"}).status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b'{"pop": 1}\n', 422, "line 1, pop: it is not an object"),
        (b"\xff\n", 422, "line 1, the line: it is not JSON"),
        (b"", 422, "the fleet has no PoP"),
        (b"x" * (LINE_BYTES_MAX + 1), 422, f"the line is longer than {LINE_BYTES_MAX} bytes"),
    ],
)
def test_bad_json_lines_are_refused_with_their_line_and_change_nothing(
    doors: Served, content: bytes, status: int, said: str
) -> None:
    before = doors.house.sequence
    with doors.to("olga") as operator:
        answer = operator.post("/v1/fleet/lines", content=content)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert doors.house.sequence == before


BAD: dict[str, tuple[str, str, str, object, int, str]] = {
    "an unknown field": (
        "olga",
        "POST",
        f"/v1/rollouts/{ROLLOUT}/pause",
        {"reason": "x", "why": "y"},
        422,
        "`why`",
    ),
    "a wrong type": (
        "olga",
        "POST",
        f"/v1/rollouts/{ROLLOUT}/pause",
        {"reason": 5},
        422,
        "at $.reason: Expected `str`",
    ),
    "no object": ("olga", "POST", f"/v1/rollouts/{ROLLOUT}/pause", [], 422, "at $: Expected `object`"),
    "an unknown zone": (
        "olga",
        "POST",
        "/v1/fleet",
        {"text": FLEET.replace("Europe", "Atlantis")},
        422,
        "line 9, pop[0]",
    ),
    "a rule that never opens": (
        "olga",
        "POST",
        "/v1/fleet",
        {"text": FLEET.replace("FREQ=DAILY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")},
        422,
        "pop[0].window",
    ),
    "a PoP twice": (
        "olga",
        "POST",
        "/v1/fleet",
        {"text": FLEET + pop_text("lis1")},
        422,
        "PoP lis1 is there twice",
    ),
    "a ring that names nothing": (
        "anna",
        "POST",
        "/v1/policy",
        {"text": POLICY.replace("lis1", "nix")},
        422,
        "no PoP nix",
    ),
    "a submit without permission": ("vic", "POST", "/v1/releases", MANIFEST, 403, "may not submit releases"),
    "bytes that are not there": (
        "ci",
        "POST",
        "/v1/releases",
        {**MANIFEST, "number": "2.0.1", "digest": "0" * 64},
        422,
        "upload the artifact",
    ),
    "an unknown lane": ("ci", "POST", "/v1/releases", {**MANIFEST, "lane": "bus"}, 422, "lane: `bus`"),
    "an unknown rollout": ("olga", "POST", "/v1/rollouts/nix/pause", BECAUSE, 404, "there is no rollout nix"),
    "an unknown path": ("vic", "GET", "/v1/nix", None, 404, "there is no GET /v1/nix at this door"),
    "a method that is not there": ("vic", "DELETE", "/v1/status", None, 405, "there is no DELETE /v1/status"),
    "an unknown parameter": ("vic", "GET", "/v1/journal?limits=5", None, 422, "there is no parameter limits"),
    "a parameter twice": ("vic", "GET", "/v1/journal?limit=5&limit=6", None, 422, "is there twice"),
    "a parameter of a wrong type": ("vic", "GET", "/v1/journal?limit=-1", None, 422, "give a whole number"),
    "a time without an offset": (
        "olga",
        "POST",
        "/v1/freezes",
        {"starts": "2026-12-20T00:00:00", "ends": "2026-12-21T00:00:00", "reason": "x"},
        422,
        "at $.starts",
    ),
    "a node among the persons": ("lis1-n1", "GET", "/v1/rollouts", None, 403, "may not read"),
}


@pytest.mark.parametrize(("who", "method", "path", "body", "status", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_and_nothing_is_written(
    rolling: Served, who: str, method: str, path: str, body: object, status: int, said: str
) -> None:
    before = rolling.house.sequence
    with rolling.to(who) as client:
        answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
    got, _, text = _failure(answer)
    assert got == status
    assert said in text
    assert rolling.house.sequence == before


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer nix", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 300, "Bearer \u00e4"]
)
@pytest.mark.parametrize("path", ["/v1/rollouts", "/v1/agent/poll", "/v1/tokens"])
def test_without_a_good_token_nobody_gets_in(rolling: Served, header: str | None, path: str) -> None:
    headers = {b"Authorization": header.encode()} if header is not None else {}
    with rolling.to() as stranger:
        answer = stranger.request("POST" if "poll" in path else "GET", path, headers=headers)
    status, kind, _ = _failure(answer)
    assert (status, kind, answer.headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")


def test_an_oversize_body_is_refused_before_it_is_read(doors: Served) -> None:
    head = (
        f"POST /v1/rollouts/{ROLLOUT}/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n"
        f"Authorization: Bearer {doors.secrets['olga']}\r\n\r\n"
    )
    with doors.connection() as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(doors: Served) -> None:
    before = doors.house.sequence
    with doors.to("olga") as operator:
        answer = operator.post(
            "/v1/freezes", content=(b" " * 1024 for _ in range(NAMES_BYTES_MAX // 1024 + 1))
        )
        assert _failure(answer)[:2] == (413, "too large")
    assert doors.house.sequence == before


def test_an_upload_that_does_not_match_is_not_kept(doors: Served) -> None:
    with doors.to("ci") as ci:
        wrong = "0" * 64
        assert _failure(ci.put(f"/v1/artifacts/{wrong}", content=BYTES))[:2] == (422, "refused")
        assert _failure(ci.put("/v1/artifacts/nix", content=BYTES))[0] == 422
        assert doors.house.artifacts.path(wrong) is None
    with doors.to("olga") as operator:
        assert _failure(operator.put(f"/v1/artifacts/{DIGEST}", content=BYTES))[0] == 403
    assert doors.house.artifacts.path(DIGEST) is None


def test_an_upload_comes_in_pieces(doors: Served) -> None:
    import hashlib

    pieces = [bytes([index]) * 70_000 for index in range(20)]
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    with doors.to("ci") as ci:
        answer = ci.put(f"/v1/artifacts/{digest}", content=iter(pieces))
    assert (answer.status_code, answer.json()["size"]) == (201, 1_400_000)


def test_an_upload_that_breaks_off_is_not_kept(doors: Served) -> None:
    head = (
        f"PUT /v1/artifacts/{DIGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        f"Authorization: Bearer {doors.secrets['ci']}\r\n\r\nhalf"
    )
    with doors.connection() as connection:
        connection.sendall(head.encode())
    with doors.to("ci") as ci:
        assert ci.put(f"/v1/artifacts/{DIGEST}", content=BYTES).status_code == 201


def test_the_process_says_that_it_is_alive_to_anybody(doors: Served) -> None:
    with doors.to() as stranger:
        assert stranger.get("/healthz").json() == {"alive": True}


def test_every_error_that_a_caller_may_catch_has_a_status() -> None:
    def below(kind: type[WavetrainError]) -> set[type[WavetrainError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    known = {kind for kind in below(WavetrainError) if kind.__module__ == WavetrainError.__module__}
    assert known - {WavetrainError} == set(STATUSES)
    assert all(400 <= status < 600 for status, _ in STATUSES.values())
    assert STATUSES[RefusedError] == (422, "refused")


def test_answers_are_json_objects_or_lists(doors: Served, tmp_path: object) -> None:
    assert isinstance(doors.house, Practice)
    with doors.to("ada") as admin:
        for path in ("/v1/status", "/v1/rollouts", "/v1/fleet", "/v1/policy", "/v1/freezes", "/v1/tokens"):
            answer = admin.get(path)
            assert answer.headers["content-type"] == "application/json"
            assert isinstance(json.loads(answer.text), dict | list)
