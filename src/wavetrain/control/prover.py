"""Prover: what do placebo trains on the fleet's own bins at rest certify?

A few PoPs, chosen by stable hash, are remembered whole for some days (`decide.quiet_record`). Now and then placebo
trains run on what is remembered, and what they certify is written down for the policy that new rollouts get. The memory
goes with the process; the proof stays in the store.
"""

import threading
from collections.abc import Callable, Sequence

from wavetrain.control.facts import policy_of
from wavetrain.control.ports import Store
from wavetrain.decide.cohort import rank
from wavetrain.decide.placebo_proof import PlaceboProof, is_better, proof_of
from wavetrain.decide.placebos import TRAIN_S, trains_in
from wavetrain.decide.quiet_record import BINS_MAX, QuietRecord
from wavetrain.errors import RefusedError
from wavetrain.evidence.placebo import Lock, locked
from wavetrain.model.fleet import Pop
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import CurrentPolicy, Policy

LANE = "pop"
POPS = 8
"""So many are remembered: about 1.2 MB each for 20 counters of 8 nodes."""
SALT = "placebo"
NUMBERS_MAX = 8_000_000
"""At most so many are remembered (64 MB): of a fleet with large PoPs or many counters fewer PoPs."""


class Prover:
    """One thread gives it bins, another one lets it prove."""

    def __init__(self, store: Store, train_s: float = TRAIN_S) -> None:
        """`train_s`: how long one placebo train takes."""
        self._store = store
        self._train_s = train_s
        self._record: QuietRecord | None = None
        self._held = threading.Lock()

    def take(self, seen: Sequence[PopCounts]) -> None:
        """Remember bins of PoPs in which nothing moved, in the order of their ends."""
        if not seen:
            return
        with self._held:
            if self._record is None:
                self._record = QuietRecord(self._chosen(seen[0]))
            self._record.take(seen)

    def prove(self, rest: Callable[[], None] = lambda: None) -> PlaceboProof | None:
        """Run placebo trains on what is remembered, and write down what they certify; None where there is nothing new.

        `rest` is called before each train. Raises StaleError where somebody else wrote one meanwhile: the next call
        tries again.
        """
        with self._held:
            times = self._record.times() if self._record is not None else []
        with self._store.read() as view:
            current = view.get(CurrentPolicy, LANE)
            policy = policy_of(view, current.digest) if current is not None else None
            known = view.get(PlaceboProof, current.digest) if current is not None else None
        if policy is None or current is None or not policy.verdicts.metrics:
            return None
        span = times[-1][0].ended - times[0][0].ended if times else 0.0
        if span < self._train_s * (1 + (known.effective if known is not None else 0)):
            return None
        lock = self._locked(policy, times, rest)
        if lock is None:
            return None
        pops = tuple(sorted({str(seen.pop) for bins in times for seen in bins}))
        with self._store.write() as transaction:
            made = proof_of(current.digest, lock, transaction.now, pops, self._train_s)
            before = transaction.get(PlaceboProof, current.digest)
            if not is_better(made, before):
                return None
            transaction.put(made.changed(version=before.version if before is not None else 0))
        return made

    def _locked(
        self, policy: Policy, times: Sequence[Sequence[PopCounts]], rest: Callable[[], None]
    ) -> Lock | None:
        try:
            trains = trains_in(policy, times, self._train_s, rest=rest)
        except RefusedError:
            return None  # a node has changed its release, which the record learns with the PoP's next bin
        return locked(trains, policy.verdicts.alpha) if trains else None

    def _chosen(self, first: PopCounts) -> tuple[str, ...]:
        """Which PoPs are remembered: those that chance would take, and take again."""
        with self._store.read() as view:
            pops = [str(pop.id) for pop in view.find(Pop)]
        numbers = max(1, first.counted.size) * BINS_MAX
        return rank(pops, SALT)[: max(1, min(POPS, NUMBERS_MAX // numbers))]
