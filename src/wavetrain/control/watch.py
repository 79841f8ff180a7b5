"""Watch: what was measured on the fleet, laid to the pre-periods and to the evidence of rollouts under way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from wavetrain.control.facts import policy_in
from wavetrain.control.image import Image
from wavetrain.control.ports import HealthSource, Store, Transaction
from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopWatch, RolloutEvidence
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.model.fleet import NodeId, PopId, Reported, Retired
from wavetrain.model.health import PopBin
from wavetrain.model.policy import CurrentPolicy, Policy, PolicyText
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


class Unseen(Mapping[NodeId, float]):
    """For how many seconds each node was not measured, as of one look; worked out when it is asked."""

    def __init__(
        self, last_seen: Mapping[str, float], asked_at: Mapping[NodeId, float], steady: float, away_s: float
    ) -> None:
        self.asked_at = asked_at
        self._last_seen = last_seen
        self._steady = steady
        self._away_s = away_s

    def get(self, node: NodeId, default: Any = None) -> Any:
        """The seconds, or `default` for a node that is not asked for its metrics."""
        since = self.asked_at.get(node)
        if since is None:
            return default
        return self._last_seen.get(node, self._away_s + 1 + self._steady - since)

    def __getitem__(self, node: NodeId) -> float:
        found: float | None = self.get(node)
        if found is None:
            raise KeyError(node)
        return found

    def __contains__(self, node: object) -> bool:
        return node in self.asked_at

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self.asked_at)

    def __len__(self) -> int:
        return len(self.asked_at)


class Watch:
    """Holds the evidence in memory between checkpoints. Rebuilt from the store when it starts."""

    def __init__(self, store: Store, health: HealthSource, image: Image | None = None) -> None:
        """`image` is what the ticker looks at; without one this watch keeps its own."""
        self._store = store
        self._health = health
        self._image = image or Image()
        self._watches: dict[str, PopWatch] = {}
        self._evidence: dict[str, RolloutEvidence] = {}
        self._unseen = Unseen({}, {}, 0.0, 0.0)
        self._asked_at: dict[NodeId, float] = {}
        self._aimed: tuple[int, object] = (-1, None)
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
            image = self._image.follow(view)
            policies = {
                item.lane: policy_in(image.get(PolicyText, item.digest), item.digest)
                for item in image.all(CurrentPolicy)
            }
            rolling = [rollout for rollout in image.all(Rollout) if rollout.status in ACTIVE]
            pinned: dict[str, Policy] = {
                rollout.id: policy_in(image.get(PolicyText, rollout.policy), rollout.policy)
                for rollout in rolling
            }
            here = self._under_way(rolling)
            self._steady = steady = view.steady
        ruling = [*policies.values(), *pinned.values()]
        self._pre_period_s = max((policy.verdicts.pre_period_s for policy in ruling), default=float("inf"))
        away_s = max((policy.bake.telemetry_away_s for policy in ruling), default=0.0)
        self._aim(ruling, steady)
        observed = self._health.observe()
        self._unseen = Unseen(observed.last_seen, self._asked_at, steady, away_s)
        rollouts: dict[str, Rollout] = {rollout.id: rollout for rollout in rolling}
        self._forget(set(pinned))
        for turn in (turn for turns in here.values() for turn in turns):
            self._calibrate(turn, pinned[turn.rollout])
        reported = cast("Mapping[NodeId, Reported]", image.by_name(Reported))
        judged: set[str] = set()
        for seen in self._news(observed.bins):
            if not comparison.is_quiet(seen, reported):
                continue
            turns = here.get(seen.pop, [])
            judged |= self._absorb(seen, turns, rollouts, pinned, steady)
            if not any(turn.cursor for turn in turns) and "pop" in policies:
                self._pre_period(seen, policies["pop"])
        for name in sorted(judged):
            self._judge(name, pinned[name])

    def _under_way(self, rolling: Sequence[Rollout]) -> dict[str, list[Turn]]:
        """The turns of rollouts that are not over, by PoP."""
        here: dict[str, list[Turn]] = {}
        for rollout in rolling:
            for turn in self._image.turns(rollout.id):
                here.setdefault(turn.pop, []).append(turn)
        return here

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

    def unseen_s(self) -> Mapping[NodeId, float]:
        """Seconds since each node was last measured. One that was not since this process began counts as away.

        A node that names no metrics is absent.
        """
        return self._unseen

    def checkpoint(self, transaction: Transaction, rollout: str) -> None:
        """Write the evidence that a decision stood on, in the decision's own transaction."""
        kept = self._evidence.get(rollout)
        if kept is None:
            return
        stored = transaction.get(RolloutEvidence, rollout)
        version = stored.version if stored is not None else 0
        if stored is None or stored.changed(version=0) != kept.changed(version=0):
            transaction.put(kept.changed(version=version))

    def _aim(self, policies: list[Policy], steady: float) -> None:
        """Measure every node that is not retired, where it says; said again only when something of that changed."""
        names = {
            name
            for policy in policies
            for rule in policy.verdicts.metrics
            for name in (rule.events, rule.exposure)
        }
        counters = tuple(sorted(names))
        sessions = policies[0].verdicts.sessions if policies else ""
        aim = (self._image.readdressed, (counters, sessions))
        if aim == self._aimed:
            return
        self._aimed = aim
        retired = self._image.by_name(Retired)
        targets = {
            item.node: Target(item.pop, item.metrics, counters, sessions)
            for item in self._image.all(Reported)
            if item.metrics and item.node not in retired
        }
        self._asked_at = {node: self._asked_at.get(node, steady) for node in targets}
        self._health.watch(targets)

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
    ) -> set[str]:
        """Lay a bin to the evidence of the rollouts that it tells something of; their names."""
        told: set[str] = set()
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
            told.add(turn.rollout)
        return told

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
