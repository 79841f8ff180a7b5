"""Lease: may this process write, and how does it learn that it may no more?"""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from os import getpid

from wavetrain.control.ports import Store
from wavetrain.errors import StaleError, UnreachableError

LEASE_S = 3.0
RENEW_S = 1.0
LOOK_S = 0.5
"""How often a standby asks whether the lease is free."""


def holder() -> str:
    """Names this process for people, and no other one ever."""
    return f"{socket.gethostname()}:{getpid()}:{secrets.token_hex(3)}"


class LeaseKeeper:
    """Keeps the lease of this process; says once when it is lost.

    A renewal that fails because the database is away is tried again: as long as nobody took the lease over, nothing
    is lost. Only another epoch in the store ends it.
    """

    def __init__(self, store: Store, name: str, lost: Callable[[str], None]) -> None:
        self._store = store
        self._name = name
        self._lost = lost
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewed_at = 0.0
        self._epoch: int | None = None

    @property
    def held(self) -> bool:
        """Whether the last renewal is young enough for the lease to run."""
        return time.monotonic() - self._renewed_at < LEASE_S

    def take(self, waiting: Callable[[], None], ended: Callable[[], bool]) -> bool:
        """Wait for the lease; False when `ended` says so first. `waiting` is called once, where somebody has it.

        Raises `UnreachableError` when the first look already fails: a wrong address is no reason to wait.
        """
        said = False
        while not ended():
            asked_at = time.monotonic()
            try:
                self._epoch = self._store.lease(self._name, LEASE_S)
            except UnreachableError:
                if not said:
                    raise
                # A standby is there for the time when things fail; a database that is away is one of them.
            if self._epoch is not None:
                self._renewed_at = asked_at
                self._thread.start()
                return True
            if not said:
                said = True
                waiting()
            time.sleep(LOOK_S)
        return False

    def end(self) -> None:
        """Give the lease up, so that a standby need not wait for its end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._store.release_lease()
        except (StaleError, UnreachableError):
            return  # it ends by itself

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            asked_at = time.monotonic()
            try:
                epoch = self._store.lease(self._name, LEASE_S)
            except UnreachableError:
                continue
            except Exception as error:
                self._lost(f"the lease cannot be renewed, by a fault of this program: {error!r}")
                return
            if epoch != self._epoch:  # none, or a new one: others wrote in between, and what we know is old
                self._lost("another control plane took the lease over")
                return
            self._renewed_at = asked_at
