"""Rehearsal: what becomes of one release on this fleet, from its departure to the end of its train?

The production code decides: the same `Ticker`, the same use cases, on a store in memory, a virtual clock, and nodes
and telemetry that are played. The clock jumps to the next instant at which anything may happen.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from time import perf_counter, process_time

import msgspec

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.poll import hear_all
from wavetrain.control.ports import Store
from wavetrain.control.tick import Ticker
from wavetrain.decide import calendar, planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Desired, Fleet, NodeId
from wavetrain.model.plan import Hold
from wavetrain.model.policy import Policy
from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.model.rollout import Rollout, Status, Timetable, Turn, TurnPhase, Wave, WaveStatus
from wavetrain.model.window import Freeze
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.crowd import Crowd
from wavetrain.simulate.duty import Duty
from wavetrain.simulate.furniture import furnish
from wavetrain.simulate.ground import UNDER_WAY, Ground
from wavetrain.simulate.invariants import OVER
from wavetrain.simulate.mishaps import AWAY_S, Fault, Mishaps
from wavetrain.simulate.record_book import RecordBook
from wavetrain.simulate.sentinel import Sentinel
from wavetrain.simulate.sweep import sweep
from wavetrain.simulate.telemetry import Telemetry

STEP_S = 300.0
"""Ticks come on this grid: a bin of telemetry."""
CHECK_EACH = 256
SWEEP_EACH = 500
"""Ticks between two full sweeps of the guards."""
TRIM_EACH = 100_000
"""Changes after which the store forgets its older ones."""
JOURNAL_KEPT = 1_000
BROKEN_MAX = 20
LEAD_S = 172_800.0
"""The release comes so long before its train."""
BASELINE = "1.0.0"
COMPONENT = "gateway"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is rehearsed."""

    fleet: Fleet
    policy: Policy
    mishaps: Mishaps
    number: str = "2.0.0"
    component: str = COMPONENT
    fault: Fault = Fault()
    freezes: tuple[Freeze, ...] = ()
    days: float = 14.0
    """Train time from the departure on after which the rehearsal ends in any case."""
    step_s: float = STEP_S
    starts: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    """The train is the first one to depart after this."""
    sweep_each: int = SWEEP_EACH
    ends_broken: bool = False
    """Whether it ends with the first guard that is violated."""
    rules: str = ""
    """Where the policy comes from, in words."""
    answered: bool = True
    """Whether persons answer what they are asked."""


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rehearsal has come."""

    now: datetime
    share: float
    """Of the train's days, 0 to 1."""
    ticks: int
    done: int
    """PoPs that are through."""
    text: str


