"""Scorecard: how does our test stand beside other ways to judge a release, on the same recorded counts?"""

from collections.abc import Callable, Iterator, Sequence
from math import inf
from multiprocessing import get_context
from typing import Final

import msgspec
import numpy as np

from wavetrain.errors import RefusedError
from wavetrain.simulate.scorecard_batch import Scored, Scores, Task, scored
from wavetrain.simulate.scorecard_blame import CASES, Blamed, BlameTask, blamed
from wavetrain.simulate.scorecard_cells import (
    MATCHED,
    Cell,
    clean_cell,
    delays,
    faulty_cell,
    found,
    interval,
    matched_threshold,
    stops,
)
from wavetrain.simulate.scorecard_latency import tail_information
from wavetrain.simulate.scorecard_methods import ALPHA, LOCKED, OURS, WITHOUT, Method, is_ours, methods
from wavetrain.simulate.scorecard_worlds import WORLDS, Fault, World, information, limit_min

CLEAN: Final = "clean-"
DEVELOPMENT_SEEDS: Final = range(1000)
"""Seeds that were looked at while the test was built; a published card takes one from beyond."""


class Suite(msgspec.Struct, frozen=True):
    """How many batches of clean trains each world has, and how many of them have its faults laid over them too.

    `per_fleet` trains share the nodes and their pre-period: quicker, but no longer independent of each other. Ours
    without a part, and with the placebo lock, are scored in the first so many batches of a world alone. `blame` are
    batches of fleets whose changes overlap.
    """

    per_fleet: int
    clean: dict[str, int]
    faulty: dict[str, int]
    parts: int = 1
    locked: int = 1
    blame: int = 0


SUITES: Final = {
    "smoke": Suite(
        per_fleet=5,
        clean={"poisson": 4, "realistic": 6} | {world.name: 1 for world in WORLDS[2:]},
        faulty={"poisson": 4, "realistic": 4} | {world.name: 1 for world in WORLDS[2:]},
        parts=1,
        locked=1,
        blame=4,
    ),
    "full": Suite(
        per_fleet=1,
        clean={"poisson": 12, "realistic": 120, "mixed-rates": 12} | {world.name: 3 for world in WORLDS[3:]},
        faulty={world.name: 3 for world in WORLDS},
        parts=2,
        locked=1,
        blame=12,
    ),
}


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """A cell in which another method is sooner at the matched false rate, by the mean delay of the same trains."""

    scenario: str
    method: str
    ours_min: float
    theirs_min: float
    sigmas: float


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The least expected delay of any test, in minutes, at what our test promises and at the matched false rate."""

    promised_min: float
    matched_min: float


class Placebos(msgspec.Struct, frozen=True, kw_only=True):
    """What placebo trains of the pre-periods of a world's fleets certify, and where they set the threshold."""

    fleets: int
    blocks: int
    """Of a fleet: so many of its placebo trains are independent."""
    certified: float
    """The smallest alpha that so many can certify."""
    needed: int
    """So many would certify the promise."""
    over: int
    """Placebo trains that reached the promise's own threshold."""
    threshold_median: float
    threshold_most: float


class BlameCell(msgspec.Struct, frozen=True, kw_only=True):
    """How often the answer to "who is to blame" was right, in one case; `wrong` ones name a change that did no harm."""

    runs: int
    right: int
    wrong: int
    share: float
    interval: tuple[float, float]
    """Clopper & Pearson (1934), 95 %, of the right ones."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured."""

    suite: str
    seed: int
    published: bool
    """Whether the seed is one that was not used in development."""
    alpha: float
    matched_false_rate: float
    methods: dict[str, dict[str, Cell]]
    limits: dict[str, Limits]
    behind: list[Behind]
    seconds: float
    placebos: dict[str, Placebos] = {}
    """By world."""
    blame: dict[str, BlameCell] = {}
    """By case."""
    day: str = ""
    """When it was measured."""


