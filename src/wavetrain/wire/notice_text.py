"""Notice text: what does a person read of a notice, as plain text?"""

from datetime import datetime
from zoneinfo import ZoneInfo

from wavetrain.control.customer_notice import Item, Notice
from wavetrain.decide.plain_line import plain_line
from wavetrain.model.maintenance import Course
from wavetrain.model.receipt import Receipt
from wavetrain.model.subscription import Topic

TITLE_CHARACTERS_MAX = 150
SITES_SHOWN = 20
"""Of a stretch of work so many sites are named; all stand in what is attached."""
_HEADS = {
    Topic.ANNOUNCED: "planned work",
    Topic.BEFORE: "reminder of planned work",
    Topic.STARTED: "work has begun",
    Topic.ENDED: "work is over",
    Topic.MOVED: "planned work has moved",
    Topic.CANCELLED: "planned work does not take place",
    Topic.RECEIPT: "what work has cost you",
    Topic.INCIDENT: "incident",
    Topic.TEST: "a test",
}


def title_of(notice: Notice, page: str) -> str:
    """One line, for a subject."""
    places = list(dict.fromkeys(item.work.place for item in notice.items))
    where = f" in {places[0]}" if len(places) == 1 else f" at {len(places)} places" if places else ""
    what = f": {notice.incident.title}" if notice.incident is not None else ""
    return _line(f"{page}: {_HEADS[notice.topic]}{where}{what}", TITLE_CHARACTERS_MAX)


def text_of(notice: Notice, page: str) -> str:
    """All of it, in lines."""
    lines = [title_of(notice, page), ""]
    if notice.note:
        lines += [_line(notice.note), ""]
    for item in notice.items:
        lines += [*_work(item), ""]
    if notice.incident is not None:
        lines += [f"{_when(one.at)} {_line(one.state)}: {_line(one.text)}" for one in notice.incident.told]
        lines.append("")
    if notice.receipt is not None:
        lines += [*_receipt(notice.receipt), ""]
    whose = f" to account {_line(notice.account)}" if notice.account else ""
    lines += [f"Notice {notice.id}{whose}. The same id again is the same notice.", ""]
    return "\n".join(lines)


def _work(item: Item) -> list[str]:
    told, work = item.work, item.work.work
    what = f"{work.release} is taken back" if work.course is Course.BACK else f"update to {work.release}"
    lines = [
        f"{_line(told.place)} ({work.pop}): {_line(what)}",
        f"  When:   {_span(work.starts, work.ends, told.zone)}",
    ]
    if item.was_starts is not None and item.was_ends is not None:
        lines.append(f"  Before: {_span(item.was_starts, item.was_ends, told.zone)}")
    if work.reason:
        lines.append(f"  Why:    {_line(work.reason)}")
    lines.append(f"  Impact: {told.impact.value}")
    for site in told.sites[:SITES_SHOWN]:
        cost = f", {site.least_s:.0f} to {site.most_s:.0f} s" if site.most_s else ""
        why = f": {_line(site.why)}" if site.why else ""
        lines.append(f"    {_line(site.site)}: {site.impact.value}{cost}{why}")
    if len(told.sites) > SITES_SHOWN:
        lines.append(f"    and {len(told.sites) - SITES_SHOWN} more sites")
    lines.append(f"  Id:     {work.id}, change {work.sequence}")
    return lines


def _receipt(receipt: Receipt) -> list[str]:
    lines = [
        f"Work on {receipt.pop}, {_line(receipt.release)}",
        f"  When:    {_when(receipt.began)} to {_when(receipt.ended)}",
        f"  Promise: no session loses more than {receipt.promise_s:g} s",
    ]
    for site in receipt.sites[:SITES_SHOWN]:
        kept = "kept" if site.worst_s <= receipt.promise_s else "NOT KEPT"
        lines.append(
            f"    {_line(site.site)}: {site.sessions} sessions changed node, {site.moved} of them without a loss; "
            f"at worst {site.worst_s:.1f} s ({kept})"
        )
    if len(receipt.sites) > SITES_SHOWN:
        lines.append(f"    and {len(receipt.sites) - SITES_SHOWN} more sites")
    if receipt.silent:
        lines.append(f"    {receipt.silent} more sites noticed nothing")
    return lines


def _span(starts: datetime, ends: datetime, zone: str) -> str:
    local = starts.astimezone(ZoneInfo(zone))
    there = f" ({local:%a %H:%M} {zone})" if zone != "UTC" else ""
    return f"{_when(starts)} to {_when(ends)}{there}"


def _when(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M} UTC"


def _line(text: str, most: int = 300) -> str:
    """Nothing in a name may begin a line of its own."""
    return plain_line(text, most)
