"""Identity: by which certificate is this node known, and whom does it believe?

In the agent's folder: `node.pem` (key and certificate in one file, so that no crash parts them; its owner's alone),
`authority.pem` and `signing.pub` (what the control plane said of itself when the node joined).
"""

import hashlib
import os
import re
import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wavetrain.agent.permission import Judge
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import Joined

NODE, AUTHORITY, KEY = "node.pem", "authority.pem", "signing.pub"
ROOM, ROOM_BYTES = "room", 64 * 1024
RENEW_AT, RENEW_SPREAD = 2 / 3, 1 / 12
"""Shares of a certificate's life: when it is renewed at the earliest, and over which span nodes are spread."""
_JOINED_WITH = re.compile(r"^joined-with: ([0-9a-f]{64})$", re.MULTILINE)


class Kept(msgspec.Struct, frozen=True):
    """The certificate that this node has. Times are seconds since the Unix epoch."""

    serial: str
    not_before: float
    not_after: float
    joined_with: str
    """SHA-256 of the join secret that it goes back to."""

    def due(self, node: str) -> float:
        """When it is to be renewed; another moment for each node, by a stable hash."""
        bits = hashlib.sha256(f"{node} {self.serial}".encode()).digest()[:4]
        share = RENEW_AT + RENEW_SPREAD * int.from_bytes(bits, "big") / 2**32
        return self.not_before + share * (self.not_after - self.not_before)


class Request(msgspec.Struct, frozen=True):
    """A new key, and the signing request for it; both PEM."""

    key: str
    csr: str


class Identity:
    """Of one node, in its agent's folder. `revision` grows with each certificate that is taken up."""

    def __init__(self, node: str, folder: Path, ca_file: str, key_file: str = "") -> None:
        """`ca_file` is what the control plane is first believed by; `key_file` pins the key that it signs with.

        Raises `RefusedError` for files that are named and no good.
        """
        self._node = node
        self._folder = folder
        self._ca_file = ca_file
        self._pinned = Judge(node, _text(Path(key_file), "the control plane's key")) if key_file else None
        self.revision = 0
        self.trouble = ""
        """Why what is in the folder is of no use; empty where it is, or where there is nothing."""
        self.kept: Kept | None = None
        self._judge: Judge | None = None
        self._context = self._bare = self._trusting()
        folder.mkdir(parents=True, exist_ok=True)
        self._load()

    @property
    def judge(self) -> Judge:
        """Who knows the control plane's signatures. Raises `UnreachableError` before the node has joined."""
        if self._judge is None:
            raise UnreachableError(
                f"node {self._node} does not know the control plane's key yet; it has not joined"
            )
        return self._judge

    @property
    def context(self) -> ssl.SSLContext:
        """For connections that are this node's own."""
        return self._context

    @property
    def bare(self) -> ssl.SSLContext:
        """For connections of a node that is not known yet."""
        return self._bare

    def request(self) -> Request:
        """A key that was never used, and what a certificate is asked for with.

        Raises `UnreachableError` where there would be no room for the answer: a secret must not be used up for it.
        """
        self._write(ROOM, " " * ROOM_BYTES)
        (self._folder / ROOM).unlink()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._node[:64])])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Request(pem.decode(), csr.public_bytes(serialization.Encoding.PEM).decode())

    def join(self, request: Request, joined: Joined, joined_with: str) -> None:
        """Take up the first certificate, with what the control plane says of itself. Raises `UnreachableError`.

        `node.pem` is written last: a crash before it leaves a node that has not joined.
        """
        _check(request, joined)
        try:
            Judge(self._node, joined.key)
        except RefusedError as error:
            raise UnreachableError(f"what the control plane answered is no good: {error}") from error
        self._write(KEY, joined.key.strip() + "\n")
        self._take_up(request, joined, joined_with)

    def renew(self, request: Request, joined: Joined) -> str:
        """Take up the next certificate; a warning where the control plane names another signing key now.

        That key is not taken over: only a person, by joining the node again, says whose word moves it.
        """
        assert self.kept is not None
        _check(request, joined)
        self._take_up(request, joined, self.kept.joined_with)
        known = self._read(KEY)
        if self._pinned is None and joined.key.strip() != known.strip():
            return "the control plane names another signing key than when this node joined; the node keeps the old one"
        return ""

    def _take_up(self, request: Request, joined: Joined, joined_with: str) -> None:
        self._write(AUTHORITY, joined.authority)
        self._write(NODE, f"joined-with: {joined_with}\n{request.key}{joined.certificate}")
        self._load()

    def _load(self) -> None:
        """What is in the folder; what is of no use counts as nothing."""
        self.kept, self.trouble = None, ""
        self._bare = self._context = self._trusting()
        self._judge = self._pinned or self._learned()
        pem = self._read(NODE)
        if not pem:
            return
        context = self._trusting()
        try:
            found = x509.load_pem_x509_certificate(pem.encode())
            context.load_cert_chain(self._folder / NODE)
        except (ValueError, ssl.SSLError) as error:
            self.trouble = f"{self._folder / NODE} is no key with its certificate ({error})"
            return
        if self._judge is None:
            self.trouble = f"{self._folder / KEY} is not the control plane's key"
            return
        joined_with = _JOINED_WITH.search(pem)
        self.kept = Kept(
            f"{found.serial_number:x}",
            found.not_valid_before_utc.timestamp(),
            found.not_valid_after_utc.timestamp(),
            joined_with[1] if joined_with else "",
        )
        self._context = context
        self.revision += 1

    def _trusting(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise RefusedError(
                f"ca_file {self._ca_file} cannot be used ({error}); copy authority.pem from the control plane's folder"
            ) from error
        learned = self._read(AUTHORITY)
        if learned:
            # What it said when it was already believed: so an authority can be followed by the next one.
            try:
                context.load_verify_locations(cadata=learned)
            except ssl.SSLError as error:
                self.trouble = f"{self._folder / AUTHORITY} is no certificate ({error})"
        return context

    def _learned(self) -> Judge | None:
        try:
            return Judge(self._node, self._read(KEY))
        except RefusedError:
            return None

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _write(self, name: str, text: str) -> None:
        try:
            self._write_whole(name, text)
        except OSError as error:
            raise UnreachableError(
                f"the agent cannot write {self._folder / name}: {error.strerror}; free some space, or see whose it is"
            ) from error

    def _write_whole(self, name: str, text: str) -> None:
        """Or not at all, and over a power cut; readable by the owner alone."""
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check(request: Request, joined: Joined) -> None:
    """Whether the answer can be used with the key; nothing is written of one that cannot."""
    try:
        certificate = x509.load_pem_x509_certificate(joined.certificate.encode())
        x509.load_pem_x509_certificates(joined.authority.encode())
        key = serialization.load_pem_private_key(request.key.encode(), None)
    except ValueError as error:
        raise UnreachableError(f"the control plane's certificates are not understood: {error}") from error
    if certificate.public_key() != key.public_key():
        raise UnreachableError("the control plane answered with a certificate for another key; refused")


def _text(file: Path, what: str) -> str:
    try:
        text = file.read_text().strip()
    except OSError as error:
        raise RefusedError(f"{what} cannot be read from {file}: {error.strerror}; write it there") from error
    if not text:
        raise RefusedError(f"{file} is empty; write {what} there")
    return text
