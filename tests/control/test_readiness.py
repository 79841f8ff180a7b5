"""Readiness is read from the fleet and from the timetables that are under way."""

from datetime import timedelta

import pytest
from tests.control.practice import CI, START, VIEWER, Practice, node_caller

from wavetrain.control import readiness
from wavetrain.decide.readiness import Finding
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.fleet import Account, AccountId, PopId, Site, SiteId, SiteKind
from wavetrain.model.rollout import Rollout, RolloutId, Stop, Timetable, Turn, TurnPhase


def furnish(house: Practice) -> None:
    """Three sites of two accounts, two of them at lis1."""
    with house.store.write() as transaction:
        transaction.put(Account(id=AccountId("acme")))
        transaction.put(Account(id=AccountId("empty")))
        for name, account, primary, secondary in (
            ("s1", "acme", "lis1", ""),
            ("s2", "acme", "lis1", "fra1"),
            ("s3", "beta", "fra1", "lis1"),
        ):
            transaction.put(
                Site(
                    id=SiteId(name),
                    account=AccountId(account),
                    primary=PopId(primary),
                    secondary=PopId(secondary),
                    kind=SiteKind.IPSEC,
                    detection_s=5.0,
                )
            )


def roll(house: Practice, gap: timedelta) -> None:
    """A rollout of both PoPs whose windows are so far apart."""
    rollout = house.rolling()
    stops = tuple(
        Stop(pop=PopId(pop), wave=0, ring="pilot", opens=opens, closes=opens + timedelta(hours=4))
        for pop, opens in (("lis1", START), ("fra1", START + gap))
    )
    with house.store.write() as transaction:
        transaction.put(Timetable(rollout=rollout.id, number=1, parent=0, made_at=START, stops=stops))
        known = transaction.get(Rollout, rollout.id)
        assert known is not None
        transaction.put(known.changed(timetable=1))


def hurt(house: Practice, **asked: object) -> dict[str, Finding]:
    seen = readiness.readiness(house.store, VIEWER, **asked)  # type: ignore[arg-type]
    return {item.site: item.worst.finding for item in seen.survey.listed}


def test_sites_of_the_fleet_an_account_or_a_pop(house: Practice) -> None:
    furnish(house)
    assert hurt(house) == {"s1": Finding.SINGLE_POP}
    assert readiness.readiness(house.store, VIEWER).survey.sites == 3
    assert readiness.readiness(house.store, VIEWER, account="acme").survey.sites == 2
    assert readiness.readiness(house.store, VIEWER, pop="lis1").survey.sites == 2
    assert readiness.readiness(house.store, VIEWER, account="beta", pop="lis1").survey.sites == 0
    assert readiness.readiness(house.store, VIEWER, account="empty").survey.sites == 0


def test_windows_that_overlap_are_read_from_the_timetable(house: Practice) -> None:
    furnish(house)
    roll(house, timedelta(hours=2))
    assert hurt(house) == {"s1": Finding.SINGLE_POP, "s2": Finding.OVERLAP, "s3": Finding.OVERLAP}
    assert readiness.readiness(house.store, VIEWER).rollouts == ("gateway-2.0.0",)


def test_windows_that_lie_apart_hurt_nobody_more(house: Practice) -> None:
    furnish(house)
    roll(house, timedelta(days=1))
    assert hurt(house) == {"s1": Finding.SINGLE_POP}


def test_a_rollout_is_asked_only_for_the_pops_that_it_has_still_to_do(house: Practice) -> None:
    furnish(house)
    roll(house, timedelta(hours=2))
    with house.store.write() as transaction:
        turn = transaction.get(Turn, RolloutId("gateway-2.0.0"), "lis1")
        assert turn is not None
        transaction.put(turn.changed(phase=TurnPhase.DONE))
    seen = readiness.readiness(house.store, VIEWER, rollout="gateway-2.0.0")
    assert (seen.survey.sites, seen.survey.hurt) == (1, 0)


def test_what_is_not_there_is_unknown_and_pages_have_limits(house: Practice) -> None:
    furnish(house)
    for asked in ({"account": "nix"}, {"pop": "nix"}, {"rollout": "nix"}):
        with pytest.raises(UnknownError, match="nix"):
            readiness.readiness(house.store, VIEWER, **asked)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="give a limit from 1 to 1000"):
        readiness.readiness(house.store, VIEWER, limit=1_001)
    with pytest.raises(ForbiddenError):
        readiness.readiness(house.store, node_caller("lis1-n1"))
    assert readiness.readiness(house.store, CI).survey.sites == 3
