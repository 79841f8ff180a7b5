"""Account settings: what has an account said of itself, from when on does it hold, and who may change it?"""

from datetime import datetime, timedelta

import msgspec

from wavetrain.control import account_features
from wavetrain.control.chronicle import tell
from wavetrain.control.facts import policy_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active
from wavetrain.decide import account_settings, calendar, timetable
from wavetrain.decide.account_settings import EARLY_LANES, Wanted
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.errors import StaleError
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.fleet import Account, AccountId, Blackout
from wavetrain.model.lane import POP
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.rollout import Rollout, Turn


class WishesSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an account would be early, by lane, and when it would rather not be disturbed."""

    early: dict[str, bool]
    blackouts: tuple[Blackout, ...]


class SettingsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has said of itself, what its contract says, and what counts of both."""

    account: str
    version: int
    """Of what it has said; 0 while that is nothing. Whoever changes it names the version that they have seen."""
    early: dict[str, bool]
    """What it has said, by lane."""
    blackouts: tuple[Blackout, ...] | None
    """What it has said; None where it has said nothing, and the contract's count."""
    contract: WishesSeen
    counts: WishesSeen
    changed_at: datetime | None
    by: str
    holds: tuple[str, ...]
    """From when on that holds: what is announced already stays as it was announced."""


def seen(store: Store, caller: Caller, account: str) -> SettingsSeen:
    """What an account has said of itself, and what counts; an account may ask for itself alone."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    with store.read() as view:
        account_features.require_known(view, account)
        return of_account(view, account)


def of_account(view: View, account: str) -> SettingsSeen:
    """The same for other answers about the account."""
    said = view.get(AccountSettings, account)
    agreed = view.get(Account, account) or Account(id=AccountId(account))
    counts = account_settings.effective(agreed, said)
    return SettingsSeen(
        account=account,
        version=said.version if said is not None else 0,
        early=said.early if said is not None else {},
        blackouts=said.blackouts if said is not None else None,
        contract=_wishes(agreed),
        counts=_wishes(counts),
        changed_at=said.changed_at if said is not None else None,
        by=said.by if said is not None else "",
        holds=_holds(view, account),
    )


def say(
    store: Store, caller: Caller, account: str, wanted: Wanted, version: int | None = None
) -> SettingsSeen:
    """Take down all that an account says of itself, by itself or by an operator for it.

    `version` is the one that the caller has seen; `StaleError` where somebody said something else meanwhile. None:
    whatever is there. The same words again change nothing. What is announced already stays as it was announced.
    """
    require_account(caller, account, Act.WISH)
    with store.write() as transaction:
        account_features.require_known(transaction, account)
        now = transaction.now
        known = transaction.get(AccountSettings, account)
        before = known or AccountSettings(account=AccountId(account), changed_at=now, by=caller.name)
        if version is not None and version != before.version:
            raise StaleError(
                f"the settings of {account} were changed by {before.by} since you read them, to version "
                f"{before.version}; read them again, then say what you want of those"
            )
        made = account_settings.changed(before, wanted, now, caller.name)
        if made is not before:
            transaction.put(made)
            text = account_settings.told(before, made)
            tell(transaction, caller, "settings", account, text)
        return of_account(transaction, account)


def _wishes(account: Account) -> WishesSeen:
    return WishesSeen(early={POP.name: account.early}, blackouts=account.blackouts)


def _holds(view: View, account: str) -> tuple[str, ...]:
    """From when on wishes count, in words: a train that is announced is a promise, also to the account itself."""
    homes, _ = account_features.pops_of(view, account)
    said, after = [], view.now
    for rollout in active(view):
        if rollout.lane != POP.name:
            continue
        turns = [turn for pop in homes if (turn := view.get(Turn, rollout.id, pop)) is not None]
        if ahead := [turn for turn in turns if not turn.at_end]:
            said.append(_of_train(rollout, ahead))
            after = max(after, rollout.departs + timedelta(seconds=1))
    current = view.get(CurrentPolicy, POP.name)
    if current is not None:
        departs = timetable.departure(policy_of(view, current.digest), POP, after)
        said.append(f"holds from the next train on, which departs {calendar.shown(departs)} at the earliest")
    else:
        said.append(f"holds from the first train of lane {', '.join(EARLY_LANES)} on")
    return tuple(said)


def _of_train(rollout: Rollout, ahead: list[Turn]) -> str:
    first = min(ahead, key=lambda turn: (turn.opens, turn.pop))
    return (
        f"{rollout.id} is announced, next at {first.pop} {calendar.shown(first.opens)}: it stays as announced, and "
        "what has to be moved is moved by the new wishes"
    )
