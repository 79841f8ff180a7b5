"""Dispatching: which threads carry what customers are told?"""

import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

from wavetrain.control.dispatches import Dispatches, Gone, Lot
from wavetrain.control.ports import Store
from wavetrain.decide.redelivery import Pauses
from wavetrain.errors import WavetrainError
from wavetrain.model.notice import Outcome
from wavetrain.model.subscription import Subscription
from wavetrain.wiring.log import Log

WORKERS_MAX = 32
"""So many messages are on the line at once; the threads are made as they are needed."""
LANE_MAX = 4
"""So many of one host."""
GATHER_S = 0.15
"""What comes to its end within this time is written down in one commit."""
REST_S = 0.1
LOOK_S = 30.0
TROUBLE_S = 5.0
FORGET_EVERY_S = 3_600.0
LEAVE_S = 2.0


class Dispatching:
    """One thread that writes down and hands out; others that carry. None of it is on the ticker's way."""

    def __init__(
        self,
        store: Store,
        lane_of: Callable[[Subscription], str],
        carry: Callable[[Lot], Outcome],
        log: Log,
        pauses: Pauses,
    ) -> None:
        self._store, self._carry, self._log = store, carry, log
        self._dispatches = Dispatches(store, lane_of, pauses)
        self._gone: queue.SimpleQueue[Gone | None] = queue.SimpleQueue()
        """What came to its end; None: something was committed, or all is to end."""
        self._told = threading.Event()
        self._lock = threading.Condition()
        self._lanes: dict[str, deque[Lot]] = {}
        self._on_line: dict[str, int] = {}
        self._workers = self._idle = 0
        self._ended = threading.Event()
        self._forgot_at = time.monotonic()
        self._deaf: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="dispatching", daemon=True)

    def start(self) -> None:
        """Begin to carry what is in the outbox."""
        self._deaf = self._store.on_commit(lambda _: self._tell())
        self._thread.start()

    def end(self) -> None:
        """Carry nothing more; what is under way comes again at the next start."""
        self._ended.set()
        self._deaf()
        self._gone.put(None)
        with self._lock:
            self._lock.notify_all()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _tell(self) -> None:
        if not self._told.is_set():
            self._told.set()
            self._gone.put(None)

    def _run(self) -> None:
        gone: list[Gone] = []
        while not self._ended.is_set():
            try:
                self._told.clear()
                lots = self._dispatches.turn(gone)
                gone = []
                self._hand_out(lots)
                with self._store.read() as view:
                    due_s = self._dispatches.due_s(view.steady)
                if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                    self._forgot_at = time.monotonic()
                    self._dispatches.forget()
            except WavetrainError as error:
                gone, due_s = [], TROUBLE_S
                self._trouble(error=str(error))
            except Exception:
                gone, due_s = [], TROUBLE_S
                self._trouble(trace=traceback.format_exc())
            gone += self._gathered(LOOK_S if due_s is None else min(LOOK_S, max(due_s, GATHER_S)))

    def _gathered(self, within_s: float) -> list[Gone]:
        """What came to its end; waits for the first, and then a moment for others."""
        found: list[Gone] = []
        until = time.monotonic() + within_s
        while (left := until - time.monotonic()) > 0:
            try:
                one = self._gone.get(timeout=left)
            except queue.Empty:
                break
            if one is not None:
                found.append(one)
            until = min(until, time.monotonic() + (GATHER_S if found else REST_S))
            if self._ended.is_set():
                break
        return found

    def _hand_out(self, lots: list[Lot]) -> None:
        with self._lock:
            for lot in lots:
                self._lanes.setdefault(lot.lane, deque()).append(lot)
            wanted = min(len(lots), WORKERS_MAX - self._workers) if len(lots) > self._idle else 0
            for _ in range(wanted):
                self._workers += 1
                threading.Thread(target=self._work, name="dispatching", daemon=True).start()
            self._lock.notify(len(lots))

    def _work(self) -> None:
        while (lot := self._next()) is not None:
            begun = time.monotonic()
            try:
                outcome = self._carry(lot)
            except Exception as error:
                outcome = Outcome(taken=False, text=f"{type(error).__name__}: {error}")
                self._trouble(trace=traceback.format_exc())
            with self._lock:
                self._on_line[lot.lane] -= 1
                if not self._on_line[lot.lane]:
                    del self._on_line[lot.lane]
                self._lock.notify()
            self._gone.put(Gone(lot, outcome, time.monotonic() - begun))

    def _next(self) -> Lot | None:
        """The first message of a lane that has room on the line; lanes take turns. None: all is to end."""
        with self._lock:
            while not self._ended.is_set():
                for lane, waiting in self._lanes.items():
                    if self._on_line.get(lane, 0) < LANE_MAX:
                        lot = waiting.popleft()
                        del self._lanes[lane]
                        if waiting:
                            self._lanes[lane] = waiting  # last in turn
                        self._on_line[lane] = self._on_line.get(lane, 0) + 1
                        return lot
                self._idle += 1
                self._lock.wait()
                self._idle -= 1
        return None

    def _trouble(self, **fields: str) -> None:
        if not self._ended.is_set():
            self._log.say("notices failed", **fields)
