"""Alerts: which threads make and carry the alerts of this process?"""

import threading
import time
import traceback
from collections.abc import Callable, Sequence

from wavetrain.control.alerts import Alerts
from wavetrain.control.outbox import send_next
from wavetrain.control.ports import Notifier, Store
from wavetrain.errors import WavetrainError
from wavetrain.wiring.channels import Table, opened
from wavetrain.wiring.log import Log

REST_S = 0.2
"""Between two looks of a channel's thread, however much is committed meanwhile."""
LOOK_S = 30.0
TROUBLE_S = 5.0
"""After an error of the store; what was being sent comes again when its next try is due."""
FORGET_EVERY_S = 3_600.0
LEAVE_S = 2.0
"""How long the threads may take to end; one that speaks to a slow receiver is left behind."""


class Couriers:
    """One thread per channel, so that no receiver holds up another one, and none the train."""

    def __init__(self, store: Store, tables: Sequence[Table], holder: str, log: Log) -> None:
        """Reads the channels' secrets; raises `RefusedError`."""
        self._store = store
        self._holder = holder
        self._log = log
        self._alerts = Alerts(store, [(table.name, _kind(table), table.on) for table in tables])
        self._has_channels = bool(tables)
        self._begun = False
        self._forgot_at = time.monotonic()
        self._ended = threading.Event()
        self._news = [threading.Event() for _ in tables]
        """One for each thread: something was committed, or all is to end."""
        self._deaf: Callable[[], None] = lambda: None
        self._threads = [
            threading.Thread(
                target=self._carry,
                args=(table.name, opened(table), news),
                name=f"alerts {table.name}",
                daemon=True,
            )
            for table, news in zip(tables, self._news, strict=True)
        ]

    def start(self) -> None:
        """Begin to carry what is in the outbox."""
        if self._threads:
            self._deaf = self._store.on_commit(lambda _: self._tell())
        for thread in self._threads:
            thread.start()

    def after_tick(self) -> None:
        """Make what has become worth telling. Never raises: what fails now is made again from the same facts."""
        try:
            if not self._begun:
                self._alerts.begin(self._holder)
                self._begun = True
            if not self._has_channels:
                return
            self._alerts.look()
            if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                self._forgot_at = time.monotonic()
                self._alerts.forget()
        except WavetrainError as error:
            self._log.say("alerts failed", error=str(error))
        except Exception:
            self._log.say("alerts failed", trace=traceback.format_exc())

    def end(self) -> None:
        """Carry nothing more; what is under way comes again at the next start."""
        self._ended.set()
        self._deaf()
        self._tell()
        latest = time.monotonic() + LEAVE_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, latest - time.monotonic()))
        if self._begun:
            try:
                self._alerts.end(self._holder)
            except WavetrainError as error:
                self._log.say("alerts failed", error=str(error))

    def _tell(self) -> None:
        for news in self._news:
            news.set()

    def _carry(self, channel: str, notifier: Notifier, news: threading.Event) -> None:
        while not self._ended.is_set():
            news.clear()
            try:
                due_s = send_next(self._store, channel, notifier)
            except WavetrainError as error:
                self._trouble(channel, error=str(error))
                continue
            except Exception:
                self._trouble(channel, trace=traceback.format_exc())
                continue
            # The end is looked for after the news were cleared, so that its own news are not lost with them.
            if due_s != 0.0 and not self._ended.wait(REST_S):
                news.wait(min(LOOK_S, due_s if due_s is not None else LOOK_S))

    def _trouble(self, channel: str, **fields: str) -> None:
        if not self._ended.is_set():
            self._log.say("alerts failed", channel=channel, **fields)
            self._ended.wait(TROUBLE_S)


def _kind(table: Table) -> str:
    return str(table.__struct_config__.tag)
