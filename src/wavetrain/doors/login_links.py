"""Login links: at which address, for a minute, is somebody logged in once?"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from wavetrain.control.tokens import hashed
from wavetrain.errors import UnknownError
from wavetrain.model.login import Person

LINK_S: Final = 60.0
REMEMBERED_MAX: Final = 10_000

T = TypeVar("T")


class Remembered(Generic[T]):
    """Things under secrets, each to be taken once and in time; the oldest go where there are too many."""

    def __init__(self, lasts_s: float, clock: Callable[[], float]) -> None:
        self._lasts_s, self._clock = lasts_s, clock
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def keep(self, thing: T, secret: str = "") -> str:
        """Under a new secret, which is returned, or under the one given."""
        secret = secret or secrets.token_urlsafe(32)
        self._kept[hashed(secret)] = (self._clock() + self._lasts_s, thing)
        while len(self._kept) > REMEMBERED_MAX:
            self._kept.popitem(last=False)
        return secret

    def look(self, secret: str) -> T | None:
        """What is there; it stays."""
        until, thing = self._kept.get(hashed(secret), (0.0, None))
        return thing if thing is not None and self._clock() <= until else None

    def take(self, secret: str) -> T | None:
        """What is there; it is gone then."""
        found = self.look(secret)
        self._kept.pop(hashed(secret), None)
        return found


class Link(msgspec.Struct, frozen=True):
    """Who is logged in, and where they begin."""

    person: Person
    next: str


def spent() -> UnknownError:
    """Why a link opens nothing."""
    return UnknownError("this link was used, or its minute is over; run again: wavetrain login")
