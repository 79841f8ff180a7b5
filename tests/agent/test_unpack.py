"""What may be laid down on a node."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest
from tests.agent.program import packed, release

from wavetrain.agent.unpack import Description, unpack
from wavetrain.errors import RefusedError

TOLD = json.dumps({"component": "gateway", "version": "1.0.0"}).encode()
GOOD = {"release.json": TOLD, "start": b"#!/bin/sh\n"}


def laid_down(tmp_path: Path, content: bytes) -> Description:
    archive = tmp_path / "artifact"
    archive.write_bytes(content)
    return unpack(archive, tmp_path / "inside" / "new")


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = link
    return made


def test_a_release_is_laid_down_with_an_executable_start(tmp_path: Path) -> None:
    found = laid_down(tmp_path, packed({**GOOD, "deep/er/file": b"x"}, member("empty", tarfile.DIRTYPE)))
    assert (found.component, found.version) == ("gateway", "1.0.0")
    new = tmp_path / "inside" / "new"
    assert (new / "deep" / "er" / "file").read_bytes() == b"x"
    assert (new / "empty").is_dir()
    assert (new / "start").stat().st_mode & 0o777 == 0o755
    assert (new / "release.json").stat().st_mode & 0o777 == 0o644


HOSTILE = {
    "outside": packed({**GOOD, "../outside": b"x"}),
    "deep outside": packed({**GOOD, "a/../../outside": b"x"}),
    "absolute": packed({**GOOD, "/outside": b"x"}),
    "symlink": packed(GOOD, member("link", tarfile.SYMTYPE, "/etc")),
    "hard link": packed(GOOD, member("link", tarfile.LNKTYPE, "../../artifact")),
    "device": packed(GOOD, member("device", tarfile.CHRTYPE)),
    "pipe": packed(GOOD, member("pipe", tarfile.FIFOTYPE)),
    "no start": packed({"release.json": TOLD}),
    "no release.json": packed({"start": b""}),
    "no version": packed({**GOOD, "release.json": b'{"component": "gateway"}'}),
    "not json": packed({**GOOD, "release.json": b"{"}),
    "not gzip": b"plain",
    "not tar": gzip.compress(b"plain" * 1000),
    "cut short": release("1.0.0").content[:600],
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_a_proper_release_is_refused_and_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match="artifact"):
        laid_down(tmp_path, HOSTILE[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact", "inside"]
    assert [path.name for path in (tmp_path / "inside").iterdir()] == ["new"]


def test_a_start_that_is_not_executable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no executable file `start`"):
        laid_down(tmp_path, packed({"release.json": TOLD, "sub/start": b""}))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "artifact"
    archive.write_bytes(packed({**GOOD, "zeros": bytes(1_000_000)}))
    with pytest.raises(RefusedError, match="more than 100000 bytes"):
        unpack(archive, tmp_path / "new", bytes_max=100_000)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "artifact"
    archive.write_bytes(packed({**GOOD, **{f"file-{n}": b"" for n in range(9)}}))
    with pytest.raises(RefusedError, match="more than 5 members"):
        unpack(archive, tmp_path / "new", members_max=5)
