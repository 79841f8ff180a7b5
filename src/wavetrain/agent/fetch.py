"""Fetch: are these the bytes that were promised?"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from wavetrain.errors import RefusedError
from wavetrain.model.release import ARTIFACT_BYTES_MAX

_DIGEST = re.compile(r"[0-9a-f]{64}")


def fetch(chunks: Iterator[bytes], path: Path, digest: str, size: int) -> None:
    """Write the bytes to `path`, which exists afterwards only if they are right.

    `size` 0 means that only the digest and the largest size are known. Raises `RefusedError`.
    """
    if not _DIGEST.fullmatch(digest):
        raise RefusedError(f"the digest {digest[:64]!r} is not a SHA-256 in lower-case hex; refused")
    most = size or ARTIFACT_BYTES_MAX
    if most > ARTIFACT_BYTES_MAX:
        raise RefusedError(
            f"artifact {digest[:12]}: {size} bytes are told, at most {ARTIFACT_BYTES_MAX} are allowed"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    seen, total = hashlib.sha256(), 0
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                total += len(chunk)
                if total > most:
                    raise RefusedError(
                        f"artifact {digest[:12]}: more than the {most} bytes that were told; refused"
                    )
                seen.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if size and total != size:
            raise RefusedError(
                f"artifact {digest[:12]}: {total} bytes came, {size} were told; refused as cut short"
            )
        if seen.hexdigest() != digest:
            raise RefusedError(
                f"artifact {digest[:12]}: the SHA-256 of what came is {seen.hexdigest()[:12]}; refused, submit the "
                "release again if its file was changed"
            )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
