"""CP-SAT: which places of a laid train break the fewest wishes, as OR-Tools' solver finds them?

A train of few PoPs is one model, and its answer may be proven. A large one is improved block by block (the PoPs of a
region in a ring, the rest standing still), again and again, until nothing gets better or the time is over: on two
cores the whole model of thousands of PoPs finds nothing better within a minute, its blocks do.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wavetrain.decide.improvement import Improved, Mover, Problem
from wavetrain.errors import RefusedError

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

WHOLE_MAX = 400
"""A train with no more PoPs than this that could go elsewhere is one model."""
LEAST_S = 0.05
ROUNDS_MAX = 20
BLOCK_S = 10.0
WAY_OUT = "make optimize, or python -m pip install --require-hashes -r requirements/optimize.txt"


class CpSat:
    """Improves laid trains. Raises `RefusedError` where OR-Tools is not installed."""

    def __init__(self, workers: int = 2, whole_max: int = WHOLE_MAX) -> None:
        self._model = _cp_model()
        self._workers, self._whole_max = workers, whole_max

    def improve(self, problem: Problem, seconds: float) -> Improved:
        """The best places found within so many seconds, never worse than those that the movers have now."""
        began = time.monotonic()
        search = _Search(problem)
        free = [index for index, mover in enumerate(problem.movers) if len(mover.places) > 1]
        if len(free) <= self._whole_max:
            proven = self._solve(search, free, seconds)
            return Improved(places=tuple(search.places), proven=proven, seconds=time.monotonic() - began)
        blocks: dict[tuple[int, str], list[int]] = defaultdict(list)
        for index in free:
            blocks[problem.movers[index].ring, problem.movers[index].region].append(index)
        waiting = dict(blocks)
        for _ in range(ROUNDS_MAX):
            improved: set[tuple[int, str]] = set()
            ranked = sorted(waiting, key=lambda key: (-search.cost_of(waiting[key]), key))
            for number, key in enumerate(ranked):
                left = seconds - (time.monotonic() - began)
                if left < LEAST_S:
                    return Improved(
                        places=tuple(search.places), proven=False, seconds=time.monotonic() - began
                    )
                before = search.cost_of(blocks[key])
                share = min(BLOCK_S, max(1.0, 2 * left / (len(ranked) - number)), left)
                if before and not self._solve(search, blocks[key], share):
                    improved.add(key)
                if search.cost_of(blocks[key]) < before:
                    improved.add(key)
            if not improved:
                break
            waiting = {key: blocks[key] for key in blocks if search.cost_of(blocks[key])}
        return Improved(places=tuple(search.places), proven=False, seconds=time.monotonic() - began)

    def _solve(self, search: "_Search", block: Sequence[int], seconds: float) -> bool:
        """Take the best places of a block while all others stand still; whether it is proven that none is better."""
        if not block:
            return True
        built = _Built(self._model, search, block)
        solver = self._model.CpSolver()
        solver.parameters.num_workers = self._workers
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.random_seed = 1
        status = solver.solve(built.model)
        if status not in (self._model.OPTIMAL, self._model.FEASIBLE):
            return False
        before = search.cost_of(block)
        kept = [search.places[index] for index in block]
        for index in block:
            chosen = next(place for place, var in built.taken[index].items() if solver.boolean_value(var))
            search.places[index] = chosen
        if search.cost_of(block) > before:
            for index, place in zip(block, kept, strict=True):
                search.places[index] = place
        return bool(status == self._model.OPTIMAL)


class _Search:
    """The places as they are now, and what they cost."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.places = [mover.now for mover in problem.movers]
        self.paired: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for one, other, cost in problem.pairs:
            self.paired[one].append((other, cost))
            self.paired[other].append((one, cost))
        self.mates: dict[int, list[int]] = defaultdict(list)
        for one, other in problem.apart:
            self.mates[one].append(other)
            self.mates[other].append(one)
        self.by_region: dict[str, list[int]] = defaultdict(list)
        for index, mover in enumerate(problem.movers):
            self.by_region[mover.region].append(index)

    def work(self, index: int, place: int | None = None) -> tuple[int, int]:
        """When a mover works, at its place now or at another."""
        start = self.problem.movers[index].places[self.places[index] if place is None else place].start
        return start.start, start.end

    def cost_of(self, block: Iterable[int]) -> int:
        """What the places of a block cost now, pairs with others included."""
        members = set(block)
        total = 0
        for index in members:
            total += self.problem.movers[index].places[self.places[index]].cost
            for other, cost in self.paired[index]:
                if (other not in members or other > index) and self.near(self.work(index), self.work(other)):
                    total += cost
        return total

    def near(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether two works are less than the gap apart."""
        gap = self.problem.gap
        return one[0] < other[1] + gap and other[0] < one[1] + gap


class _Built:
    """The model of one block."""

    def __init__(self, cp_model: Any, search: _Search, block: Sequence[int]) -> None:
        self.model: CpModel = cp_model.CpModel()
        self._search, self._members = search, set(block)
        self.taken: dict[int, dict[int, IntVar]] = {}
        terms: list[Any] = []
        for index in block:
            terms += self._mover(index)
        for index in block:
            self._apart(index)
            terms += self._pairs(index)
        self._regions()
        self.model.minimize(sum(terms))

    def _mover(self, index: int) -> list[Any]:
        search, model = self._search, self.model
        mover: Mover = search.problem.movers[index]
        fixed = [search.work(other) for other in search.mates[index] if other not in self._members]
        outside = [
            (search.work(other), cost) for other, cost in search.paired[index] if other not in self._members
        ]
        self.taken[index], terms = {}, []
        for number, place in enumerate(mover.places):
            work = (place.start.start, place.start.end)
            if number != search.places[index] and any(search.near(work, one) for one in fixed):
                continue
            var = model.new_bool_var("")
            model.add_hint(var, number == search.places[index])
            self.taken[index][number] = var
            cost = place.cost + sum(cost for one, cost in outside if search.near(work, one))
            if cost:
                terms.append(cost * var)
        model.add_exactly_one(self.taken[index].values())
        return terms

    def _near(self, index: int, other: int) -> Iterable[tuple[Any, list[Any]]]:
        """Each place of one, with the places of the other that are too near to it."""
        search = self._search
        for number, var in self.taken[index].items():
            work = search.work(index, number)
            yield (
                var,
                [
                    there
                    for place, there in self.taken[other].items()
                    if search.near(work, search.work(other, place))
                ],
            )

    def _apart(self, index: int) -> None:
        for other in self._search.mates[index]:
            if other > index and other in self._members:
                for var, near in self._near(index, other):
                    if near:
                        self.model.add(sum(near) + var <= 1)

    def _pairs(self, index: int) -> list[Any]:
        terms: list[Any] = []
        for other, cost in self._search.paired[index]:
            if other < index or other not in self._members or not cost:
                continue
            both = None
            for var, near in self._near(index, other):
                if near:
                    both = self.model.new_bool_var("") if both is None else both
                    self.model.add(sum(near) + var - 1 <= both)
            if both is not None:
                terms.append(cost * both)
        return terms

    def _regions(self) -> None:
        """At the start of every work no more of a region may be under way than its share."""
        search = self._search
        regions = {search.problem.movers[index].region for index in self._members}
        for region in sorted(regions):
            mine = [index for index in search.by_region[region] if index in self._members]
            works = [
                (*search.work(index, number), var)
                for index in mine
                for number, var in self.taken[index].items()
            ]
            others = [search.work(index) for index in search.by_region[region] if index not in self._members]
            size = search.problem.sizes[region]
            for moment in sorted({start for start, _, _ in works} | {start for start, _ in others}):
                under_way = [var for start, end, var in works if start <= moment < end]
                left = size - sum(start <= moment < end for start, end in others)
                if len(under_way) > left:
                    self.model.add(sum(under_way) <= max(left, 0))


def _cp_model() -> Any:
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise missing() from None
    return cp_model


def missing() -> RefusedError:
    """What is said where OR-Tools is not installed."""
    return RefusedError(
        f"--optimize needs OR-Tools, which is not installed here; install it: {WAY_OUT}, or plan without it"
    )
