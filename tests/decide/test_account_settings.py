"""What of an account's words counts beside its contract, and which words are refused."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide import account_settings
from wavetrain.decide.account_settings import AHEAD_DAYS_MAX, BLACKOUT_DAYS_MAX, Wanted
from wavetrain.errors import RefusedError
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.fleet import BLACKOUTS_MAX, Account, AccountId, Blackout

NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
ACME = Account(id=AccountId("acme"), early=True, blackouts=(Blackout(first=TODAY, last=TODAY),))
NOTHING = AccountSettings(account=AccountId("acme"), changed_at=NOW, by="ann")


def days(first: int, last: int | None = None) -> Blackout:
    return Blackout(
        first=TODAY + timedelta(days=first), last=TODAY + timedelta(days=first if last is None else last)
    )


def said(known: AccountSettings = NOTHING, **wanted: object) -> AccountSettings:
    return account_settings.changed(known, Wanted(**wanted), NOW, "ann")  # type: ignore[arg-type]


def test_own_words_win_and_what_was_not_said_is_the_contracts() -> None:
    assert account_settings.effective(ACME, None) is ACME
    assert account_settings.effective(ACME, NOTHING) is ACME
    own = account_settings.effective(ACME, said(early={"pop": False}))
    assert (own.early, own.blackouts) == (False, ACME.blackouts)
    own = account_settings.effective(ACME, said(blackouts=()))
    assert (own.early, own.blackouts) == (True, ())
    other = AccountSettings(account=AccountId("bolt"), early={"pop": True}, changed_at=NOW, by="ann")
    assert account_settings.overlaid({ACME.id: ACME}, [other]).keys() == {"acme", "bolt"}


def test_the_same_words_again_are_nothing_new_and_new_ones_are_told() -> None:
    once = said(early={"pop": True}, blackouts=(days(5),))
    assert said(once, early={"pop": True}, blackouts=(days(5),)) is once
    back = said(once)
    assert back.is_empty
    assert account_settings.told(NOTHING, once) == "lane pop: early; black-out days: 2026-11-06"
    assert account_settings.told(once, back) == (
        "lane pop: as the contract says; black-out days: as the contract says"
    )


def test_days_in_a_row_become_one_and_past_ones_that_were_there_go() -> None:
    made = said(blackouts=(days(8, 9), days(5), days(6, 7), days(20), days(20)))
    assert made.blackouts == (days(5, 9), days(20))
    old = NOTHING.changed(blackouts=(days(-30, -20), days(5)))
    assert said(old, blackouts=(days(-30, -20), days(6))).blackouts == (days(6),)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"early": {"console": True}}, "lane console disturbs nobody whom it could ask"),
        ({"early": {"feature": True}}, "choose each by its key"),
        ({"early": {"\x00<b>": True}}, "is none that there is"),
        ({"blackouts": (days(-5),)}, "is over; leave it out"),
        ({"blackouts": (days(0, AHEAD_DAYS_MAX + 1),)}, f"in more than {AHEAD_DAYS_MAX} days"),
        ({"blackouts": (Blackout(first=date(1, 1, 1), last=date(9999, 12, 31)),)}, "ends in more than"),
        ({"blackouts": (days(0, BLACKOUT_DAYS_MAX),)}, f"at most {BLACKOUT_DAYS_MAX} in all"),
        (
            {"blackouts": tuple(days(2 * at) for at in range(BLACKOUTS_MAX + 1))},
            f"give at most {BLACKOUTS_MAX}",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(wanted: dict[str, object], text: str) -> None:
    with pytest.raises(RefusedError, match=text):
        said(NOTHING, **wanted)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=20))
def test_joining_keeps_every_day_and_no_other(spans: list[tuple[int, int]]) -> None:
    made = said(blackouts=tuple(days(first, first + length) for first, length in spans)).blackouts or ()
    wanted = {first + at for first, length in spans for at in range(length + 1)}
    got = [(one.first - TODAY).days + at for one in made for at in range((one.last - one.first).days + 1)]
    assert (set(got), len(got)) == (wanted, len(wanted))
    assert all((after.first - before.last).days > 1 for before, after in pairwise(made))
