"""Reports of sessions become receipts: each counts once, and from its own node alone."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.control.practice import OPERATOR, ROLLOUT, START, Practice, node_caller

from wavetrain.control import receipts, reconnects, tokens
from wavetrain.control.receipts import KEPT_MAX, Receipts
from wavetrain.control.reconnects import ROWS_MAX, Came
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Account, AccountId, PopId, Site, SiteId
from wavetrain.model.maintenance import Maintenance, MaintenanceState
from wavetrain.model.receipt import Code, Receipt, Reconnects

ACME = AccountId("acme")
OWN = Caller("ann", (Role.ACCOUNT,), "acme")
OTHER = Caller("bob", (Role.ACCOUNT,), "globex")


class House(Practice):
    """lis1 is being updated, lis1-n1 first; acme has two sites there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rolling()
        self.seconds += 600
        with self.store.write() as transaction:
            transaction.put(Account(id=ACME))
            transaction.put(Account(id=AccountId("globex")))
            for name in ("hq", "lab"):
                transaction.put(Site(id=SiteId(name), account=ACME, primary=PopId("lis1")))
            transaction.put(self.work(MaintenanceState.IN_PROGRESS))
        self.receipts = Receipts(self.store)

    @staticmethod
    def work(state: MaintenanceState, **fields: object) -> Maintenance:
        values: dict[str, object] = {
            "id": "w1",
            "rollout": ROLLOUT,
            "pop": PopId("lis1"),
            "lane": "pop",
            "release": "2.0.0",
            "state": state,
            "starts": START,
            "ends": START + timedelta(hours=4),
            "began_at": START,
            "changed_at": START,
            "announced_at": START,
        }
        return Maintenance(**values | fields)  # type: ignore[arg-type]

    def over(self) -> None:
        with self.store.write() as transaction:
            known = transaction.get(Maintenance, "w1")
            assert known is not None
            transaction.put(known.changed(state=MaintenanceState.COMPLETED, over_at=transaction.now))

    def say(self, *came: Came, node: str = "lis1-n2") -> int:
        return reconnects.take(self.store, node_caller(node), node, came)

    def records(self) -> list[Reconnects]:
        with self.store.read() as view:
            return view.find(Reconnects)

    def receipt(self, account: str = "acme") -> Receipt:
        return receipts.shown(self.store, OPERATOR_READS, account, "w1").receipt


OPERATOR_READS = Caller(OPERATOR.name, (Role.OPERATOR,))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def came(number: int = 0, /, **fields: object) -> Came:
    values: dict[str, object] = {
        "n": number,
        "program": "p1",
        "session": "hq",
        "account": "acme",
        "is_user": False,
        "before": "lis1-n1",
        "lost_s": 0.0,
        "reason": "update",
        "ago_s": 1.0,
    }
    return Came(**values | fields)  # type: ignore[arg-type]


def test_a_report_counts_once_however_often_it_comes(house: House) -> None:
    first, second = came(0), came(1, session="lab", lost_s=0.4)
    assert house.say(first, second) == 2
    assert house.say(first, second) == 0
    assert house.say(second, came(2)) == 1
    assert house.say(came(0, program="p2")) == 1, "the program started again"
    (record,) = house.records()
    assert [(row.session, row.code, row.work) for row in record.rows] == [
        ("hq", Code.MOVED, "w1"),
        ("lab", Code.MOVED, "w1"),
        ("hq", Code.MOVED, "w1"),
        ("hq", Code.MOVED, "w1"),
    ]
    assert sum(cost.sessions for cost in record.costs) == 4


