"""Publishing: which threads keep what people see in step with what is decided, and what they may expect?"""

import threading
import time
import traceback
from collections.abc import Callable

from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Store
from wavetrain.control.publish import Publisher
from wavetrain.control.receipts import Receipts
from wavetrain.control.status_picture import StatusBoard
from wavetrain.errors import WavetrainError
from wavetrain.wiring.log import Log

REST_S = 0.1
"""Between two looks, however much is committed meanwhile."""
LOOK_S = 1.0
"""The clock alone may have ended a window, and another process may have written."""
TROUBLE_S = 5.0
FORGET_EVERY_S = 3_600.0
LEAVE_S = 5.0


class Publishing:
    """Writes maintenance and incidents, then shows them. Apart from the ticker: a look never keeps a tick waiting."""

    def __init__(self, store: Store, log: Log, promise_s: float = 10.0) -> None:
        self._store, self._log = store, log
        self.board = StatusBoard(store)
        self.outlooks = Outlooks(store, time.monotonic)
        self._publisher = Publisher(store)
        self._receipts = Receipts(store, promise_s)
        self._ended = threading.Event()
        self._news = threading.Event()
        self._forgot_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="publishing", daemon=True)
        self._looker = threading.Thread(target=self._look_ahead, name="outlooks", daemon=True)
        self._deaf: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin, when this process may write."""
        self._deaf = self._store.on_commit(lambda _: self._news.set())
        self._thread.start()
        self._looker.start()

    def end(self) -> None:
        """Write nothing more."""
        self._ended.set()
        self._deaf()
        self._news.set()
        for thread in (self._thread, self._looker):
            if thread.is_alive():
                thread.join(LEAVE_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            try:
                self._publisher.look()
                self.board.follow()
                self.outlooks.look()
                self._receipts.look()
                if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                    self._forgot_at = time.monotonic()
                    self._publisher.forget()
            except WavetrainError as error:
                self._trouble(error=str(error))
            except Exception:
                self._trouble(trace=traceback.format_exc())
            if not self._ended.wait(REST_S):
                self._news.wait(LOOK_S)

    def _look_ahead(self) -> None:
        """In a thread of its own: what is so now is shown at once, however long a look ahead takes."""
        while not self._ended.wait(LOOK_S):
            try:
                self.outlooks.look()
            except WavetrainError as error:
                self._trouble(error=str(error))
            except Exception:
                self._trouble(trace=traceback.format_exc())

    def _trouble(self, **fields: str) -> None:
        if not self._ended.is_set():
            self._log.say("publishing failed", **fields)
            self._ended.wait(TROUBLE_S)
