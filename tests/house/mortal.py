"""A control plane that dies by `kill -9` at its commit of a given number, right before or right after it.

`python -m tests.house.mortal CONFIG COMMITS before|after`
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.adapters.sql_view import SqlTransaction
from wavetrain.wiring import control_plane
from wavetrain.wiring.serve import serve


def mortal(commits: int, when: str) -> Callable[..., SqlStore]:
    """A store whose process dies right before, or right after, its commit of this number."""

    class MortalStore(SqlStore):
        left = commits

        @contextmanager
        def write(self) -> Iterator[SqlTransaction]:
            with super().write() as transaction:
                yield transaction
                wrote = transaction.writes
                MortalStore.left -= wrote
                if wrote and MortalStore.left == 0 and when == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
            if wrote and MortalStore.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return MortalStore


def main() -> None:
    """Be the control plane, for so many commits."""
    config, commits, when = sys.argv[1:]
    plain: Any = control_plane
    plain.SqlStore = mortal(int(commits), when)
    serve(Path(config))


if __name__ == "__main__":
    main()
