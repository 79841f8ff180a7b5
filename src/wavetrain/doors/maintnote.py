"""MAINTNOTE: what is a stretch of work as the notice that network operators' programs read?

BCOP draft 0.1: one calendar object with one event per account and window. Its UID stays, its SEQUENCE grows with every
change, each object has its own impact, and all times are UTC.
"""

from collections.abc import Iterable
from typing import Final

from icalendar import Event, vCalAddress

from wavetrain.control.account_work import WorkFor
from wavetrain.doors import statuspage
from wavetrain.doors.status_calendar import calendar, line, second, uid
from wavetrain.doors.statuspage import Page
from wavetrain.model.maintenance import MaintenanceState

CONTACT: Final = "noc@localhost"
OBJECTS_MAX: Final = 500
"""So many objects stand in one notice, the worst first."""
_STATUS: Final = {
    MaintenanceState.SCHEDULED: "CONFIRMED",
    MaintenanceState.IN_PROGRESS: "IN-PROCESS",
    MaintenanceState.VERIFYING: "IN-PROCESS",
    MaintenanceState.COMPLETED: "COMPLETED",
    MaintenanceState.CANCELLED: "CANCELLED",
}
_CALENDAR: Final = {
    MaintenanceState.CANCELLED: "CANCELLED",
}


def notice(account: str, told: WorkFor, page: Page, contact: str) -> bytes:
    """The notice of one stretch of work to one account: one calendar object. `contact` is a mail address."""
    return notices(account, [told], page, contact)


def notices(account: str, told: Iterable[WorkFor], page: Page, contact: str) -> bytes:
    """Of several in one: programs that read mail look at one calendar object of each."""
    made = calendar(f"{page.name}: {account}")
    for one in told:
        made.add_component(event(account, one, page, contact))
    return bytes(made.to_ical())


def event(account: str, told: WorkFor, page: Page, contact: str) -> Event:
    """The same as an event, for a calendar with all of an account's."""
    work = told.work
    made = Event()
    made.add("uid", line(uid(work, account)))
    made.add("dtstamp", second(work.changed_at))
    made.add("last-modified", second(work.changed_at))
    made.add("sequence", work.sequence)
    made.add("dtstart", second(work.starts))
    made.add("dtend", second(max(work.ends, work.starts)))
    made.add("summary", line(f"{told.place}: {statuspage.what(work)}"))
    made.add("description", line(f"{statuspage.said(work)} {expected(told)}"))
    made.add("location", line(told.place))
    made.add("status", _CALENDAR.get(work.state, "CONFIRMED"))
    made.add("transp", "TRANSPARENT")
    organizer = vCalAddress(f"mailto:{contact}")
    organizer.params["CN"] = _quotable(page.name)
    made.add("organizer", organizer)
    made.add("x-maintnote-provider", line(contact.rpartition("@")[2]))
    made.add("x-maintnote-account", line(account))
    made.add("x-maintnote-maintenance-id", line(work.id))
    for name, impact in objects(account, told)[:OBJECTS_MAX]:
        made.add("x-maintnote-object-id", line(name), parameters={"X-MAINTNOTE-OBJECT-IMPACT": impact})
    made.add("x-maintnote-impact", told.impact.value)
    made.add("x-maintnote-status", _STATUS[work.state])
    return made


def objects(account: str, told: WorkFor) -> list[tuple[str, str]]:
    """What is touched, each with its impact: sites, or the account itself where no site is."""
    return [(one.site, one.impact.value) for one in told.sites] or [(account, told.impact.value)]


def expected(told: WorkFor) -> str:
    """What the account's sites have to expect, in a sentence."""
    felt = [one for one in told.sites if one.role == "primary"]
    if not felt:
        return (
            "None of your sites has its tunnel there; a second tunnel may be away for a moment."
            if told.sites
            else ""
        )
    most = max(one.most_s for one in felt)
    uses = "uses" if len(felt) == 1 else "use"
    text = f"{len(felt)} of your sites {uses} this PoP; a session is back within {most:.0f} s."
    hurt = [one for one in felt if one.why]
    return f"{text} {hurt[0].site}: {hurt[0].why}." if hurt else text


def contact_of(page: Page) -> str:
    """The mail address that stands for whoever does the work."""
    return f"noc@{page.address.rpartition('//')[2].partition(':')[0]}" if page.address else CONTACT


def _quotable(text: str) -> str:
    """What may stand in a quoted parameter (RFC 5545, 3.2): no quote and no control."""
    return "".join(sign if sign.isprintable() and sign != '"' else " " for sign in text)
