"""Serve: how does this process come to be the control plane, and how does it cease to be?"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wavetrain.doors.metrics import version
from wavetrain.errors import LockedError, WavetrainError
from wavetrain.wiring import handover, listening
from wavetrain.wiring.config import Config, load
from wavetrain.wiring.connection import allow_files
from wavetrain.wiring.control_plane import INSIDE, ControlPlane
from wavetrain.wiring.handover import PROVE_S, Asked, Predecessor, Successor
from wavetrain.wiring.lease import LOOK_S
from wavetrain.wiring.log import Log
from wavetrain.wiring.rehearsed import rehearse

CLAIM_WITHIN_S = 30.0
"""How long somebody who takes over waits for a store that is owned by a process which does not answer."""
BEGIN_S = 5.0
"""How long who comes after another one lets clients wait, at a door that is open, for its first tick."""
PROVE_S_MIN = 0.5
RESTARTS = "WAVETRAIN_RESTARTS"
"""How often the agent's supervisor has started this program again, because it had ended by itself."""


def serve(file: Path, *, take_over: bool = False, prove_s: float = PROVE_S) -> None:
    """`wavetrain up`: run the control plane that `file` describes until told to stop, or until another takes over.

    With `take_over` the one that runs is asked for its doors and its store, and gets both back where this one does not
    prove itself within `prove_s`.
    """
    config, folder = load(file)
    if config.nice:
        os.nice(config.nice)
    allow_files()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server hears them while it serves, and raises them again when it has ended: by then we close.
        signal.signal(number, lambda *_: stopped.set())
    try:
        _Office(config, folder, stopped, prove_s).hold(take_over=take_over)
    except LockedError:
        if not stopped.is_set():
            raise
        # a standby that was told to stop did as it was told


class _Office:
    """The place of the one control plane, as this process comes to it and leaves it."""

    def __init__(self, config: Config, folder: Path, stopped: threading.Event, prove_s: float) -> None:
        self._config = config
        self._folder = folder
        self._stopped = stopped
        self._prove_s = prove_s
        self._log = Log(config.log)
        self._door = listening.lent()
        self._until = 0.0

    def hold(self, *, take_over: bool) -> None:
        """Be the control plane, from its beginning to its end.

        One whose supervisor started it again never asks: whoever was started on purpose goes before who fell. It waits
        until nobody has the store.
        """
        predecessor = None
        patience_s = 0.0
        if _restarts():
            patience_s = threading.TIMEOUT_MAX
        elif take_over:
            patience_s = CLAIM_WITHIN_S
            predecessor = self._ask()
        while True:
            plane = self._claim(patience_s)
            door = self._door = self._door or listening.made(self._config.listen)
            if predecessor is None:
                plane.serve(door, begin_s=BEGIN_S if patience_s else 0.0)
            else:
                left_s = max(PROVE_S_MIN, self._until - time.monotonic())
                why = plane.serve(door, left_s, predecessor.proven)
                if why:
                    predecessor.give_back(why)
                    raise WavetrainError(f"this release gave the control plane back: {why}")
            successor = plane.successor
            if successor is None or self._handed_over(successor, door):
                return
            predecessor, patience_s = None, threading.TIMEOUT_MAX

    def _ask(self) -> Predecessor | None:
        """Ask the one that runs for everything; None where nobody does."""
        rehearse(self._config, self._folder, self._log)
        predecessor = handover.find(self._folder)
        if predecessor is None:
            return None
        self._log.say("takes over", version=version())
        doors = predecessor.ask(Asked(version(), self._prove_s), self._stopped.is_set)
        if (
            doors is None
        ):  # it has ended meanwhile, however that came: nobody is left to give anything back to
            predecessor.close()
            return None
        self._until = time.monotonic() + self._prove_s
        found = listening.given(doors, self._config.listen)
        if self._door is None:
            self._door = found
        elif found is not None:
            found.close()
        return predecessor

    def _claim(self, patience_s: float) -> ControlPlane:
        """The control plane, as soon as nobody else has its store. `LockedError`."""
        until, said = time.monotonic() + patience_s, False
        while True:
            try:
                return ControlPlane(self._config, self._folder, self._stopped.is_set)
            except LockedError as error:
                if self._stopped.is_set() or time.monotonic() > until:
                    raise
                if not said:
                    said = True
                    self._log.say("standby", text=str(error))
            self._stopped.wait(LOOK_S)

    def _handed_over(self, successor: Successor, door: socket.socket) -> bool:
        """Whether this process is needed no more; else everything has come back."""
        ended: Callable[[], bool] = self._stopped.is_set
        with successor:
            try:
                successor.give(door)
                why = successor.verdict(ended)
            except OSError:
                why = "it ended before it was its turn"
            if ended():
                return True
            if not why:
                self._log.say("handed over", release=successor.asked.release, pid=successor.pid)
                if INSIDE not in os.environ:
                    return True
                # An agent decides about the new release by its own probe, and ends this process when it is content.
                successor.outlive(ended)
                if ended():
                    return True
                why = "it has ended, and its agent has not ended this one"
        self._log.say("handed back", release=successor.asked.release, why=why)
        return False


def _restarts() -> int:
    given = os.environ.get(RESTARTS, "")
    return int(given) if given.isdecimal() else 0
