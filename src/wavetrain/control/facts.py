"""Facts: what does the store hold for the decision on one rollout?"""

import hashlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from wavetrain.control.ports import View
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.decide.facts import Facts
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import (
    Account,
    Cordon,
    Desired,
    Fleet,
    Group,
    NodeId,
    Pop,
    PopId,
    Quarantine,
    Region,
    Reported,
    Retired,
    Site,
    SiteId,
)
from wavetrain.model.lane import LANES
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.policy import Policy, PolicyText
from wavetrain.model.release import Floor, Release, Tombstone, is_older
from wavetrain.model.rollout import Rollout, Slot, Timetable, Turn, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze


class Seen(Protocol):
    """What the ticker has measured, fresher than what the store holds of it."""

    def evidence_of(self, rollout: str) -> RolloutEvidence | None: ...
    def pre_period_s(self) -> dict[PopId, float]: ...
    def unseen_s(self) -> dict[NodeId, float]: ...


def load(view: View, rollout: Rollout, seen: Seen) -> Facts:
    """The facts for one rollout."""
    release = view.get(Release, rollout.release)
    if release is None:
        raise UnknownError(
            f"rollout {rollout.id} names release {rollout.release}, which the store does not have"
        )
    turns = tuple(view.find(Turn, rollout=rollout.id))
    fleet = fleet_of(view)
    earlier = older(view, rollout)
    kept = seen.evidence_of(rollout.id)
    reported = {item.node: item for item in view.find(Reported)}
    return Facts(
        now=view.now,
        steady=view.steady,
        lane=LANES[rollout.lane],
        policy=policy_of(view, rollout.policy),
        fleet=fleet,
        rollout=rollout,
        release=release,
        ledger=ledger_of(view),
        timetable=view.get(Timetable, rollout.id, str(rollout.timetable)) if rollout.timetable else None,
        waves=tuple(view.find(Wave, rollout=rollout.id)),
        turns=turns,
        reported=reported,
        desired={item.node: item for item in view.find(Desired)},
        slots=tuple(view.find(Slot)),
        freezes=tuple(view.find(Freeze)),
        cordoned=frozenset(item.subject for item in view.find(Cordon)),
        retired=frozenset(item.node for item in view.find(Retired)),
        quarantined={item.node: item for item in view.find(Quarantine)},
        tombstoned=frozenset(_banned(view, rollout)),
        older=earlier,
        older_turns=tuple(turn for other in earlier for turn in view.find(Turn, rollout=other.id)),
        older_waves=tuple(wave for other in earlier for wave in view.find(Wave, rollout=other.id)),
        evidence=kept.changed(version=0) if kept is not None else None,
        pre_period_s=seen.pre_period_s(),
        standstills=tuple(view.find(Standstill)),
        unseen_s=seen.unseen_s(),
    )


def fleet_of(view: View) -> Fleet:
    """The whole fleet by id, save its sites."""
    return Fleet(
        regions={item.id: item for item in view.find(Region)},
        pops={item.id: item for item in view.find(Pop)},
        groups={item.id: item for item in view.find(Group)},
        accounts={item.id: item for item in view.find(Account)},
    )


def sites_of(view: View) -> dict[SiteId, Site]:
    """Every site by id; there may be hundreds of thousands."""
    return {item.id: item for item in view.find(Site)}


def policy_of(view: View, digest: str) -> Policy:
    """The policy that a rollout is pinned to."""
    text = view.get(PolicyText, digest)
    if text is None:
        raise UnknownError(
            f"policy {digest[:12]} is not in the store; apply it again: wavetrain policy apply FILE"
        )
    return text.policy


def ledger_of(view: View) -> Ledger:
    """The store's ledger, or the first one."""
    return view.get(Ledger, LEDGER) or Ledger()


def older(view: View, rollout: Rollout) -> tuple[Rollout, ...]:
    """Rollouts of the same component that were made before this one and are not over."""
    return tuple(
        other
        for other in view.find(Rollout, lane=rollout.lane)
        if other.component == rollout.component
        and other.id != rollout.id
        and other.status not in TERMINAL
        and (other.created_at, other.id) < (rollout.created_at, rollout.id)
    )


def _banned(view: View, rollout: Rollout) -> Iterator[str]:
    """The versions that were withdrawn, and of the two that this rollout is about, those below the floor."""
    prefix = f"{rollout.component}@"
    yield from (item.number for item in view.find(Tombstone) if item.release.startswith(prefix))
    floor = view.get(Floor, rollout.component)
    if floor is not None:
        ours = (rollout.number, rollout.previous)
        yield from (number for number in ours if number and is_older(number, floor.number))


def digest(facts: Facts) -> str:
    """SHA-256 over the facts in a canonical form; the same facts have the same digest on every machine."""
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()
