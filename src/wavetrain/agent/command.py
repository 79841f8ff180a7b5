"""Command: how is a program of the operator's run in a bounded time?"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from wavetrain.agent.ports import SilentError
from wavetrain.errors import RefusedError, UnreachableError

TAIL_CHARACTERS = 300


def run(argv: Sequence[str], variables: Mapping[str, str], timeout_s: float) -> str:
    """What it wrote to its standard output.

    Raises `RefusedError` when it ends with another code than 0, `UnreachableError` when it cannot be started,
    `SilentError` when it takes longer than `timeout_s` seconds; then it is killed with all that it started.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise UnreachableError(f"the command {argv[0]} cannot be started: {error}") from error
    with process:
        try:
            out, said = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise SilentError(f"the command {argv[0]} took longer than {timeout_s:g} s") from None
    if process.returncode != 0:
        tail = said.strip()[-TAIL_CHARACTERS:]
        raise RefusedError(
            f"the command {argv[0]} ended with {process.returncode}: {tail or 'it said nothing'}"
        )
    return out
