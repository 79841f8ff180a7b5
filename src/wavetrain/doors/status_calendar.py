"""Status calendar: what work is there, as calendar objects (RFC 5545)?"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Calendar, Event, vDuration, vText

from wavetrain.control.status_picture import StatusPicture
from wavetrain.decide.plain_line import printable
from wavetrain.doors import statuspage
from wavetrain.doors.statuspage import Page
from wavetrain.model.maintenance import OPEN, Maintenance, MaintenanceState

REFRESH: Final = timedelta(hours=1)
"""How often a calendar asks again (RFC 7986, 5.7)."""
WORKS_MAX: Final = 10_000
"""So many stretches of work stand in one calendar, the next first."""
_STATUS: Final = {
    MaintenanceState.SCHEDULED: "CONFIRMED",
    MaintenanceState.IN_PROGRESS: "CONFIRMED",
    MaintenanceState.VERIFYING: "CONFIRMED",
    MaintenanceState.COMPLETED: "CONFIRMED",
    MaintenanceState.CANCELLED: "CANCELLED",
}


def calendar(name: str) -> Calendar:
    """An empty one, with everything that stands once."""
    made = Calendar()
    made.add("prodid", "-//Wavetrain//Maintenance//EN")
    made.add("version", "2.0")
    made.add("name", line(name))
    made.add("x-wr-calname", line(name))
    refresh = vDuration(REFRESH)
    refresh.params["VALUE"] = "DURATION"
    made.add("refresh-interval", refresh)
    made.add("x-published-ttl", REFRESH)
    return made


def of_works(works: Iterable[Maintenance], picture: StatusPicture, page: Page, name: str) -> bytes:
    """One event for each stretch of work: its UID stays, its SEQUENCE grows with every change."""
    made = calendar(name)
    for _, work in zip(range(WORKS_MAX), works, strict=False):
        made.add_component(_event(work, picture, page))
    return bytes(made.to_ical())


def uid(record: Maintenance, account: str = "") -> str:
    """Of an event, for good."""
    return f"{record.id}{f'.{account}' if account else ''}@wavetrain"


def _event(work: Maintenance, picture: StatusPicture, page: Page) -> Event:
    place = picture.places.get(work.pop)
    where = statuspage.name_of(place) if place is not None else str(work.pop)
    made = Event()
    made.add("uid", line(uid(work)))
    made.add("dtstamp", second(work.changed_at))
    made.add("last-modified", second(work.changed_at))
    made.add("sequence", work.sequence)
    made.add("dtstart", second(work.starts))
    made.add("dtend", second(max(work.ends, work.starts + timedelta(minutes=1))))
    made.add("summary", line(f"{where}: {statuspage.what(work)}"))
    made.add("description", line(statuspage.said(work)))
    made.add("location", line(where))
    made.add("status", _STATUS[work.state])
    made.add("transp", "TRANSPARENT")
    if page.address:
        made.add("url", f"{page.address}/status/pops/{work.pop}")
    return made


def shown(works: Iterable[Maintenance]) -> list[Maintenance]:
    """What stands in a calendar: what is not over, and what was cancelled, for it to vanish from calendars."""
    return [one for one in works if one.state in OPEN or one.state is MaintenanceState.CANCELLED]


def second(moment: datetime) -> datetime:
    """Whole seconds, as calendars have them."""
    return moment.astimezone(UTC).replace(microsecond=0)


def line(text: str) -> vText:
    """A text that cannot begin another line: controls are left out, and the rest is escaped by its type."""
    return vText(printable(text))
