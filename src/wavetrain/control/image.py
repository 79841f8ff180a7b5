"""Image: the records that decisions look at, kept in memory by the store's changes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar, cast

from wavetrain.control.ports import View
from wavetrain.control.turn_image import PARTS, TurnImage
from wavetrain.decide.account_settings import overlaid
from wavetrain.decide.almanac import Almanac, epoch_of
from wavetrain.decide.desired import is_joining
from wavetrain.decide.placebo_proof import PlaceboProof
from wavetrain.decide.slots import Slots
from wavetrain.decide.waves import is_disturbed
from wavetrain.errors import StaleError
from wavetrain.model.account_settings import AccountSettings
from wavetrain.model.demand import Demand
from wavetrain.model.feature import Feature
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
)
from wavetrain.model.policy import CurrentPolicy, PolicyText
from wavetrain.model.record import Record
from wavetrain.model.release import Floor, Release, Tombstone
from wavetrain.model.rollout import Fairness, Rollout, Slot, Timetable, Turn, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

R = TypeVar("R", bound=Record)

READDRESSED_MAX = 10_000
ALMANACS_MAX = 8
ORDERS_MAX = 100_000
"""So many orders are remembered; then they are read anew."""

_WHOLE: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        Region,
        Pop,
        Group,
        Account,
        AccountSettings,
        Reported,
        Cordon,
        Retired,
        Quarantine,
        Freeze,
        Standstill,
        Release,
        Tombstone,
        Floor,
        CurrentPolicy,
        PolicyText,
        Rollout,
        Fairness,
        PlaceboProof,
        Feature,
    )
}
"""Kinds that are kept whole; each has a single key. Turns and waves have an image of their own."""
_FLEET = frozenset(kind.__name__ for kind in (Region, Pop, Group, Account, AccountSettings))
_SWEEPING = frozenset(kind.__name__ for kind in (Region, Pop, Group, Retired))
"""After a change of these every PoP of a rollout is looked at once."""
_PLANNED_ON = frozenset((*_FLEET, Site.__name__, Freeze.__name__, Fairness.__name__))
"""What the plan of a train stands on, beside its rollout and policy."""
_ASKING = frozenset((Pop.__name__, Account.__name__, AccountSettings.__name__, Site.__name__))
"""What the wishes of a train are summed up from."""
_UNSTEADY = frozenset(kind.__name__ for kind in (Reported, Quarantine))
_HELD = frozenset((*_WHOLE, *PARTS, Slot.__name__, Desired.__name__))
"""Changes of other kinds are not looked at."""


class Orders(Mapping[NodeId, Desired]):
    """What nodes were told, read when it is asked for."""

    def __init__(self) -> None:
        self.view: View | None = None
        self._known: dict[str, Desired | None] = {}

    def take(self, node: str, order: Desired | None) -> None:
        """An order has changed."""
        if len(self._known) >= ORDERS_MAX:
            self._known.clear()
        self._known[node] = order

    def get(self, node: NodeId, default: Any = None) -> Any:
        """The order of a node, or `default`."""
        found = self._known.get(node)
        if found is None and node not in self._known:
            assert self.view is not None, "follow a view first"
            found = self.view.get(Desired, node)
            self.take(node, found)
        return default if found is None else found

    def __getitem__(self, node: NodeId) -> Desired:
        found: Desired | None = self.get(node)
        if found is None:
            raise KeyError(node)
        return found

    def __contains__(self, node: object) -> bool:
        return self.get(cast("NodeId", node)) is not None

    def __iter__(self) -> Iterator[NodeId]:
        assert self.view is not None, "follow a view first"
        return iter([order.node for order in self.view.find(Desired)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Image:
    """One picture of the store: that of the view that it last followed. What it hands out is read, never changed.

    Following a view costs what has changed, not what there is: where three nodes of a large fleet have reported, three
    records are read. Where the store no longer has the changes in between, the image is made anew.
    """

    def __init__(self, readdressed_max: int = READDRESSED_MAX) -> None:
        """It remembers so many nodes that are to be measured anew, the youngest."""
        self._readdressed_max = readdressed_max
        self.sequence = -1
        """The number of the last change that it contains; -1 before the first view."""
        self.swept = 0
        """The number of the last change after which everything is to be looked at once."""
        self._readdressed: list[tuple[int, NodeId]] = []
        """The nodes to be measured anew or no more, each with the number of the change that says so."""
        self._known_from = 0
        """What was before this change is not in that list."""
        self.planned_on = 0
        """The number of the last change after which a train may be planned in another way."""
        self._start()

    def _start(self) -> None:
        self._held: dict[str, dict[str, Record]] = {name: {} for name in _WHOLE}
        self._turned = TurnImage()
        self._timetables: dict[str, Timetable] = {}
        self._listed: dict[object, Any] = {}
        self.demands: dict[object, Demand | None] = {}
        """By span: what sites ask of a train, summed up once for as long as none of them changes."""
        self._almanacs: dict[datetime, Almanac] = {}
        self.slots = Slots()
        self.orders = Orders()
        self.unsteady: dict[PopId, set[NodeId]] = {}
        """By PoP: the nodes that are quarantined, join, or are not in service by their own reports."""
        self._joining: dict[str, Desired] = {}
        """What nodes were told that joined a running fleet."""

    @property
    def has_joiners(self) -> bool:
        """Whether any node was told the release of its PoP because it joined, and nothing since."""
        return bool(self._joining)

    def follow(self, view: View) -> "Image":
        """Become what this view shows."""
        self.orders.view = view
        if self.sequence == view.sequence:
            return self
        try:
            changes = view.changes(self.sequence) if self.sequence >= 0 else None
        except StaleError:
            changes = None
        if changes is None:
            self._load(view)
            return self
        for change in changes:
            if change.kind in _PLANNED_ON:
                self.planned_on = change.sequence
                if change.kind in _ASKING:
                    self.demands.clear()
            if change.kind not in _HELD:
                continue
            record = change.record  # a store may have to decode it: once
            if change.kind == Retired.__name__ or self._is_readdressed(change.kind, change.key, record):
                self._readdressed.append((change.sequence, NodeId(change.key[0])))
            if change.kind in _SWEEPING:
                self.swept = change.sequence
            self._take(change.kind, change.key, record)
        self.sequence = view.sequence
        if len(self._readdressed) > self._readdressed_max:
            self._known_from, _ = self._readdressed[-1]
            self._readdressed.clear()
        return self

    def readdressed(self, since: int) -> set[NodeId] | None:
        """The nodes that came, left, or are measured elsewhere since this change; None where it may be any."""
        if since < self._known_from:
            return None
        return {node for sequence, node in self._readdressed if sequence > since}

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind that is kept whole, in key order."""
        found: list[R] | None = self._listed.get(kind)
        if found is None:
            found = self._listed[kind] = cast("list[R]", _in_order(self._held[kind.__name__]))
        return found

    def get(self, kind: type[R], key: str) -> R | None:
        """One record of a kind that is kept whole, or None."""
        return cast("R | None", self._held[kind.__name__].get(key))

    def by_name(self, kind: type[R]) -> Mapping[str, R]:
        """The records of a kind that is kept whole, by key, in no order."""
        return cast("Mapping[str, R]", self._held[kind.__name__])

    def names(self, kind: type[Record]) -> frozenset[str]:
        """The keys of a kind that is kept whole."""
        return cast(
            "frozenset[str]", self._listing((kind, "names"), lambda: frozenset(self._held[kind.__name__]))
        )

    def turns(self, rollout: str) -> tuple[Turn, ...]:
        """The turns of a rollout, in the order of their PoPs."""
        return self._turned.turns(self._view, rollout)

    def by_pop(self, rollout: str) -> Mapping[PopId, Turn]:
        """The same turns in the same order, by PoP, until another view is followed."""
        return self._turned.by_pop(self._view, rollout)

    def afoot(self, rollout: str) -> tuple[Turn, ...]:
        """Those of them that have anything to settle, in the same order; found without a look at the others."""
        return self._turned.afoot(self._view, rollout)

    def timetable(self, rollout: Rollout) -> Timetable | None:
        """The rollout's timetable; the same number is always the same plan."""
        view = self.orders.view
        if not rollout.timetable or view is None:
            return None
        known = self._timetables.get(rollout.id)
        if known is None or known.number != rollout.timetable:
            known = view.get(Timetable, rollout.id, str(rollout.timetable))
            if known is not None:
                self._timetables[rollout.id] = known
        return known

    def almanac(self, departs: datetime) -> Almanac:
        """What was asked of the calendar for the trains of a departure; the same one for all of them."""
        epoch = epoch_of(departs)
        if epoch not in self._almanacs:
            if len(self._almanacs) >= ALMANACS_MAX:
                self._almanacs.clear()
            self._almanacs[epoch] = Almanac(epoch)
        return self._almanacs[epoch]

    def waves(self, rollout: str) -> tuple[Wave, ...]:
        """The waves of a rollout, in order."""
        return self._turned.waves(self._view, rollout)

    @property
    def fleet(self) -> Fleet:
        """The whole fleet, without its sites; of accounts what they wish now."""
        return cast("Fleet", self._listing(Fleet, self._fleet))

    def keep_only(self, rollouts: frozenset[str]) -> None:
        """Forget the turns and waves of other rollouts."""
        self._turned.keep_only(rollouts)
        self._timetables = {name: known for name, known in self._timetables.items() if name in rollouts}

    def _fleet(self) -> Fleet:
        return Fleet(
            regions={item.id: item for item in self.all(Region)},
            pops={item.id: item for item in self.all(Pop)},
            groups={item.id: item for item in self.all(Group)},
            accounts=overlaid({item.id: item for item in self.all(Account)}, self.all(AccountSettings)),
        )

    def _listing(self, name: object, make: Any) -> Any:
        if name not in self._listed:
            self._listed[name] = make()
        return self._listed[name]

    @property
    def _view(self) -> View:
        assert self.orders.view is not None, "follow a view first"
        return self.orders.view

    def _load(self, view: View) -> None:
        self._start()
        self.orders.view = view
        for name, kind in _WHOLE.items():
            found = view.find(kind)
            self._held[name] = dict(zip(map(attrgetter(kind.KEY[0]), found), found, strict=True))
            self._listed[kind] = found  # in key order already
        for slot in view.find(Slot):
            self.slots.take(slot)
        for said in self.by_name(Reported).values():
            if is_disturbed(said):
                self.unsteady.setdefault(said.pop, set()).add(said.node)
        for lost in self.by_name(Quarantine).values():
            self.unsteady.setdefault(lost.pop, set()).add(lost.node)
        for order in view.find(Desired, rollout=""):
            self._take_order(order.node, order)
        self.sequence = self.swept = self.planned_on = self._known_from = view.sequence
        self._readdressed.clear()

    def _take_slot(self, key: tuple[str, ...], slot: Slot | None) -> None:
        before = self.slots.get(key)
        if slot is not None:
            self.slots.take(slot)
        elif before is not None:
            self.slots.free(before)

    def _take_order(self, node: str, order: Desired | None) -> None:
        before = self._joining.pop(node, None)
        if order is not None and order.joins:
            self._joining[node] = order
        for one in (before, self._joining.get(node)):
            if one is not None:
                self._weigh(one.node, one.pop)

    def _weigh(self, node: NodeId, pop: PopId) -> None:
        """Whether a node of a PoP is unsteady now."""
        lost, said = self.get(Quarantine, node), self.get(Reported, node)
        order = self._joining.get(node)
        is_away = lost is not None and lost.pop == pop
        is_away |= order is not None and order.pop == pop and is_joining(order, said)
        if is_away or (said is not None and said.pop == pop and is_disturbed(said)):
            self.unsteady.setdefault(pop, set()).add(node)
        elif pop in self.unsteady:
            self.unsteady[pop].discard(node)

    def _weigh_again(self, before: Record | None, after: Record | None) -> None:
        """What was said of a node is said otherwise: where it is now, and where it was."""
        if isinstance(after, Reported | Quarantine):
            self._weigh(after.node, after.pop)
        if isinstance(before, Reported | Quarantine):
            is_same = isinstance(after, Reported | Quarantine) and after.pop == before.pop
            if not is_same:
                self._weigh(before.node, before.pop)

    def _is_readdressed(self, kind: str, key: tuple[str, ...], record: Record | None) -> bool:
        if kind != Reported.__name__:
            return False
        before, after = self.get(Reported, key[0]), cast("Reported | None", record)
        if before is None or after is None:
            return True
        return (before.metrics, before.pop) != (after.metrics, after.pop)

    def _take(self, kind: str, key: tuple[str, ...], record: Record | None) -> None:
        if kind in _WHOLE:
            before = self._held[kind].get(key[0])
            _set(self._held[kind], key[0], record)
            if kind in _UNSTEADY:
                self._weigh_again(before, record)
            self._listed.pop(_WHOLE[kind], None)
            self._listed.pop((_WHOLE[kind], "names"), None)
            if kind in _FLEET:
                self._listed.pop(Fleet, None)
        elif kind in PARTS:
            self._turned.take(kind, key, record)
        elif kind == Slot.__name__:
            self._take_slot(key, cast("Slot | None", record))
        elif kind == Desired.__name__:
            self.orders.take(key[0], cast("Desired | None", record))
            self._take_order(key[0], cast("Desired | None", record))


def _set(held: dict[str, Record], key: str, record: Record | None) -> None:
    if record is None:
        held.pop(key, None)
    else:
        held[key] = record


def _in_order(held: Mapping[str, Record]) -> list[Record]:
    return [held[key] for key in sorted(held)]
