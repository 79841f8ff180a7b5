"""The agents' door over a real socket: long polls wake on commits, and a node speaks for itself."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
from tests.control.practice import BYTES, DIGEST
from tests.doors.served import Served

from wavetrain.model.fleet import Desired, Generation, NodeId, PopId
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.wire.agent_messages import POLL_BYTES_MAX, Told

NODE = "lis1-n1"
FIRST = {"era": 0, "counter": 0}


def _poll(
    doors: Served, who: str = NODE, known: dict[str, int] = FIRST, wait_s: float = 0.0, **say: Any
) -> httpx.Response:
    body = {
        "say": {"node": NODE, "generation": FIRST, "release": "1.9.0", "phase": "steady", **say},
        "known": known,
        "wait_s": wait_s,
    }
    with doors.to(who) as client:
        return client.post("/v1/agent/poll", json=body)


def _tell(doors: Served, counter: int, node: str = NODE) -> None:
    """What a tick does when it gives a node another release."""
    with doors.house.store.write() as transaction:
        known = transaction.get(Desired, node)
        transaction.put(
            Desired(
                node=NodeId(node),
                pop=PopId("lis1"),
                generation=Generation(1, counter),
                release="2.0.0",
                rollout="gateway-2.0.0",
                permitted_s=60.0,
                permitted_at=transaction.steady,
                version=known.version if known is not None else 0,
            )
        )
        ledger = transaction.get(Ledger, LEDGER) or Ledger()
        transaction.put(ledger.changed(generation=Generation(1, counter)))


def _waiting(doors: Served, pool: ThreadPoolExecutor, **asked: Any) -> "Future[httpx.Response]":
    """A long poll that has been heard: its report is in the store."""
    before = doors.house.sequence
    future = pool.submit(_poll, doors, detail=f"poll {before}", **asked)
    deadline = time.monotonic() + 10
    while doors.house.sequence == before and time.monotonic() < deadline:
        threading.Event().wait(0.002)
    assert doors.house.sequence != before
    return future


def _told(answer: httpx.Response) -> Told:
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Told)


def test_a_first_poll_is_told_to_run_what_runs(doors: Served) -> None:
    told = _told(_poll(doors))
    assert (told.generation, told.release, told.permission) == (Generation(0, 0), "1.9.0", None)


def test_an_order_is_told_at_once_with_its_permission(doors: Served) -> None:
    doors.house.rolling()
    _tell(doors, 5)
    begun = time.monotonic()
    told = _told(_poll(doors, wait_s=30.0))
    assert time.monotonic() - begun < 10
    assert (told.generation, told.digest, told.size) == (Generation(1, 5), DIGEST, len(BYTES))
    assert told.permission is not None
    assert (told.permission.node, told.permission.lifetime_s) == (NODE, 60.0)


def test_a_waiting_poll_wakes_when_its_order_changes(doors: Served) -> None:
    doors.house.rolling()
    with ThreadPoolExecutor() as pool:
        answer = _waiting(doors, pool, wait_s=30.0)
        _tell(doors, 6)
        assert _told(answer.result(timeout=10)).generation == Generation(1, 6)


def test_a_waiting_poll_sleeps_through_what_concerns_others(doors: Served) -> None:
    doors.house.rolling()
    with ThreadPoolExecutor() as pool:
        answer = _waiting(doors, pool, wait_s=30.0)
        _tell(doors, 7, node="lis1-n3")
        assert _told(_poll(doors, who="lis1-n2", node="lis1-n2")).release == "1.9.0"
        assert not answer.done()
        _tell(doors, 8)
        assert _told(answer.result(timeout=10)).generation == Generation(1, 8)


def test_a_poll_that_waits_in_vain_is_answered_in_time(doors: Served) -> None:
    begun = time.monotonic()
    assert _told(_poll(doors, wait_s=0.3)).release == "1.9.0"
    assert time.monotonic() - begun >= 0.3


def test_a_node_that_knows_a_newer_generation_is_not_answered_in_haste(doors: Served) -> None:
    begun = time.monotonic()
    _told(_poll(doors, known={"era": 1, "counter": 9}, wait_s=0.3))
    assert time.monotonic() - begun >= 0.3


def test_a_nodes_newer_poll_ends_its_older_one(doors: Served) -> None:
    with ThreadPoolExecutor() as pool:
        older = _waiting(doors, pool, wait_s=30.0)
        _told(_poll(doors, wait_s=0.1))
        assert _told(older.result(timeout=10)).release == "1.9.0"


def test_many_nodes_wait_without_a_thread_each(doors: Served) -> None:
    before = threading.active_count()
    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = [pool.submit(_poll, doors, wait_s=1.0) for _ in range(20)]
        assert all(_told(answer.result(timeout=20)).release == "1.9.0" for answer in answers)
    assert threading.active_count() - before <= 40


@pytest.mark.parametrize(
    ("who", "say", "status", "said"),
    [
        ("lis1-n2", {}, 403, "the certificate of node lis1-n2 cannot speak for node lis1-n1"),
        ("olga", {}, 403, "takes the role node"),
        (NODE, {"generation": {"era": 0, "counter": 3}}, 422, "reports generation 0.3 after 1.1"),
        (NODE, {"generation": {"era": 9, "counter": 9}}, 422, "the last one given out is 1.1"),
        (NODE, {"colour": "red"}, 422, "at $.say: Object contains unknown field `colour`"),
        (NODE, {"phase": 7}, 422, "at $.say.phase"),
        (NODE, {"metrics": "http://198.51.100.7:80/"}, 422, "at $.say.metrics"),
    ],
)
def test_a_bad_report_is_refused_and_nothing_is_written(
    rolling: Served, who: str, say: dict[str, Any], status: int, said: str
) -> None:
    before = rolling.house.sequence
    answer = _poll(rolling, who=who, **{"generation": {"era": 1, "counter": 1}, **say})
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert rolling.house.sequence == before


def test_an_oversize_report_is_refused(rolling: Served) -> None:
    answer = _poll(rolling, detail="x" * POLL_BYTES_MAX)
    assert (answer.status_code, answer.json()["kind"]) == (413, "too large")


def test_the_bytes_go_to_the_node_that_is_told_to_run_them(doors: Served) -> None:
    doors.house.rolling()
    path = f"/v1/agent/artifacts/{DIGEST}"
    with doors.to(NODE) as node, doors.to("lis1-n2") as other, doors.to("olga") as operator:
        assert node.get(path).status_code == 403
        _tell(doors, 5)
        assert node.get(path).content == BYTES
        assert node.get(path, headers={"Range": "bytes=8-"}).content == BYTES[8:]
        assert other.get(path).status_code == 403
        assert operator.get(path).status_code == 403
        assert node.get("/v1/agent/artifacts/..%2f..%2fkey").status_code in (403, 404)
