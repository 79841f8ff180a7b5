"""Signing key: permissions and bans that only this control plane can give."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wavetrain.adapters.signing_key import SigningKey
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import bans_bytes, signed_bytes

NODE, GENERATION, DIGEST, PLAN = NodeId("lis1-n1"), Generation(1, 7), "ab" * 32, "gateway-2.0.0/3"


def verify(public: str, signature: str, content: bytes) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    key.verify(base64.b64decode(signature), content)


def test_the_signature_covers_every_part_of_a_permission(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "signing.key")
    signature = key.sign(NODE, GENERATION, DIGEST, PLAN, 60.0)
    verify(key.public(), signature, signed_bytes(NODE, GENERATION, DIGEST, PLAN, 60.0))
    others = [
        ("lis1-n2", GENERATION, DIGEST, PLAN, 60.0),
        (NODE, Generation(1, 8), DIGEST, PLAN, 60.0),
        (NODE, GENERATION, "cd" * 32, PLAN, 60.0),
        (NODE, GENERATION, DIGEST, "gateway-2.0.0/4", 60.0),
        (NODE, GENERATION, DIGEST, PLAN, 61.0),
    ]
    for other in others:
        with pytest.raises(InvalidSignature):
            verify(key.public(), signature, signed_bytes(*other))


def test_the_signature_covers_every_part_of_the_bans(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "signing.key")
    signature = key.sign_bans("gateway", 7, "1.9", ("1.9.1", "2.0"))
    verify(key.public(), signature, bans_bytes("gateway", 7, "1.9", ("1.9.1", "2.0")))
    others = [
        ("content", 7, "1.9", ("1.9.1", "2.0")),
        ("gateway", 8, "1.9", ("1.9.1", "2.0")),
        ("gateway", 7, "", ("1.9.1", "2.0")),
        ("gateway", 7, "1.9", ("1.9.1",)),
        ("gateway", 7, "1.9", ("1.9.1,2.0",)),
    ]
    for other in others:
        with pytest.raises(InvalidSignature):
            verify(key.public(), signature, bans_bytes(*other))


def test_what_is_signed_can_be_told_apart_by_its_first_word() -> None:
    assert json.loads(signed_bytes("n", GENERATION, DIGEST, PLAN, 1.5)) == [
        "wavetrain-permission-2",
        "n",
        "1.7",
        DIGEST,
        PLAN,
        1500,
    ]
    assert json.loads(bans_bytes("gateway", 7, "", ("2.0",))) == [
        "wavetrain-bans-1",
        "gateway",
        7,
        "",
        ["2.0"],
    ]


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
