"""Accounts choose, operators hold back, everybody is told what follows; nothing is refused that only has to wait."""

from datetime import timedelta

import pytest
from tests.control.homes import NEW, has, nodes_of, run, runs, settle, visit
from tests.control.practice import ADMIN, OPERATOR, START, VIEWER, Practice

from wavetrain.control import account_features, choices, features, tokens
from wavetrain.control.account_features import FeatureFor
from wavetrain.control.choices import Asked
from wavetrain.control.standings import Standings
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.feature_choice import FeatureChoice
from wavetrain.model.feature_verb import Verb

DAY = 86_400
BOLT = Caller("ann", (Role.ACCOUNT,), "bolt")


@pytest.fixture
def settled(house: Practice) -> Practice:
    settle(house)
    return house


def say(
    house: Practice, verb: Verb, feature: str = "tiles", caller: Caller = BOLT, **more: object
) -> FeatureFor:
    return choices.choose(house.store, caller, "bolt", feature, Asked(verb=verb, **more))  # type: ignore[arg-type]


def told(house: Practice, feature: str, account: str = "bolt") -> FeatureFor:
    seen = account_features.seen(house.store, VIEWER, account)
    return next(one for one in seen.features if one.feature == feature)


def test_an_early_wish_waits_for_the_pops_and_says_for_which(settled: Practice) -> None:
    standings = Standings(settled.store)
    made = say(settled, Verb.EARLY)
    assert (made.status, made.is_on, made.early) == ("rolling out", False, "opted in")
    assert made.waits == ("PoP fra1 lacks gateway 2.1.0 (there: 2.0.0); no train under way brings it",)
    assert (made.earliest, made.latest) == (None, None)
    assert settled.last() == "opted in early"
    before = settled.sequence
    say(settled, Verb.EARLY)
    assert settled.sequence == before  # the same word again
    runs(settled, ["fra1"], NEW)
    assert (told(settled, "tiles").status, has(standings, "bolt")) == ("available early", ["tiles"])
    say(settled, Verb.LEAVE)
    assert (told(settled, "tiles").status, has(standings, "bolt")) == ("announced", [])
    with settled.store.read() as view:
        assert view.find(FeatureChoice) == []


def test_put_off_given_back_and_taken(settled: Practice) -> None:
    standings = Standings(settled.store)
    runs(settled, ["fra1"], NEW)
    settled.seconds += 2 * DAY
    assert has(standings, "bolt") == ["tiles"]
    until = START + timedelta(days=20)
    made = say(settled, Verb.DEFER, until=until)
    assert (made.status, made.earliest, made.latest) == ("deferred", until, until)
    assert made.moved == ("put off by the account until Sat 2026-11-21 00:00 UTC",)
    assert has(standings, "bolt") == []
    assert say(settled, Verb.GIVE_BACK, reason="it blinks").waits == (
        "it was given back; take it again to have it",
    )
    assert settled.last() == "given back: it blinks"
    assert say(settled, Verb.TAKE).status == "available"
    assert has(standings, "bolt") == ["tiles"]


def test_how_long_it_may_be_put_off(settled: Practice) -> None:
    limit = START + timedelta(days=31)
    assert told(settled, "tiles").defer_limit == limit
    for until, why in (
        (None, "say until when"),
        (START, "is over; give a later date"),
        (limit + timedelta(hours=1), "can be put off until 2026-12-02 00:00 UTC at most, 30 days after"),
    ):
        with pytest.raises(RefusedError, match=why):
            say(settled, Verb.DEFER, until=until)
    with pytest.raises(RefusedError, match="`until` goes with defer, not with early"):
        say(settled, Verb.EARLY, until=limit)
    assert say(settled, Verb.DEFER, until=limit).status == "deferred"


