"""Subscription: by which way does an account hear of what touches it, and how does each message fare?"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from wavetrain.model.fleet import AccountId
from wavetrain.model.notice import Delivery
from wavetrain.model.record import Record


class Topic(StrEnum):
    """What customers are told of a maintenance."""

    ANNOUNCED = "announced"
    BEFORE = "before"
    STARTED = "started"
    ENDED = "ended"
    MOVED = "moved"
    CANCELLED = "cancelled"
    RECEIPT = "receipt"
    INCIDENT = "incident"
    """Something went wrong at a PoP: found, told more of, or over."""
    TEST = "test"
    """Somebody tries a way; every way takes it."""


class Way(StrEnum):
    """How."""

    MAIL = "mail"
    """With the notice as a calendar object (MAINTNOTE)."""
    WEBHOOK = "webhook"
    """Standard Webhooks."""
    CLOUDEVENTS = "cloudevents"
    """The same, as a structured CloudEvent."""
    CDEVENTS = "cdevents"
    """Deployments alone, as CDEvents."""


class Subscription(Record, frozen=True, kw_only=True):
    """One way to one account. An operator's own, to whom every account's is told, has no account."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "name")
    account: AccountId
    name: str
    way: Way
    to: str
    """A URL, or an address of mail."""
    on: tuple[Topic, ...]
    secret: str = ""
    """What a webhook is signed with (`whsec_...`)."""
    secret_before: str = ""
    """The one before it, which signs as well until the receiver knows the new one."""
    since: datetime
    by: str
    paused: str = ""
    """Why nothing is sent by it; empty while it is used."""


class Dispatch(Record, frozen=True, kw_only=True):
    """One notice on its way by one subscription. Its id is the fact's: the same fact has the same id for good.

    Instants are on the store's steady clock, in seconds.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id", "account", "name")
    INDEX: ClassVar[tuple[str, ...]] = ("state",)
    id: str
    account: AccountId
    name: str
    state: Delivery
    topic: Topic
    facts: dict[str, Any]
    """What is told, for each way to write in its own form."""
    made_at: datetime
    queued_at: float
    due_at: float
    tries: int = 0
    answer: str = ""
    settled_at: float = 0.0


class Heard(Record, frozen=True, kw_only=True):
    """What an account was last told of a maintenance, so that the next notice is a difference."""

    KEY: ClassVar[tuple[str, ...]] = ("maintenance", "account")
    maintenance: str
    account: AccountId
    topic: Topic
    sequence: int
    starts: datetime
    ends: datetime
    at: datetime | None = None
    """When that was told."""
