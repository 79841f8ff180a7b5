"""Authority: what it gives out, and what is left of a start that was cut short."""

import base64
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.control.identities import Identity

from wavetrain.adapters.authority import DOOR_LIFE, OwnAuthority
from wavetrain.adapters.private_file import write_private
from wavetrain.control.ports import Authority
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import NodeId

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
NODE = NodeId("lis1-n1")
FILES = ("authority.key", "authority.pem", "door.key", "door.pem")


def _own(folder: Path, now: datetime = NOW) -> OwnAuthority:
    authority = OwnAuthority(folder, now)
    authority.door(folder, (), now)
    return authority


def _read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _door(folder: Path) -> x509.Certificate:
    return _read((folder / "door.pem").read_text())


def test_a_nodes_certificate_says_what_the_control_plane_says_and_nothing_of_the_request(
    tmp_path: Path,
) -> None:
    authority: Authority = OwnAuthority(tmp_path, NOW)
    issued = authority.issue(NODE, Identity("lis1-n2").csr, NOW)
    made, signer = _read(issued.certificate), _read(authority.chain())
    made.verify_directly_issued_by(signer)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["wavetrain:node:lis1-n1"]
    assert [item.value for item in made.subject] == [NODE]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (issued.not_before, issued.not_after) == (NOW - timedelta(minutes=5), NOW + timedelta(hours=24))
    assert issued.serial == f"{made.serial_number:x}"
    assert authority.fingerprint() == signer.fingerprint(hashes.SHA256()).hex()


def test_no_certificate_outlives_the_authority(tmp_path: Path) -> None:
    late = NOW + timedelta(days=3650, hours=-1)
    authority = OwnAuthority(tmp_path, NOW)
    assert authority.issue(NODE, Identity().csr, late).not_after == NOW + timedelta(days=3650)


def test_the_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    first = _own(tmp_path).fingerprint()
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    assert _own(tmp_path, NOW + timedelta(days=1)).fingerprint() == first
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in FILES if name.endswith("key")} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("written", range(len(FILES) + 1))
@pytest.mark.parametrize("half", [False, True])
def test_a_first_start_that_was_cut_short_goes_on_cleanly(tmp_path: Path, written: int, half: bool) -> None:
    """After each of its writes, or in the middle of the next one."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    whole = _own(before)
    for name in FILES[:written]:
        (after / name).write_bytes((before / name).read_bytes())
    if half and written < len(FILES):
        (after / f".{FILES[written]}.partial").write_bytes(b"-----BEGIN")
    authority = _own(after)
    if written >= 2:
        assert authority.fingerprint() == whole.fingerprint()
    _door(after).verify_directly_issued_by(_read(authority.chain()))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(after / "door.pem", after / "door.key")
    assert sorted(file.name for file in after.iterdir()) == sorted(FILES)


def test_a_write_that_fails_leaves_the_older_content_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_private(file, b"old")
    (tmp_path / ".key.partial").mkdir()  # what is to be written there cannot be
    with pytest.raises(UnreachableError, match="make its folder writable"):
        write_private(file, b"new")
    assert file.read_bytes() == b"old"


def test_a_link_where_the_secret_is_to_be_written_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"others")
    (tmp_path / ".key.partial").symlink_to(other)
    write_private(tmp_path / "key", b"secret")
    assert other.read_bytes() == b"others"
    assert not (tmp_path / "key").is_symlink()


def test_the_doors_own_certificate_names_this_machine_and_the_names_given(tmp_path: Path) -> None:
    authority = OwnAuthority(tmp_path, NOW)
    authority.door(tmp_path, ("10.1.2.3", "train.example.net"), NOW)
    names = _door(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "train.example.net"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address(text) for text in ("127.0.0.1", "::1", "10.1.2.3")
    ]


def test_the_doors_own_certificate_is_renewed_when_two_thirds_of_its_life_are_over(tmp_path: Path) -> None:
    authority = _own(tmp_path)
    first = _door(tmp_path)
    authority.door(tmp_path, (), NOW + DOOR_LIFE * 0.6)
    assert _door(tmp_path) == first
    authority.door(tmp_path, (), NOW + DOOR_LIFE * 0.7)
    second = _door(tmp_path)
    assert second.not_valid_after_utc == NOW + DOOR_LIFE * 1.7
    assert second.public_key() == first.public_key()
    authority.door(tmp_path, (), NOW - timedelta(days=1))
    assert _door(tmp_path).not_valid_before_utc < NOW - timedelta(days=1)


@pytest.mark.parametrize("name", ["door.pem", "door.key"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nnix", b"\xff"])
def test_a_damaged_certificate_of_the_doors_is_made_anew(tmp_path: Path, name: str, content: bytes) -> None:
    authority = _own(tmp_path)
    (tmp_path / name).write_bytes(content)
    pair = authority.door(tmp_path, (), NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("authority.key", b"", "restore it from a backup"),
        ("authority.pem", b"nix", "restore it from a backup"),
        ("authority.key", None, "move the certificate away"),
    ],
)
def test_a_damaged_authority_is_refused_with_the_way_out(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    _own(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreachableError, match=says):
        OwnAuthority(tmp_path, NOW)


def test_an_authority_with_anothers_key_or_past_its_end_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        OwnAuthority(folder, NOW)
    with pytest.raises(UnreachableError, match="let every node join anew"):
        OwnAuthority(one, NOW + timedelta(days=3651))
    (one / "authority.key").write_bytes((other / "authority.key").read_bytes())
    with pytest.raises(UnreachableError, match="do not belong together"):
        OwnAuthority(one, NOW)


def _csr(key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey") -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    built = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return built.public_bytes(Encoding.PEM)


def test_a_request_on_a_weak_or_costly_key_is_refused(tmp_path: Path) -> None:
    authority = OwnAuthority(tmp_path, NOW)
    for key in (ec.generate_private_key(ec.SECP192R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(RefusedError, match=r"make a key of one of these"):
            authority.issue(NODE, _csr(key).decode(), NOW)
    with pytest.raises(RefusedError, match="send at most"):
        authority.issue(NODE, "x" * 10_000, NOW)


def test_a_request_that_its_key_has_not_signed_is_refused(tmp_path: Path) -> None:
    good = x509.load_pem_x509_csr(Identity().csr.encode()).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(good[:-1] + bytes([good[-1] ^ 1])).public_bytes(Encoding.PEM).decode()
    with pytest.raises(RefusedError, match="not signed by the key"):
        OwnAuthority(tmp_path, NOW).issue(NODE, forged, NOW)


_GOOD = x509.load_pem_x509_csr(Identity().csr.encode()).public_bytes(Encoding.DER)
_broken = st.tuples(st.integers(0, len(_GOOD) - 1), st.integers(1, 255)).map(
    lambda at: _GOOD[: at[0]] + bytes([_GOOD[at[0]] ^ at[1]]) + _GOOD[at[0] + 1 :]
)


def _armoured(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OwnAuthority:
    """One for many requests."""
    return OwnAuthority(tmp_path_factory.mktemp("authority"), NOW)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(_armoured), _broken.map(_armoured)))
def test_whatever_else_comes_as_a_request_is_refused_cleanly(authority: OwnAuthority, csr: str) -> None:
    try:
        issued = authority.issue(NODE, csr, NOW)
    except RefusedError as refused:
        text = str(refused)
    else:  # a signature may be written in more than one way; what was signed is the same
        text = "the signing request is refused"
        assert _read(issued.certificate).public_key() == x509.load_der_x509_csr(_GOOD).public_key()
    assert text.startswith("the signing request is refused")
