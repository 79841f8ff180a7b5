"""When something is disturbed next is answered for PoPs, nodes, sites and accounts, or said to be open and why."""

from datetime import UTC, datetime
from random import Random

import pytest
from tests.control.practice import APPROVER, OPERATOR, POLICY, ROLLOUT, START, VIEWER, Practice, node_caller

from wavetrain.control import cordons, forecast, freezes, policies, rollouts
from wavetrain.control.forecast import Place, When
from wavetrain.control.tick import Ticker
from wavetrain.errors import ForbiddenError, UnknownError
from wavetrain.model.fleet import Account, AccountId, NodeId, PopId, Quarantine, Site, SiteId
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.release import ReleaseId
from wavetrain.model.rollout import Rollout, RolloutId, Status, Turn, TurnPhase
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticked(house: Practice, until: datetime | None = None) -> None:
    if until is not None:
        house.seconds = until.timestamp()
    Ticker(house.store, SimHealth(lambda: house.seconds, {}, Nature(Random(1)))).tick()


def when(house: Practice, subject: str) -> When:
    return forecast.when(house.store, VIEWER, subject)


def place(house: Practice, subject: str) -> Place:
    return when(house, subject).places[0]


def announced(house: Practice) -> None:
    house.submitted()
    ticked(house)


def digest_of(house: Practice) -> str:
    with house.store.read() as view:
        current = view.get(CurrentPolicy, "pop")
    assert current is not None
    return current.digest


def furnish(house: Practice) -> None:
    with house.store.write() as transaction:
        transaction.put(Account(id=AccountId("quiet")))
        for name, primary, second in (("s1", "fra1", "lis1"), ("s2", "fra1", ""), ("s3", "lis1", "")):
            site = Site(
                id=SiteId(name), account=AccountId("acme"), primary=PopId(primary), secondary=PopId(second)
            )
            transaction.put(site)


def test_a_train_that_is_announced_comes_at_its_stop_or_one_window_later(house: Practice) -> None:
    announced(house)
    first, second = place(house, "lis1"), place(house, "fra1")
    assert (first.earliest, first.latest) == (at("2026-11-08T02:00"), at("2026-11-09T05:40"))
    assert (second.earliest, second.latest) == (at("2026-11-14T02:00"), at("2026-11-15T05:40"))
    assert first.waits is not None
    assert first.waits.code == "not_yet"
    assert when(house, "lis1").answer == (
        "lis1 is disturbed next by gateway-2.0.0, between Sun 2026-11-08 02:00 UTC and Mon 2026-11-09 05:40 UTC; "
        "until then: its turn in the timetable has not come"
    )


def test_nodes_go_in_the_order_of_their_turn(house: Practice) -> None:
    announced(house)
    with house.store.read() as view:
        turn = view.get(Turn, ROLLOUT, "lis1")
    assert turn is not None
    ranges = [place(house, unit) for unit in turn.order]
    assert ranges[0].earliest == at("2026-11-08T02:00")
    assert ranges[1].earliest == at("2026-11-08T02:30")
    latest = [item.latest for item in ranges]
    assert None not in latest
    assert latest == sorted(latest, key=lambda moment: moment or START)
    assert latest[0] != latest[-1]


def test_a_freeze_in_the_way_is_the_reason(house: Practice) -> None:
    announced(house)
    span = {"starts": at("2026-11-07T00:00"), "ends": at("2026-11-10T00:00")}
    freezes.add(house.store, OPERATOR, **span, reason="election", freeze_id="vote", scope=["lis1"])
    found = place(house, "lis1")
    assert found.earliest == at("2026-11-10T02:00")
    assert found.waits is not None
    assert (found.waits.code, found.waits.detail) == ("frozen", "vote: election")


def test_while_a_person_is_asked_the_end_is_open(house: Practice) -> None:
    policies.apply(house.store, APPROVER, house.policy("approve_general = true\n" + POLICY))
    announced(house)
    assert place(house, "lis1").latest == at("2026-11-09T05:40")
    second = place(house, "fra1")
    assert (second.earliest, second.latest) == (at("2026-11-14T02:00"), None)
    assert second.open is not None
    assert second.open.code == "approval"
    assert when(house, "fra1").answer == (
        "fra1 is disturbed next by gateway-2.0.0, not before Sat 2026-11-14 02:00 UTC; the end is open: "
        "it needs a person's approval (general availability); a person is asked to decide"
    )