UNSOUND: dict[str, dict[str, Any]] = {
    "no such account": {"account": "nobody"},
    "a negative loss": {"lost_s": -1.0},
    "an endless loss": {"lost_s": float("inf")},
    "no number": {"lost_s": float("nan")},
    "older than a day": {"ago_s": 90_000.0},
    "from the future": {"ago_s": -5.0},
    "a negative number": {"n": -1},
    "no session": {"session": ""},
    "a session with a line's end": {"session": "a\r\nb"},
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_cannot_be_counts_as_none_and_the_rest_counts(house: House, name: str) -> None:
    assert house.say(came(0, **UNSOUND[name]), came(1)) == 1


def test_a_node_speaks_for_itself_alone(house: House) -> None:
    with pytest.raises(ForbiddenError, match="cannot speak for node lis1-n2"):
        reconnects.take(house.store, node_caller("lis1-n1"), "lis1-n2", [came()])
    assert house.records() == []


def test_a_node_that_died_is_no_maintenance_and_one_that_was_updated_is(house: House) -> None:
    house.say(came(0, reason="lost", before="lis1-n3", lost_s=2.0))
    house.say(came(1, reason="lost", before="lis1-n1", lost_s=3.0))
    (record,) = house.records()
    assert [(row.code, row.work) for row in record.rows] == [(Code.LOST, ""), (Code.CUT, "w1")]
    seen = reconnects.seen(house.store, OWN, "acme").reconnects
    assert [one.answer for one in seen] == [
        "yes, work w1: it had not left when its node was updated",
        "no: its node was not being updated",
    ]


def test_when_work_is_over_each_account_gets_its_receipt_and_late_reports_correct_it(house: House) -> None:
    house.say(came(0), came(1, session="u1", is_user=True, lost_s=0.1))
    assert house.receipts.look() == 0, "it is not over"
    house.seconds += 60
    house.over()
    assert house.receipts.look() == 1
    assert house.receipts.look() == 0
    made = house.receipt()
    assert [(site.site, site.sessions) for site in made.sites] == [("users", 1), ("hq", 1)]
    assert (made.silent, made.amended, made.promise_s) == (1, 0, 10.0)
    house.say(came(2, session="lab", lost_s=11.0, ago_s=120.0))
    assert house.receipts.look() == 1
    again = house.receipt()
    assert (again.silent, again.amended) == (0, 1)
    assert not receipts.shown(house.store, OWN, "acme", "w1").kept


def test_who_begins_anew_writes_nothing_twice_and_misses_nothing(house: House) -> None:
    house.say(came(0))
    house.over()
    assert Receipts(house.store).look() == 1
    assert Receipts(house.store).look() == 0
    house.say(came(1, session="lab"))
    assert Receipts(house.store).look() == 1
    assert house.receipt().amended == 1


def test_work_that_never_began_costs_nobody_anything(house: House) -> None:
    with house.store.write() as transaction:
        transaction.put(
            house.work(MaintenanceState.CANCELLED, id="w2", began_at=None, over_at=transaction.now)
        )
    assert house.receipts.look() == 0


def test_an_account_that_is_not_touched_still_hears_that_it_lost_nothing(house: House) -> None:
    house.over()
    house.receipts.look()
    made = house.receipt()
    assert (made.sites, made.silent) == ((), 2)


def test_the_last_are_kept_in_full_and_all_are_summed_up(house: House) -> None:
    many = 3 * ROWS_MAX
    for start in range(0, many, 100):
        assert house.say(*(came(start + n) for n in range(100))) == 100
    (record,) = house.records()
    assert (len(record.rows), record.dropped) == (ROWS_MAX, many - ROWS_MAX)
    assert sum(cost.sessions for cost in record.costs) == many
    assert reconnects.seen(house.store, OWN, "acme", limit=10).dropped == many - 10


def test_another_accounts_token_learns_not_even_whether_there_is_one(house: House) -> None:
    house.say(came(0))
    house.over()
    house.receipts.look()
    asks: list[Callable[[str], object]] = [
        lambda name: receipts.listed(house.store, OTHER, name),
        lambda name: receipts.shown(house.store, OTHER, name, "w1"),
        lambda name: reconnects.seen(house.store, OTHER, name),
    ]
    for ask in asks:
        said = []
        for name in ("acme", "nobody"):
            with pytest.raises(ForbiddenError) as refused:
                ask(name)
            said.append(str(refused.value).replace(name, "NAME"))
        assert said[0] == said[1]
    with pytest.raises(UnknownError):
        receipts.shown(house.store, OWN, "acme", "none")
    assert tokens.has_admin(house.store) is False


def test_ten_thousand_reconnects_of_a_minute_are_taken_in_beside_the_tick(house: House) -> None:
    """As a hundred nodes report them, a hundred each."""
    for program in range(100):
        said = [came(n, program=f"p{program}", session=f"s{n % 50}") for n in range(100)]
        assert house.say(*said) == 100
    (record,) = house.records()
    assert sum(cost.sessions for cost in record.costs) == 10_000


def test_what_is_old_goes_when_something_new_comes(house: House) -> None:
    house.say(came(0))
    with house.store.write() as transaction:
        transaction.put(Reconnects(account=ACME, day="2026-01-01", pop=PopId("lis1")))
        for number in range(KEPT_MAX + 5):
            ended = START - timedelta(days=number + 1)
            transaction.put(
                Receipt(
                    account=ACME,
                    maintenance=f"old{number}",
                    rollout="r",
                    pop=PopId("lis1"),
                    release="1.0.0",
                    began=ended,
                    ended=ended,
                    made_at=ended,
                    promise_s=10.0,
                )
            )
    house.over()
    assert house.receipts.look() == 1
    with house.store.read() as view:
        kept = {one.maintenance for one in view.find(Receipt, account="acme")}
    assert len(kept) == KEPT_MAX
    assert "w1" in kept
    assert "old0" in kept
    assert f"old{KEPT_MAX + 4}" not in kept
    assert [record.day for record in house.records()] == [f"{START:%Y-%m-%d}"]
