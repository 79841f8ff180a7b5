"""Rehearse: how did these histories go, for people and for programs?"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from wavetrain.simulate.history import Outcome, run

COUNT_MAX = 100_000


def rehearse(seed: int, count: int) -> Iterator[Outcome]:
    """The histories of `count` seeds from `seed` on, each as it ends; ValueError for a count out of range."""
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"count is {count}; give 1 to {COUNT_MAX}")
    return (run(one) for one in range(seed, seed + count))


def line(outcome: Outcome) -> str:
    """One history in a line, and a line for each guard that it broke."""
    ends = ", ".join(f"{name} {status}" for name, status in outcome.rollouts.items())
    said = "held" if not outcome.broken else "BROKEN"
    text = f"seed {outcome.seed}: {said}; {outcome.ticks} ticks, {outcome.days:.1f} days; {ends}"
    return "\n".join([text, *(f"  {broken}" for broken in outcome.broken)])


def total(outcomes: list[Outcome]) -> str:
    """All histories in a line."""
    ends = Counter(status for outcome in outcomes for status in outcome.rollouts.values())
    said = ", ".join(f"{count} {status}" for status, count in ends.most_common())
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    ticks = sum(outcome.ticks for outcome in outcomes)
    return f"{len(outcomes)} histories, {ticks} ticks, {broken} with a broken guard; rollouts: {said}"


def as_json(outcomes: list[Outcome]) -> bytes:
    """All outcomes with what they add up to."""
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    return msgspec.json.encode({"histories": len(outcomes), "broken": broken, "outcomes": outcomes})
