"""Clock watch: was the store's clock stepped?"""

from collections.abc import Callable

from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.tokens import HOUSE
from wavetrain.model.standstill import Cause, Standstill

STEP_S = 2.0
"""A store's clock that goes further than this from the machine's own running time was stepped."""


class ClockWatch:
    """Holds the store's clock against a clock that nobody can set, from the first look of this process on.

    `running` gives seconds since the machine started, sleep included (`CLOCK_BOOTTIME`), so that a machine that
    slept is not taken for one whose clock was stepped. A clock that is right again ends the standstill; so does a
    person who accepts the new time.
    """

    def __init__(self, store: Store, running: Callable[[], float]) -> None:
        self._store = store
        self._running = running
        with store.read() as view:
            known = view.get(Standstill, Cause.CLOCK.value)
            self._offset = view.steady - running() - (known.shift_s if known is not None else 0.0)
            self._accepted = known is None

    def shift_s(self, view: View) -> float:
        """How far the store's clock is off, in seconds; 0 where it is right."""
        shift = view.steady - self._running() - self._offset
        return shift if abs(shift) > STEP_S else 0.0

    def look(self) -> int:
        """Bring everything to a stand when the clock was stepped, and end that when it is right; how many commits."""
        with self._store.read() as view:
            known = view.get(Standstill, Cause.CLOCK.value)
            if known is None and not self._accepted:
                # a person accepted the clock as it is now
                self._offset, self._accepted = view.steady - self._running(), True
            if not _differs(known, self.shift_s(view)):
                return 0
        with self._store.write() as transaction:
            known, shift = transaction.get(Standstill, Cause.CLOCK.value), self.shift_s(transaction)
            if not _differs(known, shift):
                return 0
            self._accepted = not shift
            _write(transaction, known, shift)
        return 1


def _differs(known: Standstill | None, shift: float) -> bool:
    """Whether what is kept is not what is seen, by more than a step."""
    before = known.shift_s if known is not None else 0.0
    return (known is None) != (not shift) or abs(shift - before) > STEP_S


def _write(transaction: Transaction, known: Standstill | None, shift: float) -> None:
    if not shift:
        assert known is not None
        transaction.remove(known)
        tell(transaction, HOUSE, "clock", "clock", "the store's clock is right again; rollouts go on")
        return
    text = f"the store's clock was stepped by {shift:+.0f} s"
    made = Standstill(cause=Cause.CLOCK, since=transaction.now, detail=text, shift_s=shift)
    transaction.put(made.changed(version=known.version) if known is not None else made)
    tell(transaction, HOUSE, "clock", "clock", f"{text}; nothing moves", shift_s=round(shift, 3))