def scenarios() -> list[str]:
    """The names of all of them: the clean trains of each world, then its faults."""
    return [name for world in WORLDS for name in (CLEAN + world.name, *(name for name, _ in world.faults))]


def tasks(suite: Suite, seed: int, of_methods: Sequence[str], of_scenarios: Sequence[str]) -> list[Task]:
    """The batches that a card needs. Raises RefusedError for names that do not exist."""
    known = scenarios()
    for name in of_scenarios:
        if name not in known:
            raise RefusedError(f"no scenario is called {name}; there are: {', '.join(known)}")
    if seed < 0:
        raise RefusedError(f"seed {seed}: a seed is 0 or more")
    named = [method.name for method in methods(tuple(of_methods))]
    out = []
    for world in WORLDS:
        faults = tuple(name for name, _ in world.faults if not of_scenarios or name in of_scenarios)
        if of_scenarios and not faults and CLEAN + world.name not in of_scenarios:
            continue
        out += [
            Task(
                world.name,
                seed,
                number,
                suite.per_fleet,
                faults if number < suite.faulty.get(world.name, 0) else (),
                scoring,
            )
            for number in range(suite.clean.get(world.name, 0))
            if (scoring := tuple(name for name in named if number < _batches(suite, name)))
        ]
    return out


def _batches(suite: Suite, method: str) -> float:
    """In how many of a world's batches a method is scored."""
    if method == LOCKED:
        return suite.locked
    return suite.parts if method.startswith(WITHOUT) else inf


def played(asked: Sequence[Task | BlameTask], jobs: int) -> Iterator[Scored | Blamed]:
    """The batches in order; with several `jobs` each has a process of its own."""
    if jobs == 1 or len(asked) < 2:
        yield from map(_played, asked)
        return
    with get_context("spawn").Pool(min(jobs, len(asked))) as pool:
        yield from pool.imap(_played, asked)


def _played(task: Task | BlameTask) -> Scored | Blamed:
    return blamed(task) if isinstance(task, BlameTask) else scored(task)


def card(
    name: str,
    suite: Suite,
    seed: int,
    *,
    jobs: int,
    clock: Callable[[], float],
    day: str = "",
    say: Callable[[int, int], None] = lambda _done, _of: None,
    of_methods: Sequence[str] = (),
    of_scenarios: Sequence[str] = (),
) -> Card:
    """The whole card. `say` is told how many batches are done of how many; `clock` counts seconds."""
    began = clock()
    batches = tasks(suite, seed, of_methods, of_scenarios)
    blames = [] if of_methods or of_scenarios else [BlameTask(seed, number) for number in range(suite.blame)]
    asked: list[Task | BlameTask] = [*batches, *blames]
    done: list[Scored] = []
    answers: list[Blamed] = []
    for one in played(asked, jobs):
        if isinstance(one, Blamed):
            answers.append(one)
        else:
            done.append(one)
        say(len(done) + len(answers), len(asked))
    rows: dict[str, dict[str, Cell]] = {}
    limits: dict[str, Limits] = {}
    behind: list[Behind] = []
    for world in WORLDS:
        of_world = [one for one in done if one.task.world == world.name]
        if of_world:
            clean_wanted = not of_scenarios or CLEAN + world.name in of_scenarios
            _add_world(world, of_world, clean_wanted, (rows, limits, behind))
    return Card(
        suite=name,
        seed=seed,
        published=seed not in DEVELOPMENT_SEEDS,
        alpha=ALPHA,
        matched_false_rate=MATCHED,
        methods=rows,
        limits=limits,
        behind=behind,
        seconds=round(clock() - began, 1),
        placebos=_placebos(done),
        blame=blame_cells(answers),
        day=day,
    )


