"""Signing key: permissions that only this control plane can give."""

import base64
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wavetrain.adapters.signing_key import SigningKey
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import signed_bytes

NODE, GENERATION, DIGEST = NodeId("lis1-n1"), Generation(1, 7), "ab" * 32


def verify(public: str, signature: str, *signed: object) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    key.verify(base64.b64decode(signature), signed_bytes(*signed))  # type: ignore[arg-type]


def test_the_signature_covers_every_part_of_a_permission(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "signing.key")
    signature = key.sign(NODE, GENERATION, DIGEST, 60.0)
    verify(key.public(), signature, NODE, GENERATION, DIGEST, 60.0)
    others = [
        ("lis1-n2", GENERATION, DIGEST, 60.0),
        (NODE, Generation(1, 8), DIGEST, 60.0),
        (NODE, GENERATION, "cd" * 32, 60.0),
        (NODE, GENERATION, DIGEST, 61.0),
    ]
    for other in others:
        with pytest.raises(InvalidSignature):
            verify(key.public(), signature, *other)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    first = SigningKey(file).public()
    assert SigningKey(file).public() == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    file.write_bytes(b"short")
    with pytest.raises(UnreachableError, match="restore it from a backup"):
        SigningKey(file)
