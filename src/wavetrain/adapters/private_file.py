"""Private file: how is a secret put on disk, so that it is there whole or not at all?"""

import os
from pathlib import Path

from wavetrain.errors import UnreachableError


def write_private(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace the file's content; after a crash it has the older one or this one. Only its owner may read it."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        # A leftover of an interrupted start may have another mode, or be somebody's link.
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(file)
        _sync(file.parent)
    except OSError as error:
        raise UnreachableError(
            f"cannot write {file}: {error.strerror}; make its folder writable and give it space"
        ) from error


def _sync(folder: Path) -> None:
    """Else the new name itself might not outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
