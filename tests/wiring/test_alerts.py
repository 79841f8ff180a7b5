"""The threads that carry alerts: no receiver holds up another one, none the train."""

import io
import json
import time
from pathlib import Path

import pytest
from tests.adapters.receivers import Hook, drip
from tests.agent.waiting import until
from tests.control.practice import OPERATOR, Practice
from tests.control.test_alerts import SILENT, hold, rolled

from wavetrain.control import notices
from wavetrain.errors import UnreachableError
from wavetrain.model.notice import Delivery, Outgoing, Tenure
from wavetrain.wiring.alerts import Couriers
from wavetrain.wiring.channels import WebhookTable
from wavetrain.wiring.log import Log

SECRET = "whsec_" + "A" * 43 + "="


@pytest.fixture
def house(tmp_path: Path) -> Practice:
    """A fresh house with a fleet and a policy."""
    return Practice(tmp_path)


def table(folder: Path, name: str, url: str, timeout_s: float = 5.0) -> WebhookTable:
    (folder / "secret").write_text(SECRET)
    return WebhookTable(name=name, url=url, secret_file=str(folder / "secret"), timeout_s=timeout_s)


def states(house: Practice) -> dict[str, str]:
    with house.store.read() as view:
        return {item.channel: item.state.value for item in view.find(Outgoing)}


def test_a_receiver_that_never_ends_holds_up_neither_the_train_nor_another_receiver(
    house: Practice, tmp_path: Path
) -> None:
    rolled(house)
    out = io.StringIO()
    with Hook() as quick, Hook(speak=drip) as slow:
        tables = [table(tmp_path, "slow", slow.url, 30.0), table(tmp_path, "quick", quick.url)]
        couriers = Couriers(house.store, tables, "a:1", Log("json", out))
        couriers.start()
        hold(house, SILENT)
        begun = time.monotonic()
        couriers.after_tick()
        until(lambda: len(slow.got) == 1)
        until(lambda: states(house) == {"slow": "waiting", "quick": "delivered"})
        house.seconds += 5
        hold(house, None)
        couriers.after_tick()
        made = notices.test(house.store, OPERATOR, "quick")
        until(lambda: any(head["webhook-id"] == made.id for head, _ in quick.got))
        assert time.monotonic() - begun < 20.0
        couriers.end()
        assert time.monotonic() - begun < 25.0
        assert len(slow.got) == 1
    with house.store.read() as view:
        (tenure,) = view.find(Tenure)
        assert (tenure.holder, tenure.ended) == ("a:1", True)
    assert out.getvalue() == ""


def test_a_store_that_fails_is_said_and_the_next_tick_makes_it_again(house: Practice, tmp_path: Path) -> None:
    rolled(house)
    hold(house, SILENT)
    out = io.StringIO()
    with Hook() as receiver:
        couriers = Couriers(house.store, [table(tmp_path, "ops", receiver.url)], "a:1", Log("json", out))

        def full(_: object) -> None:
            raise UnreachableError("the disk is full; free some space")

        house.store.crash_at = full
        for _ in range(2):
            couriers.after_tick()
        house.store.crash_at = None
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        assert [(line["event"], line["error"]) for line in lines] == [
            ("alerts failed", "the disk is full; free some space")
        ] * 2
        couriers.after_tick()
        couriers.start()
        until(lambda: states(house) == {"ops": Delivery.DELIVERED.value})
        couriers.end()
    assert len(receiver.got) == 1


def test_a_fault_of_the_program_is_said_and_ends_nothing(house: Practice, tmp_path: Path) -> None:
    out = io.StringIO()
    with Hook() as receiver:
        couriers = Couriers(house.store, [table(tmp_path, "ops", receiver.url)], "a:1", Log("json", out))

        def broken(_: object) -> None:
            raise ZeroDivisionError

        house.store.crash_at = broken
        couriers.after_tick()
        house.store.crash_at = None
        couriers.after_tick()
        couriers.end()
    (line,) = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "ZeroDivisionError" in line["trace"]


def test_without_channels_nothing_is_made_but_the_writer_is_known(house: Practice) -> None:
    rolled(house)
    hold(house, SILENT)
    couriers = Couriers(house.store, [], "a:1", Log("json", io.StringIO()))
    couriers.after_tick()
    before = house.sequence
    house.seconds += 100
    hold(house, SILENT)
    couriers.after_tick()
    with house.store.read() as view:
        assert view.find(Outgoing) == []
        assert [item.holder for item in view.find(Tenure)] == ["a:1"]
    assert house.sequence[0] == before[0] + 1, "only the hold was written"
    couriers.end()
