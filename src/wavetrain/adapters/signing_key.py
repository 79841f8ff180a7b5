"""Signing key: the Ed25519 key that permissions and bans are signed with, kept in the control plane's folder."""

import base64
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from wavetrain.adapters.private_file import write_private
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import bans_bytes, signed_bytes


class SigningKey:
    """The `Trust` port on a file that only its owner may read; made at first use."""

    def __init__(self, file: Path) -> None:
        self._key = _load(file) if file.exists() else _make(file)

    def sign(
        self,
        node: NodeId,
        generation: Generation,
        digest: str,
        plan: str,
        lifetime_s: float,
        *,
        restart: bool = False,
    ) -> str:
        """Base64 of the signature over `wire.agent_messages.signed_bytes`."""
        return self._signature(signed_bytes(node, generation, digest, plan, lifetime_s, restart=restart))

    def sign_bans(self, component: str, serial: int, floor: str, tombstones: Sequence[str]) -> str:
        """Base64 of the signature over `wire.agent_messages.bans_bytes`."""
        return self._signature(bans_bytes(component, serial, floor, tombstones))

    def _signature(self, content: bytes) -> str:
        return base64.b64encode(self._key.sign(content)).decode()

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
    write_private(file, raw)
    return key
