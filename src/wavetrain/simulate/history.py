"""History: what becomes of a practice fleet in one seeded course of events?"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

import msgspec

from wavetrain.control import policies
from wavetrain.control.leap import leap
from wavetrain.control.tick import Ticked
from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.permit import Caller
from wavetrain.errors import TransitionError
from wavetrain.model.access import Role
from wavetrain.model.fleet import NodeId
from wavetrain.model.journal import Entry
from wavetrain.model.lane import CONTENT
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.record import Record
from wavetrain.model.release import Release
from wavetrain.model.rollout import Rollout, Turn
from wavetrain.simulate import deeds, invariants, practice, replay, schedule
from wavetrain.simulate.clock import STARTS, VirtualClock
from wavetrain.simulate.house import House, plan_of
from wavetrain.simulate.invariants import Seen
from wavetrain.simulate.mirror import Mirror, difference, is_step
from wavetrain.simulate.nature import Nature, Span
from wavetrain.simulate.nodes import ContentUnit, SimNode
from wavetrain.simulate.persons import OVER, Persons, holds_of
from wavetrain.simulate.replay import Decision

TICKS_MAX = 2_500
BROKEN_MAX = 5
"""A history stops after so many broken guards."""
REPLAYS = 3
"""Decisions of a history that are taken again."""
SETTLE_MAX = 40
"""Ticks in a row in which nothing happens and nobody is asked, after which a history counts as stuck."""
PATIENCE = 60
"""Steps of a minute for which evidence is waited for; then longer ones."""
ADA = Caller("ada", (Role.APPROVER, Role.OPERATOR))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a history ended. `broken` names the guards that did not hold; empty is good."""

    seed: int
    ticks: int
    days: float
    """Train time that passed."""
    rollouts: dict[str, str]
    kinds: dict[str, str]
    broken: tuple[str, ...]
    crashes: int
    acts: tuple[str, ...]


