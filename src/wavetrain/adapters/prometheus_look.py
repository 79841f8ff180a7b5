"""Prometheus look: what does a source say of these nodes within one span, and what time is it there?"""

import itertools
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from statistics import median
from typing import NamedTuple

from wavetrain.adapters import promql
from wavetrain.adapters.program_track import Track
from wavetrain.adapters.promql import Group, Labels
from wavetrain.adapters.promql_call import Call
from wavetrain.control.ports import Target
from wavetrain.decide.plain_line import plain_line
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import Trouble
from wavetrain.wire.prometheus_answer import SAID_CHARACTERS, FaultyError, Series, instant_of, series_of

FUTURE_S = 2.0
"""A sample may be so much younger than the source's own clock, and no more."""
INTERVAL_LOOK_S = 900.0
INTERVAL_NODES = 3
SCRAPES_LEAST = 3


class Hour(NamedTuple):
    """What time it was on three clocks at once: the source's, this machine's monotonic one, this machine's own."""

    there: float
    steady: float
    here: float

    @property
    def skew_s(self) -> float:
        """By how much the source's clock is ahead of ours."""
        return self.there - self.here


class Seen(NamedTuple):
    """What a source says of the nodes that it knows, and what is wrong with the samples of others."""

    tracks: Mapping[NodeId, Track]
    refused: Mapping[NodeId, str]


def hour(call: Call) -> Hour:
    """Ask what time it is there. Raises `FaultyError`."""
    steady, here = time.monotonic(), time.time()
    there = instant_of(call.ask(promql.CLOCK))
    half = (time.monotonic() - steady) / 2
    if not 0 < there < 1e11:
        raise FaultyError(Trouble.CLOCK, f"the source says that it is {there} s after 1970")
    return Hour(there, steady + half, here + half)


def look(
    call: Call,
    labels: Labels,
    targets: Mapping[NodeId, Target],
    begins: float,
    there: float,
    workers: Executor,
) -> Seen:
    """All that was scraped since `begins`, as of `there`, both on the source's clock. Raises `FaultyError`."""
    at = there + 2 * FUTURE_S  # so that a sample from the future is seen as one
    groups = list(promql.groups(targets.items()))

    def asked(group: Group) -> Sequence[Series]:
        return series_of(call.ask(promql.raw(group, labels, at - begins), at))

    tracks: dict[NodeId, Track] = {}
    refused: dict[NodeId, str] = {}
    for group, answer in zip(groups, workers.map(asked, groups), strict=True):
        by_value: dict[str, list[Series]] = {}
        for item in answer:
            _check_time(item, there)
            by_value.setdefault(item.labels.get(labels.node, ""), []).append(item)
        for node, target in group:
            found = by_value.get(labels.value(node, target), [])
            try:
                track = Track(target, labels, [item for item in found if _is_in(item, labels, target)])
            except RefusedError as error:
                refused[node] = plain_line(str(error), SAID_CHARACTERS)
                continue
            if track.newest is not None:
                tracks[node] = track
    return Seen(tracks, refused)


def interval(
    call: Call,
    labels: Labels,
    targets: Mapping[NodeId, Target],
    there: float,
    workers: Executor,
    attempt: int = 0,
) -> float:
    """How often the source scrapes, in seconds, by what it has of some nodes; others at each attempt. `FaultyError`."""
    ordered = sorted(targets.items())
    first = attempt * INTERVAL_NODES % len(ordered)
    some = dict(ordered[first : first + INTERVAL_NODES])
    seen = look(call, labels, some, there - INTERVAL_LOOK_S, there, workers)
    gaps: list[float] = []
    for track in seen.tracks.values():
        for instants in track.instants:
            if len(instants) >= SCRAPES_LEAST:
                gaps += [later - earlier for earlier, later in itertools.pairwise(instants)]
    if not gaps:
        known = "; ".join(f"{node}: {text}" for node, text in seen.refused.items())
        raise FaultyError(Trouble.EMPTY, known or nothing_of(targets, labels))
    return max(0.01, round(median(gaps), 2))


def nothing_of(targets: Mapping[NodeId, Target], labels: Labels) -> str:
    """What to say of a source that knows no node."""
    node, target = min(targets.items())
    return (
        f"the source has no samples of {len(targets)} nodes, as of "
        f'{{{labels.node}="{labels.value(node, target)}"}}; see that it scrapes them, and node_label, node_is and match'
    )


def _is_in(item: Series, labels: Labels, target: Target) -> bool:
    return not labels.pop or item.labels.get(labels.pop) == target.pop


def _check_time(item: Series, there: float) -> None:
    for timed in (item.samples, item.spreads):
        if timed and timed[-1][0] > there + FUTURE_S:
            name, ahead = item.labels.get("__name__", "a series"), timed[-1][0] - there
            raise FaultyError(
                Trouble.CLOCK,
                f"a sample of {plain_line(name, 80)} is {ahead:.1f} s ahead of the source's own clock; "
                "see the clocks of what scrapes",
            )
