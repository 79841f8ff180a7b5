"""History: what becomes of a practice fleet in one seeded course of events?"""

from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random

import msgspec

from wavetrain.control import policies
from wavetrain.control.facts import digest
from wavetrain.control.tick import Ticked
from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import NodeId
from wavetrain.model.journal import Entry
from wavetrain.model.lane import CONTENT
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Policy
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Turn
from wavetrain.simulate import deeds, invariants, practice, replay, schedule
from wavetrain.simulate.clock import STARTS, VirtualClock
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.house import House, plan_of
from wavetrain.simulate.invariants import Seen
from wavetrain.simulate.mirror import Mirror, difference, is_step
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import ContentUnit, SimNode
from wavetrain.simulate.pace import Pace
from wavetrain.simulate.persons import OVER, Persons, holds_of
from wavetrain.simulate.pipeline import Pipeline
from wavetrain.simulate.probes import Probes
from wavetrain.simulate.replay import Decision
from wavetrain.simulate.successions import Successions
from wavetrain.simulate.tale import Tale
from wavetrain.simulate.turnover import Turnover

TICKS_MAX = 2_500
BROKEN_MAX = 5
"""A history stops after so many broken guards."""
REPLAYS = 3
"""Decisions of a history that are taken again."""
SETTLE_MAX = 40
"""Ticks in a row in which nothing happens and nobody is asked, after which a history counts as stuck."""
ADA = Caller("ada", (Role.APPROVER, Role.OPERATOR))
Decide = Callable[[Facts], Choice]


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
    ingredients: tuple[str, ...]
    """What came up in it: releases, faults, acts; those that were cut as well."""


