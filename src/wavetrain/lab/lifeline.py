"""Lifeline: ends this process when the lab that it belongs to is gone.

The lab names its own process in an environment variable that every process below it inherits, also through
an agent. A watch on that process (Linux 5.3 or newer) needs no parenthood: it holds after an agent that
started a gateway was killed, and after the lab itself was.
"""

import asyncio
import os

LIFELINE = "WAVETRAIN_LIFELINE_PID"

EXIT_CODE_WITHOUT_LAB = 3


def hold_lifeline(loop: asyncio.AbstractEventLoop) -> None:
    """Watch the process that the environment names, if it names one; exit at once when it ends."""
    named = os.environ.get(LIFELINE, "")
    if not named:
        return
    try:
        watched = os.pidfd_open(int(named))
    except ProcessLookupError:
        os._exit(EXIT_CODE_WITHOUT_LAB)
    loop.add_reader(watched, os._exit, EXIT_CODE_WITHOUT_LAB)
