"""Redelivery: when is a message tried again, and when is it given up?"""

from hashlib import blake2b

from wavetrain.decide.plain_line import plain_line
from wavetrain.model.notice import AlertKind, Delivery, Outcome, Outgoing

FIRST_S, LONGEST_S = 5.0, 3_600.0
"""Pauses double from the first to the longest."""
JITTER = 0.2
"""A pause is shortened by up to this share, by stable hash, so that messages do not come in step."""
GIVE_UP_S = 3 * 86_400.0
TRIES_MAX = 100
TEXT_MAX = 300


def pause_s(item: Outgoing) -> float:
    """The pause after its last try."""
    doubled = min(LONGEST_S, FIRST_S * 2.0 ** min(max(0, item.tries - 1), 32))
    seed = f"{item.id}\x1f{item.channel}\x1f{item.tries}".encode()
    share = int.from_bytes(blake2b(seed, digest_size=8).digest(), "little") / 2**64
    return doubled * (1.0 - JITTER * share)


def claimed(item: Outgoing, steady: float) -> Outgoing:
    """A try begins: should nobody live to say how it ended, it is made again after the usual pause."""
    item = item.changed(tries=item.tries + 1)
    return item.changed(due_at=steady + pause_s(item))


def after(item: Outgoing, outcome: Outcome, steady: float) -> Outgoing:
    """The message after a claimed try came to its end."""
    text = plain_line(outcome.text, TEXT_MAX)
    if outcome.taken:
        return item.changed(state=Delivery.DELIVERED, answer=text, settled_at=steady)
    if (why := _hopeless(item, outcome, steady)) is not None:
        return item.changed(state=Delivery.DEAD, answer=f"{text}; {why}", settled_at=steady)
    due = steady + max(pause_s(item), min(outcome.wait_s, LONGEST_S))
    return item.changed(answer=text, due_at=due)


def _hopeless(item: Outgoing, outcome: Outcome, steady: float) -> str | None:
    """Why it is not tried any more."""
    if outcome.gone:
        return "the receiver will never take it"
    if item.alert.kind is AlertKind.TEST:
        return "a test is tried once"
    if item.tries >= TRIES_MAX:
        return f"given up after {item.tries} tries"
    if steady - item.queued_at >= GIVE_UP_S:
        return f"given up after {GIVE_UP_S / 86_400:g} days"
    return None
