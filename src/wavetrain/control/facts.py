"""Facts: what does the store hold for the decision on one rollout?"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol, cast

import msgspec

from wavetrain.control.image import Image
from wavetrain.control.ports import View
from wavetrain.decide import account_settings, departure, itinerary, work
from wavetrain.decide.demand import summed
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence, placebo_of
from wavetrain.decide.facts import QUIET, Facts
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.errors import UnknownError
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.demand import Demand
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import (
    Account,
    Cordon,
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
from wavetrain.model.hotfix import How
from wavetrain.model.lane import LANES
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.policy import Policy, PolicyText
from wavetrain.model.release import Floor, Release, Tombstone, is_older
from wavetrain.model.rollout import Fairness, Rollout, Status, TurnPhase
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze


class Seen(Protocol):
    """What the ticker has measured, fresher than what the store holds of it."""

    def evidence_of(self, rollout: str) -> RolloutEvidence | None: ...
    def pops_of(self, rollout: str) -> Mapping[str, PopEvidence]: ...
    def pre_period_s(self) -> Mapping[PopId, float]: ...
    def unseen_s(self) -> Mapping[NodeId, float]: ...
    def source_fault(self) -> str: ...
    def shadow_of(self, rollout: Rollout, policy: Policy) -> str: ...


def load(
    image: Image,
    view: View,
    rollout: Rollout,
    seen: Seen,
    *,
    sweep: bool = True,
    unplannable: str = "",
    is_behind: bool = False,
) -> Facts:
    """The facts for one rollout, of an image that has followed this view.

    `unplannable`: why it could not be planned, where that is known to be so still. `is_behind`: whether an evaluator
    of features has not seen yet what a revert takes off.
    """
    release = image.get(Release, rollout.release)
    if release is None:
        raise UnknownError(
            f"rollout {rollout.id} names release {rollout.release}, which the store does not have"
        )
    earlier = older(image.all(Rollout), rollout)
    later = newer(image.all(Rollout), rollout)
    kept, placebo = seen.evidence_of(rollout.id), seen.evidence_of(placebo_of(rollout.id))
    policy = policy_in(image.get(PolicyText, rollout.policy), rollout.policy)
    facts = Facts(
        now=view.now,
        steady=view.steady,
        lane=LANES[rollout.lane],
        policy=policy,
        fleet=image.fleet.serving(LANES[rollout.lane].serves),
        rollout=rollout,
        release=release,
        ledger=ledger_of(view),
        timetable=image.timetable(rollout),
        waves=image.waves(rollout.id),
        turns=image.turns(rollout.id),
        by_pop=image.by_pop(rollout.id),
        afoot=image.afoot(rollout.id),
        reported=cast("Mapping[NodeId, Reported]", image.by_name(Reported)),
        desired=image.orders,
        slots=image.slots,
        freezes=tuple(image.all(Freeze)),
        cordoned=image.names(Cordon),
        retired=image.names(Retired),
        quarantined=cast("Mapping[NodeId, Quarantine]", image.by_name(Quarantine)),
        tombstoned=frozenset(_banned(image, rollout)),
        floor=floor.number if (floor := image.get(Floor, rollout.component)) is not None else "",
        older=earlier,
        older_turns=tuple(turn for other in earlier for turn in image.turns(other.id)),
        older_waves=tuple(wave for other in earlier for wave in image.waves(other.id)),
        newer=later,
        newer_turns=tuple(
            turn
            for other in later
            for turn in image.turns(other.id)
            if turn.wave == 0 or other.hotfix.how is How.AFFECTED
        ),
        evidence=kept.changed(version=0) if kept is not None else None,
        placebo=placebo.changed(version=0) if placebo is not None else None,
        shadow=seen.shadow_of(rollout, policy),
        pop_evidence=seen.pops_of(rollout.id),
        pre_period_s=seen.pre_period_s() if rollout.status in (Status.PLANNED, Status.ANNOUNCED) else {},
        standstills=tuple(image.all(Standstill)),
        unseen_s=seen.unseen_s(),
        source_fault=seen.source_fault(),
        unsteady=image.unsteady,
        almanac=image.almanac(max(rollout.departs, rollout.not_before)),
        sequence=image.sequence,
        sweep=sweep,
        unplannable=unplannable,
        is_behind=is_behind,
        brought=_brought(image, rollout.component) if is_behind else (),
        fairness=image.get(Fairness, rollout.lane),
    )
    demand = _demand(image, view, facts)
    return facts if demand is None else msgspec.structs.replace(facts, demand=demand)


def _brought(image: Image, component: str) -> tuple[Feature, ...]:
    """The features that need a release of a component, and that are not off for everybody."""
    return tuple(one for one in image.all(Feature) if component in one.needs.releases and one.killed is None)


def _demand(image: Image, view: View, facts: Facts) -> Demand | None:
    """What sites ask, where a train is planned or may be planned again: the only choice that looks at every site."""
    rollout, policy = facts.rollout, facts.policy
    is_planned = rollout.status is Status.PLANNED and not rollout.timetable
    if not facts.lane.windowed or rollout.status in TERMINAL:
        return None
    begins = max(rollout.departs, rollout.not_before)
    if is_planned:
        if facts.unplannable or departure.gates_hold(facts.release, policy) is not None:
            return None
        begins = max(begins, view.now)
    first = begins.date() - timedelta(days=1)
    last = first + timedelta(days=policy.timing.spread_days + work.OVERTIME_DAYS)
    span = (first, last, policy.wishes.blackout_days)

    if span not in image.demands and (is_planned or itinerary.may_revise(facts)):
        sites = sites_of(view)
        whole = msgspec.structs.replace(facts.fleet, sites=sites)
        image.demands[span] = summed(whole, *span) if sites else None
    return image.demands.get(span)


def planned_on(image: Image, rollout: Rollout, now: datetime) -> str:
    """A digest of all that the plan of a rollout stands on; empty where that cannot be told cheaply.

    A train that has left in the meantime is tried once an hour, since its days move on with the clock.
    """
    if rollout.hotfix.how not in (How.TRAIN, How.SUPERSEDE):
        return ""
    begins = max(rollout.departs, rollout.not_before)
    late = f"{now:%Y-%m-%dT%H}" if now > begins - work.EARLY else ""
    basis = (rollout.id, rollout.policy, begins, image.planned_on, late)
    return hashlib.sha256(msgspec.json.encode(basis)).hexdigest()


def fleet_of(view: View) -> Fleet:
    """The whole fleet by id as its file says it, save its sites."""
    return Fleet(
        regions={item.id: item for item in view.find(Region)},
        pops={item.id: item for item in view.find(Pop)},
        groups={item.id: item for item in view.find(Group)},
        accounts={item.id: item for item in view.find(Account)},
    )


def wished_fleet_of(view: View) -> Fleet:
    """The same, with what accounts have said of themselves since: what plans are made of, and checked by."""
    fleet = fleet_of(view)
    accounts = account_settings.overlaid(fleet.accounts, view.find(AccountSettings))
    return msgspec.structs.replace(fleet, accounts=accounts)


def sites_of(view: View) -> dict[SiteId, Site]:
    """Every site by id; there may be hundreds of thousands."""
    return {item.id: item for item in view.find(Site)}


def policy_of(view: View, digest: str) -> Policy:
    """The policy that a rollout is pinned to."""
    return policy_in(view.get(PolicyText, digest), digest)


def policy_in(text: PolicyText | None, digest: str) -> Policy:
    """The policy of a text; a rollout is never pinned to one that is not kept."""
    if text is None:
        raise UnknownError(
            f"policy {digest[:12]} is not in the store; apply it again: wavetrain policy apply FILE"
        )
    return text.policy


def ledger_of(view: View) -> Ledger:
    """The store's ledger, or the first one."""
    return view.get(Ledger, LEDGER) or Ledger()


