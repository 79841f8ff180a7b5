"""Tick: observe, judge, plan, commit; the only thing that gives a unit another release."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain

import msgspec

from wavetrain.control import joiners
from wavetrain.control.audience import Nobody
from wavetrain.control.bans import banned
from wavetrain.control.clock_watch import ClockWatch
from wavetrain.control.facts import digest, load, planned_on, policy_of
from wavetrain.control.image import Image
from wavetrain.control.ports import Evaluators, HealthSource, Store, Transaction, View
from wavetrain.control.watch import Watch
from wavetrain.decide import departure, desired, planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.lifecycle import ACTIVE, TERMINAL
from wavetrain.errors import StaleError
from wavetrain.model.fleet import NodeId, Pop, Reported
from wavetrain.model.health import PopCounts
from wavetrain.model.journal import Entry
from wavetrain.model.lane import LANES, Lane, UnitKind
from wavetrain.model.plan import Reason
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.release import Release, Stage
from wavetrain.model.rollout import Rollout, RolloutId, Slot, Status, Turn, Wave
from wavetrain.model.standstill import Standstill

ROLLOUTS_PER_TICK_MAX = 100
ROUNDS_MAX = 5
"""So often a rollout is asked in one tick at most; the next tick goes on."""
SETTLING = timedelta(days=30)
"""For so long a stopped rollout is asked about units that were on their way."""


NOBODY = Nobody()
_MAY_TURN = (Status.ROLLING, Status.PAUSED)
_BACK = (Status.REVERTING, Status.REVERTED, Status.PARTLY_REVERTED)


class Ticked(msgspec.Struct, frozen=True):
    """What one tick did: how many commits, and the rollouts that someone else changed meanwhile."""

    commits: int = 0
    stale: tuple[str, ...] = ()


class Ticker:
    """Runs ticks on a store. Holds nothing that cannot be rebuilt from it, but evidence younger than a minute."""

    def __init__(
        self,
        store: Store,
        health: HealthSource,
        decide: Callable[[Facts], Choice] = planner.decide,
        running: Callable[[], float] | None = None,
        at_rest: Callable[[Sequence[PopCounts]], None] = lambda _: None,
        evaluators: Evaluators = NOBODY,
    ) -> None:
        """`decide` is the decider; a rehearsal may listen in there.

        `running` counts the seconds that this machine has run, whatever its clock says; without it nobody sees
        that the store's clock was stepped. `at_rest` hears of bins in which nothing moved. `evaluators` are asked
        before a revert takes features off.
        """
        self._store = store
        self._decider = decide
        self._evaluators = evaluators
        self._clock = ClockWatch(store, running) if running is not None else None
        self._image = Image()
        self._watch = Watch(store, health, self._image, at_rest)
        self._swept: dict[RolloutId, int] = {}
        self._admitted = -1
        """The number of the last change after which no release waited for its rollout."""
        self._unplanned: dict[RolloutId, str] = {}
        """On what each rollout without a timetable was tried in vain."""

    @property
    def watch(self) -> Watch:
        """What the ticker has seen of the fleet's health."""
        return self._watch

    def tick(self, *, sweep: bool = False) -> Ticked:
        """Load, decide, commit, once per rollout; no retries, since the next tick is the retry (G13).

        With `sweep` every PoP is looked at, whether or not anything is known to have happened there; such a tick
        must find nothing that one without it has left.
        """
        if sweep:
            self._swept.clear()
        self._watch.look()
        commits, stale = 0, []
        steps: list[Callable[[], int]] = [self._watch.keep, self._admit_releases, self._settle_joiners]
        if self._clock is not None:
            steps.insert(0, self._clock.look)
        for step in chain(steps, self._watch.features.steps(), self._rollout_ticks(), self._joiners_again()):
            try:
                commits += step()
            except StaleError as error:
                stale.append(str(error))
        return Ticked(commits, tuple(stale))

    def _decide_all(self, rollouts: Sequence[Rollout]) -> Iterator[Callable[[], int]]:
        """Each in its turn; then again those beside which another one of their component has moved since (G13)."""
        stale = {item.id: item for item in rollouts}

        def step(rollout: Rollout) -> int:
            stale.pop(rollout.id, None)
            made = self._decide(rollout.id)
            if made:
                kin = (item for item in rollouts if item.component == rollout.component)
                stale.update({item.id: item for item in kin if item.id != rollout.id})
            return made

        for _ in range(ROUNDS_MAX):
            yield from (partial(step, item) for item in rollouts if item.id in stale)

    def _admit_releases(self) -> int:
        """Give every new candidate its rollout, pinned to the current policy of its lane."""
        with self._store.read() as view:
            if view.sequence == self._admitted:
                return 0  # the store is as it was when there was none
            waiting = _waiting(self._image.follow(view))
            made = [rollout for release in waiting if (rollout := _rollout_for(view, release)) is not None]
            if not made:
                self._admitted = view.sequence
                return 0
        with self._store.write() as transaction:
            for rollout in made:
                transaction.put(rollout)
                departs, before = f"{rollout.departs:%a %Y-%m-%d %H:%M} UTC", rollout.previous or "nothing"
                text = f"planned to depart {departs}, from {before}"
                transaction.note([_entry(transaction, "rollout", rollout.id, text, rollout.id)])
        return 1

    def _settle_joiners(self) -> int:
        if not self._image.has_joiners or self._is_shifted():
            return 0
        return joiners.settle(self._store)

    def _joiners_again(self) -> Iterator[Callable[[], int]]:
        """What a rollout has just taken back is no joiner's any more; then its PoP can spare others (G13)."""
        if not self._image.has_joiners:
            return
        with self._store.read() as view:
            before = view.sequence
        yield self._settle_joiners
        with self._store.read() as view:
            is_same = view.sequence == before
        if not is_same:
            yield from self._rollout_ticks()

    def _is_shifted(self) -> bool:
        """Whether the clock was stepped since this tick began."""
        with self._store.read() as view:
            return self._was_stepped(view)

    def _rollout_ticks(self) -> Iterator[Callable[[], int]]:
        """Asked for when the releases are admitted, so that a new rollout gets its reason in its first tick."""
        with self._store.read() as view:
            image = self._image.follow(view)
            rollouts = due_of(image.all(Rollout), image.slots, view)[:ROLLOUTS_PER_TICK_MAX]
            image.keep_only(frozenset(item.id for item in rollouts))
        yield from self._decide_all(rollouts)

    def _decide(self, name: RolloutId) -> int:
        """Look without holding anybody up; where there is something to choose, choose inside the transaction.

        So a pause, a withdrawal or a freeze that came between is seen: no choice is written on older facts. Where
        neither the store nor its clock has moved between the two, as in a rehearsal, the facts are the same.
        """
        with self._store.read() as view:
            seen = self._choice(view, name)
            if seen is None:
                self._swept[name] = self._image.swept
                return 0
        with self._store.write() as transaction:
            same = (transaction.sequence, transaction.now) == (seen[0].sequence, seen[0].now)
            made = seen if same else self._choice(transaction, name)
            if made is None or self._was_stepped(transaction):
                return 0
            write(transaction, *made)
            self._watch.checkpoint(transaction, name)
        self._swept[name] = self._image.swept
        return 1

    def _was_stepped(self, view: View) -> bool:
        """Whether the clock was stepped since this tick began: the next tick says so, and this choice is not taken."""
        if self._clock is None or view.find(Standstill):
            return False
        return self._clock.shift_s(view) != 0.0

    def _choice(self, view: View, name: RolloutId) -> tuple[Facts, Choice] | None:
        image = self._image.follow(view)
        rollout = image.get(Rollout, name)
        if rollout is None:
            return None
        sweep = self._swept.get(name, -1) < image.swept
        basis, held = "", rollout.hold
        if rollout.status is Status.PLANNED and held is not None and held.reason is Reason.NO_PLAN:
            basis = planned_on(image, rollout, view.now)
        is_known = bool(basis) and self._unplanned.get(name) == basis
        said = held.detail if is_known and held is not None else ""
        facts = load(
            image,
            view,
            rollout,
            self._watch,
            sweep=sweep,
            unplannable=said,
            is_behind=self._is_behind(view, rollout),
        )
        choice = self._decider(facts)
        if choice.empty and basis:
            self._unplanned[name] = basis  # it was tried, and says what it has said before
        return None if choice.empty else (facts, choice)

    def _is_behind(self, view: View, rollout: Rollout) -> bool:
        """Whether an evaluator does not know yet what a revert takes off; of one that comes now, nobody can know."""
        if rollout.status is Status.REVERTING:
            return self._evaluators.behind(rollout.version)
        return rollout.status in _MAY_TURN and self._evaluators.behind(view.sequence + 1)


