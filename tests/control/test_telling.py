"""Which accounts are told, in how many notices, and what becomes of it when the store fails."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.control.practice import Practice
from tests.doors.status_house import S, pop, work
from tests.doors.test_feeds import ACME, SITES

from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import customer_notice, telling
from wavetrain.control.customer_notice import Notice
from wavetrain.control.listeners import EVERYBODY
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.telling import Teller
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import AccountId, PopId, Region, RegionId, Serves, Site, SiteId
from wavetrain.model.maintenance import Incident, Maintenance, Told
from wavetrain.model.receipt import Receipt
from wavetrain.model.record import Record
from wavetrain.model.subscription import Dispatch, Heard, Subscription, Topic, Way

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHER = AccountId("other")


class Desk:
    """A house whose work and ways are put where a test wants them."""

    def __init__(self, folder: Path, *records: Record) -> None:
        self.house = Practice(folder)
        with self.house.store.read() as view:
            self.now = view.now
        self.put(
            Region(id=RegionId("eu"), name="Europe"), pop("por1", "Porto"), pop("ber1"), pop("evil1"), *SITES
        )
        self.put(*records)
        self.board = StatusBoard(self.house.store)
        self.teller = Teller(self.house.store, lambda: self.board.picture)

    def put(self, *records: Record) -> None:
        with self.house.store.write() as transaction:
            for record in records:
                known = transaction.get(type(record), *record.key)
                transaction.put(record.changed(version=known.version if known is not None else 0))

    def work(self, name: str, number: int = 1, days: float = 3.0, **more: object) -> Maintenance:
        starts = self.now + timedelta(days=days)
        long_ago = self.now - HOUR
        fields = {
            "starts": starts,
            "ends": starts + 4 * HOUR,
            "changed_at": long_ago,
            "announced_at": long_ago,
        }
        return work(name, number, S.SCHEDULED).changed(**fields | more)

    def way(self, account: AccountId, name: str = "hook", **more: object) -> Subscription:
        fields: dict[str, object] = {
            "account": account,
            "name": name,
            "way": Way.WEBHOOK,
            "to": "https://hooks.example.net/",
            "on": tuple(Topic),
            "since": self.now,
            "by": "test",
        }
        return Subscription(**fields | more)  # type: ignore[arg-type]

    def look(self, seconds: float = 0.0) -> list[Notice]:
        """What is made new in a look, a while later."""
        before = {item.key for item in self.outbox}
        self.house.seconds += seconds
        self.board.follow()
        self.teller.look()
        return [customer_notice.notice_of(item) for item in self.outbox if item.key not in before]

    @property
    def outbox(self) -> list[Dispatch]:
        with self.house.store.read() as view:
            return view.find(Dispatch)

    def told(self, notice: Notice) -> set[str]:
        return {item.work.work.id.removeprefix("edge-2.1.0.") for item in notice.items}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_account_is_told_of_work_at_its_own_pops_with_the_impact_on_its_sites(desk: Desk) -> None:
    desk.put(desk.way(ACME), desk.work("por1"), desk.work("evil1"))
    (notice,) = desk.look()
    assert (notice.account, notice.topic, desk.told(notice)) == ("acme", Topic.ANNOUNCED, {"por1.1"})
    assert {one.site: one.role for one in notice.items[0].work.sites} == {
        "acme-hq": "primary",
        "acme-vpn": "secondary",
    }
    assert desk.look() == desk.look(HOUR.total_seconds()) == []


def test_an_incident_is_told_at_once_and_each_further_word_a_while_after_the_last(desk: Desk) -> None:
    said = tuple(Told(at=desk.now, state="identified", text=f"word {number}") for number in range(4))
    found = Incident(
        id="i1",
        title="t",
        state="identified",
        impact="minor",
        pops=(PopId("por1"),),
        since=desk.now,
        changed_at=desk.now,
    )
    desk.put(found.changed(id="i0", changed_at=desk.now - HOUR), desk.way(ACME), desk.way(OTHER))
    assert desk.look() == [], "what was said before an account listened is not told"
    desk.put(found.changed(told=said[:1]))
    (first,) = desk.look()
    assert (first.account, first.topic) == ("acme", Topic.INCIDENT)
    desk.put(
        found.changed(told=said[:2], changed_at=desk.now), found.changed(id="i2", pops=(PopId("evil1"),))
    )
    assert [one.account for one in desk.look(1)] == ["other"]
    desk.put(found.changed(told=said[:3], changed_at=desk.now))
    (second,) = desk.look(60)
    assert second.incident is not None
    assert len(second.incident.told) == 3
    assert desk.look(600) == []


def test_a_receipt_is_told_once_when_late_reports_had_time_to_come(desk: Desk) -> None:
    made = Receipt(
        account=ACME,
        maintenance="edge-2.1.0.por1.1",
        rollout="edge-2.1.0",
        pop=PopId("por1"),
        release="2.1.0",
        began=desk.now,
        ended=desk.now,
        made_at=desk.now,
        promise_s=10.0,
    )
    desk.put(desk.way(ACME), desk.way(OTHER), made)
    assert desk.look() == []
    desk.put(made.changed(amended=1, silent=2))
    assert desk.look(60) == []
    (notice,) = desk.look(900)
    assert (notice.account, notice.topic) == ("acme", Topic.RECEIPT)
    assert notice.receipt is not None
    assert notice.receipt.silent == 2
    desk.put(made.changed(amended=2))
    assert desk.look(2_000) == []
    desk.teller = Teller(desk.house.store, lambda: desk.board.picture)
    assert desk.look() == []


def test_who_has_no_way_costs_and_gets_nothing(desk: Desk) -> None:
    desk.put(desk.work("por1"), desk.work("evil1"))
    before = desk.house.sequence
    assert desk.look() == []
    assert desk.house.sequence == before


def test_each_way_gets_what_it_asked_for_and_a_paused_one_nothing(desk: Desk) -> None:
    desk.put(
        desk.way(ACME, "all"),
        desk.way(ACME, "moves", on=(Topic.MOVED,)),
        desk.way(ACME, "off", paused="it moves"),
        desk.work("por1"),
    )
    desk.look()
    assert [item.name for item in desk.outbox] == ["all"]
    desk.put(desk.way(ACME, "off"))
    assert desk.look() == [], "what happened while a way was paused is not told by it later"
    desk.put(desk.work("por1", days=4, changed_at=desk.now, sequence=1))
    desk.look(60)
    assert sorted((item.name, item.topic.value) for item in desk.outbox) == [
        ("all", "announced"),
        ("all", "moved"),
        ("moves", "moved"),
        ("off", "moved"),
    ]


def test_a_train_that_moves_is_one_notice_with_every_window_that_was_and_is(desk: Desk) -> None:
    pops = [pop(f"p{number}") for number in range(120)]
    sites = [Site(id=SiteId(f"acme-{one.id}"), account=ACME, primary=one.id) for one in pops]
    first = {one.id: desk.work(one.id, days=2 + int(one.id[1:]) / 30) for one in pops}
    desk.put(*pops, *sites, desk.way(ACME), *first.values())
    (announced,) = desk.look()
    assert len(announced.items) == 120
    for step in range(4):  # the planner thinks again and again, each time in several commits
        moved = [
            one.changed(
                starts=one.starts + (step + 1) * DAY,
                ends=one.ends + (step + 1) * DAY,
                changed_at=desk.now,
                sequence=step + 1,
            )
            for one in first.values()
        ]
        for start in range(0, 120, 40):
            desk.put(*moved[start : start + 40])
            assert desk.look(3) == []
    (notice,) = desk.look(60)
    assert (notice.topic, len(notice.items)) == (Topic.MOVED, 120)
    for item in notice.items:
        assert item.was_starts == first[item.work.work.pop].starts
        assert item.work.work.starts == item.was_starts + 4 * DAY
    assert desk.look(60) == []


def test_work_of_a_train_that_is_near_is_announced_along(desk: Desk) -> None:
    desk.put(
        desk.way(ACME), desk.work("por1", days=7), desk.work("ber1", days=7.8), desk.work("ber1", 2, days=9)
    )
    (notice,) = desk.look()
    assert desk.told(notice) == {"por1.1", "ber1.1"}
    (later,) = desk.look(2 * DAY.total_seconds())
    assert desk.told(later) == {"ber1.2"}


def test_the_management_application_is_everybodys_and_an_operator_is_told_of_everything(desk: Desk) -> None:
    desk.put(
        pop("con1").changed(serves=Serves.CONSOLE),
        desk.way(ACME),
        desk.way(OTHER),
        desk.way(AccountId(EVERYBODY)),
    )
    desk.put(desk.work("con1"), desk.work("evil1"))
    found = {notice.account: desk.told(notice) for notice in desk.look()}
    assert found == {"acme": {"con1.1"}, "other": {"con1.1", "evil1.1"}, "": {"con1.1", "evil1.1"}}


def test_a_site_that_comes_to_a_pop_later_is_told_then(desk: Desk) -> None:
    desk.put(desk.way(OTHER), desk.work("por1"))
    assert desk.look() == []
    desk.put(Site(id=SiteId("other-2"), account=OTHER, primary=PopId("por1")))
    (notice,) = desk.look()
    assert desk.told(notice) == {"por1.1"}


def test_a_teller_that_starts_anew_tells_nothing_twice_and_misses_nothing(desk: Desk) -> None:
    desk.put(desk.way(ACME), desk.work("por1"), desk.work("ber1", days=6))
    assert len(desk.look()) == 1
    desk.put(desk.work("por1", state=S.COMPLETED, over_at=desk.now, began_at=desk.now, sequence=2))
    desk.teller = Teller(desk.house.store, lambda: desk.board.picture)
    (ended,) = desk.look()
    assert (ended.topic, desk.told(ended)) == (Topic.ENDED, {"por1.1"})
    desk.teller = Teller(desk.house.store, lambda: desk.board.picture)
    (before,) = desk.look(5.5 * DAY.total_seconds())
    assert (before.topic, desk.told(before)) == (Topic.BEFORE, {"ber1.1"})


def crash(desk: Desk) -> None:
    def full(_: Sequence[MemoryChange]) -> None:
        raise UnreachableError("the disk is full")

    desk.house.store.crash_at = full
    with pytest.raises(UnreachableError):
        desk.look()
    desk.house.store.crash_at = None


def test_what_was_heard_and_what_carries_it_are_one_commit(desk: Desk) -> None:
    desk.put(desk.way(ACME), desk.work("por1"))
    crash(desk)
    with desk.house.store.read() as view:
        assert not view.find(Heard)
    (notice,) = desk.look()
    with desk.house.store.read() as view:
        assert [one.maintenance for one in view.find(Heard)] == [notice.items[0].work.work.id]


def test_a_dispatch_that_is_lost_on_a_crash_is_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: what was heard is written, and what carries it only after that."""
    monkeypatch.setattr(telling, "post", lambda *told: 1)
    with pytest.raises(ValueError, match="not enough values"):
        test_what_was_heard_and_what_carries_it_are_one_commit(desk)


def test_many_accounts_and_windows_cost_a_look_only_what_has_changed(desk: Desk) -> None:
    names = [AccountId(f"a{number}") for number in range(400)]
    pops = [pop(f"p{number}") for number in range(200)]
    with desk.house.store.write() as transaction:
        transaction.put_many(pops)
        transaction.put_many(
            Site(id=SiteId(f"{name}-s"), account=name, primary=pops[at % 200].id)
            for at, name in enumerate(names)
        )
        transaction.put_many(desk.way(name) for name in names)
        transaction.put_many(desk.work(one.id, days=30) for one in pops)
    assert desk.look() == []
    asked: list[str] = []
    known = desk.teller._next

    def counted(view: object, record: Maintenance, heard: object, account: str) -> object:
        asked.append(account)
        return known(view, record, heard, account)  # type: ignore[arg-type]

    desk.teller._next = counted  # type: ignore[method-assign, assignment]
    assert desk.look(1) == []
    assert asked == [], "nothing changed, so nothing is looked at"
    desk.put(desk.work("p7", days=29, sequence=1))
    assert desk.look(1) == []
    assert sorted(asked) == ["a207", "a7"]
