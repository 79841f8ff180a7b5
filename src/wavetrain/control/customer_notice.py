"""Customer notice: what is one account told at once, as it stands in the outbox until every way has it?"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from wavetrain.control.account_work import WorkFor
from wavetrain.model.maintenance import Incident
from wavetrain.model.receipt import Receipt
from wavetrain.model.subscription import Dispatch, Topic, Way

SITES_TOLD_MAX = 500
"""Of each stretch of work so many sites are told, the worst first."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of work, as it touches the account; of one that moved, what was told before."""

    work: WorkFor
    was_starts: datetime | None = None
    was_ends: datetime | None = None
    component: str = ""
    previous: str = ""
    """The release that its train replaces; empty where there was none."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, to one or many stretches of work. The same facts have the same id for good."""

    id: str
    account: str
    """Empty for the operator's own, who are told of everybody's."""
    name: str
    topic: Topic
    at: datetime
    items: tuple[Item, ...] = ()
    incident: Incident | None = None
    receipt: Receipt | None = None
    note: str = ""
    """Of a test: who asked for it."""


def facts_of(notice: Notice) -> dict[str, object]:
    """As it is kept."""
    kept: dict[str, object] = msgspec.to_builtins(notice)
    return kept


def notice_of(dispatch: Dispatch) -> Notice:
    """What is kept, as it was."""
    return msgspec.convert(dispatch.facts, Notice)


def split(notice: Notice, way: Way) -> Iterator[Notice]:
    """The messages that a way makes of a notice: CDEvents tell of deployments and incidents, one each."""
    if way is not Way.CDEVENTS or notice.topic is Topic.TEST or notice.incident is not None:
        yield notice
    elif notice.topic is Topic.ENDED:
        for number, item in enumerate(notice.items):
            yield msgspec.structs.replace(notice, id=f"{notice.id}-{number}", items=(item,))


def shortened(work: WorkFor) -> WorkFor:
    """With no more sites than a notice holds."""
    return msgspec.structs.replace(work, sites=work.sites[:SITES_TOLD_MAX])