def _placebos(done: Sequence[Scored]) -> dict[str, Placebos]:
    out = {}
    for world in WORLDS:
        locks = [lock for one in done if one.task.world == world.name for lock in one.locks]
        if locks:
            thresholds = [inf if lock.threshold is None else lock.threshold for lock in locks]
            out[world.name] = Placebos(
                fleets=len(locks),
                blocks=min(lock.effective for lock in locks),
                certified=max(lock.certified for lock in locks),
                needed=locks[0].needed,
                over=sum(lock.over for lock in locks),
                threshold_median=round(float(np.median(thresholds)), 2),
                threshold_most=round(max(thresholds), 2),
            )
    return out


def blame_cells(answers: Sequence[Blamed]) -> dict[str, BlameCell]:
    """By case, what was right of all these answers; nothing without any."""
    runs = sum(one.runs for one in answers)
    out = {}
    for case in CASES if runs else ():
        right = sum(one.right[case.name] for one in answers)
        wrong = sum(one.wrong[case.name] for one in answers)
        out[case.name] = BlameCell(
            runs=runs, right=right, wrong=wrong, share=right / runs, interval=interval(right, runs)
        )
    return out


def _add_world(
    world: World,
    done: Sequence[Scored],
    clean_wanted: bool,
    out: tuple[dict[str, dict[str, Cell]], dict[str, Limits], list[Behind]],
) -> None:
    rows, limits, behind = out
    asked = methods(done[0].task.methods)  # the first batch of a world is scored by all that any batch is
    highest = {
        method.name: np.concatenate([one.clean[method.name] for one in done if method.name in one.clean])
        for method in asked
    }
    thresholds = {name: matched_threshold(of) for name, of in highest.items()}
    clean = {method.name: clean_cell(highest[method.name], method.threshold) for method in asked}
    for method in asked:
        row = rows.setdefault(method.name, {})
        if clean_wanted:
            row[CLEAN + world.name] = clean[method.name]
    for scenario, fault in world.faults:
        traces = {
            method.name: np.concatenate(parts)
            for method in asked
            if (parts := [one.faulty[key] for one in done if (key := (method.name, scenario)) in one.faulty])
        }
        if not traces:
            continue
        nats = tail_information(fault) if fault.tail_share else information(world, fault)
        limits[scenario] = Limits(
            promised_min=round(limit_min(nats, fault.onset, ALPHA), 2),
            matched_min=round(limit_min(nats, fault.onset, MATCHED), 2),
        )
        for method in asked:
            so_far = traces[method.name]
            own, matched = (
                found(so_far, threshold, world, fault.onset, limit)
                for threshold, limit in (
                    (method.threshold, limits[scenario].promised_min),
                    (thresholds[method.name], limits[scenario].matched_min),
                )
            )
            rows[method.name][scenario] = faulty_cell(own, matched, clean[method.name], len(so_far))
        behind += _behind(scenario, fault, asked, traces, thresholds)


def _behind(
    scenario: str,
    fault: Fault,
    asked: Sequence[Method],
    traces: dict[str, Scores],
    thresholds: dict[str, float],
) -> list[Behind]:
    """Where another method stops sooner than ours, once both stop as many clean trains."""
    if OURS not in traces:
        return []
    out = []
    looks = {name: stops(of, thresholds[name]) for name, of in traces.items()}
    for method in asked:
        if is_ours(method.name):
            continue  # it is no rival, and was perhaps scored on fewer trains
        both = (looks[OURS] > fault.onset) & (looks[method.name] > fault.onset)
        if not both.any():
            continue
        mine, theirs = (delays(looks[name][both], fault.onset) for name in (OURS, method.name))
        more = mine - theirs
        if more.mean() > 0:
            error = float(more.std() / np.sqrt(len(more)))
            out.append(
                Behind(
                    scenario=scenario,
                    method=method.name,
                    ours_min=round(float(mine.mean()), 2),
                    theirs_min=round(float(theirs.mean()), 2),
                    sigmas=round(float(more.mean()) / error, 1) if error else 99.0,
                )
            )
    return out