class History:
    """One seeded course of events, or as much of it as `cut` leaves."""

    def __init__(self, seed: int, decide: Decide = planner.decide, cut: Cut | None = None) -> None:
        self.seed = seed
        self.cut = cut or Cut()
        random = Random(seed)  # noqa: S311 - practice, not secrecy
        self.nature = Nature(random, seed=seed, cut=self.cut)
        self.clock = VirtualClock()
        self.clock.advance(schedule.daylight(self.nature))
        self._began = self.clock()
        self.fleet = practice.fleet(random)
        self.plan = plan_of(random)
        coming = schedule.cut(schedule.releases(random), self.nature)
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
        self.house.told = self._happen
        self.tale = Tale()
        self.mirror = Mirror()
        self.persons = Persons(self.nature, self._mend, self._happen, self.clock)
        self.turnover = Turnover(self.house)
        self.probes = Probes(decide)
        self.successions = Successions()
        self.broken: list[str] = []
        self.ticks = 0
        self._quiet = self._stuck_at = 0
        self._frozen: tuple[int, list[Entry]] | None = None
        self._on_release: dict[str, tuple[str, datetime]] = {}
        self._ran: dict[str, tuple[str, datetime]] = {}
        """What those ran until then that have broken since the last tick."""
        self._deeds: dict[NodeId, int] = dict.fromkeys(self.nodes, 0)
        rules = practice.policies(random)
        if schedule.asks_for_placebos(self.nature, self.fleet.pops):
            rules = practice.with_placebo_waves(rules)
        self._furnish(rules)
        schedule.faults(random, self.nature, list(self.nodes.values()), self.clock(), coming)
        self._freezes = schedule.freezes(self.nature)
        self.house.crash_chance = self.plan.crash_chance
        self.pipeline = Pipeline(self.house, self.mirror, coming)
        self.pace = Pace(self.house, self.mirror, self.fleet.pops)

    def play(self) -> Outcome:
        """Until everything is over, or only persons are asked who do not answer."""
        self._tick()
        while self.ticks < (self.cut.ticks or TICKS_MAX) and len(self.broken) < BROKEN_MAX:
            self._submit()
            self._people()
            self._live()
            self._tick()
            if self._is_over():
                break
            self.pace.pass_time(self._holds())
        self._end()
        return self._outcome()

    # Furniture

    def _listen(self, facts: Facts) -> Choice:
        """The decider, overheard."""
        choice = self._decide(facts)
        if self._freezes and self.ticks >= self._freezes[0] and not choice.empty and self.house.may_freeze:
            self._freezes.pop(0)
            self.house.freeze()
            self._frozen = self._written()
        elif not choice.empty:
            with self.house.store.read() as view:
                made = Decision(view.sequence, facts, choice, digest(facts))
            if self.decisions and self.decisions[-1].is_draft_of(made):
                self.decisions.pop()
            self.decisions.append(made)
        return choice

    def _furnish(self, rules: Iterable[Policy]) -> None:
        """Fleet and policies as applied; the baseline runs everywhere."""
        records: list[Record] = [*self.fleet.regions.values(), *self.fleet.pops.values()]
        records += [*self.fleet.groups.values(), *self.fleet.accounts.values()]
        with self.house.store.write() as transaction:
            for record in records:
                transaction.put(record)
        for policy in rules:
            policies.apply(self.house.store, ADA, policy)
        self.house.polls()

    def _mend(self, node: str) -> None:
        """A person set the machine up anew."""
        home = self.nodes[NodeId(node)]
        home.rebuild(practice.BASELINE)
        self.house.channel.forget(node)
        self._deeds[home.node] = len(home.deeds)
        self.nature.dead.pop(node, None)
        self.nature.sick = {pair for pair in self.nature.sick if pair[0] != node}
        self.nature.garbled = {pair for pair in self.nature.garbled if pair[0] != node}
        self.nature.wrong = {pair for pair in self.nature.wrong if pair[0] != node}

    # One turn of the wheel

    def _submit(self) -> None:
        self.pipeline.submit()

    def _people(self) -> None:
        self.mirror.follow(self.house.store)
        calm = self.ticks > self.plan.calm_after
        chance = self.nature.stream("people")
        if not calm and chance.random() < self.plan.act_chance:
            self.house.survive(lambda: self.persons.act(self.house.store, self.mirror), again=True)
        if not calm:
            self._turn_over()
        if calm and not self.plan.diligent:
            return
        if not calm and self.nature.stream("places").random() < 0.01:
            self.house.survive(lambda: self.persons.place(self.house.store, self.mirror), again=True)
        if chance.random() < 0.3:
            self.house.survive(lambda: self.persons.answer(self.house.store, self.mirror), again=True)

    def _turn_over(self) -> None:
        """Now and then the fleet has one node more, or one less."""
        joined = self.turnover.turn()
        if joined is not None:
            self._deeds[joined.node] = 0

    def _live(self) -> None:
        chance = self.nature.stream("away")
        if self.plan.away_chance and chance.random() < self.plan.away_chance:
            seconds = chance.uniform(60, 8 * 3_600)
            if self.nature.lets(self.nature.next_of("away")):
                self._away(seconds)
        self._nodes_live()
        self.house.polls()

    def _away(self, seconds: float) -> None:
        """The control plane is gone for a while; the nodes serve on. Its successor ticks before it opens its doors."""
        self._happen(f"the control plane is gone for {seconds:.0f} s")
        until = self.clock() + seconds
        while self.clock() < until:
            step = 20.0 if self.pace.is_lively() else 1_800.0
            self.clock.advance(min(step, until - self.clock()))
            self._nodes_live()
        self.house.crash()
        self._tick()

    def _nodes_live(self) -> None:
        now = self.clock()
        self.mirror.follow(self.house.store)
        jumped = self.moment - datetime.fromtimestamp(now, STARTS.tzinfo)
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
            if not node.serves and known is not None and known[0]:
                self._ran[node.node] = known
            self._on_release[node.node] = (node.memory.running if node.serves else "", self.moment)

    def _tick(self) -> None:
        self.ticks += 1
        self.mirror.follow(self.house.store)
        measuring = self.house.health
        sampled = dict(measuring.last_sampled)
        ticked: list[Ticked] = []
        decided = len(self.decisions)
        if not self.house.survive(lambda: ticked.append(self.house.ticker.tick())):
            sampled = {}
            del self.decisions[max(decided, len(self.decisions) - 1) :]  # the one that was not committed
        self.mirror.follow(self.house.store)
        if self._frozen is not None:
            self._thaw(ticked)
            ticked, sampled = [], {}
        for stale in ticked[0].stale if ticked else ():
            self._say(f"G14: a commit fails although nobody else writes: {stale}")
        self._guard(sampled, measuring, whole=bool(ticked))
        self._quiet = 0 if any(is_step(*pair) for pair in self.mirror.moved) else self._quiet + 1
        if any(self._is_stuck(rollout) for rollout in self._under_way()):
            self._stuck_at = self.ticks
        if ticked and (ticked[0].commits or self.ticks % 10 == 0):
            self._tick_again()

    def _thaw(self, ticked: list[Ticked]) -> None:
        """G14: a ticker that was frozen while another one took over commits nothing any more."""
        before, self._frozen = self._frozen, None
        if before != self._written() or (ticked and not ticked[0].stale):
            self._say("G14: the commit of a ticker is taken that was frozen while another one took its epoch")

    def _guard(self, sampled: dict[str, float], measuring: SimHealth, *, whole: bool) -> None:
        """Hold what the last follow saw to every guard.

        `sampled`: what had been measured before the tick. `measuring`: with whose figures it was ticked, in part
        at least; a process that has died since measures no more.
        """
        measured = {**measuring.last_sampled, **self.house.health.last_sampled}
        ages = {name: self.clock() - at for name, at in measured.items()}
        told = invariants.told_by(self.mirror)
        blind = whole and sampled == self.house.health.last_sampled
        ran = {**self._on_release, **self._ran}
        seen = Seen(self.mirror, self.moment, self.house.steady(), told, ages, ran, blind)
        if whole:
            self._ran.clear()
        self._say_all([*invariants.broken(seen, whole=whole), *self.successions.broken(seen)])
        if whole:
            self._say_all(self.probes.broken(self.house.store, self.mirror, self.house.ticker.watch))

    def _tick_again(self) -> None:
        """G13: a second run of the same tick changes nothing."""
        before, said = self._written()
        chance, self.house.crash_chance = self.house.crash_chance, 0.0
        self.house.ticker.tick(sweep=True)
        self.house.crash_chance = chance
        self.mirror.follow(self.house.store)
        after, says = self._written()
        if after != before:
            self._guard(dict(self.house.health.last_sampled), self.house.health, whole=True)
            self._say_all(f"G13: the same tick again makes {difference(*pair)}" for pair in self.mirror.moved)
        elif says != said:
            self._say(f"G13: the same tick again writes in the journal: {says}")

    def _written(self) -> tuple[int, list[Entry]]:
        with self.house.store.read() as view:
            return view.sequence, view.journal_tail(1)

    @property
    def moment(self) -> datetime:
        """Train time."""
        with self.house.store.read() as view:
            return view.now

    def _under_way(self) -> list[Rollout]:
        return [item for item in self.mirror.all(Rollout) if item.status not in OVER]

    def _holds(self) -> list[Hold]:
        return [hold for rollout in self._under_way() for hold in holds_of(self.mirror, rollout)]

    # The end

    def _is_over(self) -> bool:
        if self.pipeline.coming and not any(self._is_stuck(rollout) for rollout in self._under_way()):
            return False
        under_way = self._under_way()
        if self.pipeline.has_unplanned:
            return False
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
        chosen = self.nature.stream("replays").sample(self.decisions, k=min(REPLAYS, len(self.decisions)))
        store = self.house.store
        self._say_all(said for decision in chosen if (said := replay.differs(store, decision, self._decide)))

    def _outcome(self) -> Outcome:
        return Outcome(
            seed=self.seed,
            ticks=self.ticks,
            days=(self.moment.timestamp() - self._began) / 86_400,
            rollouts={rollout.id: rollout.status.value for rollout in self.mirror.all(Rollout)},
            kinds={number: kind.value for number, kind in self.nature.kinds.items()},
            broken=tuple(self.broken),
            crashes=self.house.crashes,
            acts=(*self.persons.done, *self.turnover.done),
            ingredients=tuple(self.nature.used),
        )

    def _happen(self, text: str) -> None:
        self.tale.happen(self.house.store, self.ticks, text)

    def _say(self, text: str) -> None:
        self._say_all([text])

    def _say_all(self, texts: Iterable[str]) -> None:
        for text in (*self.house.broken, *texts):
            self._happen(f"BROKEN {text}")
            self.broken.append(f"tick {self.ticks}, {self.moment:%a %m-%d %H:%M:%S}: {text}")
        self.house.broken.clear()


def run(seed: int, decide: Decide = planner.decide, cut: Cut | None = None) -> Outcome:
    """Play the history of this seed; the same seed, cut and rules give the same outcome."""
    return History(seed, decide, cut).play()
