"""Statuspage: what is the status picture as the public documents of Statuspage's API, version 2?

Shapes: components, incidents and scheduled maintenances, each with `page`; lists hold the latest 50. Times are UTC
(RFC 3339, milliseconds). A region is a group, its PoPs are the group's components, each lane is a component as well.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from wavetrain.control.status_picture import LaneSeen, PlaceSeen, StatusPicture
from wavetrain.decide.incidents import RESOLVED
from wavetrain.model.fleet import Serves
from wavetrain.model.maintenance import Course, Incident, Maintenance, MaintenanceState

LISTED_MAX: Final = 50
"""So many incidents or maintenances stand in a list."""
API: Final = "/api/v2/"
OPERATIONAL, WORKED_ON, DEGRADED = "operational", "under_maintenance", "degraded_performance"
LANES: Final = {
    "pop": "PoP updates",
    "console": "Management application",
    "content": "Security content",
}
"""Lanes by the names that customers know."""
_STATES: Final = {
    MaintenanceState.SCHEDULED: "scheduled",
    MaintenanceState.IN_PROGRESS: "in_progress",
    MaintenanceState.VERIFYING: "verifying",
    MaintenanceState.COMPLETED: "completed",
    MaintenanceState.CANCELLED: "completed",
}
_GRADES: Final = {"none": 0, "minor": 1, "major": 2, "critical": 3}
_SAID: Final = {
    "none": "All systems operational",
    "minor": "Minor incident",
    "major": "Major incident",
    "critical": "Critical incident",
    "maintenance": "Planned work is under way",
}

_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

Document = dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """Whose status it is."""

    name: str = "Status"
    address: str = ""
    """Where the doors are to customers, e.g. `https://status.example.net`; empty: links without a host."""

    def told(self, picture: StatusPicture) -> Document:
        """The `page` of every document."""
        return {
            "id": "wavetrain",
            "name": self.name,
            "url": f"{self.address}/status",
            "time_zone": "Etc/UTC",
            "updated_at": instant(_changed(picture)),
        }


def documents(picture: StatusPicture, page: Page) -> dict[str, Document]:
    """Every document, by what stands between `/api/v2/` and `.json`."""
    head = {"page": page.told(picture)}
    parts = components(picture)
    works = [maintenance(one, picture, page) for one in picture.works]
    active = [one for one in works if one["status"] in ("in_progress", "verifying")][:LISTED_MAX]
    upcoming = [one for one in works if one["status"] == "scheduled"][:LISTED_MAX]
    past = [maintenance(one, picture, page) for one in picture.past[:LISTED_MAX]]
    every = [incident(one, picture, page) for one in picture.incidents][:LISTED_MAX]
    standing = [one for one in every if one["status"] != RESOLVED]
    status = {"status": overall(picture)}
    return {
        "summary": head
        | {"components": parts, "incidents": standing, "scheduled_maintenances": [*active, *upcoming]}
        | status,
        "status": head | status,
        "components": head | {"components": parts},
        "incidents": head | {"incidents": every},
        "incidents/unresolved": head | {"incidents": standing},
        "scheduled-maintenances": head | {"scheduled_maintenances": [*active, *upcoming, *past][:LISTED_MAX]},
        "scheduled-maintenances/upcoming": head | {"scheduled_maintenances": upcoming},
        "scheduled-maintenances/active": head | {"scheduled_maintenances": active},
    }


def overall(picture: StatusPicture) -> dict[str, str]:
    """The worst that is felt anywhere; planned work alone is said as such."""
    worst = max(
        (one.impact for one in picture.open_incidents), key=lambda one: _GRADES.get(one, 0), default="none"
    )
    if worst == "none" and any(place.under_way for place in picture.places.values()):
        worst = "maintenance"
    return {"indicator": worst, "description": _SAID[worst]}


def state_of(place: PlaceSeen, picture: StatusPicture) -> str:
    """Of a PoP: what is worst of what befalls it now."""
    if any(place.pop in one.pops and one.impact != "none" for one in picture.open_incidents):
        return DEGRADED
    return WORKED_ON if place.under_way is not None else OPERATIONAL


def components(picture: StatusPicture) -> list[Document]:
    """Lanes first, then each region with its PoPs."""
    made = [
        _component(f"lane-{one.lane}", LANES.get(one.lane, one.lane), _of_lane(one)) for one in picture.lanes
    ]
    by_region: dict[str, list[PlaceSeen]] = {}
    for place in picture.places.values():
        if place.serves is Serves.EDGE:
            by_region.setdefault(place.region, []).append(place)
    for region in sorted(by_region):
        places = sorted(by_region[region], key=lambda place: (place.name, place.pop))
        group = f"region-{region}"
        states = [state_of(place, picture) for place in places]
        worst = next((one for one in (DEGRADED, WORKED_ON) if one in states), OPERATIONAL)
        head = _component(group, picture.regions.get(places[0].region) or region, worst)
        made.append(head | {"group": True, "components": [str(place.pop) for place in places]})
        made += [
            _component(str(place.pop), name_of(place), state, _touched(place)) | {"group_id": group}
            for place, state in zip(places, states, strict=True)
        ]
    return [one | {"position": at + 1} for at, one in enumerate(made)]


def _of_lane(lane: LaneSeen) -> str:
    """A train under way disturbs what it works on, which is said there; the lane itself goes on."""
    return OPERATIONAL if lane.status != "reverting" else DEGRADED


def _component(name: str, title: str, status: str, changed: datetime = _NEVER) -> Document:
    return {
        "id": name,
        "name": title,
        "status": status,
        "created_at": instant(_NEVER),
        "updated_at": instant(changed),
        "position": 1,
        "description": None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": "wavetrain",
        "group": False,
        "only_show_if_degraded": False,
    }


def maintenance(record: Maintenance, picture: StatusPicture, page: Page) -> Document:
    """A stretch of work, as a scheduled maintenance."""
    place = picture.places.get(record.pop)
    status = _STATES[record.state]
    title = f"{name_of(place) if place else record.pop}: {what(record)}"
    return {
        "id": record.id,
        "name": title,
        "status": status,
        "impact": "maintenance",
        "created_at": instant(record.announced_at),
        "updated_at": instant(record.changed_at),
        "started_at": instant(record.began_at or record.starts),
        "monitoring_at": None,
        "resolved_at": instant(record.over_at) if record.over_at else None,
        "shortlink": f"{page.address}/status/pops/{record.pop}",
        "page_id": "wavetrain",
        "components": [_component(str(record.pop), name_of(place), state_of(place, picture))]
        if place
        else [],
        "scheduled_for": instant(record.starts),
        "scheduled_until": instant(record.ends),
        "incident_updates": [
            {
                "id": f"{record.id}-{record.sequence}",
                "incident_id": record.id,
                "status": status,
                "body": said(record),
                "created_at": instant(record.changed_at),
                "updated_at": instant(record.changed_at),
                "display_at": instant(record.changed_at),
                "affected_components": [],
            }
        ],
    }


def incident(record: Incident, picture: StatusPicture, page: Page) -> Document:
    """An incident, its latest word first."""
    places = [picture.places[pop] for pop in record.pops if pop in picture.places][:LISTED_MAX]
    monitored = next((one.at for one in record.told if one.state == "monitoring"), None)
    return {
        "id": record.id,
        "name": record.title,
        "status": record.state,
        "impact": record.impact,
        "created_at": instant(record.since),
        "updated_at": instant(record.changed_at),
        "started_at": instant(record.since),
        "monitoring_at": instant(monitored) if monitored else None,
        "resolved_at": instant(record.over_at) if record.over_at else None,
        "shortlink": f"{page.address}/status",
        "page_id": "wavetrain",
        "components": [_component(str(one.pop), name_of(one), state_of(one, picture)) for one in places],
        "incident_updates": [
            {
                "id": f"{record.id}-{at}",
                "incident_id": record.id,
                "status": told.state,
                "body": told.text,
                "created_at": instant(told.at),
                "updated_at": instant(told.at),
                "display_at": instant(told.at),
                "affected_components": [],
            }
            for at, told in sorted(enumerate(record.told), reverse=True)
        ],
    }


def what(record: Maintenance) -> str:
    """What is done, in a few words."""
    if record.course is Course.BACK:
        return f"{record.release} is taken back"
    return f"update to {record.release}"


def said(record: Maintenance) -> str:
    """What is to be known of it, in a sentence or two."""
    if record.state is MaintenanceState.CANCELLED:
        return f"It does not take place: {record.reason}."
    if record.course is Course.BACK:
        return (
            f"Work outside of the window: {record.reason}. Sessions are moved to other nodes of the same PoP."
        )
    text = "Nodes are updated one after the other; sessions are moved to other nodes of the same PoP first."
    if record.was is not None:
        text += f" It was planned for {record.was:%Y-%m-%d %H:%M} UTC before" + (
            f": {record.reason}." if record.reason else "."
        )
    return text


def instant(moment: datetime) -> str:
    """RFC 3339 with milliseconds, as clients expect it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def name_of(place: PlaceSeen) -> str:
    """As people know it."""
    return f"{place.name} ({place.pop})" if place.name != place.pop else place.name


def _changed(picture: StatusPicture) -> datetime:
    """When something was last said of anything."""
    moments = [_touched(place) for place in picture.places.values()]
    moments += [one.changed_at for one in picture.incidents]
    return max(moments, default=_NEVER)


def _touched(place: PlaceSeen) -> datetime:
    """When something was last said of a PoP."""
    works: list[Maintenance] = [*place.works, *place.past]
    return max((one.changed_at for one in works), default=_NEVER)
