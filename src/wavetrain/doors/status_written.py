"""Status, written: what is the status picture as pages for people, and as feeds?"""

import functools
import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wavetrain.control.status_picture import LaneSeen, PlaceSeen, StatusPicture
from wavetrain.decide.plain_line import printable
from wavetrain.doors import statuspage
from wavetrain.doors.statuspage import LANES, Page
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import PopId, Serves
from wavetrain.model.maintenance import Maintenance, MaintenanceState

PLACES_MAX = 60
"""A fleet of so many PoPs stands on one page; of a larger one each region has its own."""
REGION_MAX = 200
"""So many PoPs stand on a region's page."""
WORKS_MAX = 40
"""So many stretches of work stand in a list."""
FEED_MAX = 50
_WORDS = {
    "operational": "operational",
    "under_maintenance": "under maintenance",
    "degraded_performance": "degraded",
    "in progress": "under way",
    "scheduled": "planned",
}


class Links(msgspec.Struct, frozen=True):
    """Where pages and documents are, from each other."""

    index: str
    start: str
    """What the addresses of the other pages begin with."""
    end: str
    feeds: str
    """What the addresses of feeds begin with."""
    api: str
    calendar: str

    def region(self, name: str, page: int = 1) -> str:
        """A region's page."""
        more = f"-{page}" if page > 1 else ""
        return f"{self.start}regions/{quote(name, safe='')}{more}{self.end}"

    def pop(self, name: str) -> str:
        """A PoP's page."""
        return f"{self.start}pops/{quote(name, safe='')}{self.end}"

    def calendar_of(self, name: str) -> str:
        """The calendar of one PoP."""
        return f"{self.start}pops/{quote(name, safe='')}.ics"

    @property
    def history(self) -> str:
        """What is over."""
        return f"{self.start}history{self.end}"

    @property
    def atom(self) -> str:
        """The Atom feed."""
        return f"{self.feeds}history.atom"

    @property
    def rss(self) -> str:
        """The RSS feed."""
        return f"{self.feeds}history.rss"


def at_door(page: Page) -> Links:
    """Links between the addresses of the door."""
    root = page.address
    return Links(
        f"{root}/status", f"{root}/status/", "", f"{root}/", f"{root}{statuspage.API}", f"{root}/status.ics"
    )


def in_folder(depth: int) -> Links:
    """Links between files, from a file that lies so many folders deep."""
    up = "../" * depth
    return Links(f"{up}index.html", up, ".html", up, f"{up}api/v2/", f"{up}status.ics")


class Row(msgspec.Struct, frozen=True):
    """A stretch of work with the place that it is at."""

    work: Maintenance
    zone: str
    name: str


class PlaceRow(msgspec.Struct, frozen=True):
    """A PoP in a list."""

    pop: PopId
    name: str
    state: str
    next: str


class RegionRow(msgspec.Struct, frozen=True):
    """A region in a list; its places only where the fleet is small."""

    id: str
    name: str
    text: str
    places: tuple[PlaceRow, ...]


