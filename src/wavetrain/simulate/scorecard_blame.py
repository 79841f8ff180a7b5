"""Scorecard blame: how often is the change that did harm named, of several that overlap, with events from outside?

Two PoPs of twenty nodes are watched for a day in bins of five minutes, then for three hours by the minute. Nodes
differ (CV 0.3), there are bursts by node and minute (CV 1) and a season. Two or three releases come to nodes of which
some have both, some one, some none; one of them, by lot, doubles one of eight metrics. Half an hour of three times as
many events falls on one PoP, or on all, at any time; it may fall on the releases. The answer is `decide.blame`'s own.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.random import Generator

from wavetrain.decide.blame import Change, Explained, explained
from wavetrain.decide.comparison import watched
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.evidence.counters import Array
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import MetricRule, Policy, Ring, Verdicts
from wavetrain.model.release import Stage

POPS: Final = ("one", "two")
POP_NODES: Final = 20
METRICS: Final = 8
RATE: Final = 0.165
"""Events per node and minute, as in the other worlds."""
RATIO: Final = 2.0
NODE_CV, SEASON, EVENT, EVENT_MIN = 0.3, 0.4, 3.0, 30
PRE_MIN, PRE_BINS, BINS = 5, 288, 180
PER_BATCH: Final = 10


class Case(Struct, frozen=True, kw_only=True):
    """Which slots of each PoP each release comes to, and when; `held` are held back from the last one."""

    name: str
    releases: tuple[tuple[int, range], ...]
    harm: bool = True
    same_nodes: bool = False
    """The answer must be that it cannot tell, and what would."""
    held: bool = False
    """The last release waits on the nodes that the answer for all of them has named."""


_TWO: Final = ((20, range(8)), (35, range(4, 12)))
_SAME: Final = ((20, range(8)), (20, range(8)))
CASES: Final = (
    Case(name="two releases", releases=_TWO),
    Case(name="three releases", releases=(*_TWO, (50, range(8, 16)))),
    Case(name="two releases, none bad", releases=_TWO, harm=False),
    Case(name="same nodes", releases=_SAME, same_nodes=True),
    Case(name="same nodes, then staggered as named", releases=_SAME, held=True),
)


class BlameTask(Struct, frozen=True):
    """A batch of fleets, each with a train of every case."""

    seed: int
    number: int


class Blamed(Struct, frozen=True):
    """By case how many answers of a batch were right, and how many named a change that did no harm."""

    task: BlameTask
    right: dict[str, int]
    wrong: dict[str, int]
    runs: int


def blamed(task: BlameTask) -> Blamed:
    """One batch; the same task gives the same answers."""
    right = {case.name: 0 for case in CASES}
    wrong = right.copy()
    for fleet in range(PER_BATCH):
        rng = np.random.default_rng([task.seed, 5, task.number, fleet])
        rates = RATE * rng.gamma(1 / NODE_CV**2, NODE_CV**2, (len(POPS), METRICS, POP_NODES))
        watches = _watched(rng, rates)
        for case in CASES:
            is_right, is_wrong = _judged(rng, case, rates, watches)
            right[case.name] += is_right
            wrong[case.name] += is_wrong
    return Blamed(task, right, wrong, PER_BATCH)


def policy() -> Policy:
    """Eight checks of one weight."""
    rules = tuple(
        MetricRule(name=f"m{number}", events=f"m{number}", exposure="minutes", weight=1.0)
        for number in range(METRICS)
    )
    ring = Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0)
    return Policy(lane="pop", rings=(ring,), verdicts=Verdicts(metrics=rules))


def _judged(rng: Generator, case: Case, rates: Array, watches: dict[str, PopWatch]) -> tuple[bool, bool]:
    """Whether the answer is right, and whether it names a change that did no harm."""
    changes = [
        Change(cause=f"release {number}", at={_node(pop, slot): 60.0 * at for pop in POPS for slot in slots})
        for number, (at, slots) in enumerate(case.releases)
    ]
    bad = int(rng.integers(len(changes)))
    found = _answer(rng, case, changes, bad, rates, watches)
    if not case.harm:
        return found.blame.blamed is None and not found.blame.suspects, found.blame.blamed is not None
    if case.held:
        held = {(item.cause, node) for item in found.stagger for node in item.nodes}
        changes = [
            Change(
                cause=one.cause, at={node: at for node, at in one.at.items() if (one.cause, node) not in held}
            )
            for one in changes
        ]
        found = _answer(rng, case, changes, bad, rates, watches)
    top = found.blame.blamed
    is_wrong = top is not None and top != changes[bad].cause
    if case.same_nodes:
        both = set(found.blame.suspects) == {one.cause for one in changes}
        return top is None and both and len(found.stagger) > 0, is_wrong
    return top == changes[bad].cause, is_wrong


def _answer(
    rng: Generator,
    case: Case,
    changes: list[Change],
    bad: int,
    rates: Array,
    watches: dict[str, PopWatch],
) -> Explained:
    minute = np.arange(BINS) + 0.5
    course = np.exp(SEASON * np.sin(2 * np.pi * minute / 1440 + rng.uniform(0, 2 * np.pi)))
    where, starts = int(rng.integers(len(POPS) + 1)), int(rng.integers(0, BINS - EVENT_MIN))
    metric = int(rng.integers(METRICS))
    bins = []
    for place, pop in enumerate(POPS):
        expected = rates[place][:, :, None] * course
        if where in (place, len(POPS)):
            expected[..., starts : starts + EVENT_MIN] *= EVENT
        if case.harm:
            for slot in range(POP_NODES):
                at = changes[bad].at.get(_node(pop, slot))
                if at is not None:
                    expected[metric, slot, round(at / 60) :] *= RATIO
        counts = rng.poisson(expected * rng.standard_exponential(expected.shape))
        bins += [
            _bin(pop, counts[..., number], 60.0 * (number + 1), 60.0, float(course[number]))
            for number in range(BINS)
        ]
    return explained(bins, changes, policy(), watches)


def _watched(rng: Generator, rates: Array) -> dict[str, PopWatch]:
    """What a day before has shown, in bins whose bursts are those of five minutes."""
    out = {}
    rules = policy()
    for place, pop in enumerate(POPS):
        minute = (np.arange(PRE_BINS) + 0.5) * PRE_MIN
        course = np.exp(SEASON * np.sin(2 * np.pi * minute / 1440))
        expected = PRE_MIN * rates[place][:, :, None] * course
        counts = rng.poisson(expected * rng.standard_gamma(PRE_MIN, expected.shape) / PRE_MIN)
        watch = PopWatch(pop=pop)
        for number in range(PRE_BINS):
            ended = 60.0 * PRE_MIN * (number + 1 - PRE_BINS)
            lasted = 60.0 * PRE_MIN
            height = PRE_MIN * float(course[number])
            watch = watched(watch, _bin(pop, counts[..., number], ended, lasted, height), rules)
        out[pop] = watch
    return out


def _bin(pop: str, counts: Array, ended: float, seconds: float, exposure: float) -> PopCounts:
    return PopCounts(
        pop=PopId(pop),
        ended=ended,
        seconds=seconds,
        nodes=tuple(NodeId(_node(pop, slot)) for slot in range(POP_NODES)),
        releases=("1.0.0",) * POP_NODES,
        counters=(*(f"m{number}" for number in range(METRICS)), "minutes"),
        counted=np.concatenate([counts, np.full((1, POP_NODES), exposure)]).astype(float),
        sessions=np.ones(POP_NODES),
    )


def _node(pop: str, slot: int) -> str:
    return f"{pop}-{slot}"
