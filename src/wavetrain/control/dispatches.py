"""Dispatches: which messages to customers go out now, and what came of those that went?

Each host has a lane of its own, so that one that is slow or away holds up no other. What goes out is written down
before it goes and again when it came to its end, many in one commit; who dies between has them sent again, each under
its own id: at least once.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

import msgspec

from wavetrain.control.ports import Store, Transaction, View
from wavetrain.decide import redelivery
from wavetrain.decide.redelivery import USUAL, Pauses
from wavetrain.errors import StaleError
from wavetrain.model.journal import Entry
from wavetrain.model.notice import Delivery, Outcome
from wavetrain.model.subscription import Dispatch, Subscription

WAITING_MAX = 10_000
"""Messages that may wait for one way; what comes on top is dead at once, where it can be seen and asked for."""
IN_HAND_MAX = 128
"""So many messages are in hand of one lane, whose host answers well and soon."""
STRANGE_MAX, SLOW_MAX = 4, 1
"""So many of a host that has not answered yet, and of one that was slow to answer or did not."""
SLOW_S = 2.0
SLOW_SHARE = 0.5
"""All slow lanes together have no more than this share of what is in hand, so that they never fill it."""
KEPT_FOR_S = 7 * 86_400.0
FORGET_MAX = 5_000
"""So much is let go of at once."""

Key = tuple[str, str, str]


class Lot(msgspec.Struct, frozen=True):
    """A message that goes out now, and by which way."""

    dispatch: Dispatch
    way: Subscription
    lane: str
    at: float
    """On the store's steady clock, in seconds."""


class Gone(msgspec.Struct, frozen=True):
    """What came of one, and how long that took."""

    lot: Lot
    outcome: Outcome
    took_s: float


