"""Notice: what operators are told of, by which channel, and how each message fares."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from wavetrain.model.record import Record

WRITER = "writer"


class AlertKind(StrEnum):
    """What an alert is about."""

    FAIL = "fail"
    """The verdict on a release fell."""
    ASKS = "asks"
    """A hold that asks a person."""
    ERRORED = "errored"
    """The evidence has been blind for too long: telemetry is missing."""
    STARVED = "starved"
    """A PoP wants a slot for too long in its window, or a device that is lost or quarantined keeps one."""
    LEASE = "lease"
    """A control plane stopped being the writer without saying so, and another one took over."""
    COMPLETED = "completed"
    REVERTED = "reverted"
    RESIDUE = "residue"
    """A rollout is over, forward or back, and some devices were left behind."""
    STOPPED = "stopped"
    TEST = "test"
    """A person tries a channel."""


DEFAULT_KINDS = (AlertKind.FAIL, AlertKind.ASKS, AlertKind.ERRORED, AlertKind.STARVED, AlertKind.LEASE)
"""What a channel tells that does not say what."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact that operators are told of; the same fact always has the same id."""

    id: str
    kind: AlertKind
    subject: str
    title: str
    """One line: what, and where."""
    since: datetime
    why: str
    command: str
    """What a person types next."""
    rollout: str = ""


class Concern(Record, frozen=True, kw_only=True):
    """What lasts and has no time of its own, with the moment in which it was first seen; removed when it ends."""

    KEY: ClassVar[tuple[str, ...]] = ("kind", "subject", "reason")
    kind: AlertKind
    subject: str
    reason: str
    since: datetime


class Channel(Record, frozen=True, kw_only=True):
    """A way to operators, as configured; what happened before `since` is not told by it."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    kind: str
    on: tuple[AlertKind, ...]
    since: datetime


class Tenure(Record, frozen=True, kw_only=True):
    """Which process writes now, or wrote last; one record per store."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str = WRITER
    holder: str
    since: datetime
    ended: bool = False
    """Whether it gave its place up itself."""


class Delivery(StrEnum):
    """How a message fares."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """It is not tried any more, until a person asks for it."""


class Outgoing(Record, frozen=True, kw_only=True):
    """One alert on its way through one channel. Instants are on the store's steady clock, in seconds."""

    KEY: ClassVar[tuple[str, ...]] = ("id", "channel")
    INDEX: ClassVar[tuple[str, ...]] = ("channel", "state")
    id: str
    channel: str
    state: Delivery
    alert: Alert
    made_at: datetime
    queued_at: float
    """When it was made, or a person last asked for it: tries are counted from here."""
    due_at: float
    tries: int = 0
    answer: str = ""
    """What the last try came to."""
    settled_at: float = 0.0
    """When it was delivered or given up; 0 while it waits."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one try came to."""

    taken: bool
    text: str
    gone: bool = False
    """Whether the receiver will never take it, however often it is tried."""
    wait_s: float = 0.0
    """How long the receiver asks to be left alone."""


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a mail carries beside its text."""

    name: str
    media: str
    """Like `text/calendar`; its text is UTF-8."""
    body: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message as it is written out, for whatever way carries it; the same message always has the same bytes."""

    id: str
    title: str
    """One line."""
    text: str
    """For people."""
    body: bytes
    """For programs."""
    media: str = "application/json"
    parts: tuple[Part, ...] = ()
    mark: str = "X-Wavetrain-Notice"
    """The head line of a mail that has the id."""