def older(known: Iterable[Rollout], rollout: Rollout) -> tuple[Rollout, ...]:
    """Rollouts of the same component that were made before this one and are not over."""
    return tuple(other for other in known if _is_rival(other, rollout) and _age(other) < _age(rollout))


def newer(known: Iterable[Rollout], rollout: Rollout) -> tuple[Rollout, ...]:
    """Rollouts of the same component that were made after this one and are not over, or have reached some PoPs."""
    return tuple(
        other
        for other in known
        if _age(other) > _age(rollout)
        and (_is_rival(other, rollout) or (_is_kin(other, rollout) and _has_reached_some(other)))
    )


def _is_kin(other: Rollout, rollout: Rollout) -> bool:
    return other.lane == rollout.lane and other.component == rollout.component and other.id != rollout.id


def _is_rival(other: Rollout, rollout: Rollout) -> bool:
    return _is_kin(other, rollout) and other.status not in TERMINAL


def _has_reached_some(other: Rollout) -> bool:
    return other.hotfix.how is How.AFFECTED and other.status in (Status.COMPLETED, Status.RESIDUE)


def _age(rollout: Rollout) -> tuple[datetime, str]:
    return rollout.created_at, rollout.id


def _banned(image: Image, rollout: Rollout) -> Iterator[str]:
    """The versions that were withdrawn, and of the two that this rollout is about, those below the floor."""
    prefix = f"{rollout.component}@"
    yield from (item.number for item in image.all(Tombstone) if item.release.startswith(prefix))
    floor = image.get(Floor, rollout.component)
    if floor is not None:
        ours = (rollout.number, rollout.previous)
        yield from (number for number in ours if number and is_older(number, floor.number))


