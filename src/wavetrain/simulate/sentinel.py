"""Sentinel: which guard does what has just changed break?

The guards of `invariants`, asked only about what changed, over `Ground`'s indexes; so they can run after every tick of
a rehearsal of hundreds of thousands of nodes. Like those they use none of the code that they watch over.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from wavetrain.decide import calendar
from wavetrain.model.fleet import Desired, NodeId, Phase, Pop, PopId, Quarantine, Reported
from wavetrain.model.lane import LANES
from wavetrain.model.release import Tombstone
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, TurnPhase, Wave, WaveStatus
from wavetrain.model.window import Freeze
from wavetrain.simulate.ground import Ground
from wavetrain.simulate.invariants import ENDED, OVER, Told


class Truth(Protocol):
    """What is really so, whatever was reported."""

    def on_release(self, node: NodeId) -> tuple[str, float]:
        """The release that a node runs, with the steady second since which it serves on it."""
        ...

    def age_s(self, node: NodeId) -> float:
        """Seconds since the node was last measured."""
        ...


class Sentinel:
    """Looks at what changed since it last looked."""

    def __init__(self, ground: Ground, truth: Truth) -> None:
        self.ground = ground
        self._truth = truth
        self.checked = 0
        """How many changes it has looked at."""

    def look(self, now: datetime, steady: float) -> list[str]:
        """Every guard that does not hold, as `G4: what, where`; then what has changed counts as seen."""
        ground = self.ground
        self.checked += len(ground.moved)
        found = [f"G{name}: {text}" for name, text in self._broken(now, steady)]
        ground.settle()
        return found

    def told(self) -> list[Told]:
        """The instructions among what has changed."""
        made, ground = [], self.ground
        for known, order in ground.changed(Desired):
            if order is None or (known is not None and known.generation == order.generation):
                continue
            rollout = ground.get(Rollout, order.rollout)
            turn = ground.get(Turn, order.rollout, order.pop)
            if rollout is not None and turn is not None:
                made.append(Told(order, known, rollout, ground.before(Turn, order.rollout, order.pop), turn))
        return made

    def _broken(self, now: datetime, steady: float) -> Iterator[tuple[int, str]]:
        told = self.told()
        turns = [pair for pair in self.ground.changed(Turn) if pair[1] is not None]
        for before, after in turns:
            assert after is not None
            if before is not None:
                yield from self._step(before, after)
                yield from self._gate(before, after, steady)
            rollout = self.ground.get(Rollout, after.rollout)
            if after.cursor and rollout is not None and after.wave > rollout.wave:
                yield 6, f"{after.pop} of {after.rollout} is exposed before wave {after.wave} was reached"
        yield from self._orders(told)
        yield from self._disturbing(told, now, steady)
        yield from self._limbo(turns)
        yield from self._slots(turns)
        yield from self._silence()

    def _step(self, before: Turn, after: Turn) -> Iterator[tuple[int, str]]:
        """G1: a step completes only on a report for this generation."""
        if before.progress is after.progress:
            return
        here = {item.unit for item in after.progress}
        left = [item for item in before.progress if item.unit not in here]
        if not left:
            return
        settled = set(after.settled) - set(after.back)
        for item in left:
            said = self.ground.reported.get(item.unit)
            if item.unit in settled and (
                said is None
                or (said.generation, said.phase, said.release)
                != (item.generation, Phase.STEADY, item.release)
            ):
                yield (
                    1,
                    f"{item.unit} settled on {item.release}, generation {item.generation}, but says {said}",
                )

    def _gate(self, before: Turn, after: Turn, steady: float) -> Iterator[tuple[int, str]]:
        """G5 and G8: the rest follows a canary that was measured, and that has run the release for the minimum time."""
        if before.phase is not TurnPhase.BAKING or after.phase not in (TurnPhase.REST, TurnPhase.DONE):
            return
        rollout = self.ground.get(Rollout, after.rollout)
        if rollout is None or after.canaries >= len(after.order):
            return
        policy = self.ground.policy(rollout)
        settled = before.settled
        dark = [unit for unit in settled if self._truth.age_s(NodeId(unit)) > policy.bake.telemetry_away_s]
        if policy.verdicts.metrics and dark:
            yield 5, f"{before.pop} goes on with {rollout.number} although {dark[0]} is not measured"
        least = policy.bake.minutes * 60.0
        for unit in settled[: before.canaries] if LANES[rollout.lane].disturbs else ():
            release, since = self._truth.on_release(NodeId(unit))
            if release != rollout.number or steady - since < least:
                yield (
                    8,
                    f"{unit} has run {release} for {steady - since:.0f} s, {rollout.number} needs {least:.0f} s",
                )

    def _orders(self, told: list[Told]) -> Iterator[tuple[int, str]]:
        """G3, G6 and G14: nothing withdrawn, nothing before its turn, nothing twice."""
        settled: dict[int, frozenset[str]] = {}
        for one in told:
            order, node = one.order, str(one.order.node)
            if self.ground.get(Tombstone, f"{one.rollout.component}@{order.release}") is not None:
                yield 3, f"{node} is told {order.release}, which has a tombstone"
            if one.turn.wave > one.rollout.wave or node not in one.turn.order:
                yield 6, f"{node} is told {order.release} out of its ring's turn"
            yield from _restarts(one, node)
            if one.before is None or one.is_back:
                continue
            had = settled.get(id(one.before))
            if had is None:
                had = settled[id(one.before)] = frozenset(one.before.settled)
            if node in had:
                yield 14, f"{node} has {order.release} and is told it again"

    def _disturbing(self, told: list[Told], now: datetime, steady: float) -> Iterator[tuple[int, str]]:
        """G4, G10 and G12, for the instructions that let a node disturb itself and did not before."""
        ground = self.ground
        moved = ground.changed(Slot)
        freed: set[str] = {old.owner for old, _ in moved if old is not None}
        made: set[str] = {new.owner for old, new in moved if old is None and new is not None}
        around = _Around(ground, now)
        for one in told:
            order, node = one.order, str(one.order.node)
            pop, said = ground.fleet.pops.get(order.pop), ground.reported.get(node)
            owned = node in freed or (node in ground.owners and node not in made)
            runs = said is not None and said.release == order.release and said.phase is not Phase.FAILED
            if not order.permitted_s or owned or pop is None or (runs and not order.restart):
                continue
            headroom = ground.policy(one.rollout).budgets.headroom
            for member, group in around.out_beside(pop, headroom):
                yield 4, f"{node} may be disturbed while {member} of group {group} is out"
            if around.is_short(pop, headroom) and not self._is_excused(one, pop, said, now, steady):
                yield 10, f"{node} may be disturbed, which leaves {pop.id} with too little capacity"
            if one.is_back:
                continue
            if not around.is_open(pop):
                yield 12, f"{node} may be disturbed at {now:%a %H:%M} UTC, outside the window of {pop.id}"
            for freeze in around.freezes(pop, one.rollout.lane):
                yield 12, f"{node} may be disturbed in freeze {freeze}"

    def _is_excused(self, one: Told, pop: Pop, said: Reported | None, now: datetime, steady: float) -> bool:
        """It was away already; or a person has said forward; or everybody else away waits for a person."""
        node = str(one.order.node)
        by_a_person = any((node,) in self.ground.held[kind] for kind in ("Cordon", "Retired"))
        is_failed = said is not None and said.phase is Phase.FAILED
        was_away = by_a_person or is_failed or node in self.ground.lost.get(pop.id, {})
        forward = any(approval.kind == "forward" for approval in one.rollout.approvals)
        return was_away or forward or (one.is_back and self._only_the_lost_are_away(one, pop, now, steady))

    def _only_the_lost_are_away(self, one: Told, pop: Pop, now: datetime, steady: float) -> bool:
        ground = self.ground
        others = ground.out_of(pop) - {str(one.order.node)}
        if not others or len(others) + 1 >= len(pop.nodes):
            return False
        late = timedelta(minutes=2 * ground.policy(one.rollout).timing.unit_minutes)
        slots: dict[str, Slot] = {slot.owner: slot for slot in ground.slots_of.get(pop.id, {}).values()}
        due: dict[str, float] = {item.unit: item.late_at for item in one.turn.progress}
        people = ground.held["Cordon"].keys() | ground.held["Retired"].keys()
        for other in others:
            said, slot = ground.reported.get(other), slots.get(other)
            if other in ground.lost.get(pop.id, {}) or (other,) in people:
                continue
            if said is not None and said.phase is Phase.FAILED:
                continue
            if slot is not None and (due[other] < steady if other in due else now - slot.since > late):
                continue
            return False
        return True

    def _limbo(self, turns: list[tuple[Turn | None, Turn | None]]) -> Iterator[tuple[int, str]]:
        """G7: what a unit has reported of its generation is taken in."""
        ground = self.ground
        touched = {(after.rollout, after.pop): after for _, after in turns if after is not None}
        for _, said in ground.changed(Reported):
            here = ground.under_way.get(said.pop) if said is not None else None
            if here is not None:
                touched[here.rollout, here.pop] = here
        for turn in touched.values():
            for item in turn.progress:
                news = ground.reported.get(item.unit)
                if news is not None and news.generation == item.generation and news.phase in ENDED:
                    yield (
                        7,
                        f"{item.unit} has said {news.phase.value} for {item.generation}, {turn.rollout} is deaf",
                    )

    def _slots(self, turns: list[tuple[Turn | None, Turn | None]]) -> Iterator[tuple[int, str]]:
        """G10 and G15: no budget is overdrawn; no slot is lost."""
        ground = self.ground
        suspects: set[str] = {
            item.unit for before, _ in turns if before is not None for item in before.progress
        }
        suspects |= {known.node for pair in ground.changed(Quarantine) if (known := pair[0] or pair[1])}
        drawn: dict[str, Slot] = {}
        for _, slot in ground.changed(Slot):
            if slot is not None:
                suspects.add(slot.owner)
                drawn[slot.budget] = slot
        for owner in suspects:
            owned = ground.owners.get(owner, 0)
            if owned > 1:
                yield 15, f"{owner} owns more than one slot"
            if owned and owner not in ground.moving and not self._is_lost(owner):
                yield 15, f"a slot is owned by {owner}, which is neither moving nor lost"
        for budget, slot in drawn.items():
            yield from self._overdrawn(budget, slot)

    def _is_lost(self, unit: str) -> bool:
        known = self.ground.get(Quarantine, unit)
        return known is not None and not known.serves

    def _overdrawn(self, budget: str, slot: Slot) -> Iterator[tuple[int, str]]:
        pop = self.ground.fleet.pops.get(slot.pop)
        rollout = self.ground.get(Rollout, slot.rollout)
        if pop is None or rollout is None:
            return
        policy, kind = self.ground.policy(rollout), budget.partition(":")[0]
        share = policy.budgets.revert_share if kind == "revert" else policy.budgets.pop_share
        spare = policy.failures_max if kind == "revert" else 0
        taken = sum(one.budget == budget for one in self.ground.slots_of.get(pop.id, {}).values())
        if taken > max(1, int(len(pop.nodes) * share + 1e-9)) + spare:
            yield 10, f"{taken} of {len(pop.nodes)} nodes of {pop.id} own a slot of {kind}"

    def _silence(self) -> Iterator[tuple[int, str]]:
        """G11: nothing waits without a reason."""
        ground = self.ground
        for rollout in ground.all(Rollout):
            if rollout.status in OVER or rollout.hold is not None:
                continue
            if rollout.status is not Status.ROLLING:
                yield 11, f"{rollout.id} is {rollout.status.value} and says no reason"
                continue
            for ordinal in range(rollout.wave, rollout.waves):
                wave = ground.get(Wave, rollout.id, str(ordinal))
                if wave is None or wave.hold is not None:
                    continue
                silent = ground.silent.get((rollout.id, ordinal), set())
                if silent or (ordinal == rollout.wave and wave.status is WaveStatus.BAKING):
                    yield 11, f"{rollout.id} waits in wave {ordinal} and says no reason: {sorted(silent)[:3]}"


class _Around:
    """What is so around the PoPs of one look; found once for each."""

    def __init__(self, ground: Ground, now: datetime) -> None:
        self._ground = ground
        self._now = now
        self._out: dict[tuple[PopId, float], bool] = {}
        self._open: dict[PopId, bool] = {}
        self._freezes = [item for item in ground.all(Freeze) if item.starts <= now < item.ends]

    def out_beside(self, pop: Pop, headroom: float) -> Iterator[tuple[str, str]]:
        """The other members of the PoP's groups that are out, each with its group."""
        for group in self._ground.fleet.groups_of(pop.id):
            for member in group.members:
                other = self._ground.fleet.pops.get(member)
                if member != pop.id and other is not None and self._is_out(other, headroom):
                    yield member, group.id

    def is_short(self, pop: Pop, headroom: float) -> bool:
        """Whether a PoP is out; one of a single node is its group's business."""
        return len(pop.nodes) > 1 and self._is_out(pop, headroom)

    def is_open(self, pop: Pop) -> bool:
        """Whether the PoP's window is open."""
        if pop.id not in self._open:
            self._open[pop.id] = calendar.opening_at(pop.window, self._now) is not None
        return self._open[pop.id]

    def freezes(self, pop: Pop, lane: str) -> Iterator[str]:
        """The freezes that bind the PoP now."""
        names = {pop.id, pop.region, lane}
        yield from (item.id for item in self._freezes if not item.scope or names & set(item.scope))

    def _is_out(self, pop: Pop, headroom: float) -> bool:
        known = self._out.get((pop.id, headroom))
        if known is None:
            known = self._out[pop.id, headroom] = self._ground.is_out(pop, headroom, self._now)
        return known


def _restarts(one: Told, node: str) -> Iterator[tuple[int, str]]:
    """G14 of placebos: once in a window, and no way back for who was only restarted."""
    before = one.before
    fresh = before is not None and before.placebo_at is not None and before.placebo_at >= one.turn.opens
    if fresh and before is not None and one.order.restart and node in before.restarted:
        yield 14, f"{node} is restarted once more in the same window"
    if one.is_back and one.order.permitted_s and node not in one.turn.exposed:
        yield 14, f"{node} is told to go back, and never had {one.rollout.number}"
