"""Clock: what time is it on this machine?"""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """This machine's clock, for what has no store to ask: aware, UTC."""
    return datetime.now(UTC)


def running_s() -> float:
    """Seconds that this machine has run, sleep included; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
