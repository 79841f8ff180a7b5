"""Notices: what do persons see of alerts, and what may they ask?"""

from datetime import datetime

import msgspec

from wavetrain.control.outbox import post
from wavetrain.control.ports import Store, Transaction
from wavetrain.decide import alerts, redelivery
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, TransitionError, UnknownError
from wavetrain.model.journal import Entry
from wavetrain.model.notice import Channel, Delivery, Outgoing

PAGE_MAX = 500


class MessageSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in one channel."""

    id: str
    channel: str
    state: str
    kind: str
    subject: str
    rollout: str
    title: str
    since: datetime
    why: str
    command: str
    made_at: datetime
    tries: int
    answer: str
    due_in_s: float | None
    """Seconds until the next try; None when there will be none."""


class ChannelSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as configured, and how many messages wait for it or are dead."""

    name: str
    kind: str
    on: tuple[str, ...]
    since: datetime
    waiting: int
    dead: int


def channels(store: Store, caller: Caller) -> list[ChannelSeen]:
    """Every channel."""
    require(caller, Act.READ)
    with store.read() as view:
        return [
            ChannelSeen(
                name=item.name,
                kind=item.kind,
                on=tuple(kind.value for kind in item.on),
                since=item.since,
                waiting=len(view.find(Outgoing, channel=item.name, state=Delivery.WAITING.value)),
                dead=len(view.find(Outgoing, channel=item.name, state=Delivery.DEAD.value)),
            )
            for item in view.find(Channel)
        ]


def listed(store: Store, caller: Caller, state: str = "") -> list[MessageSeen]:
    """The last messages, the newest first; of one state, where it is given."""
    require(caller, Act.READ)
    known = [item.value for item in Delivery]
    if state and state not in known:
        raise RefusedError(f"no message is ever `{state[:40]}`; give one of {', '.join(known)}")
    with store.read() as view:
        steady = view.steady
        found = [item for item in view.find(Outgoing) if not state or item.state == state]
    found.sort(key=lambda item: (item.queued_at, item.id, item.channel), reverse=True)
    return [_seen(item, steady) for item in found[:PAGE_MAX]]


def shown(store: Store, caller: Caller, alert: str) -> list[MessageSeen]:
    """One alert, in each of its channels."""
    require(caller, Act.READ)
    with store.read() as view:
        found, steady = view.find(Outgoing, id=alert), view.steady
    if not found:
        raise _unknown(alert)
    return [_seen(item, steady) for item in found]


def retry(store: Store, caller: Caller, alert: str) -> list[MessageSeen]:
    """Try an alert again at once in the channels that have not taken it, with all its tries before it."""
    require(caller, Act.ALERT)
    with store.write() as transaction:
        found = transaction.find(Outgoing, id=alert)
        if not found:
            raise _unknown(alert)
        late = [item for item in found if item.state is not Delivery.DELIVERED]
        if not late:
            raise TransitionError(f"{alert} was delivered; there is nothing to try again")
        return [_again(transaction, caller, item) for item in late]


def retry_dead(store: Store, caller: Caller) -> list[MessageSeen]:
    """The same for everything that was given up, where its channel is still configured."""
    require(caller, Act.ALERT)
    with store.write() as transaction:
        dead = [
            item
            for channel in transaction.find(Channel)
            for item in transaction.find(Outgoing, channel=channel.name, state=Delivery.DEAD.value)
        ]
        return [_again(transaction, caller, item) for item in dead]


def test(store: Store, caller: Caller, channel: str) -> MessageSeen:
    """Send an alert that says nothing but that the channel works; it goes the way of all alerts, once."""
    require(caller, Act.ALERT)
    with store.write() as transaction:
        if transaction.get(Channel, channel) is None:
            raise _no_channel(transaction, channel)
        alert = alerts.of_test(channel, caller.name, transaction.steady, transaction.now)
        if transaction.get(Outgoing, alert.id, channel) is None:  # two in the same instant are one
            post(transaction, alert, [channel], caller.name)
        made = transaction.get(Outgoing, alert.id, channel)
        assert made is not None
        return _seen(made, transaction.steady)


def _again(transaction: Transaction, caller: Caller, item: Outgoing) -> MessageSeen:
    if transaction.get(Channel, item.channel) is None:
        raise _no_channel(transaction, item.channel)
    steady = transaction.steady
    made = transaction.put(redelivery.again(item, steady))
    text = f"{item.alert.title}: {item.channel} is asked again"
    transaction.note(
        [
            Entry(
                at=transaction.now,
                who=caller.name,
                kind="alert",
                subject=item.alert.subject,
                text=text,
                rollout=item.alert.rollout,
                body={"id": item.id, "kind": item.alert.kind.value},
            )
        ]
    )
    return _seen(made, steady)


def _seen(item: Outgoing, steady: float) -> MessageSeen:
    return MessageSeen(
        id=item.id,
        channel=item.channel,
        state=item.state.value,
        kind=item.alert.kind.value,
        subject=item.alert.subject,
        rollout=item.alert.rollout,
        title=item.alert.title,
        since=item.alert.since,
        why=item.alert.why,
        command=item.alert.command,
        made_at=item.made_at,
        tries=item.tries,
        answer=item.answer,
        due_in_s=redelivery.due_in_s(item, steady),
    )


def _unknown(alert: str) -> UnknownError:
    return UnknownError(f"there is no alert {alert[:80]}; see: wavetrain alert list")


def _no_channel(transaction: Transaction, channel: str) -> UnknownError:
    names = ", ".join(item.name for item in transaction.find(Channel)) or "none"
    return UnknownError(
        f"there is no channel {channel[:80]}; those of wavetrain.toml are: {names}; "
        f"a new one is known when the control plane was started again"
    )
