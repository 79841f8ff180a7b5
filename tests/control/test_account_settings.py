"""An account says what it wishes: the next plan weighs it, a fleet file does not undo it, what is announced stays."""

from datetime import date, timedelta

import msgspec
import pytest
from tests.control.test_planning import Listened, with_sites
from tests.control.trains import OLGA, SUNDAY, Trains
from tests.decide.engine import fleet, pop

from wavetrain.control import account_settings, account_view, fleets, forecast, freezes
from wavetrain.control.account_settings import SettingsSeen
from wavetrain.control.account_view import AccountView
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.publish import Publisher
from wavetrain.control.status_picture import StatusBoard
from wavetrain.decide.account_settings import Wanted
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, StaleError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Account, AccountId, Blackout, Fleet, PopId
from wavetrain.model.rollout import Timetable

ANN = Caller("ann", (Role.ACCOUNT,), "acme")
FIRST_DAY = Blackout(first=SUNDAY.date(), last=SUNDAY.date())


def where() -> Fleet:
    return with_sites(fleet(pop("a", 2), pop("b", 2), pop("c", 2)))


@pytest.fixture
def made() -> Listened:
    return Listened(where())


def say(made: Listened, caller: Caller = ANN, version: int | None = None, **wanted: object) -> SettingsSeen:
    return account_settings.say(made.house.store, caller, "acme", Wanted(**wanted), version)  # type: ignore[arg-type]


def stop_of(house: Trains, name: str) -> date:
    with house.store.read() as view:
        stops = {stop.pop: stop for table in view.find(Timetable) for stop in table.stops}
    return stops[PopId(name)].opens.date()


def look(made: Listened) -> AccountView:
    """As the account sees itself, after whoever publishes and looks ahead has done so."""
    store = made.house.store
    Publisher(store).look()
    outlooks = Outlooks(store, lambda: 0.0)
    outlooks.look()
    return account_view.seen(store, ANN, "acme", StatusBoard(store).picture, outlooks=outlooks)


def test_the_plan_of_a_train_weighs_what_was_said_before_it() -> None:
    plain, asked = Listened(where()), Listened(where())
    for one in (plain, asked):
        if one is asked:
            say(one, early={"pop": True}, blackouts=(FIRST_DAY,))
        one.house.submit("2.0.0")
        one.tick(1)
    assert stop_of(plain.house, "b") <= FIRST_DAY.last
    assert stop_of(asked.house, "b") > FIRST_DAY.last


def test_what_is_announced_stays_and_what_must_be_moved_is_moved_by_the_new_wishes(made: Listened) -> None:
    made.house.submit("2.0.0")
    made.tick(1)
    before = stop_of(made.house, "b")
    answer = say(made, early={"pop": True}, blackouts=(FIRST_DAY,))
    made.tick(1)
    assert stop_of(made.house, "b") == before
    assert answer.holds[0].startswith("gateway-2.0.0 is announced, next at c ")
    assert answer.holds[-1].startswith("holds from the next train on, which departs Sun 2026-03-")
    opens = made.house.turn("gateway-2.0.0", "b").opens
    freezes.add(
        made.house.store, OLGA, starts=opens, ends=opens + timedelta(hours=3), reason="works", scope=("b",)
    )
    facts = made.tick(1)[0]
    assert facts.demand is not None
    assert facts.demand.early == {"b": 100}
    assert stop_of(made.house, "b") > FIRST_DAY.last


def test_a_fleet_file_does_not_undo_what_an_account_said(made: Listened) -> None:
    say(made, early={"pop": False}, blackouts=(FIRST_DAY,))
    agreed = Account(id=AccountId("acme"), early=True)
    store = made.house.store
    difference = fleets.apply(
        store, OLGA, msgspec.structs.replace(where(), accounts={AccountId("acme"): agreed})
    )
    assert difference.changed == ("account acme",)
    seen = account_settings.seen(store, ANN, "acme")
    assert (seen.contract.early, seen.counts.early) == ({"pop": True}, {"pop": False})
    assert (seen.contract.blackouts, seen.counts.blackouts) == ((), (FIRST_DAY,))
    assert say(made, OLGA).counts == seen.contract  # nothing said: the contract's
    assert fleets.check(store, OLGA, fleets.current(store)).changed == ()


