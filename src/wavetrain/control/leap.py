"""Leap: train time is moved to the next known end, where demonstrations and rehearsals allow it."""

from datetime import datetime

from wavetrain.control import joiners
from wavetrain.control.facts import ledger_of
from wavetrain.control.ports import Store, Transaction
from wavetrain.decide import lull, ramp
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import Quarantine
from wavetrain.model.journal import Entry
from wavetrain.model.ledger import JUMPS_KEPT, Jump
from wavetrain.model.rollout import Rollout, Slot, Turn, Wave
from wavetrain.model.standstill import Standstill


def leap(store: Store) -> datetime | None:
    """Jump if there is nothing to do until a known time; the time jumped to, or None."""
    with store.write() as transaction:
        rollouts = [item for status in ACTIVE for item in transaction.find(Rollout, status=status.value)]
        if not rollouts or transaction.find(Standstill) or joiners.is_busy(transaction):
            return None
        waves = [wave for item in rollouts for wave in transaction.find(Wave, rollout=item.id)]
        turns = [turn for item in rollouts for turn in transaction.find(Turn, rollout=item.id)]
        lost = {item.node for item in transaction.find(Quarantine)}
        until = lull.next_end(rollouts, waves, turns, transaction.find(Slot), lost)
        if until is None or until <= transaction.now:
            return None
        opening = joiners.next_opening(
            transaction
        )  # a window that was leapt over each day would never open for it
        until = min([until, *([opening] if opening is not None else []), *_steps(transaction)])
        ledger = ledger_of(transaction)
        ahead = (until - transaction.now).total_seconds()
        jumps = (*ledger.jumps, Jump(transaction.steady, ahead))[-JUMPS_KEPT:]
        transaction.put(ledger.changed(jumped_s=ledger.jumped_s + ahead, jumps=jumps))
        text = f"train time jumps to {until:%a %Y-%m-%d %H:%M} UTC: everything left waits for a time"
        transaction.note([Entry(at=transaction.now, who="clock", kind="clock", subject="clock", text=text)])
        return until


def _steps(transaction: Transaction) -> list[datetime]:
    """When the ramps of features grow next: a jump over several of their steps would show none of them."""
    grow = [
        ramp.next_step(one.ramp, transaction.now)
        for one in transaction.find(Feature)
        if one.ramp is not None and one.killed is None
    ]
    return [step for step in grow if step is not None]