class _Lane:
    """The messages to one host."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Key]] = []
        self.in_hand = 0
        self.most = STRANGE_MAX

    @property
    def is_slow(self) -> bool:
        return self.most == SLOW_MAX


class Dispatches:
    """The outbox to customers. Holds nothing that the store cannot make again. One thread uses it."""

    def __init__(
        self, store: Store, lane_of: Callable[[Subscription], str], pauses: Pauses = USUAL, in_all: int = 512
    ) -> None:
        self._store, self._lane_of, self._pauses, self._in_all = store, lane_of, pauses, in_all
        self._sequence = -1
        self._ways: dict[tuple[str, str], Subscription] = {}
        self._lanes: dict[str, _Lane] = {}
        self._due: dict[Key, float] = {}
        """What waits, and from when on it may go."""
        self._parked: dict[tuple[str, str], set[Key]] = {}
        """By way: what waits until it is used again, or is known at all."""
        self._count: dict[tuple[str, str], int] = {}
        self._full: list[Key] = []
        self._in_hand: set[Key] = set()

    def turn(self, gone: Iterable[Gone] = ()) -> list[Lot]:
        """Write down what came of some, and take what goes now: one commit. Raises what the store raises.

        What had gone, when the store fails, counts as not told: it goes again, under the same id.
        """
        gone = list(gone)
        for one in gone:
            self._let_go(one)
        with self._store.read() as view:
            self._follow(view)
            picked = self._picked(view.steady)
        if not gone and not picked and not self._full:
            return []
        try:
            with self._store.write() as transaction:
                for one in gone:
                    self._settle(transaction, one)
                self._refuse(transaction)
                lots = [lot for key in picked if (lot := self._claimed(transaction, key)) is not None]
        except Exception:
            self._sequence = -1  # what was taken up is not known to be so
            raise
        self._full = []
        for lot in lots:
            self._in_hand.add(lot.dispatch.key)  # type: ignore[arg-type]
            self._lanes[lot.lane].in_hand += 1
        return lots

    def due_s(self, steady: float) -> float | None:
        """Seconds until something may go; None while only a change can bring it."""
        first = min(
            (lane.waiting[0][0] for lane in self._lanes.values() if self._has_room(lane) and lane.waiting),
            default=None,
        )
        return None if first is None else max(0.0, first - steady)

    def forget(self) -> int:
        """Let go of old messages that were delivered or given up."""
        with self._store.write() as transaction:
            before = transaction.steady - KEPT_FOR_S
            old = [
                item
                for state in (Delivery.DELIVERED, Delivery.DEAD)
                for item in transaction.find(Dispatch, state=state.value)
                if item.settled_at < before
            ][:FORGET_MAX]
            for item in old:
                transaction.remove(item)
        return len(old)

    def _follow(self, view: View) -> None:
        if self._sequence >= 0:
            try:
                for change in view.changes(self._sequence):
                    if change.kind == "Dispatch":
                        record = change.record
                        self._know(change.key, record if isinstance(record, Dispatch) else None)  # type: ignore[arg-type]
                    elif change.kind == "Subscription":
                        way = change.record
                        self._use(change.key, way if isinstance(way, Subscription) else None)  # type: ignore[arg-type]
                self._sequence = view.sequence
                return
            except StaleError:
                pass
        self._due, self._parked, self._count = {}, {}, {}
        self._lanes = {name: _Lane() for name in self._lanes}
        self._ways = {(way.account, way.name): way for way in view.find(Subscription)}
        for key in self._in_hand:
            if (way := self._ways.get(key[1:])) is not None:
                self._lanes.setdefault(self._lane_of(way), _Lane()).in_hand += 1
        for item in view.find(Dispatch, state=Delivery.WAITING.value):
            self._know(item.key, item)  # type: ignore[arg-type]
        self._sequence = view.sequence

    def _know(self, key: Key, item: Dispatch | None) -> None:
        whose = key[1:]
        if item is None or item.state is not Delivery.WAITING:
            if self._due.pop(key, None) is not None:
                self._count[whose] -= 1
            self._parked.get(whose, set()).discard(key)
            return
        if key not in self._due:
            if self._count.get(whose, 0) >= WAITING_MAX:
                self._full.append(key)
                return
            self._count[whose] = self._count.get(whose, 0) + 1
        self._due[key] = item.due_at
        if key not in self._in_hand:
            self._queue(key)

    def _queue(self, key: Key) -> None:
        way = self._ways.get(key[1:])
        if way is None or way.paused:
            self._parked.setdefault(key[1:], set()).add(key)
            return
        lane = self._lanes.setdefault(self._lane_of(way), _Lane())
        heappush(lane.waiting, (self._due[key], key))

    def _use(self, whose: tuple[str, str], way: Subscription | None) -> None:
        """A way is new, other than before, paused, used again, or gone."""
        if way is None:
            self._ways.pop(whose, None)
        else:
            self._ways[whose] = way
        for key in self._parked.pop(whose, set()):
            self._queue(key)

    def _has_room(self, lane: _Lane) -> bool:
        return lane.in_hand < lane.most

    def _picked(self, steady: float) -> list[Key]:
        """Lane by lane in turn, what is due first; no lane gets more than it has room for."""
        slow = sum(lane.in_hand for lane in self._lanes.values() if lane.is_slow)
        room = self._in_all - len(self._in_hand)
        picked: list[Key] = []
        taken: dict[str, int] = {}
        open_lanes = [
            name for name, lane in self._lanes.items() if lane.waiting and lane.waiting[0][0] <= steady
        ]
        while room > len(picked) and open_lanes:
            left = []
            for name in open_lanes:
                lane = self._lanes[name]
                if room <= len(picked) or lane.in_hand + taken.get(name, 0) >= lane.most:
                    continue
                if lane.is_slow and slow >= self._in_all * SLOW_SHARE:
                    continue
                key = self._first(lane, steady)
                if key is None:
                    continue
                picked.append(key)
                taken[name] = taken.get(name, 0) + 1
                slow += lane.is_slow
                left.append(name)
            open_lanes = left
        return picked

    def _first(self, lane: _Lane, steady: float) -> Key | None:
        while lane.waiting and lane.waiting[0][0] <= steady:
            due, key = heappop(lane.waiting)
            if self._due.get(key) == due and key not in self._in_hand:
                return key
        return None

    def _claimed(self, transaction: Transaction, key: Key) -> Lot | None:
        item, way = transaction.get(Dispatch, *key), transaction.get(Subscription, *key[1:])
        if item is None or item.state is not Delivery.WAITING or item.due_at > transaction.steady:
            return None  # a person was quicker
        if way is None:
            transaction.put(redelivery.given_up(item, "its way was removed", transaction.steady))
            return None
        if way.paused:
            self._parked.setdefault(key[1:], set()).add(key)
            return None
        item = transaction.put(redelivery.claimed(item, transaction.steady, self._pauses))
        return Lot(item, way, self._lane_of(way), transaction.steady)

    def _let_go(self, gone: Gone) -> None:
        """The lane has room again, and more of it where the host answers soon."""
        key: Key = gone.lot.dispatch.key  # type: ignore[assignment]
        self._in_hand.discard(key)
        if key in self._due:
            self._queue(key)  # what changed of it meanwhile was only noted
        lane = self._lanes.setdefault(gone.lot.lane, _Lane())
        lane.in_hand = max(0, lane.in_hand - 1)
        if gone.took_s >= SLOW_S:
            lane.most = SLOW_MAX
        else:
            lane.most = min(IN_HAND_MAX, max(STRANGE_MAX, lane.most * 2))

    def _settle(self, transaction: Transaction, gone: Gone) -> None:
        tried = gone.lot.dispatch
        item = transaction.get(Dispatch, *tried.key)
        if item is None or item.state is not Delivery.WAITING or item.queued_at != tried.queued_at:
            return
        made = transaction.put(redelivery.after(item, gone.outcome, transaction.steady, self._pauses))
        if made.state is Delivery.DEAD:
            _tell_dead(transaction, made)
        if gone.outcome.gone:
            self._pause(transaction, made)

    def _pause(self, transaction: Transaction, item: Dispatch) -> None:
        """A receiver that says that it is gone for good gets nothing more, until somebody says otherwise."""
        way = transaction.get(Subscription, item.account, item.name)
        if way is not None and not way.paused:
            transaction.put(way.changed(paused=f"its receiver will take nothing more: {item.answer}"[:300]))

    def _refuse(self, transaction: Transaction) -> None:
        for key in self._full:
            item = transaction.get(Dispatch, *key)
            if item is not None and item.state is Delivery.WAITING:
                why = f"{WAITING_MAX} messages wait for {item.name} already"
                made = redelivery.given_up(item, why, transaction.steady)
                _tell_dead(transaction, transaction.put(made))


def _tell_dead(transaction: Transaction, item: Dispatch) -> None:
    whose = f" of account {item.account}" if item.account else ""
    way_out = "try again: wavetrain subscription retry"
    text = f"{item.id}: way {item.name}{whose} has not taken it ({item.answer}); {way_out}"
    entry = Entry(
        at=transaction.now, who="notices", kind="notice", subject=item.account or item.name, text=text
    )
    transaction.note([entry])
