"""Store rival: a process that wants to be the writer, told by lines what to do, so that it can be stopped anywhere.

`python -m wavetrain.lab.store_rival PLACE HOLDER LEASE_S`; each line on stdin is answered by one on stdout.
"""

import logging
import os
import sys
import threading

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import StaleError, UnreachableError
from wavetrain.model.fleet import Region, RegionId
from wavetrain.wiring.lease import LeaseKeeper

EVERY_S = 0.05


class Rival:
    """One process of several on a store."""

    def __init__(self, place: str, holder: str, lease_s: float) -> None:
        self._store = SqlStore(place)
        self._holder = holder
        self._lease_s = lease_s

    def lease(self) -> str:
        """Take or renew the lease."""
        epoch = self._store.lease(self._holder, self._lease_s)
        return f"epoch {epoch}" if epoch is not None else "taken"

    def write(self) -> str:
        """One commit, as a tick makes it."""
        try:
            with self._store.write() as transaction:
                known = transaction.get(Region, self._holder)
                transaction.put(known or Region(id=RegionId(self._holder), name=self._holder))
        except (StaleError, UnreachableError) as error:
            return f"refused {type(error).__name__}"
        return "written"

    def open(self) -> str:
        """Begin a transaction, write in it, and stay in it until the next line comes."""
        try:
            with self._store.write() as transaction:
                transaction.put(Region(id=RegionId(f"{self._holder}-late"), name="late"))
                _say("open")
                sys.stdin.readline()
        except (StaleError, UnreachableError) as error:
            return f"refused {type(error).__name__}"
        return "written"

    def keep(self) -> str:
        """Keep the lease as a control plane does, and write all the time."""
        lost = threading.Event()
        keeper = LeaseKeeper(self._store, self._holder, lambda _: lost.set())
        keeper.take(lambda: None, lambda: False)
        _say("keeps")
        parent = os.getppid()
        while os.getppid() == parent and not lost.wait(EVERY_S):
            self.write()
        return "lost"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer line by line until stdin ends."""
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # a connection that is cut is what this is about
    place, holder, lease_s = sys.argv[1:]
    rival = Rival(place, holder, float(lease_s))
    deeds = {"lease": rival.lease, "write": rival.write, "open": rival.open, "keep": rival.keep}
    _say("here")
    for line in sys.stdin:
        _say(deeds[line.strip()]())


if __name__ == "__main__":
    main()
