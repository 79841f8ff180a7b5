"""Yardstick: what is this machine worth, in plain Python?

A fixed piece of work that uses nothing of ours, and of what is compiled only the interpreter's own types: a queue of
instants, records by place, sums and text. Figures of two machines may be compared by how often it goes into them.
"""

import heapq
import time
from statistics import median

RECORDS, PLACES = 60_000, 4_000
ROUNDS = 5
STEP, RING = 7_919, 65_537
"""Two primes: each instant comes once before any comes again."""


def seconds() -> list[float]:
    """Of the processor, once for each of `ROUNDS` rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return took


def middle(*rounds: list[float]) -> float:
    """The median over rounds that were measured at different moments of a run, in seconds."""
    return median(one for many in rounds for one in many)


def work() -> int:
    """The piece of work; what comes out is always the same."""
    queue: list[tuple[int, int]] = []
    places: dict[int, dict[str, tuple[int, float]]] = {}
    for number in range(RECORDS):
        instant = number * STEP % RING
        heapq.heappush(queue, (instant, number))
        places.setdefault(number % PLACES, {})[f"n{number // PLACES}"] = (instant, instant / RING)
    total = 0
    while queue:
        instant, number = heapq.heappop(queue)
        known = places[number % PLACES]
        kept = max((share for at, share in known.values() if at <= instant), default=0.0)
        total += len(f"{instant}:{kept:.3f}") + (f"n{instant}" in known)
    return total
