"""Overlook: what do the console's pages read, worked out once for all who look?"""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

from wavetrain.control import overview, reach, train_now
from wavetrain.control.overview import Overview
from wavetrain.control.pop_uses import PopUses
from wavetrain.control.ports import Store
from wavetrain.control.reach import Reach
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.train_now import TrainNow
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnreachableError

T = TypeVar("T")

KEPT_MAX: Final = 200
LIVE_S: Final = 2.0
"""What a page that follows by itself is shown may be so old; who opens a page sees the last commit."""


class Overlook:
    """Safe under threads. `clock`: seconds, never set."""

    def __init__(
        self, store: Store, board: StatusBoard | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._board, self._clock = store, board, clock
        self._uses = PopUses(store)
        self._turn = Lock()
        self._turns: dict[tuple[str, str], Lock] = {}
        self._kept: OrderedDict[tuple[str, str], tuple[int, float, Any]] = OrderedDict()

    def overview(self, caller: Caller, *, live: bool = False) -> Overview:
        """Everything at a glance."""
        board = self._board
        if board is None:
            raise UnreachableError("this process keeps no picture of the fleet; ask the control plane itself")
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

    def _known(self, caller: Caller, key: tuple[str, str], make: Callable[[], T], live: bool) -> T:
        """What was made of the last commit, by whoever asked first; others wait for it instead of making it too."""
        require(caller, Act.READ)
        with self._turn:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            with self._store.read() as view:
                sequence = view.sequence
            with self._turn:
                found = self._kept.get(key)
            now = self._clock()
            if found is not None and (found[0] == sequence or (live and now - found[1] < LIVE_S)):
                value: T = found[2]
                return value
            made = make()
            with self._turn:
                self._kept.pop(key, None)
                self._kept[key] = (sequence, now, made)
                if len(self._kept) > KEPT_MAX:
                    gone, _ = self._kept.popitem(last=False)
                    self._turns.pop(gone, None)
            return made
