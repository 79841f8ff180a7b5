"""Customer notices: of which change of a stretch of work is an account told now, and of which later?

What is told is the difference to what the account was told last. Work that moves three times within a minute is told
once, as it came to rest; of work that an account never heard of, it hears neither that it moved nor that it does not
take place.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from wavetrain.model.maintenance import Incident, Maintenance, MaintenanceState
from wavetrain.model.policy import Announce
from wavetrain.model.receipt import Receipt
from wavetrain.model.subscription import Heard, Topic

SETTLE = timedelta(minutes=1)
"""What changed is told when it has stood for so long, for a swarm of changes to be one notice."""
PATIENCE = timedelta(minutes=10)
"""Work that will not come to rest is told at least so often, once its start is near."""
REPORTS = timedelta(minutes=15)
"""A receipt waits so long for reports that come late."""
ALONG = timedelta(days=1)
"""Work of the same train that would be announced within this time is announced along with the first of it."""
ITEMS_MAX = 200
"""So many stretches of work stand in one notice; more make further ones."""
_COMING = frozenset({Topic.ANNOUNCED, Topic.MOVED, Topic.BEFORE})


class Due(msgspec.Struct, frozen=True, gc=False):
    """What an account is to be told of a stretch of work, and from when on."""

    topic: Topic
    at: datetime


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A stretch of work as it is, and what the account was told of it last."""

    topic: Topic
    work: Maintenance
    heard: Heard | None


def coming(work: Maintenance, heard: Heard | None, announce: Announce, since: datetime) -> Due | None:
    """What is told next; None where only a change of the work can make something to tell.

    `since` is from when on the account has asked to be told: what was over before is not told.
    """
    match work.state:
        case MaintenanceState.SCHEDULED:
            return _scheduled(work, heard, announce)
        case MaintenanceState.IN_PROGRESS | MaintenanceState.VERIFYING:
            if heard is None or heard.topic in _COMING:
                return Due(Topic.STARTED, work.began_at or work.changed_at)
        case MaintenanceState.COMPLETED:
            over = work.over_at or work.changed_at
            if over >= since if heard is None else heard.topic in {*_COMING, Topic.STARTED}:
                return Due(Topic.ENDED, over)
        case MaintenanceState.CANCELLED:
            if heard is not None and heard.topic in {*_COMING, Topic.STARTED}:
                return Due(Topic.CANCELLED, work.changed_at + SETTLE)
    return None


def _scheduled(work: Maintenance, heard: Heard | None, announce: Announce) -> Due | None:
    before = work.starts - timedelta(hours=announce.hours_before)
    if heard is None:
        ahead = work.starts - timedelta(days=announce.days_ahead)
        return Due(Topic.ANNOUNCED, max(ahead, _at_rest(work, work.announced_at, before)))
    if heard.topic not in _COMING:
        return None
    told_at = heard.at or work.announced_at
    if (heard.starts, heard.ends) != (work.starts, work.ends):
        return Due(Topic.MOVED, _at_rest(work, told_at, before))
    if announce.hours_before and told_at < before:
        return Due(Topic.BEFORE, before)
    return None


def _at_rest(work: Maintenance, told_at: datetime, before: datetime) -> datetime:
    return min(work.changed_at + SETTLE, max(told_at, before) + PATIENCE)


def heard_of(fact: Fact, account: str, now: datetime) -> Heard:
    """What the account has been told, after this."""
    work = fact.work
    made = Heard(
        maintenance=work.id,
        account=account,  # type: ignore[arg-type]
        topic=fact.topic,
        sequence=work.sequence,
        starts=work.starts,
        ends=work.ends,
        at=now,
    )
    return made if fact.heard is None else made.changed(version=fact.heard.version)


def incident_due(incident: Incident, heard: Heard | None) -> datetime | None:
    """From when on an account is told of an incident, at once at first and then of each further word; None: of none."""
    if heard is None:
        return incident.since
    if len(incident.told) <= heard.sequence:
        return None
    return max(incident.changed_at, (heard.at or incident.since) + SETTLE)


def heard_of_incident(incident: Incident, heard: Heard | None, account: str, now: datetime) -> Heard:
    """What the account has been told of it, after this."""
    made = Heard(
        maintenance=incident.id,
        account=account,  # type: ignore[arg-type]
        topic=Topic.INCIDENT,
        sequence=len(incident.told),
        starts=incident.since,
        ends=incident.over_at or incident.since,
        at=now,
    )
    return made if heard is None else made.changed(version=heard.version)


def id_of_incident(account: str, incident: Incident) -> str:
    """Of the notice of its last word; the same for good."""
    said = "\x1f".join((incident.id, str(len(incident.told)), account))
    return f"notice-{blake2b(said.encode(), digest_size=16).hexdigest()}"


def receipt_due(receipt: Receipt, heard: Heard | None) -> datetime | None:
    """When a receipt is told: once, when late reports had time to come in."""
    return receipt.made_at + REPORTS if heard is None else None


def receipt_name(receipt: Receipt) -> str:
    """Under which it stands what was heard of it, beside what was heard of the work itself."""
    return f"receipt.{receipt.maintenance}"


def heard_of_receipt(receipt: Receipt, now: datetime) -> Heard:
    """What the account has been told of it, after this."""
    return Heard(
        maintenance=receipt_name(receipt),
        account=receipt.account,
        topic=Topic.RECEIPT,
        sequence=receipt.amended,
        starts=receipt.began,
        ends=receipt.ended,
        at=now,
    )


def id_of_receipt(receipt: Receipt) -> str:
    """Of the notice that carries it; the same for good, whatever is corrected."""
    said = "\x1f".join((receipt_name(receipt), receipt.account))
    return f"notice-{blake2b(said.encode(), digest_size=16).hexdigest()}"


def together(facts: Iterable[Fact]) -> Iterator[Sequence[Fact]]:
    """What an account is told at once: one notice for each topic, however many PoPs it is about."""
    by_topic: dict[Topic, list[Fact]] = {}
    for fact in facts:
        by_topic.setdefault(fact.topic, []).append(fact)
    for topic in Topic:
        same = sorted(by_topic.get(topic, ()), key=lambda fact: (fact.work.starts, fact.work.id))
        for start in range(0, len(same), ITEMS_MAX):
            yield same[start : start + ITEMS_MAX]


def id_of(account: str, facts: Sequence[Fact]) -> str:
    """Of the notice: the same facts to the same account have the same id, for good."""
    digest = blake2b(digest_size=16)
    for fact in sorted(facts, key=lambda fact: fact.work.id):
        digest.update("\x1f".join((fact.work.id, fact.topic.value, str(fact.work.sequence), "")).encode())
    digest.update(account.encode())
    return f"notice-{digest.hexdigest()}"
