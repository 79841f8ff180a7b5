"""Why something waits is read from what was written, the most specific first."""

import pytest
from tests.control.practice import APPROVER, OPERATOR, ROLLOUT, START, VIEWER, Practice, node_caller

from wavetrain.control import cordons, enquire, explain, nodes, progress, rollouts, summary, withdraw
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Generation,
    NodeId,
    Phase,
    PopId,
    Quarantine,
    Reported,
    Site,
    SiteId,
    UnitId,
)
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Status, TurnPhase, Wave


def _hold_everywhere(house: Practice) -> None:
    house.rolling(hold=Hold(Reason.CAPACITY, detail="3 of 4"))
    with house.store.write() as transaction:
        wave, rollout = transaction.get(Wave, ROLLOUT, "0"), transaction.get(Rollout, ROLLOUT)
        assert wave is not None
        assert rollout is not None
        transaction.put(wave.changed(hold=Hold(Reason.SOAK, until=START)))
        transaction.put(rollout.changed(hold=Hold(Reason.APPROVAL, asks=True)))


def _code(house: Practice, subject: str) -> str:
    hold = explain.why(house.store, VIEWER, subject).hold
    return hold.code if hold is not None else ""


def test_the_most_specific_hold_is_the_answer(house: Practice) -> None:
    _hold_everywhere(house)
    assert _code(house, "lis1") == "capacity"
    assert _code(house, "lis1-n3") == "capacity"
    assert _code(house, ROLLOUT) == "approval"
    assert _code(house, "gateway@2.0.0") == "approval"
    answer = explain.why(house.store, VIEWER, "lis1")
    assert answer.answer == "lis1 waits: its PoP would be left with too little capacity (3 of 4)"
    assert [step.level for step in answer.steps] == ["turn", "wave", "rollout"]


def test_without_a_hold_of_its_own_the_answer_is_inherited(house: Practice) -> None:
    house.rolling()
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "odd latency")
    for subject in ("lis1", "lis1-n2", ROLLOUT):
        why = explain.why(house.store, VIEWER, subject)
        assert (
            why.answer == f"{subject} waits: the rollout is paused (odd latency); a person is asked to decide"
        )


def test_what_persons_and_the_planner_said_of_a_node_comes_first(house: Practice) -> None:
    _hold_everywhere(house)
    cordons.cordon(house.store, OPERATOR, "lis1-n2", "flaky")
    assert _code(house, "lis1-n2") == "cordoned"
    with house.store.write() as transaction:
        transaction.put(
            Quarantine(
                node=NodeId("lis1-n2"),
                pop=PopId("lis1"),
                rollout=ROLLOUT,
                since=START,
                reason="it did not come up",
                serves=True,
            )
        )
    assert _code(house, "lis1-n2") == "quarantined"
    nodes.retire(house.store, OPERATOR, "lis1-n2", "sold")
    assert _code(house, "lis1-n2") == "retired"
    assert _code(house, "lis1") == "capacity"


def test_a_withdrawn_release_says_so(house: Practice) -> None:
    house.rolling()
    withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "it leaks")
    assert _code(house, "gateway@2.0.0") == "tombstoned"


def test_a_node_that_is_through_waits_for_nothing(house: Practice) -> None:
    house.rolling(progress=(), hold=Hold(Reason.BAKE_TIME, until=START))
    assert _code(house, "lis1-n1") == ""
    assert _code(house, "lis1-n2") == "bake_time"


def test_where_nothing_is_under_way_the_answer_is_that(house: Practice) -> None:
    why = explain.why(house.store, VIEWER, "fra1")
    assert (why.hold, why.answer) == (None, "fra1 waits for nothing; pop fra1: no rollout is under way")


