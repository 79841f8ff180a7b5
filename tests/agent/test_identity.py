"""By what a node is known."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.servers import Door, public

from wavetrain.agent.identity import Identity, Kept, Request
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import NodeId
from wavetrain.wire.agent_messages import Joined

KEY = Ed25519PrivateKey.generate()
DAY_S = 86_400.0


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path / "control")


def fresh(door: Door, folder: Path) -> Identity:
    return Identity("n1", folder, str(door.ca_file))


def answer(door: Door, request: Request, key: Ed25519PrivateKey = KEY) -> Joined:
    issued = door.authority.issue(NodeId("n1"), request.csr, datetime.now(UTC))
    return Joined(certificate=issued.certificate, authority=door.authority.chain(), key=public(key))


def test_what_was_joined_is_known_to_the_next_process_and_private(door: Door, tmp_path: Path) -> None:
    identity = fresh(door, tmp_path)
    assert (identity.kept, identity.revision) == (None, 0)
    with pytest.raises(UnreachableError, match="has not joined"):
        _ = identity.judge
    request = identity.request()
    identity.join(request, answer(door, request), "a" * 64)
    again = fresh(door, tmp_path)
    assert again.kept == identity.kept
    assert again.kept is not None
    assert again.kept.joined_with == "a" * 64
    assert again.kept.not_after - again.kept.not_before == pytest.approx(DAY_S, abs=600)
    assert again.judge
    for name in ("node.pem", "authority.pem", "signing.pub"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["authority.pem", "node.pem", "signing.pub"]


def test_a_renewal_has_another_key_and_goes_back_to_the_same_secret(door: Door, tmp_path: Path) -> None:
    identity = door.let_in("n1", tmp_path, KEY)
    first, kept = (tmp_path / "node.pem").read_text(), identity.kept
    request = identity.request()
    assert identity.renew(request, answer(door, request)) == ""
    assert identity.revision == 2
    assert kept is not None
    assert identity.kept is not None
    assert identity.kept.serial != kept.serial
    assert identity.kept.joined_with == kept.joined_with
    assert request.key in (tmp_path / "node.pem").read_text()
    assert request.key not in first


def test_a_renewal_never_changes_whose_word_moves_the_node(door: Door, tmp_path: Path) -> None:
    identity = door.let_in("n1", tmp_path, KEY)
    request = identity.request()
    warning = identity.renew(request, answer(door, request, Ed25519PrivateKey.generate()))
    assert "keeps the old one" in warning
    assert (tmp_path / "signing.pub").read_text() == public(KEY) + "\n"
    joining = identity.request()
    other = Ed25519PrivateKey.generate()
    identity.join(joining, answer(door, joining, other), "b" * 64)
    assert (tmp_path / "signing.pub").read_text() == public(other) + "\n"


@pytest.mark.parametrize("wrong", ["certificate", "authority", "key", "another's"])
def test_an_answer_that_is_no_good_changes_nothing(door: Door, tmp_path: Path, wrong: str) -> None:
    identity = door.let_in("n1", tmp_path, KEY)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.p*")}
    request = identity.request()
    good = answer(door, identity.request() if wrong == "another's" else request)
    fields = {name: getattr(good, name) for name in ("certificate", "authority", "key")}
    bad = Joined(**{name: "garbage" if name == wrong else value for name, value in fields.items()})
    with pytest.raises(UnreachableError):
        identity.join(request, bad, "c" * 64)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.p*")} == before
    assert identity.revision == 1


@pytest.mark.parametrize("cut", [0, 60, 400, -30])
def test_a_damaged_file_counts_as_none_and_is_told(door: Door, tmp_path: Path, cut: int) -> None:
    door.let_in("n1", tmp_path, KEY)
    file = tmp_path / "node.pem"
    file.write_text(file.read_text()[:cut])
    damaged = fresh(door, tmp_path)
    assert damaged.kept is None
    assert bool(damaged.trouble) is (cut != 0)


def test_without_the_control_planes_key_a_node_has_not_joined(door: Door, tmp_path: Path) -> None:
    door.let_in("n1", tmp_path, KEY)
    (tmp_path / "signing.pub").unlink()
    assert fresh(door, tmp_path).kept is None
    pinned = tmp_path / "pinned.pub"
    pinned.write_text(public(KEY))
    assert Identity("n1", tmp_path, str(door.ca_file), str(pinned)).kept is not None


def test_the_authority_that_follows_is_believed_beside_the_first(door: Door, tmp_path: Path) -> None:
    identity = fresh(door, tmp_path / "node")
    second = Door(tmp_path / "second")
    request = identity.request()
    joined = answer(door, request)
    chain = joined.authority + second.authority.chain()
    identity.join(request, Joined(certificate=joined.certificate, authority=chain, key=joined.key), "")
    assert len(identity.context.get_ca_certs()) == 2


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_an_authority_that_is_none_is_refused_with_the_way_out(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "authority.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(RefusedError, match=r"ca_file .*copy authority\.pem"):
        Identity("n1", tmp_path, str(file))


def test_a_key_file_that_is_none_is_refused(door: Door, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    with pytest.raises(RefusedError, match="is empty; write the control plane's key there"):
        Identity("n1", tmp_path, str(door.ca_file), str(tmp_path / "key"))
    with pytest.raises(RefusedError, match="cannot be read"):
        Identity("n1", tmp_path, str(door.ca_file), str(tmp_path / "missing"))


def test_a_node_never_shows_its_certificate_to_a_door_that_it_does_not_believe(
    door: Door, tmp_path: Path
) -> None:
    identity = door.let_in("n1", tmp_path, KEY)
    for context in (identity.context, identity.bare):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_certificates_are_renewed_in_the_third_quarter_of_their_life_each_node_at_its_own_time() -> None:
    begin = datetime(2026, 11, 2, tzinfo=UTC)
    kept = Kept("ab", begin.timestamp(), (begin + timedelta(days=1)).timestamp(), "")
    shares = [(kept.due(f"n{number}") - kept.not_before) / DAY_S for number in range(200)]
    assert all(2 / 3 <= share <= 3 / 4 for share in shares)
    assert len(set(shares)) == 200
    assert max(shares) - min(shares) > 0.07
    assert kept.due("n1") == kept.due("n1")
