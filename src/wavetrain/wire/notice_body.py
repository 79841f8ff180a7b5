"""Notice body: what does a customer's program read of a notice, as a webhook and as a CloudEvent?"""

from datetime import datetime
from typing import Any

import msgspec

from wavetrain.control.customer_notice import Item, Notice
from wavetrain.model.subscription import Topic

CLOUD_EVENT = "application/cloudevents+json"
SPEC = "1.0"


class SiteTold(msgspec.Struct, frozen=True, kw_only=True):
    """A site that uses the PoP: seconds without an answer, at least and at most."""

    id: str
    role: str
    impact: str
    least_s: float
    most_s: float
    why: str


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """A window."""

    starts: datetime
    ends: datetime


class WorkTold(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of work; `was` is the window that was told before, of one that moved."""

    id: str
    sequence: int
    pop: str
    place: str
    zone: str
    lane: str
    release: str
    state: str
    course: str
    urgent: bool
    starts: datetime
    ends: datetime
    was: Times | None
    reason: str
    impact: str
    sites: tuple[SiteTold, ...]


class NoticeData(msgspec.Struct, frozen=True, kw_only=True):
    """The notice itself; `id` is also in the header `webhook-id`, and that of the CloudEvent."""

    id: str
    account: str
    topic: str
    note: str
    maintenances: tuple[WorkTold, ...]
    incident: dict[str, Any] | None = None
    receipt: dict[str, Any] | None = None


class NoticeBody(msgspec.Struct, frozen=True, kw_only=True):
    """The three fields that Standard Webhooks asks for."""

    type: str
    timestamp: datetime
    """When it was made, so that a second try has the same body."""
    data: NoticeData


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0, structured, as JSON."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: NoticeData


def webhook_of(notice: Notice) -> bytes:
    """JSON; the same notice always has the same bytes."""
    made = NoticeBody(type=f"wavetrain.{kind_of(notice)}", timestamp=notice.at, data=_data(notice))
    return msgspec.json.encode(made)


def cloud_event_of(notice: Notice, source: str) -> bytes:
    """The same as a CloudEvent. `source` is who says so, as a URI."""
    made = CloudEvent(
        specversion=SPEC,
        id=notice.id,
        source=source,
        type=f"net.wavetrain.{kind_of(notice)}",
        subject=notice.account or "everybody",
        time=notice.at,
        datacontenttype="application/json",
        data=_data(notice),
    )
    return msgspec.json.encode(made)


def kind_of(notice: Notice) -> str:
    """What happened to what, like `maintenance.moved`."""
    if notice.incident is not None:
        return f"incident.{notice.incident.state}"
    if notice.topic in (Topic.TEST, Topic.RECEIPT):
        return notice.topic.value
    return f"maintenance.{notice.topic.value}"


def _data(notice: Notice) -> NoticeData:
    return NoticeData(
        id=notice.id,
        account=notice.account,
        topic=notice.topic.value,
        note=notice.note,
        maintenances=tuple(_work(item) for item in notice.items),
        incident=_told(notice.incident),
        receipt=_told(notice.receipt),
    )


def _told(record: msgspec.Struct | None) -> dict[str, Any] | None:
    if record is None:
        return None
    made: dict[str, Any] = msgspec.to_builtins(record)
    made.pop("version", None)  # the store's own
    return made


def _work(item: Item) -> WorkTold:
    told, work = item.work, item.work.work
    is_moved = item.was_starts is not None and item.was_ends is not None
    return WorkTold(
        id=work.id,
        sequence=work.sequence,
        pop=work.pop,
        place=told.place,
        zone=told.zone,
        lane=work.lane,
        release=work.release,
        state=work.state.value,
        course=work.course.value,
        urgent=work.urgent,
        starts=work.starts,
        ends=work.ends,
        was=Times(starts=item.was_starts, ends=item.was_ends) if is_moved else None,  # type: ignore[arg-type]
        reason=work.reason,
        impact=told.impact.value,
        sites=tuple(
            SiteTold(
                id=site.site,
                role=site.role,
                impact=site.impact.value,
                least_s=site.least_s,
                most_s=site.most_s,
                why=site.why,
            )
            for site in told.sites
        ),
    )
