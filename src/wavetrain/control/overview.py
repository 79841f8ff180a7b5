"""Overview: what moves, what waits and why, over all rollouts and all PoPs, at one glance?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from wavetrain.control import train_now
from wavetrain.control.features import FeatureSeen, listed
from wavetrain.control.ports import Store, View
from wavetrain.control.progress import HoldSeen, hold_seen, inherited
from wavetrain.control.rollouts import active
from wavetrain.control.status_picture import PlaceSeen, StatusPicture
from wavetrain.decide import stillness
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.model.fleet import Cordon, PopId, Serves
from wavetrain.model.maintenance import Incident
from wavetrain.model.plan import Hold
from wavetrain.model.rollout import Rollout, RolloutId, Turn, TurnPhase, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

OVER_SHOWN = 5
"""So many rollouts that are over are shown, the latest."""
POPS_OF_MAX = 20
"""So many PoPs of one hold are named."""
MOVING = frozenset({TurnPhase.PLACEBO, TurnPhase.CANARY, TurnPhase.REST, TurnPhase.BACK})
STATES = ("quiet", "waits", "held", "moves", "bakes", "done", "goes back", "went back", "cordoned")
"""What a PoP may be, as pictures colour it."""
_STATE_OF = {
    TurnPhase.WAITING: "waits",
    TurnPhase.PLACEBO: "moves",
    TurnPhase.CANARY: "moves",
    TurnPhase.REST: "moves",
    TurnPhase.BAKING: "bakes",
    TurnPhase.DONE: "done",
    TurnPhase.BACK: "goes back",
    TurnPhase.REVERTED: "went back",
    TurnPhase.HANDED: "done",
}


class PopNow(msgspec.Struct, frozen=True, kw_only=True):
    """A PoP now. `release` is what its turns have brought, or what it had before; empty where no rollout came."""

    pop: PopId
    name: str
    region: str
    latitude: float | None
    longitude: float | None
    nodes: int
    state: str = "quiet"
    release: str = ""
    rollout: str = ""
    exposed: int = 0
    """Nodes that were told to run the rollout's release."""
    opens: datetime | None = None
    hold: HoldSeen | None = None


class HeldFor(msgspec.Struct, frozen=True, kw_only=True):
    """One reason to wait, and who does."""

    hold: HoldSeen
    count: int
    pops: tuple[PopId, ...]
    """The first of them."""


