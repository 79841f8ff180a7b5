"""What every Artifacts promises, on the folder."""

import hashlib
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.control.ports import Artifacts
from wavetrain.errors import RefusedError, UnreachableError

BYTES = b"a release " * 5000
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made on the way" / "artifacts"


def pieces(content: bytes = BYTES, size: int = 777) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_bytes_are_found_by_their_digest(folder: Path) -> None:
    store: Artifacts = ArtifactStore(folder)
    assert store.path(DIGEST) is None
    assert store.put(DIGEST, pieces(), len(BYTES)) == len(BYTES)
    path = store.path(DIGEST)
    assert path is not None
    assert Path(path).read_bytes() == BYTES
    assert files(folder) == [Path(path)]
    assert ArtifactStore(folder).path(DIGEST) == path


def test_the_same_bytes_may_come_again(folder: Path) -> None:
    store = ArtifactStore(folder)
    assert [store.put(DIGEST, pieces(), len(BYTES)) for _ in range(2)] == [len(BYTES)] * 2
    assert len(files(folder)) == 1


def test_no_bytes_are_an_artifact_too(folder: Path) -> None:
    store = ArtifactStore(folder)
    assert store.put(hashlib.sha256(b"").hexdigest(), iter(()), 0) == 0


def test_other_bytes_than_announced_are_refused_with_both_digests(folder: Path) -> None:
    store = ArtifactStore(folder)
    other = hashlib.sha256(BYTES + b"!").hexdigest()
    with pytest.raises(RefusedError, match=f"{DIGEST} was announced.*{other}"):
        store.put(DIGEST, [*pieces(), b"!"], len(BYTES) + 1)
    assert store.path(DIGEST) is None
    assert files(folder) == []


def test_other_bytes_under_a_kept_digest_leave_the_kept_ones(folder: Path) -> None:
    store = ArtifactStore(folder)
    store.put(DIGEST, pieces(), len(BYTES))
    with pytest.raises(RefusedError):
        store.put(DIGEST, [b"!"], len(BYTES))
    path = store.path(DIGEST)
    assert path is not None
    assert Path(path).read_bytes() == BYTES


def test_more_bytes_than_allowed_are_refused_without_reading_on(folder: Path) -> None:
    store = ArtifactStore(folder)
    source = pieces(size=1000)
    with pytest.raises(RefusedError, match="more than 2500 bytes"):
        store.put(DIGEST, source, 2500)
    assert sum(map(len, source)) == len(BYTES) - 3000
    assert files(folder) == []


@pytest.mark.parametrize(
    "digest",
    ["", "abc", DIGEST.upper(), f"../{DIGEST[3:]}", DIGEST + "0", f"{DIGEST[:-1]}\n", DIGEST[:-1] + "/"],
)
def test_a_digest_that_is_none_is_refused(folder: Path, digest: str) -> None:
    store = ArtifactStore(folder)
    with pytest.raises(RefusedError, match="not a digest"):
        store.put(digest, pieces(), len(BYTES))
    assert store.path(digest) is None
    assert files(folder) == []


@pytest.mark.parametrize("error", [ConnectionResetError("the sender went away"), KeyboardInterrupt()])
def test_a_sender_that_fails_leaves_nothing_and_its_own_error(folder: Path, error: BaseException) -> None:
    def failing() -> Iterator[bytes]:
        yield BYTES[:1000]
        raise error

    with pytest.raises(type(error)):
        ArtifactStore(folder).put(DIGEST, failing(), len(BYTES))
    assert files(folder) == []


def test_what_a_killed_process_left_is_removed_at_the_start(folder: Path) -> None:
    store = ArtifactStore(folder)
    store.put(DIGEST, pieces(), len(BYTES))
    (folder / "arriving-half").write_bytes(b"half")
    (folder / "somebody else's").write_bytes(b"not ours")
    ArtifactStore(folder)
    assert [path.name for path in files(folder)] == sorted([DIGEST, "somebody else's"])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnreachableError, match="may write there"):
        ArtifactStore(tmp_path / "file" / "artifacts")


def test_a_folder_that_went_away_is_named(folder: Path) -> None:
    store = ArtifactStore(folder)
    folder.rmdir()
    with pytest.raises(UnreachableError, match="No such file"):
        store.put(DIGEST, pieces(), len(BYTES))


def test_many_may_bring_the_same_bytes_at_once(folder: Path) -> None:
    store = ArtifactStore(folder)
    kept: list[int] = []
    threads = [
        threading.Thread(target=lambda: kept.append(store.put(DIGEST, pieces(), len(BYTES))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert kept == [len(BYTES)] * 8
    assert len(files(folder)) == 1


def fill(folder: str) -> None:
    """Runs in a process of its own, whose files may have 10,000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = ArtifactStore(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    try:
        store.put(DIGEST, pieces(), len(BYTES))
    except UnreachableError as error:
        sys.stdout.write(str(error))


def test_a_full_disk_is_said_so_and_leaves_nothing(folder: Path) -> None:
    program = "from tests.adapters.test_artifact_store import fill; import sys; fill(sys.argv[1])"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"artifact folder {folder} did not take the bytes: File too large; check its space" in ran.stdout
    assert files(folder) == []
