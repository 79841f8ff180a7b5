"""Placebo trains: when does the running program try its own promise?"""

import threading
import traceback

from wavetrain.control.prover import Prover
from wavetrain.errors import WavetrainError
from wavetrain.wiring.log import Log

EVERY_S = 3_600.0
REST_S = 0.2
"""Between two placebo trains, so that the ticks go on beside them."""
LEAVE_S = 5.0


class PlaceboTrains:
    """One thread beside the ticker's, which looks once an hour whether there is enough that is new."""

    def __init__(self, prover: Prover, log: Log, every_s: float = EVERY_S) -> None:
        """It begins when it is told to `start`."""
        self._prover, self._log, self._every_s = prover, log, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="placebo trains", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Stop after the train that runs."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                proof = self._prover.prove(self._rest)
            except _EndedError:
                return
            except WavetrainError as error:
                self._log.say("placebo trains failed", error=str(error))
            except Exception:
                self._log.say("placebo trains fault", trace=traceback.format_exc())
            else:
                if proof is not None:
                    self._log.say(
                        "placebo trains",
                        policy=proof.policy[:12],
                        trains=proof.trains,
                        effective=proof.effective,
                        over=proof.over,
                        certified=proof.certified,
                    )

    def _rest(self) -> None:
        if self._ended.wait(REST_S):
            raise _EndedError


class _EndedError(Exception):
    """The program ends; what was begun is left."""