class RolloutNow(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout in counts."""

    id: str
    component: str
    number: str
    previous: str
    lane: str
    status: str
    is_over: bool
    cause: str
    departs: datetime
    created_by: str
    over_at: datetime | None
    wave: int
    waves: int
    ring: str
    """Of the wave under way."""
    wave_status: str
    hold: HoldSeen | None
    """Its own, or that of the wave under way."""
    holds: tuple[HeldFor, ...]
    """What its PoPs wait for, the most first."""
    pops: int
    states: dict[str, int]
    """PoPs by what they are."""
    units: int
    exposed: int
    settled: int
    moving: int
    quarantined: int
    train: str
    """The mark of its train as it is."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, as of one commit."""

    now: datetime
    sequence: int
    rollouts: tuple[RolloutNow, ...]
    pops: tuple[PopNow, ...]
    standstills: tuple[tuple[str, HoldSeen], ...]
    freezes: tuple[Freeze, ...]
    """In force or to come, the next first."""
    cordons: tuple[Cordon, ...]
    incidents: tuple[Incident, ...]
    features: tuple[FeatureSeen, ...]

    @property
    def asks(self) -> list[RolloutNow]:
        """Rollouts that wait for a person."""
        return [
            one
            for one in self.rollouts
            if (one.hold is not None and one.hold.asks) or any(held.hold.asks for held in one.holds)
        ]


def seen(store: Store, caller: Caller, picture: StatusPicture) -> Overview:
    """The overview; `picture` has the places."""
    require(caller, Act.READ)
    features = tuple(listed(store, caller))
    with store.read() as view:
        under_way = active(view)
        over = sorted(
            (one for one in view.find(Rollout) if one.status in TERMINAL),
            key=lambda one: (one.over_at or one.created_at, one.id),
        )[-OVER_SHOWN:]
        shown = [*over, *under_way]
        turns = {one.id: view.find(Turn, rollout=one.id) for one in shown}
        waves = {one.id: view.find(Wave, rollout=one.id) for one in shown}
        cordons = tuple(view.find(Cordon))
        pops = _pops(shown, turns, waves, picture, {one.subject for one in cordons}, view.now)
        return Overview(
            now=view.now,
            sequence=view.sequence,
            rollouts=tuple(
                rollout_now(one, turns[one.id], waves[one.id], view.now) for one in reversed(shown)
            ),
            pops=tuple(pops),
            standstills=_standstills(view),
            freezes=tuple(
                sorted(
                    (one for one in view.find(Freeze) if one.ends > view.now),
                    key=lambda one: (one.starts, one.id),
                )
            ),
            cordons=cordons,
            incidents=picture.open_incidents,
            features=features,
        )


def rollout_now(item: Rollout, turns: Iterable[Turn], waves: Iterable[Wave], now: datetime) -> RolloutNow:
    """One rollout in counts."""
    ordered = sorted(waves, key=lambda wave: wave.ordinal)
    above = {wave.ordinal: wave.hold for wave in ordered if wave.ordinal > item.wave}
    current = next((wave for wave in ordered if wave.ordinal == item.wave), None)
    turns, states = list(turns), Counter[str]()
    held: dict[HoldSeen, list[PopId]] = {}
    units = exposed = settled = moving = quarantined = pops = 0
    for turn in turns:
        hold = hold_seen(inherited(turn, above.get(turn.wave), now))
        states[state_of(turn, hold)] += 1
        pops += 1
        units += len(turn.order)
        exposed += len(turn.exposed)
        settled += len(turn.settled)
        moving += len(turn.progress)
        quarantined += len(turn.quarantined)
        if hold is not None:
            held.setdefault(msgspec.structs.replace(hold, until=None), []).append(turn.pop)
    own = hold_seen(item.hold) or (hold_seen(current.hold) if current is not None else None)
    return RolloutNow(
        id=item.id,
        component=item.component,
        number=item.number,
        previous=item.previous,
        lane=item.lane,
        status=item.status.value,
        is_over=item.status in TERMINAL,
        cause=item.cause,
        departs=item.departs,
        created_by=item.created_by,
        over_at=item.over_at,
        wave=item.wave,
        waves=len(ordered),
        ring=current.ring if current is not None else "",
        wave_status=current.status.value if current is not None else "",
        hold=own,
        holds=tuple(held_for(held)),
        pops=pops,
        states=dict(states),
        units=units,
        exposed=exposed,
        settled=settled,
        moving=moving,
        quarantined=quarantined,
        train=train_now.mark(
            item.status.value, [(turn.pop, turn.phase.value, turn.opens) for turn in turns], now
        ),
    )


def held_for(held: Mapping[HoldSeen, list[PopId]]) -> list[HeldFor]:
    """Reasons to wait: those that ask a person first, then those that hold the most PoPs."""
    return [
        HeldFor(hold=hold, count=len(names), pops=tuple(sorted(names)[:POPS_OF_MAX]))
        for hold, names in sorted(held.items(), key=lambda pair: (-pair[0].asks, -len(pair[1])))
    ]


def state_of(turn: Turn, hold: HoldSeen | None) -> str:
    """One of `STATES`; a PoP that waits for a person, or whose turn stands still with no node on its way, is held."""
    if hold is not None and (hold.asks or (turn.phase in MOVING and not turn.progress)):
        return "held"
    return _STATE_OF[turn.phase]


def release_of(turn: Turn, rollout: Rollout) -> str:
    """What most of the PoP runs by this turn."""
    is_most = turn.phase is TurnPhase.REST and 2 * len(turn.exposed) > len(turn.order)
    if is_most or turn.phase in (TurnPhase.DONE, TurnPhase.HANDED):
        return rollout.number
    return turn.previous or rollout.previous


def _pops(
    rollouts: Iterable[Rollout],
    turns: Mapping[RolloutId, list[Turn]],
    waves: Mapping[RolloutId, list[Wave]],
    picture: StatusPicture,
    cordoned: set[str],
    now: datetime,
) -> list[PopNow]:
    """Each PoP of the edge, as the last rollout that came to it says."""
    made = {
        place.pop: _place(place, place.pop in cordoned)
        for place in picture.places.values()
        if place.serves is Serves.EDGE
    }
    for rollout in rollouts:
        above: dict[int, Hold | None] = {
            wave.ordinal: wave.hold for wave in waves[rollout.id] if wave.ordinal > rollout.wave
        }
        for turn in turns[rollout.id]:
            known = made.get(turn.pop)
            if known is None:
                continue
            if rollout.status in TERMINAL and turn.phase in (TurnPhase.WAITING, TurnPhase.HANDED):
                continue
            is_over = rollout.status in TERMINAL
            hold = None if is_over else hold_seen(inherited(turn, above.get(turn.wave), now))
            state = known.state if known.state == "cordoned" else "quiet" if is_over else state_of(turn, hold)
            made[turn.pop] = msgspec.structs.replace(
                known,
                state="went back" if is_over and turn.phase is TurnPhase.REVERTED else state,
                release=release_of(turn, rollout),
                rollout=rollout.id,
                exposed=len(turn.exposed),
                opens=turn.opens,
                hold=hold,
            )
    return sorted(made.values(), key=lambda one: (one.region, one.name, one.pop))


def _place(place: PlaceSeen, is_cordoned: bool) -> PopNow:
    return PopNow(
        pop=place.pop,
        name=place.name,
        region=place.region,
        latitude=place.latitude,
        longitude=place.longitude,
        nodes=place.nodes,
        state="cordoned" if is_cordoned else "quiet",
    )


def _standstills(view: View) -> tuple[tuple[str, HoldSeen], ...]:
    found = []
    for item in view.find(Standstill):
        hold = hold_seen(stillness.hold_of(item))
        if hold is not None:
            found.append((item.cause.value, hold))
    return tuple(found)
