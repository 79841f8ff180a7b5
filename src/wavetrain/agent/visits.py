"""Visits: which accounts used this node that the control plane has not heard of?"""

import re

from wavetrain.agent.exchange import exchange
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import VisitSaid
from wavetrain.wire.json_message import read_message

EVERY_S = 30.0
TIMEOUT_S = 1.0
PER_POLL_MAX = 300
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Visits:
    """Reads the program's `/visits`, day by account or account by day, and remembers what was told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._due = 0.0
        self._seen: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], int] = {}

    def look(self, now: float) -> None:
        """Read them, where that is due (`now`: monotonic seconds). Raises `UnreachableError`."""
        if not self._url or now < self._due:
            return
        self._due = now + EVERY_S
        status, content = exchange("GET", self._url, timeout_s=TIMEOUT_S)
        if status != 200:
            raise UnreachableError(f"GET {self._url}: {status}")
        try:
            table = read_message(content, dict[str, dict[str, int]], "visits")
        except RefusedError as error:
            raise UnreachableError(f"GET {self._url}: {error}") from error
        for outer, row in table.items():
            for inner, count in row.items():
                day, account = (outer, inner) if _DAY.fullmatch(outer) else (inner, outer)
                self._seen[account, day] = count
        self._told = {key: count for key, count in self._told.items() if key in self._seen}

    def news(self) -> tuple[VisitSaid, ...]:
        """What to say with the next report, at most `PER_POLL_MAX`."""
        fresh = [key for key, count in self._seen.items() if self._told.get(key) != count]
        return tuple(
            VisitSaid(account=account, day=day, sessions=self._seen[account, day])
            for account, day in sorted(fresh)[:PER_POLL_MAX]
        )

    def heard(self, said: tuple[VisitSaid, ...]) -> None:
        """The report arrived."""
        self._told.update({(visit.account, visit.day): visit.sessions for visit in said})