def due(view: View) -> list[Rollout]:
    """Rollouts that are not over, and those that are but still own slots, have units in progress or show a hold."""
    return due_of(view.find(Rollout), view.find(Slot), view)


def due_of(rollouts: Iterable[Rollout], slots: Iterable[Slot], view: View) -> list[Rollout]:
    """The same, of rollouts and slots that were read before."""
    owners = {slot.rollout for slot in slots}
    moving = [
        rollout
        for rollout in rollouts
        if rollout.status in ACTIVE
        or rollout.id in owners
        or (rollout.status is Status.STOPPED and _is_unsettled(view, rollout))
    ]
    return sorted(moving, key=lambda rollout: (rollout.created_at, rollout.id))


def _is_unsettled(view: View, rollout: Rollout) -> bool:
    """Whether a stopped rollout still listens to units, or shows holds that bind nothing any more."""
    if rollout.over_at is None or view.now - rollout.over_at >= SETTLING:
        return False
    turns, waves = view.find(Turn, rollout=rollout.id), view.find(Wave, rollout=rollout.id)
    return any(turn.progress or turn.hold for turn in turns) or any(wave.hold for wave in waves)


def write(transaction: Transaction, facts: Facts, choice: Choice) -> None:
    """Write a choice down, all of it or nothing; every line of the journal names the facts it stood on."""
    for record in choice.remove:
        transaction.remove(record)
    for record in choice.put:
        transaction.put(record)
    stood_on = digest(facts)
    transaction.note(msgspec.structs.replace(entry, facts=stood_on) for entry in choice.entries)


