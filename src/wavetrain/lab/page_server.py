"""Page server: a process with the public doors of a large fleet, and beside them the least that any answer costs.

`python -m wavetrain.lab.page_server FOLDER WINDOWS ACCOUNTS`: says where it is, then answers each line on stdin by one
on stdout. `cpu`: the seconds of the processor that it has taken; `size BYTES`: from now on `/floor` answers with so
many.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import uvicorn

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.control import features, policies, tokens
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Store
from wavetrain.control.status_picture import StatusBoard
from wavetrain.decide.permit import Caller
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.statuspage import Page
from wavetrain.lab.feature_bench import OPERATOR, announced
from wavetrain.lab.feature_server import Floor
from wavetrain.model.access import Role
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Blackout,
    NodeId,
    Pop,
    PopId,
    Region,
    RegionId,
    Site,
    SiteId,
    UnitId,
)
from wavetrain.model.maintenance import Maintenance, MaintenanceState
from wavetrain.model.policy import PolicyText
from wavetrain.model.record import Record
from wavetrain.model.release import ReleaseId, Stage
from wavetrain.model.rollout import (
    Rollout,
    RolloutId,
    Status,
    Stop,
    Timetable,
    Turn,
    TurnPhase,
    Wave,
    WaveStatus,
)
from wavetrain.model.window import WindowRule
from wavetrain.wire.policy_file import read_policy
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.connection import Connection
from wavetrain.wiring.tls import Tls, own_pair

POPS, REGIONS, SITES_EACH, FLAGS = 4_000, 24, 4, 20
WAVES, LASTS = 10, timedelta(hours=4)
POLICY = 'lane = "pop"\n[[ring]]\nname = "world"\nstage = "general"\nrest = true\n'
RULER = Caller("anna", (Role.APPROVER,))
BLACK = (Blackout(first=utc_now().date(), last=utc_now().date() + timedelta(days=7)),)
"""Half of the accounts wish for what no train gives them: so that all of the page is written."""
WINDOW = WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=240, zone="UTC")


def main() -> None:
    """Serve until stdin ends."""
    folder, windows, accounts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = MemoryStore(time.time)
    furnish(store, windows, accounts)
    board, outlooks = StatusBoard(store), Outlooks(store, time.monotonic)
    outlooks.look()
    # Anybody may ask as often as the bench does: what is measured is the answer, not the limit.
    limits = Limits(_Fast())
    app = build(
        store,
        ArtifactStore(folder / "artifacts"),
        SigningKey(folder / "key"),
        limits=limits,
        board=board,
        page=Page("Status", "https://status.example.net"),
        outlooks=outlooks,
    )
    floor = Floor(app)
    authority = OwnAuthority(folder, utc_now())
    tls = Tls(authority, own_pair(authority, folder, ()), utc_now)
    (folder / "believed.pem").write_text(authority.chain())
    config = uvicorn.Config(
        floor,
        port=0,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        log_level="error",
        lifespan="on",
        ssl_context_factory=lambda *_: tls.context,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        threading.Event().wait(0.01)
    viewer = tokens.create(store, tokens.HOUSE, "viewer", [Role.VIEWER])[1]
    port = server.servers[0].sockets[0].getsockname()[1]
    _say(
        {"port": port, "viewer": viewer, "ca": str(folder / "believed.pem"), "feeds": feeds(store, accounts)}
    )
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "cpu":
            _say(time.process_time())
        elif word == "size":
            floor.body = b"x" * int(rest)
            _say(int(rest))
    app.state.let_go()
    server.should_exit = True
    thread.join(5.0)


class _Fast:
    """A clock on which everybody has waited long enough."""

    def __init__(self) -> None:
        self._at = 0.0

    def __call__(self) -> float:
        self._at += 60.0
        return self._at


def furnish(store: Store, windows: int, accounts: int) -> None:
    """A fleet of `POPS` PoPs with so many windows to come, and so many accounts of `SITES_EACH` sites."""
    policies.apply(store, RULER, read_policy(POLICY))
    with store.read() as view:
        digest = view.find(PolicyText)[0].digest
    with store.write() as transaction:
        transaction.put_many(_trains(windows, digest))
        transaction.put_many(_fleet(windows))
    for first in range(0, accounts, 10_000):
        with store.write() as transaction:
            transaction.put_many(_accounts(range(first, min(first + 10_000, accounts))))
    features.add(store, OPERATOR, announced(FLAGS, utc_now()))


def feeds(store: Store, accounts: int) -> list[str]:
    """The secrets of the feeds of a few hundred accounts, from all over the fleet."""
    step = max(1, accounts // 300)
    return [
        tokens.create(store, tokens.HOUSE, f"feed-{number}", [Role.CALENDAR], account=f"account-{number}")[1]
        for number in range(0, accounts, step)
    ]


def _fleet(windows: int) -> Iterator[Record]:
    begins = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for number in range(REGIONS):
        yield Region(id=RegionId(f"region-{number}"), name=f"Region {number}")
    for number in range(POPS):
        name = PopId(f"pop{number}")
        yield Pop(
            id=name,
            region=RegionId(f"region-{number % REGIONS}"),
            place=f"Place {number}",
            zone="Europe/Lisbon",
            window=WINDOW,
            nodes=(NodeId(f"{name}-n1"), NodeId(f"{name}-n2")),
        )
    for number in range(windows):
        starts = begins + timedelta(hours=6 * (number % 56))
        yield Maintenance(
            id=f"gateway-2.0.{number // POPS}.pop{number % POPS}.1",
            rollout=f"gateway-2.0.{number // POPS}",
            pop=PopId(f"pop{number % POPS}"),
            lane="pop",
            release=f"2.0.{number // POPS}",
            state=MaintenanceState.SCHEDULED,
            starts=starts,
            ends=starts + timedelta(hours=4),
            changed_at=begins,
            announced_at=begins,
        )


def _trains(windows: int, policy: str) -> Iterator[Record]:
    """The rollouts whose work that is, with all that a look ahead reads of them."""
    begins = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for number in range(-(-windows // POPS)):
        rollout = RolloutId(f"gateway-2.0.{number}")
        pops = range(min(POPS, windows - number * POPS))
        spans = {pop: begins + timedelta(hours=6 * ((number * POPS + pop) % 56)) for pop in pops}
        yield Rollout(
            id=rollout,
            release=ReleaseId(f"gateway@2.0.{number}"),
            number=f"2.0.{number}",
            previous="1.9.0",
            component="gateway",
            lane="pop",
            status=Status.ANNOUNCED,
            policy=policy,
            created_at=begins,
            created_by="ci",
            departs=begins,
            not_before=begins,
            timetable=1,
            waves=WAVES,
        )
        for ordinal in range(WAVES):
            yield Wave(
                rollout=rollout,
                ordinal=ordinal,
                ring="world",
                stage=Stage.GENERAL,
                status=WaveStatus.PENDING,
                soak_minutes=0,
                last_of_ring=ordinal == WAVES - 1,
            )
        yield Timetable(
            rollout=rollout,
            number=1,
            parent=0,
            made_at=begins,
            stops=tuple(
                Stop(pop=PopId(f"pop{pop}"), wave=at, ring="world", opens=opens, closes=opens + LASTS)
                for pop, (opens, at) in _placed(spans).items()
            ),
        )
        for pop, (opens, at) in _placed(spans).items():
            yield Turn(
                rollout=rollout,
                pop=PopId(f"pop{pop}"),
                wave=at,
                phase=TurnPhase.WAITING,
                order=(UnitId(f"pop{pop}-n1"), UnitId(f"pop{pop}-n2")),
                canaries=1,
                opens=opens,
                closes=opens + LASTS,
            )


def _placed(spans: dict[int, datetime]) -> dict[int, tuple[datetime, int]]:
    """Each PoP's window with its wave: earlier ones in earlier waves."""
    ranked = sorted(spans, key=lambda pop: (spans[pop], pop))
    return {pop: (spans[pop], WAVES * at // len(ranked)) for at, pop in enumerate(ranked)}


def _accounts(numbers: range) -> Iterator[Record]:
    for number in numbers:
        name = AccountId(f"account-{number}")
        yield Account(
            id=name, name=f"Account {number}", early=number % 3 == 0, blackouts=BLACK if number % 2 else ()
        )
        for place in range(SITES_EACH):
            home = (number * 7 + place * 991) % POPS
            yield Site(
                id=SiteId(f"site-{number}-{place}"),
                account=name,
                primary=PopId(f"pop{home}"),
                secondary=PopId(f"pop{(home + 17) % POPS}") if place else PopId(""),
                users=25,
            )


def _say(what: object) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