class Rehearsal:
    """One run. `play` goes tick by tick; `book` has what was seen."""

    def __init__(
        self,
        plan: Plan,
        decide: Callable[[Facts], Choice] = planner.decide,
        *,
        store: Store | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        """By default on a store in memory; another one must go by `clock`.

        Raises RefusedError where the plan cannot be rehearsed: a ring names a PoP that the fleet does not have.
        """
        self.plan = plan
        departs = calendar.departure("SU", plan.policy.timing.cadence_weeks, "UTC", plan.starts)
        self.departs = departs
        self.ends = departs + timedelta(days=plan.days)
        self.clock = clock or VirtualClock()
        self.clock.seconds = (departs - timedelta(seconds=LEAD_S)).timestamp()
        self.store: Store = store or MemoryStore(self.clock, check_each=CHECK_EACH, keeps_past=False)
        self.store.take("rehearsal")
        metrics: dict[str, str] = {pop: f"http://127.0.0.1/{pop}" for pop in plan.fleet.pops}
        self.crowd = Crowd(plan.mishaps, BASELINE, metrics)
        self.ground = Ground(plan.fleet)
        self.telemetry = Telemetry(
            self.clock,
            self.crowd,
            plan.fleet.pops,
            self.ground.under_way,
            plan.mishaps,
            plan.policy.verdicts.metrics,
        )
        self.sentinel = Sentinel(self.ground, self)
        self.book = RecordBook(plan.fleet, self.ground, plan.policy.budgets)
        self.duty = Duty(
            self.store, self.ground, self.crowd, self.telemetry, plan.mishaps, here=plan.answered
        )
        self.broken: list[str] = []
        self.ticks = 0
        self.changing = 0
        """Ticks that committed something."""
        self.took_s = 0.0
        """How long the last tick took."""
        self.took_cpu_s = 0.0
        """How much of a processor it took."""
        self.refused = 0
        self.sweeps = 0
        self._due: list[tuple[float, int]] = []
        self._count = 0
        self._trimmed = 0
        self._ticked = 0
        """The ticker has followed the store at least to this change."""
        furnish(self.store, plan.fleet, plan.policy, metrics, BASELINE)
        self._submit()
        with self.store.read() as view:
            self.ground.load(view)
        self.ticker = Ticker(self.store, self.telemetry, decide)

    @property
    def rollout(self) -> Rollout | None:
        """The rollout that is rehearsed; None before the first tick."""
        return self.ground.get(Rollout, f"{self.plan.component}-{self.plan.number}")

    @property
    def now(self) -> datetime:
        """Train time."""
        return datetime.fromtimestamp(self.clock(), UTC)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to come."""
        rollout = self.rollout
        if len(self.broken) >= (1 if self.plan.ends_broken else BROKEN_MAX):
            return True
        if rollout is None:
            return False
        return (rollout.status in OVER and not self.ground.under_way) or self.now >= self.ends

    def on_release(self, node: NodeId) -> tuple[str, float]:
        """What the node really runs, and since when."""
        return self.crowd.runs.get(node, BASELINE), self.crowd.returned_at.get(node, 0.0)

    def age_s(self, node: NodeId) -> float:
        """For how long the node was really not measured."""
        return self.ticker.watch.unseen_s().get(node, 0.0)

    def play(self) -> Iterator[Stand]:
        """Tick after tick until it is over."""
        self.tick()
        self._check()
        self._prepare()
        yield self._stand()
        while not self.is_over:
            self._pass_time()
            self.live()
            self.tick()
            yield self._stand()
        self._sweep()

    def live(self) -> None:
        """What nodes, telemetry and persons do until now."""
        now = self.clock()
        self.crowd.live(now)
        reports = self.crowd.reports(now)
        if reports:
            self.refused += len(hear_all(self.store, reports))
        if self.duty.next_at <= now:
            self._follow()  # who answers has seen what was just said
            self.duty.act(now)

    def tick(self) -> None:
        """One tick of the control plane; then everybody hears of it, and the guards look."""
        self.ticks += 1
        with self.store.read() as view:
            self._ticked = view.sequence
        began, cpu = perf_counter(), process_time()
        ticked = self.ticker.tick()
        self.took_s, self.took_cpu_s = perf_counter() - began, process_time() - cpu
        self.changing += ticked.commits > 0
        self.broken += [f"G14: a commit fails although nobody else writes: {text}" for text in ticked.stale]
        self._follow()
        now, steady = self.now, self.clock()
        self.broken += [f"{now:%a %m-%d %H:%M} {text}" for text in self.sentinel.look(now, steady)]
        if self.plan.sweep_each and self.ticks % self.plan.sweep_each == 0:
            self._sweep()

    # What follows from what was written

    def _follow(self) -> None:
        with self.store.read() as view:
            changes = view.changes(self.ground.sequence)
            self.ground.sequence = view.sequence
        self.ground.take(changes)
        orders = [change.record for change in changes if type(change.record) is Desired]
        if orders:
            self.crowd.tell(orders, self.clock())
        for change in changes:
            record = change.record
            if type(record) is Turn:
                self._expect(record)
                if record.phase is TurnPhase.DONE and record.pop in self.plan.fleet.pops:
                    self.crowd.forget(self.plan.fleet.pops[record.pop].nodes)
            elif type(record) is Wave or type(record) is Rollout:
                self._await(record.hold)
        self._begin_fault()
        self.book.note(self.now, changes)
        self.duty.note(self.clock(), changes)
        if self.ground.sequence - self._trimmed > TRIM_EACH:
            self._trimmed = self.ground.sequence
            self._put_away()
            unread = self.ground.sequence - self._ticked
            self.store.trim(keep_changes=unread + 1, keep_journal=JOURNAL_KEPT)

    def _put_away(self) -> None:
        """Timetables that were revised are kept for people, of whom there are none here: a large one weighs a third of
        a megabyte.
        """
        rollout = self.rollout
        if rollout is None:
            return
        with self.store.write() as transaction:
            for known in transaction.find(Timetable, rollout=rollout.id):
                if known.number < rollout.timetable:
                    transaction.remove(known)

    def _expect(self, turn: Turn) -> None:
        self._await(turn.hold)
        if turn.phase is TurnPhase.WAITING or turn.phase in UNDER_WAY - {TurnPhase.BACK}:
            self._wake(turn.opens.timestamp() if turn.phase is TurnPhase.WAITING else turn.closes.timestamp())

    def _await(self, hold: Hold | None) -> None:
        if hold is not None and hold.until is not None:
            self._wake(hold.until.timestamp())

    def _wake(self, at: float) -> None:
        """Tick at this time, or right after it."""
        if at > self.clock():
            self._count += 1
            heappush(self._due, (at, self._count))

    def _begin_fault(self) -> None:
        fault = self.plan.fault
        if not fault.text or self.book.fault_at:
            return
        rollout = self.rollout
        waves = [wave for wave in self.ground.all(Wave) if not fault.ring or wave.ring == fault.ring]
        begun = [wave for wave in waves if wave.status not in (WaveStatus.PENDING, WaveStatus.WAITING)]
        if rollout is not None and rollout.status is not Status.PLANNED and begun:
            self.book.begin_fault(self.clock())
            self.telemetry.factor = fault.factor
            self.crowd.crashing = fault.crashes

    # Time

    def _pass_time(self) -> None:
        """To the next instant of the grid at or after which something may happen."""
        now, due = self.clock(), self._due
        while due and due[0][0] <= now:
            heappop(due)
        is_busy = self.crowd.has_news or any(
            turn.progress or (turn.phase is TurnPhase.BAKING and self.telemetry.rules)
            for turn in self.ground.under_way.values()
        )
        step = self.plan.step_s
        ends = [due[0][0] if due else now + 6 * 3_600.0, self.ends.timestamp()]
        ends += [self.crowd.next_at, self.duty.next_at]
        until = now + step if is_busy else min(ends)
        whole = -(-until // step) * step
        self.clock.advance(max(whole, (now // step + 1) * step) - now)

    # What is known before it begins

    def _check(self) -> None:
        """A train that cannot depart as it is planned is refused before it is played."""
        rollout, plan = self.rollout, self.plan
        if rollout is None or rollout.status is Status.PLANNED:
            why = (
                rollout.hold.detail
                if rollout is not None and rollout.hold is not None
                else "no rollout was made"
            )
            raise RefusedError(f"{plan.component} {plan.number} cannot be planned: {why}")
        rings = {wave.ring for wave in self.ground.all(Wave)}
        empty = [ring.name for ring in plan.policy.rings if ring.name not in rings and not ring.rest]
        if empty:
            raise RefusedError(
                f"ring {empty[0]} has no PoP that an earlier ring has not; name PoPs or a share for it, or leave it out"
            )
        first = min(turn.opens for turn in self.ground.all(Turn))
        if first >= self.ends:
            names = ", ".join(freeze.id for freeze in plan.freezes) or "none"
            raise RefusedError(
                f"no PoP may be disturbed before {first:%a %Y-%m-%d %H:%M} UTC, but the train ends at "
                f"{self.ends:%a %Y-%m-%d %H:%M} UTC (freezes: {names}); shorten a freeze, or rehearse more --days"
            )

    def _prepare(self) -> None:
        """Lay the mishaps of PoPs to their first windows, and spare the canaries the seeded sickness."""
        mishaps = self.plan.mishaps
        turns = self.ground.all(Turn)
        self.crowd.spared = frozenset(unit for turn in turns for unit in turn.order[: turn.canaries])
        for turn in turns:
            opens = turn.opens.timestamp()
            dark = mishaps.dark_s(turn.pop)
            if dark is not None:
                self.telemetry.dark[turn.pop] = opens + dark[0], opens + dark[0] + dark[1]
            if mishaps.is_away(turn.pop):
                self.crowd.cut(turn.pop, opens + AWAY_S)

    def _sweep(self) -> None:
        """Everything is looked at once: by the ticker, which must find nothing new, and by the guards."""
        self.sweeps += 1
        before = self.ground.sequence
        self.ticker.tick(sweep=True)
        with self.store.read() as view:
            if view.sequence != before:
                self.broken.append(f"G13: a full sweep at {view.now:%a %m-%d %H:%M} finds something new")
            self.broken += sweep(view, self.ground)
        self._follow()
        self.ground.settle()

    def _submit(self) -> None:
        plan = self.plan
        with self.store.write() as transaction:
            for freeze in plan.freezes:
                transaction.put(freeze)
            transaction.put(
                Release(
                    id=ReleaseId(f"{plan.component}@{plan.number}"),
                    component=plan.component,
                    number=plan.number,
                    lane=plan.policy.lane,
                    digest="0" * 64,
                    size=1,
                    stage=Stage.CANDIDATE,
                    submitted_at=transaction.now,
                    submitted_by="rehearsal",
                    gates=dict.fromkeys(plan.policy.gates_required, True),
                )
            )

    def _stand(self) -> Stand:
        rollout = self.rollout
        span = (self.ends - self.departs).total_seconds()
        text = rollout.status.value if rollout is not None else "planned"
        if rollout is not None and rollout.waves:
            text += f", wave {rollout.wave + 1} of {rollout.waves}"
        share = (self.now - self.departs).total_seconds() / span
        return Stand(
            now=self.now, share=min(1.0, max(0.0, share)), ticks=self.ticks, done=self.book.done, text=text
        )
