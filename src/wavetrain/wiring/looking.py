"""Looking: which thread does something whenever the store has changed, and now and then by the clock?"""

import threading
import traceback
from collections.abc import Callable

from wavetrain.control.ports import Store
from wavetrain.errors import WavetrainError

REST_S = 0.1
"""Between two looks, however much is committed meanwhile."""
LOOK_S = 1.0
"""The clock alone may have made something due, and another process may have written."""
TROUBLE_S = 5.0
LEAVE_S = 5.0


class Looking:
    """One thread, apart from the ticker: a look never keeps a tick waiting. `failed` is told why one failed."""

    def __init__(
        self, name: str, store: Store, look: Callable[[], object], failed: Callable[..., None]
    ) -> None:
        self._store, self._look, self._failed = store, look, failed
        self._ended = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._deaf: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin, when this process may write."""
        self._deaf = self._store.on_commit(lambda _: self._news.set())
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._deaf()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            try:
                self._look()
            except WavetrainError as error:
                self._trouble(error=str(error))
            except Exception:
                self._trouble(trace=traceback.format_exc())
            if not self._ended.wait(REST_S):
                self._news.wait(LOOK_S)

    def _trouble(self, **fields: str) -> None:
        if not self._ended.is_set():
            self._failed(**fields)
            self._ended.wait(TROUBLE_S)
