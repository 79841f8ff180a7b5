"""Line process: how does a bench speak to a process of its own, line by line?"""

import json
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from wavetrain.errors import UnreachableError
from wavetrain.lab.processes import environment


class LineProcess:
    """A process that answers each line by one of JSON; ended in `__exit__`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.first = self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, line: str) -> Any:
        """Its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UnreachableError("a process of the bench has ended; see its errors above")
        return json.loads(line)
