"""Account messages: what an account, or an operator for it, says of its wishes."""

from datetime import date
from typing import Annotated

import msgspec

from wavetrain.decide.account_settings import Wanted
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import BLACKOUTS_MAX, Blackout

LANES_MAX = 16


class DaysSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days on which the account would rather not be disturbed, both included; without `last` it is one day."""

    first: date
    last: date | None = None


class SaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that an account says of itself; what is left out, or null, is as its contract says.

    `early`: by lane, whether it would have releases before others. `blackouts`: an empty list is none at all.
    """

    early: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=40)], bool], msgspec.Meta(max_length=LANES_MAX)
    ] = {}
    blackouts: Annotated[tuple[DaysSaid, ...], msgspec.Meta(max_length=BLACKOUTS_MAX)] | None = None


def wanted_of(message: SaySettings) -> Wanted:
    """The same as the use case takes it. Raises RefusedError for a black-out that ends before it begins."""
    if message.blackouts is None:
        return Wanted(early=message.early)
    days = [
        span(one.first, one.last or one.first, f"$.blackouts[{at}]")
        for at, one in enumerate(message.blackouts)
    ]
    return Wanted(early=message.early, blackouts=tuple(days))


def span(first: date, last: date, where: str) -> Blackout:
    """A black-out; `where` names it in the error."""
    if last < first:
        raise RefusedError(f"at {where}: the black-out ends on {last}, before {first}; give a later `last`")
    return Blackout(first=first, last=last)
