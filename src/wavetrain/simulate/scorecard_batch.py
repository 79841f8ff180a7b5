"""Scorecard batch: how do all methods score a few trains of one world, clean, then with each of its faults?"""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.random import Generator
from numpy.typing import NDArray

from wavetrain.evidence.counters import Array
from wavetrain.evidence.placebo import Lock
from wavetrain.simulate.scorecard_evidence import (
    Evidence,
    healthy,
    put_in,
    stacked,
    with_counter,
    with_latency,
)
from wavetrain.simulate.scorecard_history import Before, History
from wavetrain.simulate.scorecard_latency import below
from wavetrain.simulate.scorecard_lock import lock_of
from wavetrain.simulate.scorecard_methods import ALPHA, LOCKED, methods
from wavetrain.simulate.scorecard_recording import PRE_MIN, Recording, more, recorded, slower
from wavetrain.simulate.scorecard_worlds import BAD, LATENCY, WORLDS, Fault, World

TRAINS: Final = 25
"""In a batch: part of what a seed means, since each batch draws by itself."""

Scores = NDArray[np.float32]


class Task(Struct, frozen=True):
    """What one process is asked: a batch of a world; which faults are laid over it; by which methods it is scored."""

    world: str
    seed: int
    number: int
    per_fleet: int
    scenarios: tuple[str, ...]
    methods: tuple[str, ...]


class Scored(Struct, frozen=True, eq=False):
    """By method the highest score of each clean train; by method and scenario the highest so far, at each look."""

    task: Task
    clean: dict[str, Scores]
    faulty: dict[tuple[str, str], Scores]
    locks: tuple[Lock, ...] = ()
    """Of each fleet, where a method asks for it."""


def scored(task: Task) -> Scored:
    """One batch; the same task gives the same scores, in whichever process."""
    world = next(world for world in WORLDS if world.name == task.world)
    rng = np.random.default_rng([task.seed, crc32(world.name.encode()), task.number])
    new = world.new_nodes()

    def locked(before: Before, known: History) -> History:
        return replace(known, lock=lock_of(before, known, new, PRE_MIN, ALPHA))

    asks = LOCKED in task.methods
    whole = recorded(world, rng, TRAINS, task.per_fleet, *((locked,) if asks else ()))
    clean = healthy(whole, new)
    faults = [(name, fault) for name, fault in world.faults if name in task.scenarios]
    laid = [_laid(world, whole, name, fault, task) for name, fault in faults]
    groups = {
        place: [index for index, (_, fault) in enumerate(faults) if _place(fault) == place]
        for place in (LATENCY, BAD)
    }
    changed = {place: stacked([laid[index] for index in of]) for place, of in groups.items() if of}
    out = Scored(task, {}, {}, _locks(whole.histories))
    family, all_metrics, bad_metric = "", np.zeros(0), {0: np.zeros(0)}
    for method in methods(task.methods):
        if method.family != family:
            family = method.family
            all_metrics = method.score(clean)
            bad_metric = {place: method.score(evidence)[:, 0] for place, evidence in changed.items()}
        out.clean[method.name] = method.together(all_metrics).max(axis=1).astype(np.float32)
        for place, of in groups.items():
            for part, index in enumerate(of):
                scores = bad_metric[place][part * TRAINS : (part + 1) * TRAINS]
                train = method.together(put_in(all_metrics, place, scores))
                out.faulty[method.name, faults[index][0]] = _so_far(train)
    return out


def _locks(histories: Sequence[History]) -> tuple[Lock, ...]:
    fleets = {id(history): history.lock for history in histories}
    return tuple(lock for lock in fleets.values() if lock is not None)


def _place(fault: Fault) -> int:
    return LATENCY if fault.tail_share else BAD


def _laid(world: World, whole: Recording, name: str, fault: Fault, task: Task) -> Evidence:
    """The metric that goes bad, as it was counted. Each fault draws by itself: leaving one out changes no other."""
    rng: Generator = np.random.default_rng([task.seed, crc32(name.encode()), task.number])
    new = world.new_nodes()
    hit = new & fault.touches()
    if fault.tail_share:
        return with_latency(whole, slower(rng, whole, below(whole.shift, fault), hit), new)
    return with_counter(whole, more(rng, whole, np.where(hit, fault.ratios()[:, None], 1.0)), new)


def _so_far(scores: Array) -> Scores:
    return np.maximum.accumulate(scores, axis=1).astype(np.float32)
