"""File lock: does another control plane own this file?"""

import fcntl
import os
from pathlib import Path

from wavetrain.errors import LockedError, UnreachableError

HOLDER_LENGTH_MAX = 200


class FileLock:
    """An exclusive lock on `<file>.lock`, which the kernel lets go of when its process ends, however it ends."""

    def __init__(self, file: Path, holder: str) -> None:
        path = file.with_name(file.name + ".lock")
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UnreachableError(
                f"cannot open the lock {path}: {error.strerror}; make its folder exist and writable"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, who = (
                os.read(self._descriptor, HOLDER_LENGTH_MAX * 4).decode(errors="replace").partition(" ")
            )
            os.close(self._descriptor)
            raise LockedError(
                f"{file} is owned by process {pid or '(unknown)'}{f' ({who.strip()})' if who.strip() else ''}; "
                f"stop that one first, or start this one on another file"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {holder[:HOLDER_LENGTH_MAX]}\n".encode(), 0)

    def release(self) -> None:
        """Let go; the lock file itself stays, since removing it could give two processes a lock each."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