def _waiting(image: Image) -> list[Release]:
    """Candidates without a rollout."""
    taken = {rollout.release for rollout in image.all(Rollout)}
    candidates = [item for item in image.all(Release) if item.stage is Stage.CANDIDATE]
    return [item for item in candidates if item.id not in taken]


def _rollout_for(view: View, release: Release) -> Rollout | None:
    current = view.get(CurrentPolicy, release.lane)
    if current is None:
        return None
    policy = policy_of(view, current.digest)
    failed = _failed(view, release)
    before = previous(view, release)
    if failed is not None and failed.status in _BACK and not _is_withdrawn(view, release, failed.previous):
        before = failed.previous or before
    return departure.rollout_for(release, policy, current.digest, before, failed, view.now)


def _failed(view: View, release: Release) -> Rollout | None:
    """The rollout that a fix repairs, with the end of the windows in which it failed; while it goes on, none.

    Until it fails nothing is repaired: the fix takes the next train like any release, and supersedes it.
    """
    rollout = view.get(Rollout, f"{release.component}-{release.fixes}") if release.fixes else None
    if rollout is None or (rollout.status not in TERMINAL and rollout.status is not Status.REVERTING):
        return None
    closes = [turn.closes for turn in view.find(Turn, rollout=rollout.id) if turn.cursor]
    return rollout.changed(not_before=max([rollout.not_before, *closes]))


def _is_withdrawn(view: View, release: Release, number: str) -> bool:
    return banned(view, release.component).has(number)


def previous(view: View, release: Release) -> str:
    """The version that the component's devices run, and may go back to: never one that is banned.

    Of the last rollout that completed, else what most devices of the lane report.
    """
    bans = banned(view, release.component)
    done = [
        rollout
        for rollout in view.find(Rollout, lane=release.lane)
        if rollout.component == release.component
        and rollout.status in (Status.COMPLETED, Status.RESIDUE)
        and not bans.has(rollout.number)
    ]
    if done:
        return max(done, key=lambda rollout: (rollout.over_at or rollout.created_at, rollout.id)).number
    lane = LANES[release.lane]
    return majority(view, lane, bans.has) if lane.unit is UnitKind.NODE else ""


def majority(view: View, lane: Lane, is_banned: Callable[[str], bool] = lambda _: False) -> str:
    """The release that most of a lane's devices report; empty where none reports one."""
    places = (pop for pop in view.find(Pop) if pop.serves is lane.serves)
    devices = {NodeId(node + lane.suffix) for pop in places for node in pop.nodes}
    said = (item for item in view.find(Reported) if item.node in devices and not is_banned(item.release))
    return desired.majority(said, ())


def _entry(view: View, kind: str, subject: str, text: str, rollout: str = "") -> Entry:
    return Entry(at=view.now, who="tick", kind=kind, subject=subject, text=text, rollout=rollout)
