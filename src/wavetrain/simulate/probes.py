"""Probes: what would follow if a person asked for it now? Asked of a fork of the store, of which nothing comes back."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import rollouts
from wavetrain.control.facts import Seen, load
from wavetrain.control.image import Image
from wavetrain.control.rollouts import Consent
from wavetrain.control.tick import write
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.permit import Caller
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Pop
from wavetrain.model.lane import LANES
from wavetrain.model.plan import TIMED, Reason
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase
from wavetrain.model.window import Freeze
from wavetrain.simulate.invariants import OVER, policy_of
from wavetrain.simulate.mirror import Mirror

PROBES_MAX = 30
"""So many situations of one history are asked about, each kind of situation once."""
OPERATOR = Caller("olga", (Role.OPERATOR,))
APPROVER = Caller("pavel", (Role.APPROVER,))
BACK = frozenset({Status.REVERTING, Status.REVERTED, Status.PARTLY_REVERTED})
_NEVER = TIMED | {
    Reason.NO_WINDOW,
    Reason.APPROVAL,
    Reason.EVIDENCE,
    Reason.INCONCLUSIVE,
    Reason.CANARY_SHARE,
    Reason.TELEMETRY_AWAY,
    Reason.PRE_PERIOD,
    Reason.PREVIOUS_WAVE,
    Reason.PREVIOUS_ROLLOUT,
    Reason.GATES_MISSING,
    Reason.PAUSED,
}
"""What nobody on the way back may wait for."""


class Probes:
    """G2 and G9, in the situations of one history. `decide` is the choice under test."""

    def __init__(self, decide: Callable[[Facts], Choice]) -> None:
        self._decide = decide
        self._asked: set[object] = set()

    def broken(self, store: MemoryStore, mirror: Mirror, seen: Seen) -> Iterator[str]:
        """The guards that do not hold, as `G2: what, where`."""
        frozen = bool(mirror.all(Freeze))
        with store.read() as view:
            now = view.now
        for rollout in mirror.all(Rollout):
            if rollout.status in OVER:
                continue
            turns = mirror.turns_of(rollout.id)
            phases = frozenset((turn.phase, turn.hold.reason if turn.hold else None) for turn in turns)
            if self._is_new(("G2", rollout.lane, rollout.status, frozen, phases)):
                yield from (f"G2: {text}" for text in self._revert(store, rollout, seen))
            short = [turn.pop for turn in turns if _is_short(mirror, rollout, turn, now)]
            if short and self._is_new(("G9", rollout.id, *short)):
                yield from (f"G9: {text}" for text in self._forward(store, rollout, short, seen))

    def _is_new(self, situation: object) -> bool:
        if situation in self._asked or len(self._asked) >= PROBES_MAX:
            return False
        self._asked.add(situation)
        return True

    def _revert(self, store: MemoryStore, rollout: Rollout, seen: Seen) -> Iterator[str]:
        """Reverting is reachable from every state that is not over, in any window, under any freeze."""
        if rollout.status is Status.REVERTING or not LANES[rollout.lane].can_go_back:
            return
        fork = store.fork()
        try:
            made = rollouts.revert(fork, OPERATOR, rollout.id, "probe")
        except RefusedError as error:
            yield f"{rollout.id} is {rollout.status.value} and cannot be sent back: {error}"
            return
        if made.status is not Status.REVERTING:
            yield f"{rollout.id} was {rollout.status.value}, was sent back, and is {made.status.value}"
        after, turns = self._ticked(fork, rollout, seen)
        if after.status not in BACK:
            yield f"{rollout.id} was sent back, and the next tick makes it {after.status.value}"
        waits = [turn for turn in turns if turn.hold is not None and turn.hold.reason in _NEVER]
        if waits and waits[0].hold is not None:
            yield f"{waits[0].pop} does not go back from {rollout.number}: {waits[0].hold.reason.value}"

    def _forward(
        self, store: MemoryStore, rollout: Rollout, short: Collection[str], seen: Seen
    ) -> Iterator[str]:
        """With a person's approval a PoP that is out in any case can be repaired by going forward."""
        fork = store.fork()
        try:
            rollouts.approve(fork, APPROVER, rollout.id, Consent.FORWARD)
        except RefusedError as error:
            yield f"{rollout.id} cannot be approved to go forward: {error}"
            return
        _, turns = self._ticked(fork, rollout, seen)
        for turn in turns:
            if turn.pop in short and turn.hold is not None and turn.hold.reason is Reason.CAPACITY:
                text = f"{turn.pop} is out, going forward with {rollout.number} is approved"
                yield f"{text}, and still waits for capacity"

    def _ticked(self, fork: MemoryStore, rollout: Rollout, seen: Seen) -> tuple[Rollout, list[Turn]]:
        with fork.write() as transaction:
            now = transaction.get(Rollout, rollout.id)
            assert now is not None
            facts = load(Image().follow(transaction), transaction, now, seen)
            write(transaction, facts, self._decide(facts))
            after = transaction.get(Rollout, rollout.id)
            assert after is not None
            return after, transaction.find(Turn, rollout=rollout.id)


def _is_short(mirror: Mirror, rollout: Rollout, turn: Turn, now: datetime) -> bool:
    """Whether a turn waits for capacity in a PoP that is out whether or not it goes on."""
    if turn.hold is None or turn.hold.reason is not Reason.CAPACITY:
        return False
    if rollout.status is not Status.ROLLING or turn.phase not in (
        TurnPhase.PLACEBO,
        TurnPhase.CANARY,
        TurnPhase.REST,
    ):
        return False
    pop = mirror.get(Pop, turn.pop)
    return pop is not None and mirror.is_out(pop, policy_of(mirror, rollout).budgets.headroom, now)
