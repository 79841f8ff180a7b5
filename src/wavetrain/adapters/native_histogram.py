"""Native histogram: how many of its observations lie at or below given bounds?

Its buckets are fine, and others on each node. The classic form has a few bounds that all nodes share; so the bounds
here are those powers of a fourth root of two that its buckets reach, where every scale finer than that has a bound too
(https://prometheus.io/docs/specs/native_histograms/).
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from wavetrain.model.health import bucket, observations
from wavetrain.wire.prometheus_answer import Spread

STEPS = 4
"""Bounds an octave."""
BOUNDS_MAX = 200
_NEAR = 1e-9

Grid = Sequence[float]
Timed = Sequence[tuple[float, Spread]]


def reach(spreads: Iterable[Spread]) -> tuple[float, float] | None:
    """The least and the greatest bound over zero of buckets that hold something."""
    bounds = [right for spread in spreads for _, right, _ in spread.buckets if 0 < right < math.inf]
    return (min(bounds), max(bounds)) if bounds else None


def grid(least: float, greatest: float) -> Grid:
    """The bounds from the one at or below `least` to the one at or above `greatest`, the highest ones if too many."""
    last = math.ceil(STEPS * math.log2(greatest) - _NEAR)
    first = max(math.floor(STEPS * math.log2(least) + _NEAR), last - BOUNDS_MAX + 1)
    return tuple(2.0 ** (step / STEPS) for step in range(first, last + 1))


def between_bounds(
    name: str, items: Iterable[Timed], before: float, at: float, bounds: Grid
) -> Mapping[str, float]:
    """The counters that the classic form would have, by how much they grew; nothing where one was reset."""
    total: dict[str, float] = {}
    unknown: set[str] = set()
    for timed in items:
        last: dict[str, float] | None = None
        first: dict[str, float] = {}
        for instant, spread in timed:
            if instant > at:
                break
            now = _cumulative(name, spread, bounds)
            if instant <= before:
                first = last = now
                continue
            if last is not None and any(value < last.get(key, 0.0) for key, value in now.items()):
                return {}
            last = now
            unknown |= {bucket(name, bound) for bound in bounds} - now.keys()
        if last is None or not timed:
            continue
        unknown |= {bucket(name, bound) for bound in bounds} - first.keys() if first else set()
        for key, value in last.items():
            total[key] = total.get(key, 0.0) + value - first.get(key, 0.0)
    if not any(before < instant <= at for timed in items for instant, _ in timed):
        return {}
    return {key: value for key, value in total.items() if key not in unknown}


def _cumulative(name: str, spread: Spread, bounds: Grid) -> dict[str, float]:
    """The count, with what is at or below each bound that cuts no bucket in two."""
    told = {observations(name): spread.total}
    for bound in bounds:
        low, high = bound * (1 - _NEAR), bound * (1 + _NEAR)
        if not any(left < low and right > high for left, right, _ in spread.buckets):
            told[bucket(name, bound)] = math.fsum(
                count for _, right, count in spread.buckets if right <= high
            )
    return told