class Writer:
    """Writes the pages of one picture."""

    def __init__(self, picture: StatusPicture, page: Page, links: Links) -> None:
        self.picture, self.page, self.links = picture, page, links
        self._by_region: dict[str, list[PlaceSeen]] = {}
        for place in picture.places.values():
            if place.serves is Serves.EDGE:
                self._by_region.setdefault(place.region, []).append(place)
        for places in self._by_region.values():
            places.sort(key=lambda place: (place.name, place.pop))

    def index(self) -> str:
        """The first page: what is wrong, what is worked on, what comes."""
        works = self.picture.works
        now = [one for one in works if one.state is not MaintenanceState.SCHEDULED]
        upcoming = [one for one in works if one.state is MaintenanceState.SCHEDULED]
        small = sum(map(len, self._by_region.values())) <= PLACES_MAX
        consoles = [self._place(one) for one in self.picture.places.values() if one.serves is Serves.CONSOLE]
        return self._said(
            "index.html",
            overall=statuspage.overall(self.picture),
            standing=self.picture.open_incidents,
            lanes=[_lane(one) for one in self.picture.lanes],
            consoles=consoles,
            now=self._rows(now),
            now_more=max(0, len(now) - WORKS_MAX),
            regions=[self._region(name, with_places=small) for name in sorted(self._by_region)],
            upcoming=self._rows(upcoming),
            upcoming_more=max(0, len(upcoming) - WORKS_MAX),
        )

    @property
    def regions(self) -> list[tuple[str, int]]:
        """Every page of a region: its name and which of its pages."""
        return [
            (name, number + 1)
            for name, places in sorted(self._by_region.items())
            for number in range(-(-len(places) // REGION_MAX))
        ]

    def region(self, name: str, number: int = 1) -> str:
        """A region's PoPs."""
        places = self._by_region.get(name, [])
        shown = places[(number - 1) * REGION_MAX : number * REGION_MAX]
        if not shown:
            raise UnknownError(
                f"there is no region {name[:80]}, or no page {number} of it; begin with /status"
            )
        more = len(places) - number * REGION_MAX
        return self._said(
            "region.html",
            name=self._region_name(name),
            places=[self._place(place) for place in shown],
            more=max(0, more),
            next=self.links.region(name, number + 1) if more > 0 else "",
        )

    def pop(self, name: str) -> str:
        """One PoP, now, next and before."""
        place = place_of(self.picture, name)
        return self._said(
            "pop.html",
            place=place,
            state=statuspage.state_of(place, self.picture),
            region=self._region_name(place.region),
            incidents=[one for one in self.picture.incidents if place.pop in one.pops],
            calendar=self.links.calendar_of(place.pop),
        )

    def history(self) -> str:
        """What is over."""
        return self._said(
            "history.html", incidents=self.picture.incidents, past=self._rows(self.picture.past)
        )

    def feed(self, kind: str) -> str:
        """What was said last, newest first: `atom` (RFC 4287) or `rss` (2.0). Ids stay when texts change."""
        entries = [self._of_work(one) for one in (*self.picture.works, *self.picture.past)]
        entries += [self._of_incident(one) for one in self.picture.incidents]
        entries.sort(key=lambda one: (one["updated"], one["id"]), reverse=True)
        updated = max((one["updated"] for one in entries), default=datetime(2000, 1, 1, tzinfo=UTC))
        return self._said(f"feed.{kind}", entries=entries[:FEED_MAX], updated=updated)

    def _of_work(self, one: Maintenance) -> dict[str, Any]:
        place = self.picture.places.get(one.pop)
        name = statuspage.name_of(place) if place is not None else str(one.pop)
        when = f"{one.starts:%Y-%m-%d %H:%M} to {one.ends:%Y-%m-%d %H:%M} UTC"
        return {
            "id": one.id,
            "title": f"{name}: {statuspage.what(one)}: {_word(one.state.value)}",
            "published": one.announced_at,
            "updated": one.changed_at,
            "link": self.links.pop(one.pop),
            "text": f"{when}. {statuspage.said(one)}",
        }

    def _of_incident(self, one: Any) -> dict[str, Any]:
        return {
            "id": one.id,
            "title": f"{one.title}: {one.state}",
            "published": one.since,
            "updated": one.changed_at,
            "link": self.links.history,
            "text": " ".join(told.text for told in one.told),
        }

    def _rows(self, works: Sequence[Maintenance]) -> list[Row]:
        made = []
        for one in works[:WORKS_MAX]:
            place = self.picture.places.get(one.pop)
            zone, name = (place.zone, statuspage.name_of(place)) if place else ("UTC", str(one.pop))
            made.append(Row(one, zone, name))
        return made

    def _region(self, name: str, *, with_places: bool) -> RegionRow:
        rows = tuple(self._place(place) for place in self._by_region[name])
        amiss = [row for row in rows if row.state != statuspage.OPERATIONAL]
        counted = f"{len(rows)} PoP{'s' if len(rows) != 1 else ''}"
        text = f"{counted}, {len(amiss)} not as always" if amiss else f"{counted}, all operational"
        return RegionRow(
            name, self._region_name(name), text, rows if with_places else tuple(amiss[:WORKS_MAX])
        )

    def _place(self, place: PlaceSeen) -> PlaceRow:
        coming = next((one for one in place.works if one.state is MaintenanceState.SCHEDULED), None)
        text = (
            f"{_local(coming.starts, place.zone)} to {_local(coming.ends, place.zone)}"
            if coming
            else "none planned"
        )
        return PlaceRow(place.pop, statuspage.name_of(place), statuspage.state_of(place, self.picture), text)

    def _region_name(self, name: str) -> str:
        return next((text for region, text in self.picture.regions.items() if region == name), "") or name

    def _said(self, template: str, **values: object) -> str:
        made = environment().get_template(f"status/{template}")
        return made.render(page=self.page, links=self.links, picture=self.picture, style=style(), **values)


def place_of(picture: StatusPicture, name: str) -> PlaceSeen:
    """A PoP by its id; `UnknownError` where there is none."""
    place = picture.places.get(PopId(name))
    if place is None:
        raise UnknownError(f"there is no PoP {name[:80]}; /status has those there are")
    return place


def _lane(lane: LaneSeen) -> Mapping[str, str]:
    release = f"{lane.component} {lane.release}" if lane.release else "-"
    text = (
        lane.status
        if lane.is_under_way
        else (f"nothing is under way; last: {lane.status}" if lane.status else "quiet")
    )
    return {"name": LANES.get(lane.lane, lane.lane), "text": text, "release": release}


@functools.cache
def style() -> Markup:
    """The pages' style sheet; our own, so that it needs no escape."""
    loader, made = PackageLoader("wavetrain.doors"), Environment(autoescape=True)
    return Markup("".join(loader.get_source(made, name)[0] for name in ("style.css", "status/status.css")))  # noqa: S704 (our own files)


def source_of(sheet: Markup) -> str:
    """What a Content-Security-Policy calls this style sheet, so that no other one counts."""
    return f"'sha256-{b64encode(hashlib.sha256(str(sheet).encode()).digest()).decode()}'"


@functools.cache
def environment() -> Environment:
    """Templates whose every value is escaped."""
    made = Environment(
        loader=PackageLoader("wavetrain.doors"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "counted": lambda number, what: f"{number} {what}{'' if number == 1 else 's'}",
        "entry_id": lambda name: f"urn:uuid:{uuid5(NAMESPACE_URL, f'wavetrain/status/{name}')}",
        "instant": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "local": _local,
        "mail_date": lambda moment: format_datetime(moment.astimezone(UTC), usegmt=True),
        "minute": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}",
        "name": statuspage.name_of,
        "said": statuspage.said,
        "what": statuspage.what,
        "word": _word,
    }
    made.filters |= filters
    return made


def _printable(value: object) -> object:
    """Without what no document may hold (XML 1.0, 2.2), and without marks that turn a line's direction."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _word(word: str) -> str:
    return _WORDS.get(word, word)


def _local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z}"