def test_a_site_and_an_account_wait_for_what_their_pops_wait_for(house: Practice) -> None:
    _hold_everywhere(house)
    with house.store.write() as transaction:
        transaction.put(Account(id=AccountId("quiet")))
        for name, pop, second in (("s1", "lis1", "fra1"), ("s2", "lis1", ""), ("s3", "fra1", "lis1")):
            site = Site(
                id=SiteId(name), account=AccountId("acme"), primary=PopId(pop), secondary=PopId(second)
            )
            transaction.put(site)
    why = explain.why(house.store, VIEWER, "s1")
    assert (why.kind, why.answer) == (
        "site",
        "s1 waits: its PoP would be left with too little capacity (3 of 4)",
    )
    assert [step.level for step in why.steps] == ["site", "turn", "wave", "rollout"]
    assert why.steps[0].state == "primary lis1, secondary fra1"
    assert explain.why(house.store, VIEWER, "s2").steps[0].state == "primary lis1, no secondary"
    assert _code(house, "acme") == "capacity"
    assert explain.why(house.store, VIEWER, "acme").steps[0].state == "3 sites at 2 PoPs"
    assert _code(house, "s3") == ""
    assert explain.why(house.store, VIEWER, "quiet").steps[0].state == "0 sites at 0 PoPs"


def test_what_does_not_exist_is_unknown(house: Practice) -> None:
    with pytest.raises(UnknownError, match="there is no PoP, node, site, account, rollout or release nix"):
        explain.why(house.store, VIEWER, "nix")


def test_progress_shows_what_is_under_way_and_the_last_that_is_over(house: Practice) -> None:
    house.rolling(Status.COMPLETED)
    assert [item.id for item in progress.status(house.store, VIEWER).rollouts] == [ROLLOUT]
    assert progress.status(house.store, VIEWER, 0).rollouts == ()
    seen = progress.rollout(house.store, VIEWER, ROLLOUT)
    assert (seen.is_over, seen.turns[0].exposed, seen.turns[0].settled) == (True, 1, 0)
    assert [unit.unit for unit in seen.turns[0].moving] == ["lis1-n1"]
    assert progress.rollouts(house.store, VIEWER)[0].turns == ()


def test_the_journal_is_read_in_pages_of_bounded_size(house: Practice) -> None:
    house.rolling()
    page = enquire.journal(house.store, VIEWER, limit=1, kind="release")
    assert [entry.subject for entry in page.entries] == ["gateway@2.0.0"]
    assert enquire.journal(house.store, VIEWER, after=page.entries[0].seq).entries == ()
    for limit in (0, 1001):
        with pytest.raises(RefusedError):
            enquire.journal(house.store, VIEWER, limit=limit)


def test_nodes_read_nothing(house: Practice) -> None:
    caller = node_caller("lis1-n1")
    for read in (
        lambda: explain.why(house.store, caller, "lis1"),
        lambda: progress.status(house.store, caller),
        lambda: summary.part(house.store, caller),
        lambda: summary.summary(house.store, caller),
        lambda: enquire.releases(house.store, caller),
        lambda: enquire.journal(house.store, caller),
    ):
        with pytest.raises(ForbiddenError):
            read()


def test_a_node_that_was_passed_over_because_its_updates_lapsed_says_so(house: Practice) -> None:
    house.rolling(
        progress=(),
        phase=TurnPhase.DONE,
        cursor=4,
        quarantined=("lis1-n3",),
        lapses={UnitId("lis1-n3"): 4},
    )
    with house.store.write() as transaction:
        transaction.put(
            Reported(
                node=NodeId("lis1-n3"),
                pop=PopId("lis1"),
                generation=Generation(1, 4),
                release="1.9.0",
                phase=Phase.LAPSED,
                since=START,
                detail="the bytes have another digest",
            )
        )
    why = explain.why(house.store, VIEWER, "lis1-n3")
    assert why.hold is not None
    assert (why.hold.code, why.hold.asks) == ("lapsed_often", True)
    assert why.hold.detail == "lis1-n3, 4 times: the bytes have another digest"
    assert _code(house, "lis1-n2") == ""
