"""Accept: what does an instruction ask of this node, after all that it has read?"""

from enum import Enum, auto
from typing import Protocol

import msgspec

from wavetrain.agent import bans
from wavetrain.agent.memory import Memory, Order
from wavetrain.agent.update import BEFORE_SWITCH, Step, Update
from wavetrain.model.fleet import Phase
from wavetrain.wire.agent_messages import Bans, Told


class Instant(msgspec.Struct, frozen=True):
    """Seconds on this node's monotonic clock, and the boot that they count from."""

    seconds: float
    boot: str


class Task(Enum):
    """What there is to do."""

    NOTHING = auto()
    ADOPT = auto()
    """The told release runs: take up the generation, touch nothing."""
    BEGIN = auto()
    """Update; or restart what runs; or, where the told release runs but was found bad, verify it again."""
    PREFETCH = auto()
    """Without a permission: fetch the bytes, touch nothing."""


class Judging(Protocol):
    """Knows what the control plane signs."""

    def objection(self, told: Told, /) -> str:
        """Why the permission in `told` does not hold; empty where it does."""
        ...

    def bans_objection(self, bans: Bans, /) -> str:
        """Why these bans are not the control plane's; empty where they are."""
        ...


def accept(memory: Memory, told: Told, now: Instant, judge: Judging) -> Memory:
    """What the node remembers of an answer.

    A permission's lifetime is counted from the first reading; reading the same generation again never extends it.
    An answer with bans that do not hold is not read any further.
    """
    if told.bans is not None:
        kept, refused = bans.taken(memory.bans, told.bans, judge.bans_objection)
        if refused:
            return msgspec.structs.replace(memory, refused=refused)
        memory = msgspec.structs.replace(memory, bans=kept)
    if told.generation < memory.read:
        refused = (
            f"refused generation {told.generation}: this node has read {memory.read}; after a restore the control "
            "plane raises its era"
        )
        return msgspec.structs.replace(memory, refused=refused)
    if told.generation == memory.read:
        return _read_again(memory, told, now, judge)
    banned = bans.banned(memory.bans, told.release)
    if banned:
        refused = f"refused generation {told.generation}: {banned}; name another one"
        return msgspec.structs.replace(memory, read=told.generation, order=None, refused=refused)
    if not told.release:
        return msgspec.structs.replace(memory, read=told.generation, order=None, refused="")
    order = Order(
        generation=told.generation,
        release=told.release,
        digest=told.digest,
        size=told.size,
        restart=told.restart,
    )
    memory = msgspec.structs.replace(memory, read=told.generation, order=order, refused="")
    return _permitted(memory, order, told, now, judge)


def _read_again(memory: Memory, told: Told, now: Instant, judge: Judging) -> Memory:
    order = memory.order
    if order is None or order.until or order.generation <= memory.generation:
        return memory
    if (order.release, order.restart) != (told.release, told.restart):
        return memory
    return _permitted(memory, order, told, now, judge)


def _permitted(memory: Memory, order: Order, told: Told, now: Instant, judge: Judging) -> Memory:
    if told.permission is None:
        return memory
    refused = judge.objection(told)
    if refused:
        return msgspec.structs.replace(memory, refused=refused)
    until = now.seconds + told.permission.lifetime_s
    order = msgspec.structs.replace(order, until=until, boot=now.boot)
    return msgspec.structs.replace(memory, order=order, refused="")


def task(memory: Memory) -> Task:
    """What there is to do when no update is under way."""
    order = memory.order
    if order is None or order.generation <= memory.generation:
        return Task.NOTHING
    if bans.banned(memory.bans, order.release):
        return Task.NOTHING
    if order.restart:
        return Task.BEGIN if order.until and order.release == memory.running else Task.NOTHING
    if order.release == memory.running:
        return Task.BEGIN if memory.phase is Phase.FAILED else Task.ADOPT
    return Task.BEGIN if order.until else Task.PREFETCH


def adopted(memory: Memory) -> Memory:
    """After `Task.ADOPT`."""
    assert memory.order is not None
    return msgspec.structs.replace(memory, generation=memory.order.generation, phase=Phase.STEADY, detail="")


def begun(memory: Memory) -> Memory:
    """After `Task.BEGIN`: the update as it starts."""
    order = memory.order
    assert order is not None
    again = order.release == memory.running
    update = Update(
        generation=order.generation,
        release=order.release,
        digest=order.digest,
        size=order.size,
        came_from="" if again else memory.running,
        step=Step.VERIFY if again and not order.restart else Step.STAGE,
        until=order.until,
        boot=order.boot,
        restart=order.restart,
    )
    return msgspec.structs.replace(memory, generation=order.generation, update=update, detail="")


def lapsed(update: Update, now: Instant) -> bool:
    """Whether the permission has ended; a reboot ends it."""
    return now.boot != update.boot or now.seconds >= update.until


def recalled(memory: Memory) -> str:
    """Why the update under way should not go on, while it has not switched; empty where it should."""
    update, order = memory.update, memory.order
    if update is None or update.step not in BEFORE_SWITCH:
        return ""
    banned = bans.banned(memory.bans, update.release)
    if banned:
        return banned
    if order is None or order.generation <= update.generation:
        return ""
    if order.release != update.release:
        return f"generation {order.generation} names {order.release}"
    return (
        f"generation {order.generation} asks for no restart" if update.restart and not order.restart else ""
    )
