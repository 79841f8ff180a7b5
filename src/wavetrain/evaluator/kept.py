"""Kept: which features were fetched last, for a program that starts while the control plane is away?"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from wavetrain.errors import RefusedError
from wavetrain.wire.json_message import read_message
from wavetrain.wire.snapshot_messages import SnapshotSent

FILE_BYTES_MAX = 64 * 1024 * 1024


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, and when it was fetched: seconds since the Unix epoch by this machine's clock."""

    at: float
    snapshot: SnapshotSent


def write(file: Path, kept: Kept) -> bool:
    """Replace the file: it has the older snapshot or this one. False where that cannot be done."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(kept))
        partial.replace(file)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        return False
    return True


def read(file: Path) -> Kept | None:
    """What the file has; None where it has nothing that is understood."""
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        return read_message(content, Kept, "the kept snapshot") if len(content) <= FILE_BYTES_MAX else None
    except (OSError, RefusedError):
        return None
