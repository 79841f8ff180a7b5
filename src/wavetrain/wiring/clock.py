"""Clock: what time is it on this machine?"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This machine's clock, for what has no store to ask: aware, UTC."""
    return datetime.now(UTC)
