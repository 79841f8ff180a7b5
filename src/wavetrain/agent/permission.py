"""Permission: did the control plane sign that this node may disturb itself for this instruction?"""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wavetrain.errors import RefusedError
from wavetrain.wire.agent_messages import Bans, Permission, Told, bans_bytes, signed_bytes

LIFETIME_S_MAX = 24 * 3600.0
KEY_WAY_OUT = "if the control plane has a new key, let the node join again, or correct `key_file`"


class Judge:
    """Knows the control plane's key, and its own node."""

    def __init__(self, node: str, key: str) -> None:
        """`key` is the raw Ed25519 public key in base64. Raises `RefusedError`."""
        self._node = node
        try:
            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.strip(), validate=True))
        except (binascii.Error, ValueError) as error:
            raise RefusedError(
                f"the control plane's key is not a base64 Ed25519 public key of 32 bytes ({error}); "
                "copy it from the control plane again"
            ) from error

    def objection(self, told: Told) -> str:
        """Why the permission in `told` does not hold; empty where it does."""
        permission = told.permission
        assert permission is not None
        if permission.node != self._node:
            return f"the permission is for node {permission.node}, this is {self._node}; refused"
        if permission.generation != told.generation:
            return f"the permission is for generation {permission.generation}, told was {told.generation}; refused"
        if permission.digest != told.digest:
            return f"the permission is for artifact {permission.digest[:12]}, told was {told.digest[:12]}; refused"
        if not 0 < permission.lifetime_s <= LIFETIME_S_MAX:
            return f"the permission lasts {permission.lifetime_s} s, at most {LIFETIME_S_MAX:g} are allowed; refused"
        if not self._signed(_content(permission, told.restart), permission.signature):
            return f"the permission's signature is not the control plane's; refused, nothing is moved: {KEY_WAY_OUT}"
        return ""

    def bans_objection(self, bans: Bans) -> str:
        """Why these bans are not the control plane's; empty where they are."""
        content = bans_bytes(bans.component, bans.serial, bans.floor, bans.tombstones)
        if self._signed(content, bans.signature):
            return ""
        return f"the signature of the bans of {bans.component} is not the control plane's; refused: {KEY_WAY_OUT}"

    def _signed(self, content: bytes, signature: str) -> bool:
        try:
            self._key.verify(base64.b64decode(signature, validate=True), content)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _content(permission: Permission, restart: bool) -> bytes:
    return signed_bytes(
        permission.node,
        permission.generation,
        permission.digest,
        permission.plan,
        permission.lifetime_s,
        restart=restart,
    )


def boot_id() -> str:
    """Names this boot: a monotonic clock counts within one boot only."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