def test_who_may_say_what(settled: Practice) -> None:
    with pytest.raises(ForbiddenError, match="speaks for account bolt, not for acme"):
        choices.choose(settled.store, BOLT, "acme", "tiles", Asked(verb=Verb.EARLY))
    with pytest.raises(ForbiddenError, match="speaks for account bolt, not for acme"):
        account_features.seen(settled.store, BOLT, "acme")
    with pytest.raises(ForbiddenError, match="may not hold features back"):
        say(settled, Verb.HOLD, reason="mine")
    with pytest.raises(ForbiddenError, match="may not choose"):
        say(settled, Verb.EARLY, caller=VIEWER)
    with pytest.raises(ForbiddenError):
        features.listed(settled.store, BOLT)
    with pytest.raises(RefusedError, match="without a reason"):
        say(settled, Verb.HOLD, caller=OPERATOR)
    held = say(settled, Verb.HOLD, caller=OPERATOR, reason="hold-out until March")
    assert (held.status, held.waits) == ("held", ("olga holds it back: hold-out until March",))
    assert say(settled, Verb.EARLY).status == "held"  # its own word does not end the operator's
    assert say(settled, Verb.RELEASE, caller=OPERATOR).status == "rolling out"


def test_what_does_not_exist_or_is_not_offered(settled: Practice) -> None:
    with pytest.raises(UnknownError, match="there is no feature menu"):
        say(settled, Verb.EARLY, "menu")
    with pytest.raises(UnknownError, match="there is no account nobody"):
        account_features.seen(settled.store, VIEWER, "nobody")
    with pytest.raises(UnknownError, match="there is no account nobody"):
        choices.choose(settled.store, OPERATOR, "nobody", "tiles", Asked(verb=Verb.EARLY))
    features.off(settled.store, OPERATOR, "tiles", "it blinks")
    with pytest.raises(RefusedError, match="switched off for everybody: it blinks"):
        say(settled, Verb.EARLY)
    assert told(settled, "tiles").waits == ("it is switched off for everybody: it blinks",)


def test_a_token_for_an_account(settled: Practice) -> None:
    _, secret = tokens.create(settled.store, ADMIN, "ann", (Role.ACCOUNT,), account="bolt")
    assert tokens.authenticate(settled.store, secret) == BOLT
    for roles, account, why in (
        ((Role.ACCOUNT,), "", "names no account"),
        ((Role.ACCOUNT, Role.VIEWER), "bolt", "and for nothing else"),
        ((Role.VIEWER,), "bolt", "without the role account"),
    ):
        with pytest.raises(RefusedError, match=why):
            tokens.create(settled.store, ADMIN, "ann", roles, account=account)
    with pytest.raises(RefusedError, match="no account nobody"):
        tokens.create(settled.store, ADMIN, "ann", (Role.ACCOUNT,), account="nobody")


def test_dates_move_with_pauses_and_name_what_moved_them(settled: Practice) -> None:
    first = told(settled, "dark-mode", "nomad")
    assert first.status == "announced"
    assert first.earliest is not None
    assert first.earliest == first.latest
    settled.seconds += 3 * DAY
    features.pause(settled.store, OPERATOR, "dark-mode", "an alert is open")
    settled.seconds += DAY
    paused = told(settled, "dark-mode", "nomad")
    assert (paused.status, paused.latest) == ("rolling out", None)
    assert paused.waits == ("its ramp is paused; nobody knows when persons resume it",)
    features.resume(settled.store, OPERATOR, "dark-mode", "it was the probe")
    moved = told(settled, "dark-mode", "nomad")
    assert moved.earliest == first.earliest + timedelta(days=1) == moved.latest
    assert moved.moved == (
        "paused Wed 2026-11-04 00:00 UTC to Thu 2026-11-05 00:00 UTC by olga: an alert is open",
    )
    assert moved.waits[0].startswith("its turn in the ramp comes ")


def test_the_page_of_an_account_agrees_with_what_programs_are_told(settled: Practice) -> None:
    standings = Standings(settled.store)
    settled.seconds += 2 * DAY
    runs(settled, ["lis1", "fra1"], NEW)
    visit(settled, "acme", "mad1", "2026-11-03", standings.latched)
    run(settled, nodes_of("lis1")[0], NEW)
    for account in ("acme", "bolt", "nomad"):
        seen = account_features.seen(settled.store, VIEWER, account)
        assert [one.feature for one in seen.features if one.is_on] == has(standings, account)
    assert account_features.seen(settled.store, VIEWER, "acme").visited == ("mad1",)
