"""A house with work planned, under way, over, moved and taken back, some of it with hostile names, behind its doors."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from tests.control.practice import Practice

from wavetrain.control.status_picture import StatusBoard
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.statuspage import Page
from wavetrain.model.fleet import NodeId, Pop, PopId, Region, RegionId
from wavetrain.model.maintenance import Course, Incident, Maintenance, MaintenanceState, Told
from wavetrain.model.record import Record
from wavetrain.model.window import WindowRule

AT = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\r\nBEGIN:VEVENT\x00\u202e,;\"'"
S = MaintenanceState
WINDOW = WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=240, zone="Europe/Lisbon")


def pop(name: str, place: str = "", region: str = "eu", zone: str = "Europe/Lisbon") -> Pop:
    return Pop(
        id=PopId(name),
        region=RegionId(region),
        place=place or name,
        zone=zone,
        window=WINDOW,
        nodes=(NodeId(f"{name}-n1"),),
    )


def work(name: str, number: int, state: MaintenanceState, hours: float = 24.0, **more: object) -> Maintenance:
    starts = AT + timedelta(hours=hours)
    fields: dict[str, object] = {
        "id": f"edge-2.1.0.{name}.{number}",
        "rollout": "edge-2.1.0",
        "pop": PopId(name),
        "lane": "pop",
        "release": "2.1.0",
        "state": state,
        "starts": starts,
        "ends": starts + timedelta(hours=4),
        "changed_at": AT,
        "announced_at": AT - timedelta(days=7),
    }
    return Maintenance(**fields | more)  # type: ignore[arg-type]


RECORDS: tuple[Record, ...] = (
    Region(id=RegionId("eu"), name="Europe"),
    Region(id=RegionId("bad"), name=HOSTILE),
    pop("por1", "Porto"),
    pop("ber1", "Berlin", zone="Europe/Berlin"),
    pop("evil1", HOSTILE, "bad"),
    work("por1", 1, S.IN_PROGRESS, -0.5, began_at=AT, sequence=3),
    work("ber1", 1, S.COMPLETED, -48, began_at=AT - timedelta(hours=48), over_at=AT - timedelta(hours=45)),
    work("ber1", 2, S.SCHEDULED, 24, was=AT, reason="its window closed before it began", sequence=1),
    work("evil1", 1, S.CANCELLED, 24, over_at=AT, reason=HOSTILE),
    work(
        "por1",
        2,
        S.COMPLETED,
        -20,
        course=Course.BACK,
        urgent=True,
        over_at=AT - timedelta(hours=19),
        reason="the release is taken back: our checks found a fault in it",
    ),
    Incident(
        id="edge-2.1.0.back",
        title="edge 2.1.0 is taken back",
        state="identified",
        impact="minor",
        pops=(PopId("evil1"),),
        since=AT,
        changed_at=AT,
        rollout="edge-2.1.0",
        told=(Told(at=AT, state="identified", text=HOSTILE),),
    ),
)


class StatusHouse:
    """The application in process."""

    def __init__(self, folder: Path, page: Page | None = None, records: tuple[Record, ...] = RECORDS) -> None:
        self.house = Practice(folder)
        self.put(*records)
        self.board = StatusBoard(self.house.store)
        self.page = page or Page("Status of <Example>", "https://status.example.net")
        self.app = build(
            self.house.store,
            self.house.artifacts,
            self.house.trust,
            board=self.board,
            page=self.page,
            limits=Limits(lambda: 0.0),
        )

    def put(self, *records: Record) -> None:
        with self.house.store.write() as transaction:
            for record in records:
                known = transaction.get(type(record), *record.key)
                transaction.put(record.changed(version=known.version if known is not None else 0))

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, path, headers=named)

        return asyncio.run(asked())
