"""Messages to customers: none is lost by a crash, whatever the receiver does; none holds up another."""

import io
import json
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from standardwebhooks import Webhook as Standard
from tests.adapters.receivers import Hook, drip
from tests.control.practice import Practice
from tests.doors.status_house import pop
from tests.wiring.planes import up

from wavetrain.adapters.outside import Outside
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control.customer_notice import Notice
from wavetrain.control.subscriptions import TOLD, new_secret
from wavetrain.control.telling import post
from wavetrain.decide.redelivery import Pauses
from wavetrain.doors.statuspage import Page
from wavetrain.model.fleet import Account, AccountId, PopId, Region, RegionId, Site, SiteId
from wavetrain.model.maintenance import Maintenance, MaintenanceState
from wavetrain.model.notice import Delivery
from wavetrain.model.subscription import Dispatch, Subscription, Topic, Way
from wavetrain.wiring.dispatching import LANE_MAX, Dispatching
from wavetrain.wiring.log import Log
from wavetrain.wiring.ways import Carriers, lane_of

NOTICES = 5_000
SECRET = new_secret()
CONFIG = """
[notices]
allow = ["127.0.0.0/8"]
first_pause_s = 0.1
longest_pause_s = 0.4
"""


class Moody:
    """A receiver that takes every second request; what it took, by id, with the account that it is about."""

    def __init__(self) -> None:
        self.asked = 0
        self.took: dict[str, str] = {}
        self.times: Counter[str] = Counter()
        self.bad = 0
        moody, lock, known = self, threading.Lock(), Standard(SECRET)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                headers: dict[str, str] = {}
                self.rfile.readline()
                while (line := self.rfile.readline().strip()) != b"":
                    name, _, value = line.decode().partition(": ")
                    headers[name.lower()] = value
                body = self.rfile.read(int(headers["content-length"]))
                with lock:
                    moody.asked += 1
                    if taken := moody.asked % 2 == 0:
                        try:
                            known.verify(body, headers)
                            name = json.loads(body)["data"]["account"]
                        except Exception:
                            moody.bad += 1
                            name = ""
                        moody.times[headers["webhook-id"]] += 1
                        if moody.took.setdefault(headers["webhook-id"], name) != name:
                            moody.bad += 1
                status = b"204 No Content" if taken else b"503 Service Unavailable"
                self.wfile.write(
                    b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """Who is killed leaves broken connections."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in"


@contextmanager
def moody() -> Iterator[Moody]:
    made = Moody()
    threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def planted(file: Path, url: str, accounts: int) -> None:
    """Work on one PoP, and so many accounts there that want to be told."""
    now = datetime.now(UTC)
    names = [AccountId(f"a{n}") for n in range(accounts)]
    store = SqlStore(file)
    with store.write() as transaction:
        transaction.put_many(
            [
                Region(id=RegionId("eu"), name="Europe"),
                pop("por1", "Porto"),
                Maintenance(
                    id="edge-2.1.0.por1.1",
                    rollout="edge-2.1.0",
                    pop=PopId("por1"),
                    lane="pop",
                    release="2.1.0",
                    state=MaintenanceState.SCHEDULED,
                    starts=now + timedelta(days=3),
                    ends=now + timedelta(days=3, hours=4),
                    changed_at=now - timedelta(hours=1),
                    announced_at=now - timedelta(hours=1),
                ),
            ]
        )
        transaction.put_many(Account(id=name) for name in names)
        transaction.put_many(
            Site(id=SiteId(f"{name}-s"), account=name, primary=PopId("por1")) for name in names
        )
        transaction.put_many(
            Subscription(
                account=name,
                name="hook",
                way=Way.WEBHOOK,
                to=url,
                on=TOLD,
                secret=SECRET,
                since=now,
                by="test",
            )
            for name in names
        )
    store.close()


def test_a_receiver_that_never_ends_holds_up_no_other_and_no_end(tmp_path: Path) -> None:
    out = io.StringIO()
    house = Practice(tmp_path)
    with Hook() as quick, Hook(speak=drip) as slow:
        wanted = [("quick", quick), ("slow", slow)]
        with house.store.write() as transaction:
            for name, hook in wanted:
                way = Subscription(
                    account=AccountId(""),
                    name=name,
                    way=Way.WEBHOOK,
                    to=hook.url.replace("127.0.0.1", "localhost" if name == "slow" else "127.0.0.1"),
                    on=tuple(Topic),
                    secret=SECRET,
                    since=transaction.now,
                    by="test",
                )
                transaction.put(way)
                for number in range(60):
                    told = Notice(
                        id=f"{name}{number}", account="", name="", topic=Topic.MOVED, at=transaction.now
                    )
                    post(transaction, told, [way])
        carriers = Carriers(
            Outside((ip_network("127.0.0.0/8"), ip_network("::1/128"))), Page(), "noc@x", 30.0, None
        )
        made = Dispatching(house.store, lane_of, carriers.carry, Log("json", out), Pauses())
        made.start()
        until(lambda: len({head["webhook-id"] for head, _ in quick.got}) == 60, "the quick one has all", 60.0)
        assert len(slow.got) <= LANE_MAX
        begun = time.monotonic()
        made.end()
        assert time.monotonic() - begun < 10.0, "who waits for the slow one is left behind"
    assert out.getvalue() == ""


def until(condition: object, what: str, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


def test_a_crash_in_the_middle_of_5000_notices_loses_none_and_doubles_no_id(tmp_path: Path) -> None:
    with moody() as receiver:
        planted(tmp_path / "store.sqlite", receiver.url, NOTICES)
        store = str(tmp_path / "store.sqlite")
        with up(tmp_path, "first", store, more=CONFIG) as plane:
            until(lambda: len(receiver.took) >= NOTICES // 3, "a third has arrived")
            plane.process.kill()
            plane.end()
        before = len(receiver.took)
        assert before < NOTICES, "the crash came in the middle"
        with up(tmp_path, "second", store, more=CONFIG) as plane:
            until(lambda: len(receiver.took) >= NOTICES, "all have arrived")
        assert receiver.bad == 0, "each was signed, and no id stands for two facts"
        assert set(receiver.took.values()) == {f"a{n}" for n in range(NOTICES)}
        assert len(receiver.took) == NOTICES, "each fact has one id, whatever was tried again"
    kept = SqlStore(tmp_path / "store.sqlite")
    with kept.read() as view:
        assert len(view.find(Dispatch)) == NOTICES
        assert not view.find(Dispatch, state=Delivery.DEAD.value)
    kept.close()
