"""Signing key: the Ed25519 key that permissions are signed with, kept in the control plane's folder."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import signed_bytes


class SigningKey:
    """The `Trust` port on a file that only its owner may read; made at first use."""

    def __init__(self, file: Path) -> None:
        self._key = _load(file) if file.exists() else _make(file)

    def sign(self, node: NodeId, generation: Generation, digest: str, lifetime_s: float) -> str:
        """Base64 of the signature over `wire.agent_messages.signed_bytes`."""
        signature = self._key.sign(signed_bytes(node, generation, digest, lifetime_s))
        return base64.b64encode(signature).decode()

    def public(self) -> str:
        """Base64 of the raw 32-byte public key."""
        return base64.b64encode(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _load(file: Path) -> Ed25519PrivateKey:
    raw = file.read_bytes()
    if len(raw) != 32:
        raise UnreachableError(f"{file} is not a signing key of 32 bytes; restore it from a backup")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _make(file: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    partial = file.with_suffix(".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(raw)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)
    return key
