"""Redelivery: when is a message tried again, and when is it given up?"""

from hashlib import blake2b
from typing import TypeVar

import msgspec

from wavetrain.decide.plain_line import plain_line
from wavetrain.model.notice import AlertKind, Delivery, Outcome, Outgoing
from wavetrain.model.subscription import Dispatch, Topic

M = TypeVar("M", Outgoing, Dispatch)
"""A message to operators, or one to a customer."""

FIRST_S, LONGEST_S = 5.0, 3_600.0
JITTER = 0.2
"""A pause is shortened by up to this share, by stable hash, so that messages do not come in step."""
GIVE_UP_S = 3 * 86_400.0
TRIES_MAX = 100
TEXT_MAX = 300


class Pauses(msgspec.Struct, frozen=True):
    """Between tries: they double from the first to the longest, in seconds."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S


USUAL = Pauses()


def pause_s(item: M, pauses: Pauses = USUAL) -> float:
    """The pause after its last try."""
    doubled = min(pauses.longest_s, pauses.first_s * 2.0 ** min(max(0, item.tries - 1), 32))
    seed = "\x1f".join((*item.key, str(item.tries))).encode()
    share = int.from_bytes(blake2b(seed, digest_size=8).digest(), "little") / 2**64
    return doubled * (1.0 - JITTER * share)


def claimed(item: M, steady: float, pauses: Pauses = USUAL) -> M:
    """A try begins: should nobody live to say how it ended, it is made again after the usual pause."""
    item = item.changed(tries=item.tries + 1)
    return item.changed(due_at=steady + pause_s(item, pauses))


def after(item: M, outcome: Outcome, steady: float, pauses: Pauses = USUAL) -> M:
    """The message after a claimed try came to its end."""
    text = plain_line(outcome.text, TEXT_MAX)
    if outcome.taken:
        return item.changed(state=Delivery.DELIVERED, answer=text, settled_at=steady)
    if (why := _hopeless(item, outcome, steady)) is not None:
        return given_up(item, f"{text}; {why}", steady)
    due = steady + max(pause_s(item, pauses), min(outcome.wait_s, LONGEST_S))
    return item.changed(answer=text, due_at=due)


def given_up(item: M, why: str, steady: float) -> M:
    """The message that nobody tries any more, and why."""
    return item.changed(state=Delivery.DEAD, answer=why, settled_at=steady)


def again(item: M, steady: float) -> M:
    """The message to be tried anew at once, with all its tries before it."""
    return item.changed(state=Delivery.WAITING, tries=0, queued_at=steady, due_at=steady, settled_at=0.0)


def due_in_s(item: Outgoing | Dispatch, steady: float) -> float | None:
    """Seconds until it is tried, in tenths; None for one that does not wait."""
    return max(0.0, round(item.due_at - steady, 1)) if item.state is Delivery.WAITING else None


def _hopeless(item: M, outcome: Outcome, steady: float) -> str | None:
    """Why it is not tried any more."""
    if outcome.gone:
        return "the receiver will never take it"
    if _is_test(item):
        return "a test is tried once"
    if item.tries >= TRIES_MAX:
        return f"given up after {item.tries} tries"
    if steady - item.queued_at >= GIVE_UP_S:
        return f"given up after {GIVE_UP_S / 86_400:g} days"
    return None


def _is_test(item: Outgoing | Dispatch) -> bool:
    if isinstance(item, Outgoing):
        return item.alert.kind is AlertKind.TEST
    return item.topic is Topic.TEST
