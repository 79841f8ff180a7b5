"""Bans: which releases must the nodes of a component refuse, whoever tells them to run one?"""

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import ledger_of
from wavetrain.control.ports import Store, Trust, View
from wavetrain.control.rollouts import active, check_reason
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.release import Floor, Release, Tombstone, is_older

NUMBER_CHARACTERS_MAX = 63
ERA_BITS = 32
"""A serial is the era in its upper bits, and in these how often the component's bans have changed."""


class Banned(msgspec.Struct, frozen=True, kw_only=True):
    """What the nodes of one component must refuse, as signed for them.

    `serial` grows with every change, since tombstones are never taken away and floors only raised; over a restore
    it grows with the era. `floor` is the oldest version allowed, empty where there is none.
    """

    component: str
    serial: int
    floor: str = ""
    tombstones: tuple[str, ...] = ()
    signature: str = ""

    def has(self, number: str) -> bool:
        """Whether this version is banned."""
        return number in self.tombstones or bool(self.floor and is_older(number, self.floor))


def banned(view: View, component: str) -> Banned:
    """What is banned now, not signed yet."""
    prefix = f"{component}@"
    numbers = sorted(item.number for item in view.find(Tombstone) if item.release.startswith(prefix))
    floor = view.get(Floor, component)
    changes = len(numbers) + (floor.raised if floor is not None else 0)
    return Banned(
        component=component,
        serial=(ledger_of(view).generation.era << ERA_BITS) + changes,
        floor=floor.number if floor is not None else "",
        tombstones=tuple(numbers),
    )


def signed(bans: Banned, trust: Trust) -> Banned:
    """The same, as nodes take it."""
    signature = trust.sign_bans(bans.component, bans.serial, bans.floor, bans.tombstones)
    return msgspec.structs.replace(bans, signature=signature)


def raise_floor(store: Store, caller: Caller, component: str, number: str, reason: str) -> Floor:
    """No device of the component ever runs an older release again; the same floor again changes nothing.

    Refused while a rollout under way brings, or may go back to, an older one. What devices run stays as it is.
    """
    require(caller, Act.WITHDRAW)
    check_reason("floor", reason)
    with store.write() as transaction:
        numbers = {item.number for item in transaction.find(Release) if item.component == component}
        if not numbers:
            raise UnknownError(f"there is no component {component[:120]}; see: wavetrain release list")
        if number not in numbers:
            raise UnknownError(
                f"there is no release {component}@{number[:120]}; a floor is a release that was submitted: "
                "see wavetrain release list"
            )
        known = transaction.get(Floor, component)
        if known is not None and known.number == number:
            return known
        if known is not None and not is_older(known.number, number):
            raise RefusedError(
                f"the floor of {component} is {known.number}, and floors are only raised; give a newer version "
                f"than {known.number}"
            )
        for rollout in active(transaction):
            if rollout.component == component:
                _check(rollout.id, rollout.number, "brings", number)
                _check(rollout.id, rollout.previous, "may go back to", number)
        floor = Floor(
            component=component,
            number=number,
            reason=reason,
            at=transaction.now,
            by=caller.name,
            raised=known.raised + 1 if known is not None else 1,
            version=known.version if known is not None else 0,
        )
        floor = transaction.put(floor)
        text = f"nothing older than {number} runs again: {reason}"
        tell(transaction, caller, "floor", component, text, number=number)
    return floor


def _check(rollout: str, number: str, does: str, floor: str) -> None:
    if number and is_older(number, floor):
        raise RefusedError(
            f"rollout {rollout} {does} {number}, which is older than {floor}; let it end first, or abort it, "
            "and raise the floor then"
        )
