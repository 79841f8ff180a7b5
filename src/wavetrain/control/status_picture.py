"""Status picture: what may anybody know of every PoP and lane now, answered from memory?

One thread follows the store; readers take the picture that stands, which is never changed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock

import msgspec

from wavetrain.control.ports import Change, Store, View
from wavetrain.decide.incidents import RESOLVED
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import StaleError
from wavetrain.model.fleet import Pop, PopId, Region, RegionId, Serves
from wavetrain.model.lane import LANES
from wavetrain.model.maintenance import OPEN, Incident, Maintenance, MaintenanceState
from wavetrain.model.rollout import Rollout

RECENT_MAX = 10
"""So many stretches of work that are over are shown of a PoP."""
INCIDENTS_MAX = 50
"""So many incidents are shown, the latest."""
_KINDS = frozenset({"Maintenance", "Incident", "Rollout", "Pop", "Region"})


class PlaceSeen(msgspec.Struct, frozen=True):
    """A PoP, or a place of the management application, as anybody may see it."""

    pop: PopId
    name: str
    region: RegionId
    zone: str
    serves: Serves
    works: tuple[Maintenance, ...] = ()
    """What is not over, the next first."""
    past: tuple[Maintenance, ...] = ()
    """What is over, the latest first."""
    nodes: int = 0
    latitude: float | None = None
    longitude: float | None = None

    @property
    def under_way(self) -> Maintenance | None:
        """The work that disturbs it now."""
        return next((one for one in self.works if one.state is MaintenanceState.IN_PROGRESS), None)


class LaneSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How far a lane's train is."""

    lane: str
    release: str = ""
    """The one that is under way, or else the last that went out."""
    component: str = ""
    status: str = ""
    is_under_way: bool = False
    departs: datetime | None = None
    over_at: datetime | None = None


class StatusPicture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one instant. `now` is train time, `sequence` the change that it shows."""

    now: datetime
    sequence: int
    regions: Mapping[RegionId, str]
    places: Mapping[PopId, PlaceSeen]
    incidents: tuple[Incident, ...]
    """Those that are open first, then the latest."""
    lanes: tuple[LaneSeen, ...]
    consoles: tuple[PopId, ...] = ()
    """The places of the management application, which everybody uses."""

    @property
    def works(self) -> list[Maintenance]:
        """All that is not over, the next first."""
        return sorted((one for place in self.places.values() for one in place.works), key=_start)

    @property
    def past(self) -> list[Maintenance]:
        """All that is over, the latest first."""
        return sorted((one for place in self.places.values() for one in place.past), key=_end, reverse=True)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Those that are not resolved."""
        return tuple(one for one in self.incidents if one.state != RESOLVED)

    def of_pops(self, pops: Iterable[PopId]) -> list[Maintenance]:
        """What is not over at some PoPs, the next first."""
        return sorted(
            (one for pop in pops if pop in self.places for one in self.places[pop].works), key=_start
        )


class StatusBoard:
    """Keeps the picture. Reading takes no lock and asks no store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = Lock()
        self._listeners: list[Callable[[StatusPicture], None]] = []
        self.picture = self._loaded()

    def follow(self) -> bool:
        """Another picture, where the store has one; whether it has."""
        with self._turn:
            with self._store.read() as view:
                if view.sequence == self.picture.sequence:
                    return False
                try:
                    changes = [one for one in view.changes(self.picture.sequence) if one.kind in _KINDS]
                except StaleError:
                    changes = None
                if changes is not None and not changes:
                    self.picture = msgspec.structs.replace(self.picture, sequence=view.sequence)
                    return False
                is_known = changes is not None and not any(one.kind in ("Pop", "Region") for one in changes)
                made = self._taken(view, changes or ()) if is_known else _all(view)
            self.picture = made
        for listener in self._listeners:
            listener(made)
        return True

    def on_change(self, listener: Callable[[StatusPicture], None]) -> None:
        """Call it with each new picture, in the following thread; it must not fail."""
        self._listeners = [*self._listeners, listener]

    def _loaded(self) -> StatusPicture:
        with self._store.read() as view:
            return _all(view)

    def _taken(self, view: View, changes: Sequence[Change]) -> StatusPicture:
        before, places = self.picture, dict(self.picture.places)
        touched = {change.record.pop for change in changes if isinstance(change.record, Maintenance)}
        if any(change.kind == "Maintenance" and change.record is None for change in changes):
            touched |= places.keys()
        for pop in touched:
            place = places.get(pop)
            if place is not None:
                places[pop] = _with(place, view.find(Maintenance, pop=pop))
        kinds = {change.kind for change in changes}
        return StatusPicture(
            now=view.now,
            sequence=view.sequence,
            regions=before.regions,
            places=places,
            incidents=_incidents(view) if "Incident" in kinds else before.incidents,
            lanes=_lanes(view) if "Rollout" in kinds else before.lanes,
            consoles=before.consoles,
        )


def _all(view: View) -> StatusPicture:
    works: dict[PopId, list[Maintenance]] = {}
    for record in view.find(Maintenance):
        works.setdefault(record.pop, []).append(record)
    places = {
        pop.id: _with(
            PlaceSeen(
                pop=pop.id,
                name=pop.place or str(pop.id),
                region=pop.region,
                zone=pop.zone,
                serves=pop.serves,
                nodes=len(pop.nodes),
                latitude=pop.latitude,
                longitude=pop.longitude,
            ),
            works.get(pop.id, ()),
        )
        for pop in view.find(Pop)
    }
    return StatusPicture(
        now=view.now,
        sequence=view.sequence,
        regions={region.id: region.name for region in view.find(Region)},
        places=places,
        incidents=_incidents(view),
        lanes=_lanes(view),
        consoles=tuple(sorted(place.pop for place in places.values() if place.serves is Serves.CONSOLE)),
    )


def _with(place: PlaceSeen, records: Sequence[Maintenance]) -> PlaceSeen:
    works = sorted((one for one in records if one.state in OPEN), key=_start)
    past = sorted((one for one in records if one.state not in OPEN), key=_end, reverse=True)
    return msgspec.structs.replace(place, works=tuple(works), past=tuple(past[:RECENT_MAX]))


def _incidents(view: View) -> tuple[Incident, ...]:
    every = sorted(view.find(Incident), key=lambda one: (one.since, one.id), reverse=True)
    opened = [one for one in every if one.state != RESOLVED]
    return tuple((opened + [one for one in every if one.state == RESOLVED])[:INCIDENTS_MAX])


def _lanes(view: View) -> tuple[LaneSeen, ...]:
    every = view.find(Rollout)
    return tuple(
        _lane(name, [one for one in every if one.lane == name]) for name in LANES if name != "feature"
    )


def _lane(name: str, rollouts: Sequence[Rollout]) -> LaneSeen:
    going = [one for one in rollouts if one.status not in TERMINAL]
    newest = max(going or rollouts, key=lambda one: (one.created_at, one.id), default=None)
    if newest is None:
        return LaneSeen(lane=name)
    return LaneSeen(
        lane=name,
        release=newest.number,
        component=newest.component,
        status=newest.status.value,
        is_under_way=bool(going),
        departs=newest.departs,
        over_at=newest.over_at,
    )


def _start(record: Maintenance) -> tuple[datetime, str]:
    return record.starts, record.id


def _end(record: Maintenance) -> tuple[datetime, str]:
    return record.over_at or record.changed_at, record.id


def seen(store: Store, caller: Caller) -> StatusPicture:
    """The picture of this moment, for programs that write it elsewhere."""
    require(caller, Act.READ)
    with store.read() as view:
        return _all(view)
