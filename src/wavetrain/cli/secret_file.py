"""Secret file: how does a secret come into a file that nobody else reads?"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from wavetrain.errors import RefusedError


@contextlib.contextmanager
def reserved(file: Path | None) -> Iterator[Callable[[str], None]]:
    """Find out whether the file can be written before there is a secret, which is shown only once.

    The file is new or is replaced as a whole; where nothing was written into it, nothing has changed. Raises
    `RefusedError`.
    """
    if file is None:
        yield lambda _: None
        return
    if file.is_dir():
        raise RefusedError(f"{file} is a folder; name a file in it with --out")
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}; name another --out") from None

    def write(secret: str) -> None:
        with os.fdopen(opened, "w", closefd=False) as out:
            out.write(secret + "\n")
            out.flush()
            os.fsync(opened)
        new.replace(file)

    try:
        yield write
    finally:
        os.close(opened)
        new.unlink(missing_ok=True)
