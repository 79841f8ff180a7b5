"""Overlook: what do the console's pages read, worked out once for all who look?"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

import msgspec

from wavetrain.control import overview, reach, train_now
from wavetrain.control.overview import Overview
from wavetrain.control.pop_uses import PopUses
from wavetrain.control.ports import Store
from wavetrain.control.reach import Reach
from wavetrain.control.status_picture import PlaceSeen, StatusBoard
from wavetrain.control.train_now import TrainNow
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.doors.one_by_one import OneByOne
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import PopId

T = TypeVar("T")

KEPT_MAX: Final = 40
"""A picture of a great train has half a megabyte."""
LIVE_S: Final = 2.0
"""What a page that follows by itself is shown may be so old; it looks once more after that (`live.js`). Who opens a
page sees the last commit."""
MARK_CHARACTERS: Final = 12


def mark_of(body: bytes) -> str:
    """A short name for what has this body, and nothing else has."""
    return hashlib.sha256(body).hexdigest()[:MARK_CHARACTERS]


class _Kept(msgspec.Struct, frozen=True):
    sequences: tuple[int, int]
    at: float
    value: Any


class Overlook:
    """Safe under threads. `clock`: seconds, never set."""

    def __init__(
        self, store: Store, board: StatusBoard | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._board, self._clock = store, board, clock
        self._uses = PopUses(store)
        self._own = Lock()
        self._makers = OneByOne()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def __len__(self) -> int:
        with self._own:
            return len(self._kept) + len(self._makers)

    @property
    def board(self) -> StatusBoard:
        """The picture of all places."""
        if self._board is None:
            raise UnreachableError("this process keeps no picture of the fleet; ask the control plane itself")
        return self._board

    def overview(self, caller: Caller, *, live: bool = False) -> Overview:
        """Everything at a glance."""
        board = self.board
        return self._known(
            caller, ("overview", ""), lambda: overview.seen(self._store, caller, board.picture), live
        )

    def reach(self, caller: Caller, rollout: str, *, live: bool = False) -> Reach:
        """Whom a rollout touches."""
        return self._known(
            caller, ("reach", rollout), lambda: reach.seen(self._store, caller, rollout, self._uses), live
        )

    def train(self, caller: Caller, rollout: str, *, live: bool = False) -> TrainNow:
        """A rollout's train."""
        return self._known(
            caller, ("train", rollout), lambda: train_now.seen(self._store, caller, rollout), live
        )

    def place(self, caller: Caller, pop: PopId) -> PlaceSeen | None:
        """What is planned at a PoP, and what was done there."""
        require(caller, Act.READ)
        return self.board.picture.places.get(pop)

    def drawn(self, caller: Caller, name: str, draw: Callable[[], str], *, live: bool = False) -> str:
        """A picture of what was read here, drawn once for all who look; `name` is of this picture alone."""
        return self._known(caller, ("drawn", name), draw, live)

    def mark(self, caller: Caller, name: str, shown: Callable[[], object], *, live: bool = False) -> str:
        """Another one for each other thing that the picture of this name shows; quicker than to draw it."""
        return self._known(caller, ("mark", name), lambda: mark_of(msgspec.json.encode(shown())), live)

    def _known(self, caller: Caller, key: tuple[str, str], make: Callable[[], T], live: bool) -> T:
        """What was made of the last commit, by whoever asked first; others wait for it instead of making it too."""
        require(caller, Act.READ)
        with self._makers.alone(key):
            sequences = self._sequences()
            with self._own:
                found = self._kept.get(key)
            now = self._clock()
            if found is not None and (found.sequences == sequences or (live and now - found.at < LIVE_S)):
                value: T = found.value
                return value
            made = make()
            with self._own:
                self._kept.pop(key, None)
                self._kept[key] = _Kept(sequences, now, made)
                if len(self._kept) > KEPT_MAX:
                    self._kept.popitem(last=False)
            return made

    def _sequences(self) -> tuple[int, int]:
        """Of the last commit, and of the picture of places, which follows it."""
        with self._store.read() as view:
            sequence = view.sequence
        return sequence, self._board.picture.sequence if self._board is not None else 0
