"""Telling: which thread makes the notices to customers?"""

import threading
import traceback
from collections.abc import Callable

from wavetrain.control.ports import Store
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.telling import Teller
from wavetrain.errors import WavetrainError
from wavetrain.wiring.log import Log

REST_S = 0.1
"""Between two looks, however much is committed meanwhile."""
LOOK_S = 1.0
"""The clock alone may have made something due."""
TROUBLE_S = 5.0
LEAVE_S = 5.0


class Telling:
    """Apart from what shows work to everybody: a great train told to very many does not keep their pages waiting."""

    def __init__(self, store: Store, board: StatusBoard, log: Log) -> None:
        self._store, self._log = store, log
        self._teller = Teller(store, lambda: board.picture)
        self._ended = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)
        self._deaf: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin, when this process may write."""
        self._deaf = self._store.on_commit(lambda _: self._news.set())
        self._thread.start()

    def end(self) -> None:
        """Make nothing more."""
        self._ended.set()
        self._deaf()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            try:
                self._teller.look()
            except WavetrainError as error:
                self._trouble(error=str(error))
            except Exception:
                self._trouble(trace=traceback.format_exc())
            if not self._ended.wait(REST_S):
                self._news.wait(LOOK_S)

    def _trouble(self, **fields: str) -> None:
        if not self._ended.is_set():
            self._log.say("notices failed", **fields)
            self._ended.wait(TROUBLE_S)
