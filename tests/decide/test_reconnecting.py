"""Whose work a reconnect was, by table and by property; and what a receipt says of many."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide import receipt
from wavetrain.decide.reconnecting import AROUND, EARLY, Said, attributed
from wavetrain.model.fleet import AccountId, PopId
from wavetrain.model.maintenance import Maintenance, MaintenanceState
from wavetrain.model.receipt import Code, Cost, Receipt, Reconnect

AT = datetime(2027, 3, 1, 2, 0, tzinfo=UTC)
ACME = AccountId("acme")


def work(name: str = "w1", began: datetime | None = AT, over: datetime | None = None) -> Maintenance:
    return Maintenance(
        id=name,
        rollout="gateway-2.0.0",
        pop=PopId("fra1"),
        lane="pop",
        release="2.0.0",
        state=MaintenanceState.COMPLETED if over else MaintenanceState.IN_PROGRESS,
        starts=AT,
        ends=AT + timedelta(hours=4),
        began_at=began,
        over_at=over,
        changed_at=AT,
        announced_at=AT,
    )


HOUR = timedelta(hours=1)
DONE = work(over=AT + HOUR)
CASES = {
    "asked to leave while work goes on": ("update", AT + HOUR / 2, [work()], (), Code.MOVED, "w1"),
    "asked to leave before anything began": ("update", AT - HOUR, [work()], (), Code.MOVED, ""),
    "asked to leave at the first moment": ("update", AT - EARLY, [work()], (), Code.MOVED, "w1"),
    "invited back when it is over": ("rebalance", AT + HOUR + AROUND, [DONE], (), Code.INVITED, "w1"),
    "invited much later": ("rebalance", AT + 2 * HOUR, [DONE], (), Code.INVITED, ""),
    "ended with its node's update": ("lost", AT + HOUR / 2, [work()], ("n2",), Code.CUT, "w1"),
    "ended at another node": ("lost", AT + HOUR / 2, [work()], ("n1",), Code.LOST, ""),
    "ended while nothing is updated": ("lost", AT + HOUR / 2, [work()], (), Code.LOST, ""),
    "ended without any work": ("lost", AT + HOUR / 2, [], ("n2",), Code.LOST, ""),
    "its own doing": ("roam", AT + HOUR / 2, [work()], ("n2",), Code.ROAMED, ""),
    "a word that nobody knows": ("magic", AT + HOUR / 2, [work()], ("n2",), Code.UNKNOWN, ""),
    "work that has not begun": ("update", AT + HOUR, [work(began=None)], (), Code.MOVED, ""),
    "the later of two works": ("update", AT + HOUR, [DONE, work("w2", AT + HOUR / 2)], (), Code.MOVED, "w2"),
}


@pytest.mark.parametrize("name", CASES)
def test_whose_work_it_was(name: str) -> None:
    reason, at, works, moved, code, owner = CASES[name]
    found = attributed(Said(before="n2", at=at, reason=reason), works, moved)
    assert (found.code, found.work) == (code, owner)
    assert found.why


@given(st.sampled_from(["update", "rebalance", "lost", "roam", "x"]), st.integers(-900, 900), st.booleans())
def test_no_fault_ever_becomes_a_maintenance(reason: str, minutes: int, moved: bool) -> None:
    said = Said(before="n2", at=AT + timedelta(minutes=minutes), reason=reason)
    found = attributed(said, [DONE], ("n2",) if moved else ())
    if found.code in (Code.LOST, Code.ROAMED, Code.UNKNOWN):
        assert found.work == ""
    if reason == "lost" and not moved:
        assert found.code is Code.LOST
    if found.work:
        assert DONE.began_at is not None
        assert DONE.over_at is not None
        assert DONE.began_at - EARLY <= said.at <= DONE.over_at + AROUND


def came(session: str, lost_s: float, code: Code = Code.MOVED, *, is_user: bool = False) -> Reconnect:
    return Reconnect(
        id="x", session=session, is_user=is_user, node="n1", at=AT, lost_s=lost_s, code=code, work="w1"
    )


def costs(*all_of_them: Reconnect, most: int = 100) -> tuple[Cost, ...]:
    made: tuple[Cost, ...] = ()
    for one in all_of_them:
        made = receipt.added(made, one, most)
    return made


def written(*all_of_them: Reconnect, sites: tuple[str, ...] = (), before: Receipt | None = None) -> Receipt:
    return receipt.made(DONE, ACME, sites, costs(*all_of_them), promise_s=10.0, now=AT + HOUR, before=before)


def test_a_receipt_sums_up_each_site_and_the_users_together() -> None:
    made = written(
        came("hq", 0.0),
        came("hq", 0.25),
        came("lab", 12.0, Code.CUT),
        came("ann", 0.1, is_user=True),
        came("bob", 0.7, is_user=True),
        sites=("hq", "lab", "shop"),
    )
    by = {site.site: site for site in made.sites}
    assert (by["hq"].sessions, by["hq"].moved, by["hq"].lost_s, by["hq"].worst_s) == (2, 2, 0.25, 0.25)
    assert (by["lab"].moved, by["lab"].codes) == (0, {Code.CUT: 1})
    assert (by["users"].sessions, by["users"].moved) == (2, 1)
    assert made.silent == 1
    assert not receipt.is_kept(made)
    assert made.sites[0].site == "lab", "the worst first"
    assert "5 sessions were opened anew, 3 of them without a loss" in receipt.in_words(made)
    assert "12.0 s at once at the most: the promise of 10 s was not kept" in receipt.in_words(made)
    assert (
        receipt.in_words(written(sites=("hq",))) == "nothing was reported lost; 1 sites reported no reconnect"
    )


def test_a_late_report_corrects_it_and_the_same_reports_do_not() -> None:
    first = written(came("hq", 0.0))
    assert written(came("hq", 0.0), before=first) is first
    later = written(came("hq", 0.0), came("lab", 3.0), before=first)
    assert (first.amended, later.amended) == (0, 1)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 100)), max_size=30), st.integers(1, 8))
def test_nothing_is_lost_from_the_sums_however_few_sites_are_told_one_by_one(
    rows: list[tuple[str, float]], most: int
) -> None:
    made = costs(*(came(name, lost_s) for name, lost_s in rows), most=most)
    assert sum(one.sessions for one in made) == len(rows)
    assert sum(one.lost_s for one in made) == pytest.approx(sum(lost for _, lost in rows), abs=0.05)
    assert len(made) <= most + 1
    assert max((one.worst_s for one in made), default=0.0) == max((lost for _, lost in rows), default=0.0)


def test_due_is_what_is_over_and_has_begun() -> None:
    assert receipt.is_due(DONE)
    assert not receipt.is_due(work())
    assert not receipt.is_due(msgspec.structs.replace(DONE, began_at=None))
