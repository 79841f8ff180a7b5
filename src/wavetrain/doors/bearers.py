"""Bearers: whose secret comes with a request, without the store on its path?"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from wavetrain.control import tokens
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import off_loop
from wavetrain.errors import WavetrainError

KNOWN_S = 1.0
"""How long a secret that was good is taken without another look: a token that is revoked counts so much longer."""
AWAY_S = 60.0
"""The same while the store does not answer."""
KNOWN_MAX = 10_000


class _Known(NamedTuple):
    caller: Caller
    at: float
    ticket: bytes


class Bearers:
    """Remembers whose secrets are good. For one thread: the doors' loop."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._known: OrderedDict[tuple[str, bool], _Known] = OrderedDict()

    def at_once(self, secret: str, is_ticket: bool = False) -> Caller | None:
        """Whose it is, where that is fresh; None where the store has to be asked."""
        known = self._known.get((secret, is_ticket))
        return known.caller if known is not None and self._clock() - known.at < KNOWN_S else None

    def ticket(self, secret: str) -> bytes:
        """What opens event streams to who has just shown the secret."""
        return self._known[secret, False].ticket

    async def caller(self, secret: str, is_ticket: bool = False) -> Caller | None:
        """Whose it is, or None where it is nobody's. Raises what the store raises when nothing is remembered."""
        found = self.at_once(secret, is_ticket)
        if found is not None:
            return found
        asked = tokens.by_ticket if is_ticket else tokens.authenticate
        try:
            found = await off_loop(lambda: asked(self._store, secret))
        except WavetrainError:
            known = self._known.get((secret, is_ticket))
            if known is None or self._clock() - known.at > AWAY_S:
                raise
            return known.caller
        self._known.pop((secret, is_ticket), None)
        if found is not None:
            ticket = b"" if is_ticket else tokens.ticket_of(secret).encode()
            self._known[secret, is_ticket] = _Known(found, self._clock(), ticket)
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
        return found
