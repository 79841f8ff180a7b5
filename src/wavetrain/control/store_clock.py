"""Store clock: what time is it by the store's own clock, which is never jumped?"""

from datetime import UTC, datetime

from wavetrain.control.ports import View


def shown(view: View) -> datetime:
    """That instant, aware and in UTC; lifetimes of credentials count on it."""
    return datetime.fromtimestamp(view.steady, UTC)
