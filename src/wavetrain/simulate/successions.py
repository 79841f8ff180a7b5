"""Successions: what may two rollouts of one component never do to each other, or to a PoP?

As the invariants, these see what stood before and after one step, and use none of the code that they watch over.
"""

from collections.abc import Iterator
from datetime import timedelta

from wavetrain.model.fleet import Reported
from wavetrain.model.hotfix import How
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Policy
from wavetrain.model.release import Release, Tombstone
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase, Wave
from wavetrain.simulate.invariants import BACK, OVER, Seen, Told, policy_of

_COMING = (Reason.NOT_YET, Reason.HANDING_OVER, Reason.PREVIOUS_BAKE)


class Successions:
    """Remembers what each PoP ran when a rollout told the first of its units."""

    def __init__(self) -> None:
        self._ran: dict[tuple[str, ...], frozenset[str]] = {}

    def broken(self, seen: Seen) -> list[str]:
        """Every rule that does not hold, with the guard that it belongs to."""
        self._note(seen)
        found = [f"succession: {text}" for told in seen.told for text in _twice(seen, told)]
        found += [f"way-back: {text}" for told in seen.told for text in self._astray(seen, told)]
        return found + [f"G8: {text}" for text in _starved(seen)]

    def _note(self, seen: Seen) -> None:
        for told in seen.told:
            if not told.is_back and told.turn.key not in self._ran:
                said = [seen.mirror.get(Reported, unit) for unit in told.turn.order]
                self._ran[told.turn.key] = frozenset(item.release for item in said if item is not None)

    def _astray(self, seen: Seen, told: Told) -> Iterator[str]:
        """A revert leads a PoP to what it ran before, unless that is banned."""
        component = told.rollout.component
        ran = {
            number
            for number in self._ran.get(told.turn.key, ())
            if number not in ("", told.rollout.number)
            and seen.mirror.get(Tombstone, f"{component}@{number}") is None
        }
        if told.is_back and ran and told.order.release not in ran:
            yield f"{told.order.node} is led to {told.order.release}, but {told.turn.pop} ran {', '.join(sorted(ran))}"


def _twice(seen: Seen, told: Told) -> Iterator[str]:
    """An older rollout begins nothing where a newer one has begun, or begins in the same window."""
    if told.is_back:
        return
    for newer in seen.mirror.all(Rollout):
        is_kin = newer.component == told.rollout.component and newer.lane == told.rollout.lane
        if not is_kin or newer.status in OVER or _age(newer) <= _age(told.rollout):
            continue
        turn, place = seen.mirror.get(Turn, newer.id, told.order.pop), told.order.pop
        before = seen.mirror.before(Rollout, newer.id)
        if turn is None or turn.phase in BACK:
            continue
        if turn.cursor and newer.status is Status.ROLLING:
            yield f"{told.order.node} is told {told.order.release}, although {newer.id} has begun in {place}"
        if before is None or before.hold is None or before.status is not Status.ANNOUNCED:
            continue
        known = seen.mirror.before(Turn, newer.id, place)
        is_coming = before.hold.reason in _COMING and not before.hold.asks and before.hotfix == newer.hotfix
        is_coming &= not _waits_for_a_person(seen, newer)
        if known is not None and turn.wave == 0 and is_coming and known.opens < told.turn.closes:
            yield f"{told.order.node} is told {told.order.release}, and {newer.id} comes in the same window"


def _waits_for_a_person(seen: Seen, newer: Rollout) -> bool:
    """Whether it has departed in this step, and its first wave may not begin before somebody consents."""
    wave = seen.mirror.get(Wave, newer.id, str(newer.wave))
    return newer.status is Status.ROLLING and wave is not None and wave.hold is not None and wave.hold.asks


def _starved(seen: Seen) -> Iterator[str]:
    """A newer release cuts the bake of an older one short only after its time, aloud, and not again and again."""
    for before, older, newer in _cut(seen):
        rules = policy_of(seen.mirror, newer)
        said = f"{newer.id} cuts the bake of {older.number} in {before.pop} short"
        release = seen.mirror.get(Release, newer.release)
        fixes = release.fixes if release is not None else ""
        if not newer.cuts:
            yield f"{said} and does not say so"
        if newer.cuts > rules.succession.cuts_max and not any(one.kind == "cut" for one in newer.approvals):
            yield f"{said}, as the {newer.cuts}th in a row, and nobody has consented"
        if older.number != fixes and not _has_waited(seen, newer, before, rules):
            yield f"{said} without having waited"


def _cut(seen: Seen) -> Iterator[tuple[Turn, Rollout, Rollout]]:
    """The bakes that a newer rollout has ended in this step: the turn before, its rollout before, and the newer one."""
    for before, after in seen.mirror.changed(Turn):
        if before is None or after is None or before.phase is not TurnPhase.BAKING:
            continue
        older = seen.mirror.before(Rollout, before.rollout)
        now = seen.mirror.get(Rollout, before.rollout)
        if older is None or now is None or older.status is not Status.ROLLING:
            continue
        if now.status is not Status.SUPERSEDED and after.phase is not TurnPhase.HANDED:
            continue
        newer = [
            item
            for item in seen.mirror.all(Rollout)
            if item.component == older.component
            and (item.status is Status.ROLLING or _gave_way_now(seen, item))
            and _age(item) > _age(older)
            and seen.mirror.get(Turn, item.id, before.pop) is not None
        ]
        handed = after.phase is TurnPhase.HANDED and not _is_ripe(seen, older, before)
        if newer and (handed or after.phase is TurnPhase.BAKING):
            # Where several depart in one step, it is the one that says so; where none does, the first.
            yield before, older, min(newer, key=lambda item: (not item.cuts, _age(item)))


def _gave_way_now(seen: Seen, item: Rollout) -> bool:
    """Whether it was superseded in this step, in which it may have departed itself."""
    before = seen.mirror.before(Rollout, item.id)
    return item.status is Status.SUPERSEDED and before is not None and before.status not in OVER


def _is_ripe(seen: Seen, older: Rollout, turn: Turn) -> bool:
    """Whether its bake may have come to its end in the step in which the turn was handed over."""
    least = timedelta(minutes=policy_of(seen.mirror, older).bake.minutes)
    return turn.bake_since is not None and seen.now - turn.bake_since >= least


def _has_waited(seen: Seen, newer: Rollout, before: Turn, rules: Policy) -> bool:
    turn = seen.mirror.get(Turn, newer.id, before.pop)
    since = newer.due_since
    if newer.hotfix.how is How.AFFECTED:
        since = turn.opens if turn is not None else None
    return since is not None and seen.now - since >= timedelta(minutes=rules.succession.bake_wait_minutes)


def _age(rollout: Rollout) -> tuple[object, str]:
    return rollout.created_at, rollout.id
