"""Watch: what was measured on the fleet, laid to the pre-periods and to the evidence of rollouts under way."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from wavetrain.control.facts import policy_of
from wavetrain.control.ports import HealthSource, Store, Transaction
from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopWatch, RolloutEvidence
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.model.fleet import NodeId, PopId, Reported, Retired
from wavetrain.model.health import PopBin
from wavetrain.model.policy import CurrentPolicy, Policy
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase

CHECKPOINT_S = 60.0
"""Pre-periods are written this often, evidence with each decision; a crash loses at most this much of them."""

_EXPOSED = (TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST)


class Target(msgspec.Struct, frozen=True):
    """A node to be measured: its PoP, where its metrics are, which counters matter, and the gauge of its load."""

    pop: str
    url: str
    counters: tuple[str, ...]
    sessions: str


class Watch:
    """Holds the evidence in memory between checkpoints. Rebuilt from the store when it starts."""

    def __init__(self, store: Store, health: HealthSource) -> None:
        self._store = store
        self._health = health
        self._watches: dict[str, PopWatch] = {}
        self._evidence: dict[str, RolloutEvidence] = {}
        self._unseen_s: dict[NodeId, float] = {}
        self._asked_at: dict[NodeId, float] = {}
        self._ended: dict[str, float] = {}
        self._steady = self._written_at = 0.0
        self._ripe: set[str] = set()
        self._pre_period_s = float("inf")
        with store.read() as view:
            self._watches = {item.pop: item for item in view.find(PopWatch)}
            self._evidence = {item.rollout: item for item in view.find(RolloutEvidence)}
            self._steady = self._written_at = view.steady

    def look(self) -> None:
        """Ask the source, and lay what it says to where it belongs."""
        with self._store.read() as view:
            retired = {item.node for item in view.find(Retired)}
            reported = {item.node: item for item in view.find(Reported) if item.node not in retired}
            policies = {item.lane: policy_of(view, item.digest) for item in view.find(CurrentPolicy)}
            rolling = [rollout for status in ACTIVE for rollout in view.find(Rollout, status=status.value)]
            pinned: dict[str, Policy] = {rollout.id: policy_of(view, rollout.policy) for rollout in rolling}
            turns = [turn for rollout in rolling for turn in view.find(Turn, rollout=rollout.id)]
            self._steady = steady = view.steady
        ruling = [*policies.values(), *pinned.values()]
        self._pre_period_s = max((policy.verdicts.pre_period_s for policy in ruling), default=float("inf"))
        asked = self._aim(reported, ruling)
        away_s = max((policy.bake.telemetry_away_s for policy in ruling), default=0.0)
        observed = self._health.observe()
        self._asked_at = {node: self._asked_at.get(node, steady) for node in asked}
        self._unseen_s = {
            node: observed.last_seen.get(node, away_s + 1 + steady - since)
            for node, since in self._asked_at.items()
        }
        rollouts: dict[str, Rollout] = {rollout.id: rollout for rollout in rolling}
        self._forget(set(pinned))
        for turn in turns:
            self._calibrate(turn, pinned[turn.rollout])
        for seen in self._news(observed.bins):
            if not comparison.is_quiet(seen, reported):
                continue
            here = [turn for turn in turns if turn.pop == seen.pop]
            self._absorb(seen, here, rollouts, pinned, steady)
            if not any(turn.cursor for turn in here) and "pop" in policies:
                self._pre_period(seen, policies["pop"])
        for name in {turn.rollout for turn in turns}:
            self._judge(name, pinned[name])

    def _news(self, bins: Sequence[PopBin]) -> Iterator[PopBin]:
        """Each bin once, in order: one that a source says again, or after a younger one, would count twice."""
        for seen in sorted(bins, key=lambda seen: seen.ended):
            if seen.ended > self._ended.get(seen.pop, float("-inf")):
                self._ended[seen.pop] = seen.ended
                yield seen

    def keep(self) -> int:
        """Write everything down once a minute, and when a PoP has been watched long enough; how many commits."""
        ripe = {
            pop for pop, watch in self._watches.items() if watch.seconds >= self._pre_period_s
        } - self._ripe
        if not ripe and self._steady - self._written_at < CHECKPOINT_S:
            return 0
        self._ripe |= ripe
        self._written_at = self._steady
        return self._checkpoint_all()

    def evidence_of(self, rollout: str) -> RolloutEvidence | None:
        """The rollout's evidence as of the last look."""
        return self._evidence.get(rollout)

    def pre_period_s(self) -> dict[PopId, float]:
        """For how long each PoP was watched while nothing moved there, in seconds."""
        return {PopId(pop): watch.seconds for pop, watch in self._watches.items()}

    def unseen_s(self) -> dict[NodeId, float]:
        """Seconds since each node was last measured. One that was not since this process began counts as away.

        A node that names no metrics is absent.
        """
        return self._unseen_s

    def checkpoint(self, transaction: Transaction, rollout: str) -> None:
        """Write the evidence that a decision stood on, in the decision's own transaction."""
        kept = self._evidence.get(rollout)
        if kept is None:
            return
        stored = transaction.get(RolloutEvidence, rollout)
        version = stored.version if stored is not None else 0
        if stored is None or stored.changed(version=0) != kept.changed(version=0):
            transaction.put(kept.changed(version=version))

    def _aim(self, reported: dict[NodeId, Reported], policies: list[Policy]) -> Collection[NodeId]:
        names = {
            name
            for policy in policies
            for rule in policy.verdicts.metrics
            for name in (rule.events, rule.exposure)
        }
        counters = tuple(sorted(names))
        sessions = policies[0].verdicts.sessions if policies else ""
        targets = {
            item.node: Target(item.pop, item.metrics, counters, sessions)
            for item in reported.values()
            if item.metrics
        }
        self._health.watch(targets)
        return targets

    def _calibrate(self, turn: Turn, policy: Policy) -> None:
        """Fix a PoP's calibration when its canary is about to be exposed."""
        if turn.phase is not TurnPhase.CANARY or not policy.verdicts.metrics:
            return
        kept = self._evidence.get(turn.rollout) or RolloutEvidence(rollout=turn.rollout)
        if turn.pop not in kept.pops:
            known = comparison.calibrated(self._watches.get(turn.pop), policy)
            self._evidence[turn.rollout] = kept.changed(pops={**kept.pops, turn.pop: known})

    def _absorb(
        self,
        seen: PopBin,
        turns: list[Turn],
        rollouts: dict[str, Rollout],
        pinned: dict[str, Policy],
        steady: float,
    ) -> None:
        for turn in turns:
            kept = self._evidence.get(turn.rollout)
            rollout = rollouts[turn.rollout]
            if (
                kept is None
                or rollout.status not in (Status.ROLLING, Status.PAUSED)
                or turn.phase not in _EXPOSED
            ):
                continue
            policy = pinned[turn.rollout]
            self._evidence[turn.rollout] = comparison.compared(
                kept, turn, seen, rollout.number, policy, steady
            )

    def _pre_period(self, seen: PopBin, policy: Policy) -> None:
        """Only while the whole PoP runs one release: a mixed PoP says nothing about its nodes' own differences."""
        if len({sample.release for sample in seen.samples}) == 1:
            watch = self._watches.get(seen.pop) or PopWatch(pop=seen.pop)
            self._watches[seen.pop] = comparison.watched(watch, seen, policy)

    def _judge(self, rollout: str, policy: Policy) -> None:
        kept = self._evidence.get(rollout)
        if kept is None or not kept.evidence.metrics:
            return
        judged = comparison.judged(kept, policy)
        self._evidence[rollout] = kept.changed(
            log_e=judged.log_e, log_threshold=judged.log_threshold, failed=kept.failed or judged.failed
        )

    def _forget(self, active: set[str]) -> None:
        """Evidence of rollouts that are over is in the store."""
        for name in [name for name in self._evidence if name not in active]:
            del self._evidence[name]

    def _checkpoint_all(self) -> int:
        with self._store.write() as transaction:
            before = transaction.sequence
            for watch in self._watches.values():
                stored = transaction.get(PopWatch, watch.pop)
                if stored is None or stored.changed(version=0) != watch.changed(version=0):
                    transaction.put(watch.changed(version=stored.version if stored is not None else 0))
            for rollout in self._evidence:
                self.checkpoint(transaction, rollout)
        with self._store.read() as view:
            return int(view.sequence != before)
