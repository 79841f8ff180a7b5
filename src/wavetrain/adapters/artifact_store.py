"""Artifact store: the bytes of releases in a folder, by digest."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from wavetrain.errors import RefusedError, UnreachableError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARRIVING = "arriving-"


class ArtifactStore:
    """Files named by the SHA-256 of their bytes, in 256 folders by its first two digits.

    A file appears under its name only when all its bytes are on the disk and were checked. What a killed
    process left half-written is removed when the folder is opened; one control plane at a time may open it.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for leftover in self._folder.glob(f"{_ARRIVING}*"):
                leftover.unlink()
        except OSError as error:
            raise self._unreachable(error) from error

    def put(self, digest: str, chunks: Iterable[bytes], size_max: int) -> int:
        """Keep the bytes; return their number.

        `RefusedError` when their SHA-256 is not `digest` or they are more than `size_max`; `UnreachableError`
        when the disk does not take them. In both cases, and when `chunks` raises, nothing is kept.
        """
        if not _DIGEST.fullmatch(digest):
            raise RefusedError(
                f"{digest[:100]!r} is not a digest; give the SHA-256 as 64 lower-case hex digits"
            )
        try:
            descriptor, name = tempfile.mkstemp(prefix=_ARRIVING, dir=self._folder)
        except OSError as error:
            raise self._unreachable(error) from error
        arriving = Path(name)
        try:
            return self._receive(descriptor, arriving, digest, chunks, size_max)
        finally:
            arriving.unlink(missing_ok=True)

    def path(self, digest: str) -> str | None:
        """The file that holds the bytes, or None."""
        if not _DIGEST.fullmatch(digest):
            return None
        file = self._file(digest)
        return str(file) if file.is_file() else None

    def _receive(
        self, descriptor: int, arriving: Path, digest: str, chunks: Iterable[bytes], size_max: int
    ) -> int:
        hashed, size = hashlib.sha256(), 0
        with open(descriptor, "wb", buffering=0) as file:
            for chunk in chunks:
                size += len(chunk)
                if size > size_max:
                    raise RefusedError(
                        f"artifact {digest} has more than {size_max} bytes, the most that is allowed; "
                        f"make it smaller"
                    )
                hashed.update(chunk)
                self._write(file, chunk)
            try:
                os.fsync(file.fileno())
            except OSError as error:
                raise self._unreachable(error) from error
        if hashed.hexdigest() != digest:
            raise RefusedError(
                f"artifact {digest} was announced, but the {size} bytes that came have SHA-256 "
                f"{hashed.hexdigest()}; send the bytes that were announced"
            )
        try:
            self._name(arriving, digest)
        except OSError as error:
            raise self._unreachable(error) from error
        return size

    def _write(self, file: FileIO, chunk: bytes) -> None:
        left = memoryview(chunk)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise self._unreachable(error) from error

    def _name(self, arriving: Path, digest: str) -> None:
        """Give the checked file its name, durably."""
        file = self._file(digest)
        if not file.parent.is_dir():
            file.parent.mkdir(exist_ok=True)
            _sync(self._folder)
        arriving.replace(file)
        _sync(file.parent)

    def _file(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def _unreachable(self, error: OSError) -> UnreachableError:
        return UnreachableError(
            f"artifact folder {self._folder} did not take the bytes: {error.strerror or error}; check its "
            f"space and that this user may write there, then send them again"
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
