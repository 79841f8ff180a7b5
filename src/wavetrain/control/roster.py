"""Roster: which PoPs does each account use, and what is known of it, for very many accounts in little memory?

An account is a row: found by its 64-bit `cohort.unit_key` in a sorted array, its PoPs in one long array. Among a
million accounts two share a key in one of 37 million fleets. What changes is laid beside the arrays, until it is much:
then they are made anew.
"""

from collections.abc import Sequence
from datetime import date
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from wavetrain.control import store_clock
from wavetrain.control.ports import View
from wavetrain.decide import cohort, entitlement
from wavetrain.decide.coverage import VISIT_DAYS
from wavetrain.decide.entitlement import Facts
from wavetrain.model.fleet import Account, PopId, Site, Visit

BESIDE_MAX = 50_000
"""So many accounts may differ from the arrays before these are made anew."""
_HAD_BITS, _DAY_BITS = 20, 20
HAD_MAX = 1 << _HAD_BITS
"""So many different sets of features may have been on at a visit; a further one is taken for none."""


class Keys:
    """Which row does a key have?"""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        """The n-th key has row n."""
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        self._order, self._sorted = order, keys[order]
        self._beside: dict[int, int] = {}
        self.count = len(keys)

    def row(self, key: int) -> int | None:
        """Of a key; None for one that is not there."""
        found = self._beside.get(key)
        if found is not None or not len(self._sorted):
            return found
        place = int(self._sorted.searchsorted(np.uint64(key)))
        if place < len(self._sorted) and int(self._sorted[place]) == key:
            return int(self._order[place])
        return None

    def rows(self, keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """The rows of many keys, with new ones for those that have none."""
        places = self._sorted.searchsorted(keys)
        found = np.zeros(len(keys), np.uint32)
        inside = places < len(self._sorted)
        is_known = np.zeros(len(keys), np.bool_)
        is_known[inside] = self._sorted[places[inside]] == keys[inside]
        found[is_known] = self._order[places[is_known]]
        for place in np.flatnonzero(~is_known):
            found[place] = self.add(int(keys[place]))
        return found

    def add(self, key: int) -> int:
        """Its row, a new one where it has none."""
        found = self.row(key)
        if found is None:
            found = self._beside[key] = self.count
            self.count += 1
        return found

    @property
    def bytes_held(self) -> int:
        """Of the arrays."""
        return self._order.nbytes + self._sorted.nbytes


class Lists:
    """A list of whole numbers for each row."""

    def __init__(self, rows: NDArray[np.uint32], values: NDArray[np.int64], count: int) -> None:
        """Values of rows in any order; there are `count` rows."""
        order = np.argsort(rows, kind="stable")
        self._values = values[order]
        self._starts = np.searchsorted(rows[order], np.arange(count + 1)).astype(np.uint32)
        self.beside: dict[int, tuple[int, ...]] = {}

    def of(self, row: int) -> Sequence[int]:
        """The values of a row, none where it was never given any."""
        found = self.beside.get(row)
        if found is not None:
            return found
        if row + 1 >= len(self._starts):
            return ()
        start, end = int(self._starts[row]), int(self._starts[row + 1])
        return self._values[start:end].tolist() if end > start else ()

    @property
    def bytes_held(self) -> int:
        """Of the arrays."""
        return self._values.nbytes + self._starts.nbytes


class Roster:
    """Every account with its PoPs."""

    def __init__(self) -> None:
        self.pops: list[PopId] = []
        """By their numbers, as `homes` and `visits` give them."""
        self.facts: list[Facts] = [entitlement.NOTHING]
        self.had: list[tuple[str, ...]] = [()]
        self._pop_numbers: dict[PopId, int] = {}
        self._facts_numbers: dict[Facts, int] = {entitlement.NOTHING: 0}
        self._had_numbers: dict[tuple[str, ...], int] = {(): 0}
        self._start(np.array([], np.uint64))

    def _start(self, keys: NDArray[np.uint64]) -> None:
        self._keys = Keys(keys)
        self._facts_of = np.zeros(len(keys), np.uint32)
        self._facts_beside: dict[int, int] = {}
        nothing = np.array([], np.uint32), np.array([], np.int64), 0
        self._homes, self._visits = Lists(*nothing), Lists(*nothing)

    def load(self, view: View) -> None:
        """Everything, from the records; visits a day at a time, since there may be many."""
        accounts = view.find(Account)
        self._start(cohort.unit_keys(one.id for one in accounts))
        facts = (self._facts_number(entitlement.of(one)) for one in accounts)
        self._facts_of = np.fromiter(facts, np.uint32, len(accounts))
        del accounts
        sites = view.find(Site)
        rows = self._keys.rows(cohort.unit_keys(one.account for one in sites))
        pops = np.fromiter(
            (self.pop_number(pop) if pop else -1 for one in sites for pop in (one.primary, one.secondary)),
            np.int64,
            len(sites) * 2,
        )
        del sites
        self._homes = Lists(np.repeat(rows, 2)[pops >= 0], pops[pops >= 0], self._keys.count)
        today = _ordinal(store_clock.shown(view).date())
        last: dict[tuple[int, int], int] = {}
        for day in range(today - VISIT_DAYS, today + 2):
            visits = view.find(Visit, day=_text(day))
            rows = self._keys.rows(cohort.unit_keys(one.account for one in visits))
            for visit, row in zip(visits, rows.tolist(), strict=True):
                place = self.pop_number(visit.pop)
                if place not in self._homes.of(row):
                    last[row, place] = self._packed(visit, place)
        self._visits = Lists(
            np.fromiter((row for row, _ in last), np.uint32, len(last)),
            np.fromiter(last.values(), np.int64, len(last)),
            self._keys.count,
        )

    @property
    def bytes_held(self) -> int:
        """Of the arrays; what differs from them is held beside."""
        arrays = (self._keys, self._homes, self._visits)
        return self._facts_of.nbytes + sum(one.bytes_held for one in arrays)

    @property
    def is_grown(self) -> bool:
        """Whether so much has changed that it is better made anew."""
        return len(self._homes.beside) + len(self._visits.beside) + len(self._facts_beside) > BESIDE_MAX

    def take(self, view: View, account: str) -> None:
        """An account has changed, or its sites."""
        row = self._keys.add(cohort.unit_key(account))
        self._facts_beside[row] = self._facts_number(entitlement.of(view.get(Account, account)))
        homes = {
            self.pop_number(pop)
            for site in view.find(Site, account=account)
            for pop in (site.primary, site.secondary)
            if pop
        }
        self._homes.beside[row] = tuple(sorted(homes))
        last: dict[int, int] = {}
        for visit in sorted(view.find(Visit, account=account), key=attrgetter("day")):
            pop = self.pop_number(visit.pop)
            if pop not in homes:
                last[pop] = self._packed(visit, pop)
        self._visits.beside[row] = tuple(last.values())

    def visited(self, visit: Visit) -> bool:
        """An account has used a PoP; whether it is the first time on that day, and none of its sites'."""
        row, pop = self._keys.add(cohort.unit_key(visit.account)), self.pop_number(visit.pop)
        made = self._packed(visit, pop)
        known = self._visits.of(row)
        if made in known or pop in self._homes.of(row):
            return False
        others = tuple(one for one in known if _pop_of(one) != pop)
        older = next((one for one in known if _pop_of(one) == pop), 0)
        self._visits.beside[row] = (*others, made if _day_of(made) >= _day_of(older) else older)
        return True

    def row(self, key: int) -> int | None:
        """Of the account with this `cohort.unit_key`; None where nobody has heard of it."""
        return self._keys.row(key)

    def facts_of(self, row: int) -> int:
        """The number of what is known of an account."""
        found = self._facts_beside.get(row)
        if found is not None:
            return found
        return int(self._facts_of[row]) if row < len(self._facts_of) else 0

    def homes(self, row: int) -> Sequence[int]:
        """The PoPs of its sites, those that take over included."""
        return self._homes.of(row)

    def visits(self, row: int, today: date) -> list[tuple[int, int]]:
        """The other PoPs that it used of late, each with the number of what it had on when it came."""
        first = _ordinal(today) - VISIT_DAYS
        return [(_pop_of(one), one & (HAD_MAX - 1)) for one in self._visits.of(row) if _day_of(one) > first]

    def number_of(self, pop: PopId) -> int | None:
        """Of a PoP; None where nobody has heard of it."""
        return self._pop_numbers.get(pop)

    def pop_number(self, pop: PopId) -> int:
        """Of a PoP, a new one where it has none; for the thread that follows."""
        found = self._pop_numbers.get(pop)
        if found is None:
            found = self._pop_numbers[pop] = len(self.pops)
            self.pops.append(pop)
        return found

    def _facts_number(self, facts: Facts) -> int:
        found = self._facts_numbers.get(facts)
        if found is None:
            found = self._facts_numbers[facts] = len(self.facts)
            self.facts.append(facts)
        return found

    def _packed(self, visit: Visit, pop: int) -> int:
        had = self._had_numbers.get(visit.had)
        if had is None:
            had = 0
            if len(self.had) < HAD_MAX:
                had = self._had_numbers[visit.had] = len(self.had)
                self.had.append(visit.had)
        return (pop << (_HAD_BITS + _DAY_BITS)) | (_ordinal(date.fromisoformat(visit.day)) << _HAD_BITS) | had


def _ordinal(day: date) -> int:
    return day.toordinal()


def _text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _day_of(packed: int) -> int:
    return packed >> _HAD_BITS & ((1 << _DAY_BITS) - 1)


def _pop_of(packed: int) -> int:
    return packed >> (_HAD_BITS + _DAY_BITS)
