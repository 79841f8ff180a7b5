"""CDEvents: how does a deployment, or an incident, stand as an event of the CDEvents specification 0.5.0?

One event tells of one thing, so a notice of many stretches of work is written as one for each of them. Bound to
CloudEvents 1.0, structured, as the specification's binding says.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from wavetrain.control.customer_notice import Item, Notice
from wavetrain.model.maintenance import Course, Incident
from wavetrain.model.subscription import Topic

SPEC: Final = "0.5.0"
VERSION: Final = "0.3.0"
"""Of each of the events that are written here, by that specification."""
RESOLVED: Final = "resolved"


def event_of(notice: Notice, source: str) -> bytes:
    """A CloudEvent that holds the CDEvent. `source` is who says so, as a URI. A test is an incident that is over."""
    subject, what = _subject(notice, source)
    kind = f"dev.cdevents.{what}.{VERSION}"
    time = msgspec.to_builtins(notice.at)
    event = {
        "context": {
            "specversion": SPEC,
            "id": notice.id,
            "source": source,
            "type": kind,
            "timestamp": time,
        },
        "subject": subject,
        "customData": {"account": notice.account, "topic": notice.topic.value, "note": notice.note},
        "customDataContentType": "application/json",
    }
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": notice.id,
            "source": source,
            "type": kind,
            "subject": subject["id"],
            "time": time,
            "datacontenttype": "application/json",
            "data": event,
        }
    )


def _subject(notice: Notice, source: str) -> tuple[dict[str, Any], str]:
    if notice.incident is not None:
        return _incident(notice.incident, source)
    if notice.topic is Topic.TEST or not notice.items:
        content = {"description": notice.note or "a test", "environment": {"id": "test"}}
        return {"id": notice.id, "source": source, "content": content}, "incident.resolved"
    return _service(notice.items[0], source)


def _service(item: Item, source: str) -> tuple[dict[str, Any], str]:
    """What a PoP runs now."""
    work = item.work.work
    is_first = not item.previous
    what = "rolledback" if work.course is Course.BACK else "deployed" if is_first else "upgraded"
    number = item.previous if work.course is Course.BACK else work.release
    component = item.component or work.lane
    subject = {
        "id": component,
        "source": source,
        "content": {
            "environment": {"id": work.pop, "source": source},
            "artifactId": f"pkg:generic/{quote(component, safe='')}@{quote(number or work.release, safe='')}",
        },
    }
    return subject, f"service.{what}"


def _incident(incident: Incident, source: str) -> tuple[dict[str, Any], str]:
    last = incident.told[-1].text if incident.told else incident.title
    content: dict[str, Any] = {
        "description": f"{incident.title}: {last}",
        "environment": {"id": incident.pops[0] if incident.pops else "everywhere"},
    }
    if incident.state == RESOLVED:
        what = "resolved"
    elif len(incident.told) <= 1:
        what = "detected"
    else:
        what = "reported"
        content["ticketURI"] = f"{source}/status" if "://" in source else f"{source}:{quote(incident.id)}"
    return {"id": incident.id, "source": source, "content": content}, f"incident.{what}"
