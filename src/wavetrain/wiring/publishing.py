"""Publishing: which thread keeps what people see in step with what is decided?"""

import threading
import time
import traceback
from collections.abc import Callable

from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Store
from wavetrain.control.publish import Publisher
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.telling import Teller
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
    """Writes maintenance and incidents, shows them, and has customers told. Apart from the ticker: no tick waits."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store, self._log = store, log
        self.board = StatusBoard(store)
        self.outlooks = Outlooks(store, time.monotonic)
        self._publisher = Publisher(store)
        self._teller = Teller(store, lambda: self.board.picture)
        self._ended = threading.Event()
        self._news = threading.Event()
        self._forgot_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="publishing", daemon=True)
        self._deaf: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin, when this process may write."""
        self._deaf = self._store.on_commit(lambda _: self._news.set())
        self._thread.start()

    def end(self) -> None:
        """Write nothing more."""
        self._ended.set()
        self._deaf()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            try:
                self._publisher.look()
                self.board.follow()
                self.outlooks.look()
                self._teller.look()
                if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                    self._forgot_at = time.monotonic()
                    self._publisher.forget()
            except WavetrainError as error:
                self._trouble(error=str(error))
            except Exception:
                self._trouble(trace=traceback.format_exc())
            if not self._ended.wait(REST_S):
                self._news.wait(LOOK_S)

    def _trouble(self, **fields: str) -> None:
        if not self._ended.is_set():
            self._log.say("publishing failed", **fields)
            self._ended.wait(TROUBLE_S)
