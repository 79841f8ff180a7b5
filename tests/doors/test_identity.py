"""Who a connection is: certificates over real TLS, what is refused in the handshake, and what at the door."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from tests.control.identities import Identity
from tests.doors.served import Served

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.control import joins, nodes, tokens
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Certificate, Role
from wavetrain.model.fleet import NodeId
from wavetrain.wire.agent_messages import Joined
from wavetrain.wiring.clock import utc_now

NODE, OTHER = NodeId("lis1-n1"), NodeId("lis1-n2")
BECAUSE = {"reason": "it looks odd"}


def _poll(client: httpx.Client, node: str = NODE) -> httpx.Response:
    first = {"era": 0, "counter": 0}
    say = {"node": node, "generation": first, "release": "1.9.0", "phase": "steady"}
    return client.post("/v1/agent/poll", json={"say": say, "known": first})


def _is_answered(doors: Served, identity: Identity) -> bool:
    """Whether the handshake comes to its end; at these doors everybody may ask whether they are alive."""
    try:
        with doors.connection(identity) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionError):
        return False


def _given(doors: Served, authority: OwnAuthority, days_ago: float = 0.0) -> Identity:
    """A certificate of this authority, which the store keeps as a good one."""
    identity = Identity()
    issued = authority.issue(NODE, identity.csr, utc_now() - timedelta(days=days_ago))
    identity.certificate = issued.certificate
    with doors.house.store.write() as transaction:
        transaction.put(
            Certificate(
                serial=issued.serial,
                node=NODE,
                not_before=issued.not_before,
                not_after=utc_now() + timedelta(hours=1),
                by="practice",
            )
        )
    return identity


def test_a_nodes_certificate_speaks_for_itself_and_for_no_other(doors: Served) -> None:
    with doors.to(NODE) as node:
        assert _poll(node).status_code == 200
        answer = _poll(node, OTHER)
        assert answer.status_code == 403
        assert "the certificate of node lis1-n1 cannot speak for node lis1-n2" in answer.json()["error"]
        assert node.get("/v1/rollouts").status_code == 403


def test_a_bearer_token_does_not_make_a_node(doors: Served) -> None:
    with doors.to("olga") as operator, doors.to() as stranger:
        assert _poll(operator).status_code == 403
        assert _poll(stranger).status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        lambda doors: joins.revoke(doors.house.store, tokens.HOUSE, NODE, "it looks odd"),
        lambda doors: nodes.retire(doors.house.store, Caller("olga", (Role.OPERATOR,)), NODE, "disk"),
    ],
    ids=["revoked", "retired"],
)
def test_a_revoked_or_retired_node_is_refused_on_the_connection_that_it_has(
    doors: Served, end: Callable[[Served], object]
) -> None:
    with doors.to(NODE) as node, doors.to(OTHER) as other:
        assert _poll(node).status_code == 200
        end(doors)
        answer = _poll(node)
        assert (answer.status_code, answer.json()["kind"]) == (401, "unauthenticated")
        assert "wavetrain node join lis1-n1" in answer.json()["error"]
        assert node.post("/v1/agent/renew", json={"csr": Identity().csr}).status_code == 401
        assert _poll(other, OTHER).status_code == 200


def test_a_certificate_of_the_authority_that_the_store_does_not_keep_is_nobodys(doors: Served) -> None:
    identity = Identity()
    identity.certificate = doors.authority.issue(NODE, identity.csr, utc_now()).certificate
    with doors.shown(identity) as unknown:
        assert _poll(unknown).status_code == 401


def test_another_authoritys_certificate_ends_the_handshake(doors: Served, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    assert _is_answered(doors, _given(doors, doors.authority))
    assert not _is_answered(doors, _given(doors, OwnAuthority(tmp_path / "others", utc_now())))


def test_an_expired_certificate_ends_the_handshake(doors: Served) -> None:
    assert _is_answered(doors, _given(doors, doors.authority, days_ago=0.9))
    assert not _is_answered(doors, _given(doors, doors.authority, days_ago=1.1))


def test_the_doors_own_certificate_does_not_make_a_node(doors: Served, tmp_path: Path) -> None:
    context = ssl.create_default_context(cadata=doors.authority.chain())
    context.load_cert_chain(tmp_path / "door.pem", tmp_path / "door.key")
    with (
        pytest.raises(httpx.TransportError),
        httpx.Client(base_url=doors.url, verify=context, trust_env=False) as client,
    ):
        _poll(client)


def test_whoever_trusts_another_authority_does_not_speak_to_these_doors(doors: Served) -> None:
    with (
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        httpx.Client(base_url=doors.url, trust_env=False) as client,
    ):
        client.get("/healthz")


def test_nothing_is_said_without_tls_or_with_an_old_one(doors: Served) -> None:
    with pytest.raises(httpx.TransportError), httpx.Client(trust_env=False) as client:
        client.get(doors.url.replace("https", "http") + "/healthz")
    context = ssl.create_default_context(cadata=doors.authority.chain())
    context.minimum_version, context.maximum_version = (
        ssl.TLSVersion.MINIMUM_SUPPORTED,
        ssl.TLSVersion.TLSv1_2,
    )
    with doors.connection() as connection:
        assert connection.version() == "TLSv1.3"
    with httpx.Client(base_url=doors.url, verify=context, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200


def test_a_node_joins_with_a_token_and_then_speaks_for_itself(doors: Served) -> None:
    with doors.to("ada") as admin, doors.to() as stranger:
        made = admin.post("/v1/nodes/lis1-n3/join", json={})
        assert made.status_code == 201
        assert made.json()["authority_sha256"] == doors.authority.fingerprint()
        identity = Identity("lis1-n1")
        asked = {"secret": made.json()["secret"], "csr": identity.csr}
        answer = stranger.post("/v1/agent/join", json=asked)
        assert answer.status_code == 201
        joined = msgspec.json.decode(answer.content, type=Joined)
        again = stranger.post("/v1/agent/join", json=asked)
        assert (again.status_code, again.json()["kind"]) == (403, "forbidden")
    assert (joined.authority, joined.key) == (doors.authority.chain(), doors.house.trust.public())
    identity.certificate = joined.certificate
    with doors.shown(identity) as node:
        assert _poll(node, "lis1-n3").status_code == 200
        renewed = node.post("/v1/agent/renew", json={"csr": identity.csr})
        assert renewed.status_code == 201
    following = Identity()
    following.certificate = renewed.json()["certificate"]
    serial = x509.load_pem_x509_certificate(following.certificate.encode()).serial_number
    with doors.house.store.read() as view:
        kept = view.get(Certificate, f"{serial:x}")
    assert kept is not None
    assert kept.node == "lis1-n3"


def test_of_two_who_join_at_once_with_one_token_one_is_refused(doors: Served) -> None:
    with doors.to("ada") as admin:
        secret = admin.post("/v1/nodes/lis1-n3/join", json={"minutes": 5}).json()["secret"]

    def join(_: int) -> int:
        with doors.to() as stranger:
            asked = {"secret": secret, "csr": Identity().csr}
            return stranger.post("/v1/agent/join", json=asked).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(join, range(4))) == [201, 403, 403, 403]


BAD = {
    "an unknown node": ("ada", "/v1/nodes/nix/join", {}, 404, "there is no node nix"),
    "too long a life": ("ada", "/v1/nodes/lis1-n3/join", {"minutes": 9999}, 422, "give 1 to 1440"),
    "an unknown field": ("ada", "/v1/nodes/lis1-n3/join", {"hours": 1}, 422, "unknown field `hours`"),
    "no admin": ("olga", "/v1/nodes/lis1-n3/join", {}, 403, "may not let nodes join"),
    "no admin to revoke": ("anna", "/v1/nodes/lis1-n1/revoke", BECAUSE, 403, "may not let nodes join"),
    "a token for a node": ("ada", "/v1/tokens", {"name": "x", "roles": ["node"]}, 422, "node join x"),
    "no such secret": ("", "/v1/agent/join", {"secret": "nix", "csr": "nix"}, 403, "unknown or long over"),
    "no secret": ("", "/v1/agent/join", {"csr": "nix"}, 422, "missing required field `secret`"),
    "a person renews": ("olga", "/v1/agent/renew", {"csr": "nix"}, 403, "over a connection without one"),
    "nobody renews": ("", "/v1/agent/renew", {"csr": "nix"}, 401, "there is no token"),
    "a bad request renews": (NODE, "/v1/agent/renew", {"csr": "nix"}, 422, "the signing request is refused"),
    "no component": ("anna", "/v1/components/nix/floor", {"number": "2", **BECAUSE}, 404, "no component"),
    "no reason": ("anna", "/v1/components/gateway/floor", {"number": "2.0.0"}, 422, "field `reason`"),
    "no approver": (
        "ci",
        "/v1/components/gateway/floor",
        {"number": "2.0.0", **BECAUSE},
        403,
        "raise floors",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_may_not_be_asked_is_refused_and_nothing_is_written(rolling: Served, case: str) -> None:
    who, path, body, status, said = BAD[case]
    before = rolling.house.sequence
    with rolling.to(who) as client:
        answer = client.post(path, json=body) if body is not None else client.post(path)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert rolling.house.sequence == before


def test_an_oversize_join_is_refused(rolling: Served) -> None:
    with rolling.to() as stranger:
        answer = stranger.post("/v1/agent/join", json={"secret": "x", "csr": "x" * 20_000})
    assert (answer.status_code, answer.json()["kind"]) == (413, "too large")


def test_a_node_is_revoked_and_a_floor_is_raised_at_the_operators_door(doors: Served) -> None:
    doors.house.submitted("2.0.0")
    with doors.to("ada") as admin, doors.to("anna") as approver:
        gone = admin.post("/v1/nodes/lis1-n1/revoke", json=BECAUSE).json()
        assert gone == {"node": NODE, "certificates": 1, "joins": 0}
        asked = {"number": "2.0.0", **BECAUSE}
        floor = approver.post("/v1/components/gateway/floor", json=asked).json()
        assert (floor["component"], floor["number"], floor["by"]) == ("gateway", "2.0.0", "anna")
