"""Back-test: where would a policy have stopped a change that was recorded?

The recorded bins go the way that live ones go: the pre-period of each PoP until its first node runs the new release,
its calibration fixed then, and the running test from there. A bin in which a node has just changed, or in which one
went back, is not compared. The recording cannot be altered by what would have been decided: after the stop, what was
exposed is what the policy would have spared.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from wavetrain.decide import comparison, gate_or_watch, verdict
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.running_test import RunningTest
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import RolloutId, Turn, TurnPhase

NAME = RolloutId("backtest")


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the policy would have stopped."""

    time: float
    """The end of the bin, in the recording's own time."""
    after_s: float
    """Since the first node ran the new release."""
    check: str
    """That with the most evidence."""
    log_e: float
    nodes: int
    """On the new release then."""
    exposure: dict[str, float]
    """What the new nodes had been exposed to by then, by check."""
    reverts: bool
    """Whether it would have gone back; else it would have paused: too short a pre-period, or a strict lock."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded change under one policy."""

    previous: str
    number: str
    """Empty where no node ever changed."""
    pops: int
    nodes: int
    nodes_changed: int
    bins: int
    pre_period_s: float | None
    """The shortest of the PoPs that gave evidence."""
    log_e: float
    """At the stop, or at the end of the recording."""
    log_threshold: float
    halt: Halt | None
    gates_s: dict[str, float]
    """By PoP: how long after its first node its gates let the rest follow; without those where they never did."""


class Replay:
    """One recording, bin by bin."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._test = RunningTest(NAME, policy)
        self._watches: dict[str, PopWatch] = {}
        self._exposed: dict[str, list[str]] = {}
        self._since: dict[str, float] = {}
        self._nodes: dict[str, set[str]] = {}
        self._gates: dict[str, float] = {}
        self._previous = self._number = ""
        self._bins = 0
        self._halt: Halt | None = None

    def take(self, bins: Sequence[PopCounts]) -> None:
        """The bins that end at one time. Raises RefusedError where a third release turns up."""
        if not bins:
            return
        self._bins += len(bins)
        self._name_releases(bins)
        told = [(turn, seen) for seen in bins if (turn := self._turn(seen)) is not None]
        if self._test.compare(told, self._number, bins[0].ended):
            self._test.judge()
        for turn, seen in told:
            self._ask_gate(turn, seen.ended)
        if self._test.record.failed and self._halt is None:
            self._halt = self._halted(bins[0].ended)

    def outcome(self) -> Outcome:
        """What has come of it."""
        kept = self._test.record
        return Outcome(
            previous=self._previous,
            number=self._number,
            pops=len(self._nodes),
            nodes=sum(map(len, self._nodes.values())),
            nodes_changed=sum(map(len, self._exposed.values())),
            bins=self._bins,
            pre_period_s=kept.pre_period_s,
            log_e=self._halt.log_e if self._halt is not None else kept.log_e,
            log_threshold=kept.log_threshold,
            halt=self._halt,
            gates_s=dict(self._gates),
        )

    def _name_releases(self, bins: Sequence[PopCounts]) -> None:
        found = Counter(release for seen in bins for release in seen.releases)
        if not self._previous:
            self._previous = found.most_common(1)[0][0]
        for release in sorted(found):
            if release in (self._previous, self._number):
                continue
            if self._number:
                raise RefusedError(
                    f"at time {bins[0].ended:g} release {release} turns up beside {self._previous} and "
                    f"{self._number}; a history holds one change: split it"
                )
            self._number = release

    def _turn(self, seen: PopCounts) -> Turn | None:
        """The PoP's turn as of this bin, where new nodes are held against old ones in it; else what it adds is kept."""
        pop = str(seen.pop)
        self._nodes.setdefault(pop, set()).update(seen.nodes)
        runs = dict(zip(map(str, seen.nodes), seen.releases, strict=True))
        held = self._exposed.get(pop, [])
        fresh = [node for node, release in runs.items() if release == self._number and node not in held]
        gone_back = [node for node in held if runs.get(node, self._number) != self._number]
        if fresh and not held:
            self._since[pop] = seen.ended
            watch = self._watches.get(pop)
            nodes = len(self._nodes[pop])
            self._test.calibrate(gate_or_watch.fixed(NAME, pop, nodes, watch, self._policy))
        if fresh:
            self._exposed[pop] = [*held, *fresh]
        if fresh or gone_back:
            return None
        if not held:
            self._watches[pop] = comparison.watched(
                self._watches.get(pop) or PopWatch(pop=pop), seen, self._policy
            )
            return None
        exposed = self._exposed[pop]
        rest = sorted(self._nodes[pop] - set(exposed))
        at = datetime.fromtimestamp(self._since[pop], UTC)
        return Turn(
            rollout=NAME,
            pop=PopId(pop),
            wave=0,
            phase=TurnPhase.BAKING,
            order=tuple(map(UnitId, (*exposed, *rest))),
            canaries=self._policy.bake.canaries,
            cursor=len(exposed),
            opens=at,
            closes=at,
        )

    def _ask_gate(self, turn: Turn, at: float) -> None:
        pop = str(turn.pop)
        if pop in self._gates or self._halt is not None:
            return
        answer = comparison.gate_of(self._test.pop(pop), self._policy)
        if answer is not None and answer.passed:
            self._gates[pop] = at - self._since[pop]

    def _halted(self, at: float) -> Halt:
        judged = self._test.judgement().per_metric
        worst = max(judged, key=lambda said: said.log_e)
        return Halt(
            time=at,
            after_s=at - min(self._since.values()),
            check=worst.name,
            log_e=self._test.record.log_e,
            nodes=sum(map(len, self._exposed.values())),
            exposure={said.name: said.new_exposure for said in judged},
            reverts=not verdict.doubt_of(self._test.record, self._policy.verdicts),
        )


def replay(policy: Policy, times: Iterable[Sequence[PopCounts]]) -> Outcome:
    """What becomes of a recording under a policy: the bins of one time after the other."""
    if not policy.verdicts.metrics:
        raise RefusedError(
            "the policy names no checks: nothing could stop a release; add [[verdicts.metric]]"
        )
    run = Replay(policy)
    for bins in times:
        run.take(bins)
    return run.outcome()
