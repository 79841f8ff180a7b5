"""Whether the bytes are those that were promised."""

import hashlib
from pathlib import Path

import pytest

from wavetrain.agent.fetch import fetch
from wavetrain.errors import RefusedError
from wavetrain.model.release import ARTIFACT_BYTES_MAX

CONTENT = b"the bytes of a release"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("size", [0, len(CONTENT)])
def test_the_promised_bytes_are_kept(tmp_path: Path, size: int) -> None:
    fetch(iter([CONTENT[:5], CONTENT[5:]]), tmp_path / "new" / "bytes", DIGEST, size)
    assert (tmp_path / "new" / "bytes").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bytes"]


@pytest.mark.parametrize(
    ("content", "digest", "size", "says"),
    [
        (CONTENT[:-1], DIGEST, len(CONTENT), "21 bytes came, 22 were told; refused as cut short"),
        (CONTENT[:-1], DIGEST, 0, "the SHA-256 of what came is"),
        (CONTENT + b"x", DIGEST, len(CONTENT), "more than the 22 bytes that were told"),
        (CONTENT[::-1], DIGEST, len(CONTENT), "the SHA-256 of what came is"),
        (CONTENT, "", 0, "is not a SHA-256"),
        (CONTENT, DIGEST.upper(), 0, "is not a SHA-256"),
        (CONTENT, "../../outside", 0, "is not a SHA-256"),
        (CONTENT, DIGEST, ARTIFACT_BYTES_MAX + 1, "are allowed"),
    ],
)
def test_other_bytes_are_refused_and_nothing_of_them_is_left(
    tmp_path: Path, content: bytes, digest: str, size: int, says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        fetch(iter([content]), tmp_path / "bytes", digest, size)
    assert list(tmp_path.iterdir()) == []