def test_who_said_it_is_in_the_journal_and_the_same_again_is_not(made: Listened) -> None:
    store = made.house.store
    say(made, early={"pop": True})
    say(made, OLGA, early={"pop": True})
    with store.read() as view:
        entries = view.journal(kind="settings")
    assert [(one.who, one.subject, one.text) for one in entries] == [("ann", "acme", "lane pop: early")]


def test_words_on_what_somebody_else_changed_meanwhile_are_refused(made: Listened) -> None:
    read = account_settings.seen(made.house.store, ANN, "acme").version
    first = say(made, OLGA, read, early={"pop": True})
    with pytest.raises(StaleError, match="were changed by olga since you read them"):
        say(made, ANN, read, blackouts=(FIRST_DAY,))
    assert account_settings.seen(made.house.store, ANN, "acme").early == {"pop": True}
    assert say(made, ANN, first.version, blackouts=(FIRST_DAY,)).blackouts == (FIRST_DAY,)


def test_nobody_speaks_for_another_account_or_for_none(made: Listened) -> None:
    store, before = made.house.store, made.house.store.read
    other, viewer = Caller("eve", (Role.ACCOUNT,), "other"), Caller("vic", (Role.VIEWER,))
    for caller in (other, viewer):
        with pytest.raises(ForbiddenError):
            account_settings.say(store, caller, "acme", Wanted())
    with pytest.raises(ForbiddenError):
        account_settings.seen(store, other, "acme")
    with pytest.raises(UnknownError):
        account_settings.say(store, OLGA, "nobody", Wanted())
    with before() as view:
        assert view.journal(kind="settings") == []


def test_an_account_sees_between_which_instants_it_is_disturbed_and_why(made: Listened) -> None:
    made.house.submit("2.0.0")
    made.tick(1)
    seen = look(made)
    ahead = {str(one.pop): one for one in seen.ahead}
    assert list(ahead) == ["b", "c"] or list(ahead) == ["c", "b"]
    opens = made.house.turn("gateway-2.0.0", "b").opens
    assert ahead["b"].earliest == opens
    assert ahead["b"].latest is None or ahead["b"].latest > opens
    assert ahead["b"].why.startswith("wave ")
    assert "ring all" in ahead["b"].why
    assert (ahead["b"].roles, ahead["c"].roles) == (("primary",), ("secondary",))


def test_an_account_is_told_which_wish_is_not_granted_by_which_rule_and_what_would(made: Listened) -> None:
    made.house.submit("2.0.0")
    made.tick(1)
    opens = made.house.turn("gateway-2.0.0", "b").opens
    day = Blackout(first=opens.date(), last=opens.date())
    say(made, blackouts=(day,))
    (unmet,) = [one for one in look(made).wishes.unmet if one.kind == "blackout" and one.pops == ("b",)]
    assert unmet.wish == f"no work on {opens.date()}"
    assert unmet.instead is not None
    assert unmet.instead.date() != opens.date()
    assert unmet.rule


def test_who_looks_ahead_rests_for_longer_than_it_took(made: Listened) -> None:
    made.house.submit("2.0.0")
    made.tick(1)
    at = [0.0]

    def clock() -> float:
        at[0] += 1.0  # each look takes a second
        return at[0]

    outlooks = Outlooks(made.house.store, clock)
    assert outlooks.look()
    made.house.say("a1", "1.0.0")
    assert not outlooks.look()
    at[0] += 20.0
    assert outlooks.look()
    at[0] += 100.0
    assert not outlooks.look(), "nothing has changed"


def test_the_look_ahead_says_what_a_question_of_now_would(made: Listened) -> None:
    made.house.submit("2.0.0")
    made.tick(1)
    outlooks = Outlooks(made.house.store, lambda: 0.0)
    with made.house.store.read() as view:
        pops = [PopId("b"), PopId("c")]
        now, ranges = forecast.coming(view, pops), forecast.ranges(view, pops)
        assert outlooks.coming(view, pops) == now, "nobody has looked yet"
    outlooks.look()
    with made.house.store.read() as view:
        assert sorted(outlooks.coming(view, pops), key=str) == sorted(now, key=str)
    for pop_id in pops:
        expected = outlooks.of("gateway-2.0.0", pop_id)
        assert expected is not None
        assert (expected.earliest, expected.latest) == (
            ranges[pop_id].range.earliest,
            ranges[pop_id].range.latest,
        )
