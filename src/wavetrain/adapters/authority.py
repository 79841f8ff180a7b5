"""Authority: which certificates does the control plane give out itself?"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wavetrain.adapters.private_file import write_private
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import NodeId

AUTHORITY_LIFE = timedelta(days=3650)
DOOR_LIFE = timedelta(days=90)
NODE_LIFE = timedelta(hours=24)
EARLIER = timedelta(minutes=5)
"""A certificate begins so long ago, for machines whose clocks are behind."""
CSR_CHARACTERS_MAX = 8 * 1024
NODE_URI = "wavetrain:node:"
_USUAL = ("localhost", "127.0.0.1", "::1")
_WEAK = "its key is of another kind than P-256, P-384 or Ed25519; make a key of one of these"


class NodeCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A client certificate as it was just made, in PEM."""

    serial: str
    not_before: datetime
    not_after: datetime
    certificate: str


class OwnAuthority:
    """The `Authority` port on `authority.pem` and `authority.key`, which are made at first use.

    The key is written before the certificate: one without the other is a start that was interrupted, and nobody has
    seen what it made.
    """

    def __init__(self, folder: Path, now: datetime) -> None:
        self.file = folder / "authority.pem"
        self._key = _key_at(folder / "authority.key", self.file)
        if self.file.exists():
            self._certificate = _certificate_at(self.file)
            self._check(now)
        else:
            self._certificate = _self_signed(self._key, now)
            write_private(self.file, _pem(self._certificate), 0o644)

    def issue(self, node: NodeId, csr: str, now: datetime) -> NodeCertificate:
        """A certificate of 24 hours for a client that is this node."""
        name = x509.UniformResourceIdentifier(f"{NODE_URI}{node}")
        made = self._sign(node, [name], _public_of(csr), now, NODE_LIFE, ExtendedKeyUsageOID.CLIENT_AUTH)
        return NodeCertificate(
            serial=serial_of(made),
            not_before=made.not_valid_before_utc,
            not_after=made.not_valid_after_utc,
            certificate=_pem(made).decode(),
        )

    def chain(self) -> str:
        """The authority's own certificate."""
        return _pem(self._certificate).decode()

    def fingerprint(self) -> str:
        """Of the certificate's DER, as `openssl x509 -fingerprint -sha256` shows it, without colons."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    def door(self, folder: Path, names: Sequence[str], now: datetime) -> tuple[Path, Path]:
        """The files of the server's certificate and key: made, or made anew when two thirds of its life are over.

        They can always be made again; so a damaged or half-written pair is no reason to stop.
        """
        file, key_file = folder / "door.pem", folder / "door.key"
        wanted = list(dict.fromkeys((*_USUAL, *names)))
        key = _readable_key(key_file)
        if key is None:
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(key_file, _key_pem(key))
        elif self._serves(_readable_certificate(file), key, wanted, now):
            return file, key_file
        made = self._sign(
            wanted[-1],
            [_server_name(name) for name in wanted],
            key.public_key(),
            now,
            DOOR_LIFE,
            ExtendedKeyUsageOID.SERVER_AUTH,
        )
        write_private(file, _pem(made), 0o644)
        return file, key_file

    def _serves(
        self,
        known: x509.Certificate | None,
        key: ec.EllipticCurvePrivateKey,
        names: Collection[str],
        now: datetime,
    ) -> bool:
        if known is None or known.public_key() != key.public_key():
            return False
        try:
            known.verify_directly_issued_by(self._certificate)
            found = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        begins, ends = known.not_valid_before_utc, known.not_valid_after_utc
        has_names = {str(name.value) for name in found} == set(names)
        return has_names and begins <= now < begins + (ends - begins) * 2 / 3

    def _sign(
        self,
        name: str,
        others: Sequence[x509.GeneralName],
        key: "ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey",
        now: datetime,
        life: timedelta,
        purpose: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        now = now.replace(microsecond=0)
        builder = _begun(_name(name), self._certificate.subject, key, now - EARLIER)
        issuer = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            builder.not_valid_after(min(now + life, self._certificate.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName(others), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    def _check(self, now: datetime) -> None:
        if self._certificate.public_key() != self._key.public_key():
            raise UnreachableError(
                f"{self.file} and authority.key beside it do not belong together; restore both from one backup"
            )
        if now >= self._certificate.not_valid_after_utc:
            raise UnreachableError(
                f"{self.file} ended on {self._certificate.not_valid_after_utc:%Y-%m-%d}; move it and authority.key "
                "away, start again, and let every node join anew"
            )


def serial_of(certificate: x509.Certificate) -> str:
    """As certificates are kept under it."""
    return f"{certificate.serial_number:x}"


def _public_of(csr: str) -> "ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey":
    """The key of a signing request whose sender holds its private part."""
    if len(csr) > CSR_CHARACTERS_MAX:
        raise _bad(f"it has {len(csr)} characters; send at most {CSR_CHARACTERS_MAX}")
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise _bad(_WEAK)
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in ("secp256r1", "secp384r1"):
            raise _bad(_WEAK)
        if not request.is_signature_valid:
            raise _bad("it is not signed by the key that it names; make it anew")
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise _bad("it cannot be read; send a PKCS #10 request in PEM") from None
    return key


def _bad(why: str) -> RefusedError:
    return RefusedError(f"the signing request is refused: {why}")


def _key_at(file: Path, certificate: Path) -> ec.EllipticCurvePrivateKey:
    if file.exists():
        key = _readable_key(file)
        if key is None:
            raise UnreachableError(f"{file} is no readable P-256 key; restore it from a backup")
        return key
    if certificate.exists():
        raise UnreachableError(
            f"{file} is missing beside {certificate}; restore it from a backup, or move the certificate away, "
            "start again, and let every node join anew"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(file, _key_pem(key))
    return key


def _readable_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _readable_certificate(file: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None


def _certificate_at(file: Path) -> x509.Certificate:
    certificate = _readable_certificate(file)
    if certificate is None:
        raise UnreachableError(f"{file} is no readable certificate; restore it from a backup")
    return certificate


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    public = key.public_key()
    plain = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(plain)
    # Two installations have authorities of different names, so that a client that trusts both finds the right one.
    name = _name(f"Wavetrain authority {digest.finalize().hex()[:16]}")
    now = now.replace(microsecond=0)
    return (
        _begun(name, name, public, now - EARLIER)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: "ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey",
    begins: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, digital_signature: bool = False, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    """A common name has 64 characters at most; what it names stands in the alternative names, whole."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