def test_a_pause_and_a_cordon_leave_the_end_open(house: Practice) -> None:
    announced(house)
    cordons.cordon(house.store, OPERATOR, "fra1", "works")
    found = place(house, "fra1").open
    assert found is not None
    assert found.code == "cordoned"
    ticked(house, at("2026-11-08T02:00"))
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "odd")
    ticked(house)
    found = place(house, "lis1").open
    assert found is not None
    assert found.code == "paused"


def test_a_rollout_without_a_timetable_says_what_it_waits_for(house: Practice) -> None:
    digest = digest_of(house)
    with house.store.write() as transaction:
        transaction.put(
            Rollout(
                id=RolloutId("gateway-3.0.0"),
                release=ReleaseId("gateway@3.0.0"),
                number="3.0.0",
                previous="",
                component="gateway",
                lane="pop",
                status=Status.PLANNED,
                policy=digest,
                created_at=START,
                created_by="ci",
                departs=at("2026-11-08T00:00"),
                not_before=START,
            )
        )
    found = place(house, "lis1")
    assert (found.earliest, found.latest) == (at("2026-11-08T02:00"), None)


def test_where_nothing_is_planned_the_next_train_is_named(house: Practice) -> None:
    found = when(house, "lis1")
    assert found.places[0].earliest is None
    assert found.places[0].departs == at("2026-11-08T02:00")
    assert found.answer == (
        "lis1: no disturbance is planned; the next train could come there from Sun 2026-11-08 02:00 UTC on"
    )


def test_a_pop_that_is_through_has_nothing_planned(house: Practice) -> None:
    announced(house)
    with house.store.write() as transaction:
        turn = transaction.get(Turn, ROLLOUT, "lis1")
        assert turn is not None
        transaction.put(turn.changed(phase=TurnPhase.DONE, cursor=len(turn.order)))
    assert place(house, "lis1").earliest is None
    assert place(house, "lis1-n1").earliest is None


def test_a_site_has_its_primary_and_its_secondary_marked(house: Practice) -> None:
    announced(house)
    furnish(house)
    found = when(house, "s1")
    assert [(item.role, item.pop) for item in found.places] == [("primary", "fra1"), ("secondary", "lis1")]
    assert found.answer.startswith("s1 is disturbed next at its primary fra1 by gateway-2.0.0, between")


def test_an_account_has_the_next_of_its_pops_first(house: Practice) -> None:
    announced(house)
    furnish(house)
    found = when(house, "acme")
    assert [(item.pop, item.role, item.sites) for item in found.places] == [
        ("lis1", "primary", 1),
        ("fra1", "primary", 2),
        ("lis1", "secondary", 1),
    ]
    assert when(house, "quiet").answer == "quiet has no sites, so nothing disturbs it"


def test_a_quarantined_node_gets_nothing(house: Practice) -> None:
    announced(house)
    with house.store.write() as transaction:
        lost = Quarantine(
            node=NodeId("lis1-n1"), pop=PopId("lis1"), rollout="", since=START, reason="x", serves=True
        )
        transaction.put(lost)
    assert "gets nothing until a person brings it back" in when(house, "lis1-n1").answer


def test_a_revert_disturbs_at_once_what_was_exposed_and_nothing_else(house: Practice) -> None:
    rollout = house.rolling(progress=(), phase=TurnPhase.REST, cursor=2)
    digest = digest_of(house)
    with house.store.write() as transaction:
        transaction.put(rollout.changed(policy=digest))
    rollouts.revert(house.store, OPERATOR, ROLLOUT, "it leaks")
    found = place(house, "lis1")
    assert found.earliest == START
    assert found.latest is not None
    assert found.waits is not None
    assert found.waits.code == "reverting"
    assert place(house, "fra1").earliest is None


def test_what_is_not_there_is_unknown_and_nodes_ask_nothing(house: Practice) -> None:
    with pytest.raises(UnknownError, match="there is no PoP, node, site or account nix"):
        when(house, "nix")
    with pytest.raises(ForbiddenError):
        forecast.when(house.store, node_caller("lis1-n1"), "lis1")
