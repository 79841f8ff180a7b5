"""Account settings: which wishes of an account count, its own words or its contract's, and which words are refused?

The fleet file says what was agreed with an account; its settings say what it wants now. Each of them that was said wins
over the contract's; what was not said is the contract's, and changes with the fleet file.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec

from wavetrain.errors import RefusedError
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.fleet import BLACKOUTS_MAX, Account, AccountId, Blackout
from wavetrain.model.lane import LANES, POP

EARLY_LANES = (POP.name,)
"""The lanes in which an account may go first as a whole; the next ones are added here when they come."""
BLACKOUT_DAYS_MAX = 366
"""So many days may be blacked out in all, from today on: an account that is never disturbed is never updated."""
AHEAD_DAYS_MAX = 731
"""So far ahead a black-out may end."""
_WEST = timedelta(hours=12)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All that an account says of itself: what is left out is its contract's."""

    early: dict[str, bool] = {}
    blackouts: tuple[Blackout, ...] | None = None


def effective(account: Account, said: AccountSettings | None) -> Account:
    """The account with the wishes that count."""
    if said is None or said.is_empty:
        return account
    return account.changed(
        early=said.early.get(POP.name, account.early),
        blackouts=account.blackouts if said.blackouts is None else said.blackouts,
    )


def overlaid(
    accounts: Mapping[AccountId, Account], said: Iterable[AccountSettings]
) -> dict[AccountId, Account]:
    """Every account with the wishes that count; also of those that only their sites tell of."""
    made = dict(accounts)
    for one in said:
        made[one.account] = effective(accounts.get(one.account) or Account(id=one.account), one)
    return made


def changed(known: AccountSettings, wanted: Wanted, now: datetime, by: str) -> AccountSettings:
    """The settings after somebody has said all of them; the same ones where nothing is new. Raises RefusedError."""
    for lane in wanted.early:
        _check_lane(lane)
    blackouts = None if wanted.blackouts is None else _checked(wanted.blackouts, known.blackouts or (), now)
    if wanted.early == known.early and blackouts == known.blackouts:
        return known
    return known.changed(early=dict(wanted.early), blackouts=blackouts, changed_at=now, by=by)


def told(before: AccountSettings, after: AccountSettings) -> str:
    """What is new of it, for the journal."""
    parts = []
    for lane in sorted({*before.early, *after.early}):
        if before.early.get(lane) != after.early.get(lane):
            word = {True: "early", False: "not early", None: "as the contract says"}[after.early.get(lane)]
            parts.append(f"lane {lane}: {word}")
    if before.blackouts != after.blackouts:
        parts.append(f"black-out days: {spans(after.blackouts)}")
    return "; ".join(parts)


def spans(blackouts: tuple[Blackout, ...] | None) -> str:
    """Black-out days as people read them."""
    if blackouts is None:
        return "as the contract says"
    shown = [f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}" for one in blackouts]
    return ", ".join(shown) or "none"


def _check_lane(lane: str) -> None:
    if lane in EARLY_LANES:
        return
    there = ", ".join(EARLY_LANES)
    if lane == "feature":
        raise RefusedError(
            f"lane {lane} takes no wish for all features; choose each by its key, or wish early in lane {there}"
        )
    what = "disturbs nobody whom it could ask" if lane in LANES else "is none that there is"
    raise RefusedError(f"lane {lane[:80]} {what}; the lanes in which an account may go early: {there}")


def _checked(
    wanted: tuple[Blackout, ...], known: tuple[Blackout, ...], now: datetime
) -> tuple[Blackout, ...]:
    """In order, those that touch joined into one; those that are over and were there before are let go."""
    today = (now - _WEST).date()  # the day it still is somewhere
    if len(wanted) > BLACKOUTS_MAX:
        raise RefusedError(
            f"there are {len(wanted)} black-outs; give at most {BLACKOUTS_MAX}, days in a row as one"
        )
    ahead = []
    for one in wanted:
        if one.last < today:
            if one in known:
                continue
            raise RefusedError(f"the black-out of {spans((one,))} is over; leave it out, or give later days")
        if (one.last - today).days > AHEAD_DAYS_MAX:
            raise RefusedError(
                f"the black-out of {spans((one,))} ends in more than {AHEAD_DAYS_MAX} days; give one that ends by "
                f"{today + timedelta(days=AHEAD_DAYS_MAX)}"
            )
        ahead.append(one)
    made = _joined(ahead)
    days = sum((one.last - max(one.first, today)).days + 1 for one in made)
    if days > BLACKOUT_DAYS_MAX:
        raise RefusedError(
            f"the black-outs take {days} days; give at most {BLACKOUT_DAYS_MAX} in all, so that there is a day left to "
            "be updated on"
        )
    return made


def _joined(blackouts: Iterable[Blackout]) -> tuple[Blackout, ...]:
    made: list[tuple[date, date]] = []
    for one in sorted(blackouts, key=lambda item: (item.first, item.last)):
        if made and one.first.toordinal() <= made[-1][1].toordinal() + 1:
            made[-1] = made[-1][0], max(made[-1][1], one.last)
        else:
            made.append((one.first, one.last))
    return tuple(Blackout(first=first, last=last) for first, last in made)
