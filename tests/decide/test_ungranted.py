"""Which wish planned work does not grant, by which rule, and which window would have."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.decide.engine import pop

from wavetrain.decide import ungranted
from wavetrain.decide.ungranted import LISTED_MAX, Around, Planned, RingSpan, Ungranted
from wavetrain.model.fleet import Account, AccountId, Blackout, PopId
from wavetrain.model.window import Freeze

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OPENS = datetime(2026, 3, 4, 1, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RING = RingSpan(ring="world", is_early=False, opens=OPENS - DAY, closes=OPENS + 3 * DAY, first_wave=1)
PLAIN = Around(now=NOW, needed=HOUR, gap=HOUR, region_max=2)
WISH = Account(id=AccountId("acme"), blackouts=(Blackout(first=OPENS.date(), last=OPENS.date()),))


def planned(name: str = "a", starts: datetime = OPENS, **more: object) -> Planned:
    fields: dict[str, object] = {"wave": 1, "ring": RING, **more}
    return Planned(work=f"w-{name}", place=pop(name, 2), starts=starts, ends=starts + HOUR, **fields)  # type: ignore[arg-type]


def found(
    around: Around = PLAIN, account: Account = WISH, *works: Planned, **pairs: int
) -> tuple[Ungranted, ...]:
    of = {(PopId(name[0]), PopId(name[1])): sites for name, sites in pairs.items()}
    return ungranted.of_account(account, works or (planned(),), of, lambda _: around, HOUR)


def busy(at: datetime) -> tuple[datetime, datetime]:
    return at, at + HOUR


@pytest.mark.parametrize(
    ("around", "rule"),
    [
        (PLAIN, "the plan weighs the wishes of all sites"),
        (
            msgspec.structs.replace(
                PLAIN,
                freezes=(
                    Freeze(
                        id="quarter",
                        starts=OPENS - 2 * DAY,
                        ends=OPENS + 9 * DAY,
                        reason="month end",
                        by="olga",
                    ),
                ),
            ),
            "freeze quarter forbids it: month end",
        ),
        (
            msgspec.structs.replace(
                PLAIN, mates=tuple((PopId("m"), busy(OPENS + at * DAY)) for at in range(-1, 4))
            ),
            "m is worked on then, and both are in one redundancy group",
        ),
        (
            msgspec.structs.replace(PLAIN, region=tuple(busy(OPENS + at * DAY) for at in range(-1, 4)) * 2),
            "2 PoPs of region west are worked on then, and 2 may be",
        ),
    ],
)
def test_the_rule_that_stands_against_the_nearest_window_is_named(around: Around, rule: str) -> None:
    (told,) = found(around)
    assert (told.kind, told.wish) == ("blackout", "no work on 2026-03-04")
    assert told.rule.startswith(rule)
    assert told.instead == OPENS - DAY


def test_a_window_behind_the_ring_is_named_with_when_the_ring_goes() -> None:
    days = Blackout(first=NOW.date(), last=(OPENS + 9 * DAY).date())
    (told,) = found(PLAIN, WISH.changed(blackouts=(days,)))
    assert told.rule == "ring world is planned from Tue 2026-03-03 01:00 UTC to Sat 2026-03-07 01:00 UTC"
    assert told.instead == OPENS + 10 * DAY
    always = Blackout(first=NOW.date(), last=(OPENS + 90 * DAY).date())
    (told,) = found(PLAIN, WISH.changed(blackouts=(always,)))
    assert (told.rule, told.instead) == ("no window of the PoP in sight would grant it", None)


def test_a_pop_of_its_own_is_kept_only_from_the_next_plan_on() -> None:
    own = planned()
    own = msgspec.structs.replace(own, place=own.place.changed(dedicated=WISH.id))
    (told,) = found(PLAIN, WISH, own)
    assert told.rule.startswith("it was announced before you wished so")


def test_who_wishes_to_be_early_reads_which_wave_is_the_first() -> None:
    early = Account(id=AccountId("acme"), early=True)
    (told,) = found(PLAIN, early, planned(wave=3))
    assert (told.kind, told.instead) == ("early", RING.opens)
    assert "this one goes in wave 4, and the first of ring world is wave 2" in told.rule
    assert found(PLAIN, early, planned(wave=1)) == ()
    assert found(PLAIN, early, planned(ring=msgspec.structs.replace(RING, is_early=True), wave=3)) == ()
    assert found(PLAIN, early, planned(is_felt=False, wave=3)) == ()


def test_both_pops_of_a_site_at_once_are_told_once_and_far_apart_not_at_all() -> None:
    nothing = Account(id=AccountId("acme"))
    (told,) = found(PLAIN, nothing, planned("a"), planned("b", OPENS + HOUR), ab=3)
    assert (told.kind, told.pops, told.wish) == ("pair", ("a", "b"), "not both PoPs of 3 sites at once")
    assert told.instead == OPENS + DAY
    assert found(PLAIN, nothing, planned("a"), planned("b", OPENS + 2 * HOUR), ab=3) == ()


def test_what_is_told_has_an_end() -> None:
    works = [planned(f"p{at}") for at in range(LISTED_MAX * 2)]
    assert len(found(PLAIN, WISH, *works)) == LISTED_MAX
