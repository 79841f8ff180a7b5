"""Watch: what was measured on the fleet, laid to the pre-periods and to the evidence of rollouts under way."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from wavetrain.control.facts import policy_in
from wavetrain.control.feature_watch import FeatureWatch
from wavetrain.control.image import Image
from wavetrain.control.ports import HealthSource, Store, Transaction, View
from wavetrain.control.quiet import Quiet
from wavetrain.control.targets import Asked, Target, asked_of
from wavetrain.decide import comparison, gate_or_watch
from wavetrain.decide.evidence_kept import (
    PopCalibration,
    PopEvidence,
    PopWatch,
    RolloutEvidence,
    placebo_of,
)
from wavetrain.decide.evidence_track import EvidenceTrack, noted
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.decide.placebo_proof import PlaceboProof, certified
from wavetrain.decide.running_test import RunningTest
from wavetrain.model.fleet import NodeId, Pop, PopId, Reported, Retired
from wavetrain.model.health import PopBin, PopCounts
from wavetrain.model.policy import CurrentPolicy, Policy, PolicyText
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase

CHECKPOINT_S = 60.0
"""Pre-periods are written this often, evidence with each decision; a crash loses at most this much of them."""

_BEGINS = (TurnPhase.PLACEBO, TurnPhase.CANARY)
_DONE = (TurnPhase.DONE, TurnPhase.REVERTED)


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

    def __init__(
        self,
        store: Store,
        health: HealthSource,
        image: Image | None = None,
        at_rest: Callable[[Sequence[PopCounts]], None] = lambda _: None,
    ) -> None:
        """`image` is what the ticker looks at; without one this watch keeps its own.

        `at_rest` hears of every bin of a PoP in which nothing moved.
        """
        self._store = store
        self._health = health
        self._image = image or Image()
        self._quiet = Quiet(self._image)
        self.features = FeatureWatch(store, self._image)
        self._at_rest = at_rest
        self._watches: dict[str, PopWatch] = {}
        self._watched_s: dict[PopId, float] = {}
        self._unwritten: set[str] = set()
        self._tests: dict[str, RunningTest] = {}
        self._records: dict[str, RolloutEvidence] = {}
        """What they said at the last look; the doors read it while the next one is under way."""
        self._tracks: dict[str, EvidenceTrack] = {}
        self._moved: list[Turn] = []
        """The turns that have changed since the last look."""
        self._here: tuple[list[tuple[Turn, ...]], dict[str, list[Turn]]] = ([], {})
        self._unseen = Unseen({}, {}, 0.0, 0.0)
        self._source_fault = ""
        self._asked_at: dict[NodeId, float] = {}
        self._targets: dict[NodeId, Target] = {}
        self._asked: Asked | None = None
        self._aimed_at = -1
        """Up to which change the targets are what the store says."""
        self._ended: dict[str, float] = {}
        self._steady = self._written_at = 0.0
        self._ripe: set[str] = set()
        self._pre_period_s = float("inf")
        with store.read() as view:
            self._watches = {item.pop: item for item in view.find(PopWatch)}
            self._steady = self._written_at = view.steady
        self._watched_s = {PopId(pop): watch.seconds for pop, watch in self._watches.items()}

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
            self._steady, now = view.steady, view.now
            self._resume(view, pinned)
        steady = self._steady
        ruling = [*policies.values(), *pinned.values()]
        self._pre_period_s = max((policy.verdicts.pre_period_s for policy in ruling), default=float("inf"))
        away_s = max((policy.bake.telemetry_away_s for policy in ruling), default=0.0)
        self._aim(ruling, steady, self.features.counters(now))
        observed = self._health.observe()
        self._unseen = Unseen(observed.last_seen, self._asked_at, steady, away_s)
        self._source_fault = observed.fault
        rollouts: dict[str, Rollout] = {rollout.id: rollout for rollout in rolling}
        self._attend(pinned)
        self._quiet.look(observed)
        quiet = [seen for seen in self._news((*observed.bins, *observed.counts)) if self._quiet.has(seen)]
        self._at_rest(quiet)
        self.features.look(quiet, now, steady)
        for name, test in self._tests.items():
            if name in rollouts:
                proof = self._image.get(PlaceboProof, rollouts[name].policy)
                test.certified = certified(proof, test.policy.verdicts)
        for name in self._compare(quiet, here, rollouts, now):
            if name in rollouts:
                self._note(name, now.timestamp())
        self._records = {name: test.record for name, test in self._tests.items()}
        if "pop" in policies:
            for seen in quiet:
                if not any(turn.cursor or turn.placebos for turn in here.get(seen.pop, [])):
                    self._pre_period(seen, policies["pop"], now.timestamp())

    def _under_way(self, rolling: Sequence[Rollout]) -> dict[str, list[Turn]]:
        """The turns of rollouts that are not over, by PoP."""
        every = [self._image.turns(rollout.id) for rollout in rolling]
        known, here = self._here
        if [len(turns) for turns in known] != [len(turns) for turns in every]:
            here = {}
            self._moved = list(chain.from_iterable(every))
            for turn in self._moved:
                here.setdefault(turn.pop, []).append(turn)
        else:
            self._moved = []
            pairs = zip(chain.from_iterable(known), chain.from_iterable(every), strict=True)
            for old, new in pairs:
                if old is new:
                    continue
                if old.key != new.key:
                    self._here = ([], {})
                    return self._under_way(rolling)
                self._moved.append(new)
                here[new.pop] = [new if turn is old else turn for turn in here[new.pop]]
        self._here = (every, here)
        return here

    def _news(self, bins: Sequence[PopBin | PopCounts]) -> Iterator[PopCounts]:
        """Each bin once, in order: one that a source says again, or after a younger one, would count twice."""
        for seen in sorted(bins, key=lambda seen: seen.ended):
            if seen.ended > self._ended.get(seen.pop, float("-inf")):
                self._ended[seen.pop] = seen.ended
                yield comparison.arrayed(seen)

    def keep(self) -> int:
        """Write everything down once a minute, and when a PoP has been watched long enough; how many commits."""
        ripe = {
            pop for pop in self._unwritten if self._watched_s[PopId(pop)] >= self._pre_period_s
        } - self._ripe
        if not ripe and self._steady - self._written_at < CHECKPOINT_S:
            return 0
        self._ripe |= ripe
        self._written_at = self._steady
        return self._checkpoint_all()

    def evidence_of(self, rollout: str) -> RolloutEvidence | None:
        """The rollout's evidence as of the last look."""
        kept = self._records.get(rollout)
        return kept if kept is not None and kept.changes else None

    def shadow_of(self, rollout: Rollout, policy: Policy) -> str:
        """Why a `fail` of the rollout may be a feature's fault; empty for none, and while it has not failed."""
        kept = self.evidence_of(rollout.id)
        return self.features.shadow(rollout, policy) if kept is not None and kept.failed else ""

    def pops_of(self, rollout: str) -> Mapping[str, PopEvidence]:
        """What each PoP that is live in a rollout's test has said, as of the last look."""
        test = self._tests.get(rollout)
        return test.pops if test is not None else {}

    def pre_period_s(self) -> dict[PopId, float]:
        """For how long each PoP was watched while nothing moved there, in seconds."""
        return dict(self._watched_s)

    def unseen_s(self) -> Mapping[NodeId, float]:
        """Seconds since each node was last measured. One that was not since this process began counts as away.

        A node that names no metrics is absent.
        """
        return self._unseen

    def source_fault(self) -> str:
        """What was wrong with the source as a whole at the last look, in one line; empty for nothing."""
        return self._source_fault

    def checkpoint(self, transaction: Transaction, rollout: str) -> None:
        """Write the evidence that a decision stood on, in the decision's own transaction: what has changed of it."""
        for name in (rollout, placebo_of(rollout)):
            test = self._tests.get(name)
            if test is not None and test.record.changes:
                self._checkpoint(transaction, name, test)

    def _checkpoint(self, transaction: Transaction, rollout: str, test: RunningTest) -> None:
        kept, stored = test.record, transaction.get(RolloutEvidence, rollout)
        if stored is not None and stored.changed(version=0) == kept:
            return
        transaction.put(kept.changed(version=stored.version if stored is not None else 0))
        track = self._tracks.get(rollout)
        if track is not None:
            drawn = transaction.get(EvidenceTrack, rollout)
            transaction.put(track.changed(version=drawn.version if drawn is not None else 0))
        goes_on = stored is not None and stored.metrics == kept.metrics
        for item in test.unwritten(stored.changes if stored is not None and goes_on else -1):
            older = transaction.get(PopEvidence, rollout, item.pop)
            transaction.put(item.changed(version=older.version if older is not None else 0))
            if older is None or older.live != item.live:
                self._keep_calibration(transaction, test, item)
            if item.only_watch and (older is None or older.only_watch != item.only_watch):
                transaction.note([gate_or_watch.entry(item, test.policy, transaction.now)])

    def _keep_calibration(self, transaction: Transaction, test: RunningTest, item: PopEvidence) -> None:
        """A PoP's calibration is fixed while it is live, and of no use after that."""
        stored, known = transaction.get(PopCalibration, test.rollout, item.pop), test.calibration(item.pop)
        if item.live and known is not None:
            transaction.put(known.changed(version=stored.version if stored is not None else 0))
        elif not item.live and stored is not None:
            transaction.remove(stored)

    def _aim(self, policies: list[Policy], steady: float, more: Collection[str]) -> None:
        """Measure every node that is not retired, where it says; said again only when something of that changed."""
        asked = asked_of(policies, more)
        others = self._image.readdressed(self._aimed_at) if asked == self._asked else None
        self._asked, self._aimed_at = asked, self._image.sequence
        if others is not None and not others:
            return
        retired, targets = self._image.by_name(Retired), self._targets
        if others is None:
            self._targets = targets = {
                item.node: Target(item.pop, item.metrics, *asked)
                for item in self._image.all(Reported)
                if item.metrics and item.node not in retired
            }
            self._asked_at = {node: self._asked_at.get(node, steady) for node in targets}
        else:  # whoever still looks at what was asked before must not see it change
            self._asked_at = dict(self._asked_at)
        for node in sorted(others or ()):
            said = self._image.get(Reported, node)
            if said is not None and said.metrics and node not in retired:
                targets[node] = Target(said.pop, said.metrics, *asked)
                self._asked_at.setdefault(node, steady)
            else:
                targets.pop(node, None)
                self._asked_at.pop(node, None)
        self._health.watch(targets)

    def _resume(self, view: View, pinned: Mapping[str, Policy]) -> None:
        """Evidence of rollouts that are over is in the store; of those that are under way it comes from there."""
        wanted = {name: (policy, comparison.arms_of) for name, policy in pinned.items()}
        wanted |= {
            placebo_of(name): (policy, comparison.placebo_arms)
            for name, policy in pinned.items()
            if policy.verdicts.placebo_waves
        }
        for name in [name for name in self._tests if name not in wanted]:
            del self._tests[name]
            self._tracks.pop(name, None)
        for name, (policy, arms_of) in wanted.items():
            if name not in self._tests and policy.verdicts.metrics:
                kept = view.get(RolloutEvidence, name)
                pops = view.find(PopEvidence, rollout=name, live=1) if kept is not None else []
                known = view.find(PopCalibration, rollout=name) if kept is not None else []
                self._tests[name] = RunningTest(name, policy, kept, pops, known, arms_of)
                track = view.get(EvidenceTrack, name)
                if track is not None:
                    self._tracks[name] = track.changed(version=0)

    def _attend(self, pinned: Mapping[str, Policy]) -> None:
        """Fix a PoP's calibration when its first node is about to be disturbed, and settle it when it is done."""
        for turn in self._moved:
            for name in (turn.rollout, placebo_of(turn.rollout)):
                test = self._tests.get(name)
                if test is None:
                    continue
                if turn.phase in _BEGINS:
                    if not test.has(turn.pop):
                        self._calibrate(test, turn, pinned[turn.rollout])
                elif turn.phase in _DONE and test.has(turn.pop):
                    test.settle(turn.pop)

    def _calibrate(self, test: RunningTest, turn: Turn, policy: Policy) -> None:
        watch = self._watches.get(turn.pop)
        known = gate_or_watch.fixed(test.rollout, turn.pop, len(turn.order), watch, policy)
        if not test.was_done(turn.pop):
            with self._store.read() as view:
                before = view.get(PopEvidence, test.rollout, turn.pop)
            if before is None:
                test.calibrate(known)
                return
        with self._store.read() as view:
            test.reopen(known, view.find(PopEvidence, rollout=test.rollout, live=0))

    def _compare(
        self,
        quiet: Sequence[PopCounts],
        here: Mapping[str, list[Turn]],
        rollouts: Mapping[str, Rollout],
        now: datetime,
    ) -> list[str]:
        """Lay bins to the evidence of the rollouts that they tell something of, and judge these; which they were."""
        judged = []
        told: dict[str, list[tuple[Turn, PopCounts]]] = {}
        for seen in quiet:
            for turn in here.get(seen.pop, []):
                if turn.phase in comparison.EXPOSED:
                    told.setdefault(turn.rollout, []).append((turn, seen))
        for rollout, name in sorted((one, name) for one in told for name in (one, placebo_of(one))):
            if name in self._tests and rollouts[rollout].status in (Status.ROLLING, Status.PAUSED):
                test = self._tests[name]
                number, clock_s = rollouts[rollout].number, now.timestamp()
                if test.compare(told[rollout], number, self._steady, self._image.by_name(Pop), clock_s):
                    test.judge()
                    judged.append(name)
        return judged

    def _note(self, rollout: str, at: float) -> None:
        """One more point in the picture of a rollout's evidence."""
        test = self._tests[rollout]
        track = self._tracks.get(rollout)
        if track is None or track.metrics != test.record.metrics:
            track = EvidenceTrack(rollout=rollout, metrics=test.record.metrics)
        self._tracks[rollout] = noted(track, at, test.record.log_e, test.log_es)

    def _pre_period(self, seen: PopCounts, policy: Policy, clock_s: float) -> None:
        """Only while the whole PoP runs one release: a mixed PoP says nothing about its nodes' own differences."""
        if len(set(seen.releases)) == 1:
            watch = self._watches.get(seen.pop) or PopWatch(pop=seen.pop)
            self._watches[seen.pop] = watch = comparison.watched(watch, seen, policy, clock_s)
            self._watched_s[seen.pop] = watch.seconds
            self._unwritten.add(seen.pop)

    def _checkpoint_all(self) -> int:
        unwritten = set(self._unwritten)
        with self._store.write() as transaction:
            before = transaction.sequence
            for pop in sorted(unwritten):
                stored = transaction.get(PopWatch, pop)
                version = stored.version if stored is not None else 0
                transaction.put(self._watches[pop].changed(version=version))
            for rollout in self._tests:
                self.checkpoint(transaction, rollout)
        self._unwritten -= unwritten
        with self._store.read() as view:
            return int(view.sequence != before)
