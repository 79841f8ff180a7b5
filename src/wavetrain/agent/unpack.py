"""Unpack: may what is in this artifact be laid down on the node?"""

import gzip
import io
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import msgspec

from wavetrain.errors import RefusedError
from wavetrain.wire.json_message import read_message

UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
MEMBERS_MAX = 20_000
COPY_BYTES = 256 * 1024
HEADER_BYTES_MAX = 1024 * 1024
DESCRIPTION_BYTES_MAX = 1024 * 1024


class Description(msgspec.Struct, frozen=True):
    """`release.json`, as far as the installer reads it."""

    component: str
    version: str


class _Bounded(io.RawIOBase):
    """Reads no more than the limit, also when one header asks for it.

    tarfile takes a whole header into memory, and some kinds of header are as long as they say.
    """

    def __init__(self, source: gzip.GzipFile, bytes_max: int) -> None:
        self._source = source
        self._bytes_max = bytes_max
        self._left = bytes_max
        self._ahead = HEADER_BYTES_MAX

    def expect(self, size: int) -> None:
        """A member of so many bytes follows, and then the next header."""
        self._ahead = size + HEADER_BYTES_MAX

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            raise RefusedError(f"it unpacks to more than {self._bytes_max} bytes")
        content = self._source.read(size)
        self._left -= len(content)
        self._ahead -= len(content)
        if self._ahead < 0:
            raise RefusedError(f"one of its headers has more than {HEADER_BYTES_MAX} bytes")
        return content


def unpack(
    archive: Path, folder: Path, *, bytes_max: int = UNPACKED_BYTES_MAX, members_max: int = MEMBERS_MAX
) -> Description:
    """Lay a tar.gz down in the new folder `folder`; what its `release.json` says.

    Only files and folders below `folder` are allowed: no links, devices, absolute names or `..`. There must be an
    executable `start` and a `release.json`. Raises `RefusedError`.
    """
    folder.mkdir(parents=True)
    try:
        with gzip.open(archive) as unzipped:
            _lay_down(_Bounded(unzipped, bytes_max), folder, members_max)
        description = read_message(_described(folder / "release.json"), Description, "release.json")
    except RefusedError as error:
        raise RefusedError(f"artifact {archive.name[:12]}: {error}; refused") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise RefusedError(f"artifact {archive.name[:12]} is not a usable release: {error}") from error
    if not os.access(folder / "start", os.X_OK):
        raise RefusedError(
            f"artifact {archive.name[:12]} has no executable file `start`; add one and submit it again"
        )
    return description


def _described(file: Path) -> bytes:
    with file.open("rb") as described:
        content = described.read(DESCRIPTION_BYTES_MAX + 1)
    if len(content) > DESCRIPTION_BYTES_MAX:
        raise RefusedError(f"its release.json has more than {DESCRIPTION_BYTES_MAX} bytes")
    return content


def _lay_down(source: _Bounded, folder: Path, members_max: int) -> None:
    with tarfile.open(fileobj=source, mode="r|") as members:
        for number, member in enumerate(members, 1):
            if number > members_max:
                raise RefusedError(f"it has more than {members_max} members")
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                raise RefusedError(f"its member {member.name!r} lies outside of its folder")
            if not (member.isdir() or member.isreg()) or member.issparse():
                # A sparse file is as large as it says, without one byte of the artifact.
                raise RefusedError(f"its member {member.name!r} is neither a plain file nor a folder")
            source.expect(member.size)
            _lay_member(members, member, folder / name)


def _lay_member(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = members.extractfile(member)
    assert content is not None
    with path.open("xb") as file:
        while chunk := content.read(COPY_BYTES):
            file.write(chunk)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
