"""Standings: which features has an account now, answered from memory?

Follows the store by its changes. What is asked for stands in one picture, which is never changed: another commit that
matters, or a step of a ramp that is due, makes another one. So nobody sees half a commit: the one that turns a PoP's
nodes back takes its features off all at once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from heapq import heappop, heappush
from threading import Condition, Event, Lock

from wavetrain.control import pop_runs, store_clock
from wavetrain.control.facts import ledger_of
from wavetrain.control.pop_runs import PopRuns
from wavetrain.control.ports import Change, Store, View
from wavetrain.control.roster import Roster
from wavetrain.control.standing_picture import Picture, When
from wavetrain.decide import cohort, coverage
from wavetrain.decide.activation import Bits, Sheet, Standing, bits_of, changes_next
from wavetrain.errors import StaleError, WavetrainError
from wavetrain.model.feature import Feature, FeatureKey
from wavetrain.model.feature_choice import FeatureChoice
from wavetrain.model.fleet import Account, AccountId, PopId, Site, Visit
from wavetrain.model.ledger import Ledger

STEP_BITS = 16
"""Below the number of a change, a version counts what the clock alone has changed since."""
LOOK_S = 0.25
"""How often the clock is looked at, and what others may have committed."""
_KINDS = pop_runs.WATCHED | {kind.__name__ for kind in (Feature, FeatureChoice, Account, Site, Visit, Ledger)}


class Standings:
    """The snapshot that the doors read. Reading takes no lock and asks no store; following is done by one thread."""

    def __init__(self, store: Store, *, kept: bool = False) -> None:
        """`kept`: a thread keeps it up with the clock (`keep`); else each look asks the store what time it is."""
        self._store = store
        self._is_kept = kept
        self._picture: Picture
        self._turn = Lock()
        self._pending = False
        self._changed = Condition()
        self._listeners: list[Callable[[int], None]] = []
        self._roster, self._runs = Roster(), PopRuns()
        self._features: dict[FeatureKey, Feature] = {}
        self._choices: dict[int, dict[FeatureKey, FeatureChoice]] = {}
        """By `cohort.unit_key`: most accounts leave everything to the ramps."""
        self._bits: list[Bits] = []
        self._known: dict[coverage.Runs, Bits] = {}
        self._is_made_anew = False
        self._ends: list[datetime] = []
        """When deferrals end, the next first."""
        self.followed = -1
        """The number of the last change that it has taken in."""
        self._sequence = self._steps = 0
        self._jump_s = 0.0
        self._deafen = store.on_commit(lambda _: self.follow())
        self.follow()

    def sheet(self) -> Sheet:
        """All features at this instant."""
        return self._now().sheet

    def standing(self, account: str) -> Standing | None:
        """What is known of an account; None where nobody has heard of it."""
        return self.look(account)[1]

    def look(self, account: str) -> tuple[Sheet, Standing | None]:
        """Both, of the same instant."""
        picture = self._now()
        return picture.sheet, self._standing(picture, cohort.unit_key(account))

    def asked(self, account: str) -> tuple[Sheet, Standing]:
        """The same, and where nobody has heard of it, as such an account stands."""
        picture = self._now()
        key = cohort.unit_key(account)
        standing = self._standing(picture, key)
        return picture.sheet, standing if standing is not None else self._stranger(picture, key)

    def stranger(self, account: str) -> Standing:
        """How an account stands that nobody has heard of: features that need something are off."""
        return self._stranger(self._now(), cohort.unit_key(account))

    @property
    def version(self) -> int:
        """Grows with each change that may alter an answer, be it a commit or the clock."""
        return self._now().version

    @property
    def now(self) -> datetime:
        """Train time, as the store has it."""
        with self._store.read() as view:
            return view.now

    @property
    def jumped_s(self) -> float:
        """By how much train time was moved on, as far as it has followed."""
        return self._jump_s

    def version_of(self, sequence: int) -> int:
        """The least version that shows what a change has done, where it has altered an answer."""
        return sequence << STEP_BITS

    def has(self, pop: PopId, feature: FeatureKey) -> bool:
        """Whether a PoP has a feature."""
        picture = self._now()
        place = picture.sheet.places.get(feature)
        return place is not None and bool(picture.there(picture.roster.number_of(pop)) >> place & 1)

    def latched(self, account: str, pop: PopId) -> tuple[FeatureKey, ...]:
        """What an account has on now that a PoP does not have: a visit there that begins now takes none of it away."""
        picture = self._now()
        standing = self._standing(picture, cohort.unit_key(account))
        if standing is None:
            return ()
        lost = picture.sheet.on(standing) & ~picture.there(picture.roster.number_of(pop))
        return tuple(one.id for place, one in enumerate(picture.sheet.features) if lost >> place & 1)

    @property
    def bytes_held(self) -> int:
        """Of the arrays in which the accounts are."""
        return self._roster.bytes_held

    def wait(self, after: int, timeout_s: float) -> int:
        """Until the version is greater, or time is up; the version."""
        with self._changed:
            self._changed.wait_for(lambda: self._picture.version > after, timeout_s)
        return self._picture.version

    def on_change(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it with the version after each change, in the changing thread; it must not fail. Returns how to stop."""
        with self._changed:
            self._listeners = [*self._listeners, listener]

        def stop() -> None:
            with self._changed:
                self._listeners = [one for one in self._listeners if one is not listener]

        return stop

    def follow(self) -> None:
        """Catch up with the store and the clock; where another thread is at it, that one does so once more."""
        self._pending = True
        while self._pending and self._turn.acquire(blocking=False):
            try:
                self._pending = False
                version = self._take_in()
            finally:
                self._turn.release()
            if version is not None:
                with self._changed:
                    listeners = self._listeners
                    self._changed.notify_all()
                for listener in listeners:
                    listener(version)

    def keep(self, ended: Event) -> None:
        """Follow the clock, and what other processes commit, until told to end: the work of a thread.

        While the store cannot be read, what is known stays.
        """
        while not ended.wait(LOOK_S):
            with suppress(WavetrainError):
                self.follow()

    def close(self) -> None:
        """Follow no more."""
        self._deafen()

    def _stranger(self, picture: Picture, key: int) -> Standing:
        return Standing(key, covered=picture.needless, licensed=picture.licensed(0))

    def _now(self) -> Picture:
        if not self._is_kept:
            with self._store.read() as view:
                is_due = view.now >= self._picture.when.until
            if is_due:
                self.follow()
        return self._picture

    def _take_in(self) -> int | None:
        """Another picture, where anything is otherwise; its version."""
        with self._store.read() as view:
            is_first = self.followed < 0
            is_other = self._follow(view)
            is_due = not is_first and view.now >= self._picture.when.until
            sequence = self.followed = view.sequence
            if not (is_other or is_due):
                return None
            self._steps = 0 if is_other else self._steps + 1
            self._sequence = sequence if is_other else self._sequence
            version = (self._sequence << STEP_BITS) + self._steps
            if self._is_made_anew or is_due:
                self._is_made_anew = False
                sheet = Sheet(self._features, view.now)
                self._bits = self._all_bits(sheet)
            else:
                sheet = self._picture.sheet  # good still: none of its features has a step before `until`
            self._picture = Picture(
                sheet, self._bits, self._everywhere(sheet), self._roster, self._when(view), version
            )
        return version

    def _follow(self, view: View) -> bool:
        """Whether anything that counts is otherwise."""
        if self.followed == view.sequence:
            return False
        try:
            changes = list(view.changes(self.followed)) if self.followed >= 0 else None
        except StaleError:
            changes = None
        if changes is not None:
            changes = [change for change in changes if change.kind in _KINDS]
            if not self._roster.is_grown:
                return self._take(view, changes)
        self._load(view)
        return True

    def _load(self, view: View) -> None:
        roster, runs = Roster(), PopRuns()
        runs.load(view)
        for pop in runs.pops:
            roster.pop_number(pop)
        roster.load(view)
        self._features = {one.id: one for one in view.find(Feature)}
        self._choices, self._ends = {}, []
        for choice in view.find(FeatureChoice):
            self._choose(choice.account, choice.feature, choice)
        self._roster, self._runs = roster, runs
        self._jump_s = ledger_of(view).jumped_s
        self._is_made_anew = True

    def _take(self, view: View, changes: Sequence[Change]) -> bool:
        accounts: set[str] = set()
        is_other = self._move(self._runs.follow(view, changes))
        for change in changes:
            match change.kind:
                case "Feature":
                    is_other = self._is_made_anew = True
                    feature = view.get(Feature, *change.key)
                    if feature is None:
                        self._features.pop(FeatureKey(change.key[0]), None)
                    else:
                        self._features[feature.id] = feature
                case "FeatureChoice":
                    is_other = True
                    account, key = change.key
                    self._choose(AccountId(account), FeatureKey(key), view.get(FeatureChoice, account, key))
                case "Account":
                    accounts.add(change.key[0])
                case "Site" | "Pop":
                    # A site may have left another account, which its record does not tell.
                    self._load(view)
                    return True
                case "Visit":
                    record = change.record
                    is_other |= isinstance(record, Visit) and self._is_news(record)
                case "Ledger":
                    jump_s = ledger_of(view).jumped_s
                    is_other |= jump_s != self._jump_s
                    self._is_made_anew |= jump_s != self._jump_s
                    self._jump_s = jump_s
                case _:
                    pass
        for name in accounts:
            self._roster.take(view, name)
        return is_other or bool(accounts)

    def _choose(self, account: AccountId, feature: FeatureKey, choice: FeatureChoice | None) -> None:
        key = cohort.unit_key(account)
        chosen = {**self._choices.get(key, {})}
        chosen.pop(feature, None)
        if choice is not None:
            chosen[feature] = choice
            if choice.deferred_until is not None:
                heappush(self._ends, choice.deferred_until)
        if chosen:
            self._choices[key] = chosen
        else:
            self._choices.pop(key, None)

    def _is_news(self, visit: Visit) -> bool:
        """Whether a visit may alter an answer: one to a PoP that has everything does not."""
        if not self._roster.visited(visit):
            return False
        picture = self._picture
        there = picture.there(picture.roster.number_of(visit.pop)) | bits_of(picture.sheet, visit.had)
        return there & picture.all != picture.all

    def _move(self, pops: set[PopId] | None) -> bool:
        """PoPs run otherwise, or any may; whether they have other features by that."""
        if pops is None:
            self._is_made_anew = True
            return True
        made = list(self._bits)
        for pop in pops:
            number = self._roster.pop_number(pop)
            made += [0] * (number + 1 - len(made))
            made[number] = self._has(self._picture.sheet, self._runs.of(pop))
        is_other, self._bits = made != self._bits, made
        return is_other

    def _all_bits(self, sheet: Sheet) -> list[Bits]:
        """What each PoP has, by its number in the roster."""
        self._known = {}
        return [self._has(sheet, self._runs.of(pop)) for pop in self._roster.pops]

    def _has(self, sheet: Sheet, runs: coverage.Runs) -> Bits:
        """Most PoPs run the same as others."""
        found = self._known.get(runs)
        if found is None:
            found = self._known[runs] = coverage.bits(sheet.features, runs, self._runs.catalogue)
        return found

    def _everywhere(self, sheet: Sheet) -> Bits:
        """What all PoPs of the fleet have."""
        bits = (1 << len(sheet.features)) - 1
        pops = list(self._runs.pops)
        for pop in pops:
            bits &= self._has(sheet, self._runs.of(pop))
        return bits if pops else self._has(sheet, pop_runs.NOTHING)

    def _when(self, view: View) -> When:
        while self._ends and self._ends[0] <= view.now:
            heappop(self._ends)
        clock = store_clock.shown(view)
        midnight = datetime.combine(clock.date() + timedelta(days=1), time(), UTC)
        ends = [view.now + (midnight - clock), *self._ends[:1]]
        ends += [at for one in self._features.values() if (at := changes_next(one, view.now)) is not None]
        return When(min(ends), clock.date())

    def _standing(self, picture: Picture, key: int) -> Standing | None:
        roster = picture.roster
        row, chosen = roster.row(key), self._choices.get(key)
        if row is None and chosen is None:
            return None
        early = held = 0
        if chosen is not None:
            for feature, choice in chosen.items():
                place = picture.sheet.places.get(feature)
                if place is not None:
                    early |= (choice.early is not None) << place
                    held |= choice.keeps_off(picture.sheet.now) << place
        if row is None:
            return Standing(key, early, held, picture.everywhere, picture.licensed(0))
        covered = picture.covered(roster.homes(row), roster.visits(row, picture.when.today))
        return Standing(key, early, held, covered, picture.licensed(roster.facts_of(row)))
