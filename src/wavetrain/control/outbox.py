"""Outbox: which message of a channel goes out now, and what came of it?"""

from collections.abc import Iterable

from wavetrain.control.ports import Notifier, Store, Transaction, View
from wavetrain.decide import redelivery
from wavetrain.model.journal import Entry
from wavetrain.model.notice import Alert, Delivery, Outcome, Outgoing

WAITING_MAX = 10_000
"""Messages that may wait for one channel; what comes on top is dead at once, where it can be seen and asked for."""


def post(
    transaction: Transaction,
    alert: Alert,
    channels: Iterable[str],
    who: str,
    waiting_max: int = WAITING_MAX,
) -> int:
    """Put an alert into the outbox for these channels, in the caller's transaction; how many."""
    names = sorted(set(channels))
    for name in names:
        waiting = transaction.find(Outgoing, channel=name, state=Delivery.WAITING.value)
        is_full = len(waiting) >= waiting_max
        transaction.put(
            Outgoing(
                id=alert.id,
                channel=name,
                state=Delivery.DEAD if is_full else Delivery.WAITING,
                alert=alert,
                made_at=transaction.now,
                queued_at=transaction.steady,
                due_at=transaction.steady,
                answer=f"{waiting_max} messages wait for {name} already" if is_full else "",
                settled_at=transaction.steady if is_full else 0.0,
            )
        )
    _note(transaction, who, alert, f"{alert.title}; to be told by {', '.join(names)}")
    return len(names)


def send_next(store: Store, channel: str, notifier: Notifier) -> float | None:
    """Try the message of a channel that is due first: 0 after a try, else the seconds until one is due, or None.

    The try is written down before it is made and its end after it. Who dies between the two has the message tried
    again, under the same id: at least once, and never in a quick circle.
    """
    with store.read() as view:
        first = _first(view, channel)
        if first is None:
            return None
        if first.due_at > view.steady:
            return first.due_at - view.steady
    with store.write() as transaction:
        item = transaction.get(Outgoing, first.id, channel)
        if item is None or item.state is not Delivery.WAITING or item.due_at > transaction.steady:
            return 0.0  # a person was quicker
        item = transaction.put(redelivery.claimed(item, transaction.steady))
        at = transaction.steady
    outcome = notifier.deliver(item.alert, at)
    with store.write() as transaction:
        _settle(transaction, item, outcome)
    return 0.0


def _first(view: View, channel: str) -> Outgoing | None:
    waiting = view.find(Outgoing, channel=channel, state=Delivery.WAITING.value)
    return min(waiting, key=lambda item: (item.due_at, item.queued_at, item.id), default=None)


def _settle(transaction: Transaction, tried: Outgoing, outcome: Outcome) -> None:
    item = transaction.get(Outgoing, tried.id, tried.channel)
    if item is None or item.state is not Delivery.WAITING:
        return
    made = transaction.put(redelivery.after(item, outcome, transaction.steady))
    told = f"{made.alert.title}: {made.channel}"
    if made.state is Delivery.DELIVERED:
        _note(transaction, "alerts", made.alert, f"{told} has taken it ({made.answer})")
    elif made.state is Delivery.DEAD:
        text = f"{told} has not taken it ({made.answer}); try again: wavetrain alert retry {made.id}"
        _note(transaction, "alerts", made.alert, text)


def _note(transaction: Transaction, who: str, alert: Alert, text: str) -> None:
    entry = Entry(
        at=transaction.now,
        who=who,
        kind="alert",
        subject=alert.subject,
        text=text,
        rollout=alert.rollout,
        body={"id": alert.id, "kind": alert.kind.value},
    )
    transaction.note([entry])