class Basis(msgspec.Struct, frozen=True):
    """What a decision stood on: the store as of one change, and what no store holds."""

    sequence: int
    now: datetime
    steady: float
    rollout: str
    sweep: bool
    evidence: RolloutEvidence | None
    placebo: RolloutEvidence | None
    pop_evidence: dict[str, str]
    pre_period_s: dict[PopId, float]
    unseen_s: list[float | None]
    """Of the nodes under way, in the order of their turns; None for one that is not asked for its metrics."""
    source_fault: str
    is_behind: bool
    shadow: str


def digest(facts: Facts) -> str:
    """SHA-256 over what a decision stood on, in a canonical form; the same on every machine.

    The number of a change stands for all that the store held after it; of what was measured, the nodes of the PoPs
    that are under way belong to it, and what the PoPs have said whose gates are asked.
    """
    under_way = [turn for turn in facts.to_settle() if turn.phase not in QUIET]
    unseen = facts.unseen_s.get
    basis = Basis(
        sequence=facts.sequence,
        now=facts.now,
        steady=facts.steady,
        rollout=facts.rollout.id,
        sweep=facts.sweep,
        evidence=facts.evidence,
        placebo=facts.placebo,
        pop_evidence={
            turn.pop: _seal(facts.pop_evidence[turn.pop])
            for turn in under_way
            if turn.phase is TurnPhase.BAKING and turn.pop in facts.pop_evidence
        },
        pre_period_s={
            turn.pop: facts.pre_period_s[turn.pop]
            for turn in facts.turns
            if turn.wave == 0 and turn.pop in facts.pre_period_s
        }
        if facts.pre_period_s
        else {},
        unseen_s=[unseen(NodeId(unit)) for turn in under_way for unit in turn.exposed],
        source_fault=facts.source_fault,
        shadow=facts.shadow,
        is_behind=facts.is_behind,
    )
    return hashlib.sha256(msgspec.json.encode(basis, order="deterministic")).hexdigest()


@lru_cache(maxsize=1024)
def _seal(kept: PopEvidence) -> str:
    """SHA-256 over what a PoP has said; worked out once for each state of it."""
    return hashlib.sha256(msgspec.json.encode(kept.changed(version=0))).hexdigest()
