"""Publishing: which threads keep what people see in step with what is decided, and what they may expect?"""

import time

from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Store
from wavetrain.control.publish import Publisher
from wavetrain.control.receipts import Receipts
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.telling import Teller
from wavetrain.wiring.log import Log
from wavetrain.wiring.looking import Looking

FORGET_EVERY_S = 3_600.0


class Publishing:
    """Writes maintenance and incidents, shows them, looks ahead, and makes the notices to customers.

    What is so now is shown at once: looking ahead, and telling a great train to very many, have threads of their own.
    """

    def __init__(self, store: Store, log: Log, promise_s: float = 10.0) -> None:
        self.board = StatusBoard(store)
        self.outlooks = Outlooks(store, time.monotonic)
        self._publisher = Publisher(store)
        self._receipts = Receipts(store, promise_s)
        self._forgot_at = time.monotonic()
        teller = Teller(store, lambda: self.board.picture)

        def publishing_failed(**fields: str) -> None:
            log.say("publishing failed", **fields)

        def notices_failed(**fields: str) -> None:
            log.say("notices failed", **fields)

        self._threads = (
            Looking("publishing", store, self._publish, publishing_failed),
            Looking("outlooks", store, self.outlooks.look, publishing_failed),
            Looking("telling", store, teller.look, notices_failed),
        )

    def start(self) -> None:
        """Begin, when this process may write."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Write nothing more."""
        for thread in self._threads:
            thread.end()

    def _publish(self) -> None:
        self._publisher.look()
        self.board.follow()
        self._receipts.look()
        if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
            self._forgot_at = time.monotonic()
            self._publisher.forget()