class History:
    """One seeded course of events."""

    def __init__(self, seed: int, decide: Callable[[Facts], Choice]) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - practice, not secrecy
        self.nature = Nature(self.random)
        self.clock = VirtualClock()
        self.fleet = practice.fleet(self.random)
        self.plan = plan_of(self.random)
        self.coming = schedule.releases(self.random)
        self.nodes: dict[NodeId, SimNode] = {
            node: SimNode(node, pop.id, practice.BASELINE, self.nature)
            for pop in self.fleet.pops.values()
            for node in pop.nodes
        }
        self.contents: dict[NodeId, ContentUnit] = {}
        for name, node in self.nodes.items():
            unit = NodeId(name + CONTENT.suffix)
            self.contents[unit] = ContentUnit(unit, node, practice.BASELINE)
        self._decide = decide
        self.decisions: list[Decision] = []
        self.house = House(self.clock, self.nature, self.nodes, self.contents, self._listen)
        self.mirror = Mirror()
        self.persons = Persons(self.random, self._mend)
        self.broken: list[str] = []
        self.ticks = 0
        self._quiet = self._stuck_at = self._exposing = 0
        self._on_release: dict[str, tuple[str, datetime]] = {}
        self._deeds: dict[NodeId, int] = dict.fromkeys(self.nodes, 0)
        self._submitted: set[str] = set()
        self._furnish()
        schedule.faults(self.random, self.nature, list(self.nodes.values()), self.clock(), self.coming)
        self.house.crash_chance = self.plan.crash_chance

    def play(self) -> Outcome:
        """Until everything is over, or only persons are asked who do not answer."""
        self._tick()
        while self.ticks < TICKS_MAX and len(self.broken) < BROKEN_MAX:
            self._submit()
            self._people()
            self._live()
            self._tick()
            if self._is_over():
                break
            self._pass_time()
        self._end()
        return self._outcome()

    # Furniture

    def _listen(self, facts: Facts) -> Choice:
        """The decider, overheard."""
        choice = self._decide(facts)
        if not choice.empty:
            with self.house.store.read() as view:
                made = Decision(view.sequence, facts, choice)
            if self.decisions and self.decisions[-1].is_draft_of(made):
                self.decisions.pop()
            self.decisions.append(made)
        return choice

    def _furnish(self) -> None:
        """Fleet and policies as applied; the baseline runs everywhere."""
        records: list[Record] = [*self.fleet.regions.values(), *self.fleet.pops.values()]
        records += [*self.fleet.groups.values(), *self.fleet.accounts.values()]
        with self.house.store.write() as transaction:
            for record in records:
                transaction.put(record)
        for policy in practice.policies(self.random):
            policies.apply(self.house.store, ADA, policy)
        self.house.polls()

    def _mend(self, node: str) -> None:
        """A person set the machine up anew."""
        home = self.nodes[NodeId(node)]
        home.rebuild(practice.BASELINE)
        self._deeds[home.node] = len(home.deeds)
        self.nature.dead.pop(node, None)
        self.nature.sick = {pair for pair in self.nature.sick if pair[0] != node}
        self.nature.garbled = {pair for pair in self.nature.garbled if pair[0] != node}
        self.nature.wrong = {pair for pair in self.nature.wrong if pair[0] != node}

    # One turn of the wheel

    def _submit(self) -> None:
        """CI brings the next release of a lane, now and then before the one before it is over."""
        for lane in schedule.COMPONENTS:
            item = next((item for item in self.coming if item.lane == lane), None)
            if item is None:
                continue
            earlier = [
                rollout
                for rollout in self.mirror.all(Rollout)
                if rollout.lane == lane and rollout.status not in OVER
            ]
            is_planned = all(
                self.mirror.get(Rollout, name)
                for name in self._submitted
                if name.startswith(item.rollout[:4])
            )
            if (earlier and (item.waits or self.random.random() < 0.98)) or not is_planned:
                continue
            self.coming.remove(item)
            self._submitted.add(item.rollout)
            self.house.survive(lambda it=item: self._put(it))  # type: ignore[misc]
        for release in self.mirror.all(Release):
            if release.gates == {"build": True} and self.random.random() < 0.05:
                self.house.survive(lambda at=release: self._pass_gates(at))  # type: ignore[misc]

    def _put(self, item: schedule.Coming) -> None:
        chance, self.house.crash_chance = self.house.crash_chance, 0.0
        with self.house.store.write() as transaction:
            transaction.put(item.release(transaction.now))
        self.house.crash_chance = chance

    def _pass_gates(self, release: Release) -> None:
        with self.house.store.write() as transaction:
            known = transaction.get(Release, release.id)
            if known is not None:
                transaction.put(known.changed(gates={"build": True, "tests": True}))

    def _people(self) -> None:
        self.mirror.follow(self.house.store)
        calm = self.ticks > self.plan.calm_after
        if not calm and self.random.random() < self.plan.act_chance:
            self._let(lambda: self.persons.act(self.house.store, self.mirror))
        if calm and not self.plan.diligent:
            return
        if self.random.random() < 0.3:
            self._let(lambda: self.persons.answer(self.house.store, self.mirror))

    def _let(self, act: Callable[[], object]) -> None:
        def done() -> None:
            try:
                act()
            except TransitionError as error:
                self._say(f"G2: {error}")

        self.house.survive(done)

    def _live(self) -> None:
        if self.plan.away_chance and self.random.random() < self.plan.away_chance:
            self._away(self.random.uniform(60, 8 * 3_600))
        self._nodes_live()
        self.house.polls()

    def _away(self, seconds: float) -> None:
        """The control plane is gone for a while; the nodes serve on. Its successor ticks before it opens its doors."""
        until = self.clock() + seconds
        while self.clock() < until:
            self.clock.advance(min(20.0 if self._is_lively() else 1_800.0, until - self.clock()))
            self._nodes_live()
        self.house.crash()
        self._tick()

    def _nodes_live(self) -> None:
        now = self.clock()
        self.mirror.follow(self.house.store)
        jumped = self._now() - datetime.fromtimestamp(now, STARTS.tzinfo)
        for node in self.nodes.values():
            node.live(now)
            for deed in node.deeds[self._deeds[node.node] :]:
                at = datetime.fromtimestamp(deed.at, STARTS.tzinfo) + jumped
                excused = node.node in self.persons.touched
                self._say_all(deeds.broken(self.mirror, node, deed, at, excused))
            self._deeds[node.node] = len(node.deeds)
            self._note_release(node)
        for unit in self.contents.values():
            unit.live(now)
        if not self.persons.consented:
            self._say_all(deeds.exposure(self.nodes.values(), self.nature))

    def _note_release(self, node: SimNode) -> None:
        known = self._on_release.get(node.node)
        if not node.serves or known is None or known[0] != node.memory.running:
            self._on_release[node.node] = (node.memory.running if node.serves else "", self._now())

    def _tick(self) -> None:
        self.ticks += 1
        self.mirror.follow(self.house.store)
        sampled = dict(self.house.health.last_sampled)
        ticked: list[Ticked] = []
        decided = len(self.decisions)
        if not self.house.survive(lambda: ticked.append(self.house.ticker.tick())):
            sampled = {}
            del self.decisions[max(decided, len(self.decisions) - 1) :]  # the one that was not committed
        self.mirror.follow(self.house.store)
        for stale in ticked[0].stale if ticked else ():
            self._say(f"G14: a commit fails although nobody else writes: {stale}")
        self._guard(sampled, whole=bool(ticked))
        self._quiet = 0 if any(is_step(*pair) for pair in self.mirror.moved) else self._quiet + 1
        if any(self._is_stuck(rollout) for rollout in self._under_way()):
            self._stuck_at = self.ticks
        if ticked and (ticked[0].commits or self.ticks % 10 == 0):
            self._tick_again()

    def _guard(self, sampled: dict[str, float], *, whole: bool) -> None:
        """Hold what the last follow saw to every guard. `sampled`: what had been measured before the tick."""
        told = invariants.told_by(self.mirror)
        blind = whole and sampled == self.house.health.last_sampled
        seen = Seen(
            self.mirror, self._now(), self.clock(), told, self.house.seen_s(), self._on_release, blind
        )
        self._say_all(invariants.broken(seen, whole=whole))

    def _tick_again(self) -> None:
        """G13: a second run of the same tick changes nothing."""
        before, said = self.mirror.sequence, self._last_entry()
        chance, self.house.crash_chance = self.house.crash_chance, 0.0
        self.house.ticker.tick()
        self.house.crash_chance = chance
        self.mirror.follow(self.house.store)
        if self._last_entry() != said:
            self._say(f"G13: the same tick again writes in the journal: {self._last_entry()}")
        if self.mirror.sequence != before:
            self._guard(dict(self.house.health.last_sampled), whole=True)
            self._say_all(f"G13: the same tick again makes {difference(*pair)}" for pair in self.mirror.moved)

    def _last_entry(self) -> list[Entry]:
        with self.house.store.read() as view:
            return view.journal_tail(1)

    # Time

    def _now(self) -> datetime:
        with self.house.store.read() as view:
            return view.now

    def _under_way(self) -> list[Rollout]:
        return [item for item in self.mirror.all(Rollout) if item.status not in OVER]

    def _is_lively(self) -> bool:
        """Whether a node is doing something, or has something to say."""
        now = self.clock()
        return any(
            (node.memory.update is not None or node.spoken() != node.heard)
            and not self.nature.is_dead(node.node, now)
            for node in self.nodes.values()
        )

    def _pass_time(self) -> None:
        holds = [hold for rollout in self._under_way() for hold in holds_of(self.mirror, rollout)]
        progress = [item for turn in self.mirror.all(Turn) for item in turn.progress]
        late = [item.late_at for item in progress]
        young = [at for at in late if at > self.clock()]
        if self._is_lively() or any(at - self.clock() > 60 for at in late):
            self.clock.advance(self.random.choice((5.0, 10.0, 20.0)))
        elif young:
            self.clock.advance(min(young) - self.clock() + 1.0)
        elif any(hold.reason in _EXPOSING for hold in holds):
            self._exposing += 1
            self.clock.advance(self.random.choice((30.0, 60.0)) if self._exposing < PATIENCE else 1_800.0)
            self._darken(900.0)
        else:
            self._exposing = 0
            self._skip(holds)

    def _darken(self, longest_s: float) -> None:
        """Telemetry goes away most hurtfully while evidence is waited for, or a bake comes to its end."""
        if self.random.random() < 0.01:
            pop = self.random.choice(sorted(self.fleet.pops))
            span = Span(self.clock(), self.clock() + self.random.uniform(30, longest_s))
            self.nature.dark.setdefault(pop, []).append(span)

    def _skip(self, holds: list[Hold]) -> None:
        """Everything waits: jump, where the house allows it, or let the time pass."""
        self._darken(7_200.0)
        if self.random.random() < 0.4:
            jumped: list[datetime | None] = []
            self.house.survive(lambda: jumped.append(leap(self.house.store)))
            if jumped and jumped[0] is not None:
                return
        now = self._now()
        ends = [hold.until for hold in holds if hold.until is not None and hold.until > now]
        wait = min(ends) - now if ends else timedelta(hours=6)
        self.clock.advance(min(wait.total_seconds(), 86_400.0) + self.random.choice((0.0, 0.0, 400.0)))

    # The end

    def _is_over(self) -> bool:
        if self.coming and not any(self._is_stuck(rollout) for rollout in self._under_way()):
            return False
        under_way = self._under_way()
        if not under_way:
            moving = [turn for turn in self.mirror.all(Turn) if turn.progress]
            return not moving or self._quiet > SETTLE_MAX
        if self.ticks <= self.plan.calm_after or self.plan.diligent:
            return False
        return self._quiet > SETTLE_MAX and self.ticks - self._stuck_at < SETTLE_MAX

    def _is_stuck(self, rollout: Rollout) -> bool:
        """Whether a person is asked about it, or a person's own order stands in its way."""
        holds = holds_of(self.mirror, rollout)
        waits = {Reason.CORDONED, Reason.GATES_MISSING, Reason.PREVIOUS_ROLLOUT}
        return any(hold.asks or hold.reason in waits for hold in holds)

    def _end(self) -> None:
        if self.broken:
            return
        for rollout in self._under_way():
            if self.ticks >= TICKS_MAX:
                said = "; ".join(
                    f"{hold.reason.name} {hold.detail}" for hold in holds_of(self.mirror, rollout)
                )
                self._say(f"liveness: {rollout.id} is still {rollout.status.value}: {said}")
        chosen = self.random.sample(self.decisions, k=min(REPLAYS, len(self.decisions)))
        self._say_all(text for decision in chosen if (text := replay.differs(self.house.store, decision)))

    def _outcome(self) -> Outcome:
        return Outcome(
            seed=self.seed,
            ticks=self.ticks,
            days=(self._now() - STARTS).total_seconds() / 86_400,
            rollouts={rollout.id: rollout.status.value for rollout in self.mirror.all(Rollout)},
            kinds={number: kind.value for number, kind in self.nature.kinds.items()},
            broken=tuple(self.broken),
            crashes=self.house.crashes,
            acts=tuple(self.persons.done),
        )

    def _say(self, text: str) -> None:
        self._say_all([text])

    def _say_all(self, texts: Iterable[str]) -> None:
        for text in (*self.house.broken, *texts):
            self.broken.append(f"tick {self.ticks}, {self._now():%a %m-%d %H:%M:%S}: {text}")
        self.house.broken.clear()


_EXPOSING = frozenset(
    {Reason.EVIDENCE, Reason.PRE_PERIOD, Reason.CANARY_SHARE, Reason.TELEMETRY_AWAY, Reason.NOT_REPORTING}
)


def run(seed: int, decide: Callable[[Facts], Choice] = planner.decide) -> Outcome:
    """Play the history of this seed; the same seed and the same rules give the same outcome."""
    return History(seed, decide).play()
