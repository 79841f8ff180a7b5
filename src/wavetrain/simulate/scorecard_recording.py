"""Scorecard recording: which increments does every method get to see, of trains under one kind of noise?

Per fleet three days of pre-period in bins of four minutes; per train 300 bins of one minute. A sum of four bursts
that are exponential by the minute is one gamma variable of shape four, and a Poisson count over it is what four
minutes would have counted together; so the coarse pre-period has the law of the fine one, as long as a rate stands
still for four minutes. Drift moves every twenty.

What a scrape missed, or a counter that started anew, has exposure 0: it was not seen, and no method is told
otherwise.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

from wavetrain.evidence.counters import Array
from wavetrain.simulate.scorecard_history import Before, History, known_from
from wavetrain.simulate.scorecard_latency import REQUESTS, below, over_edges
from wavetrain.simulate.scorecard_worlds import BAD, COUNTERS, LOOKS, NODES, Noise, World, forgets, rates

PRE_MIN: Final = 4
"""Minutes of a bin of the pre-period."""
PRE_BINS: Final = 3 * 24 * 60 // PRE_MIN
KNOT_MIN: Final = 20
DAY_MIN: Final = 1440
EVENT_MIN: Final = 30
RUN_MIN: Final = 3
"""Scrapes fail in runs of so many."""
TRAFFIC_CV: Final = 0.2
"""Nodes carry unlike loads, under any noise but plain chance."""
LATENCY_PART: Final = 1 / 6
"""Log latencies vary by this part of what the log rates do."""

Counts = NDArray[np.int32]


class Recording(Struct, frozen=True, eq=False):
    """What was counted in a batch of trains while their waves went. Looks come first."""

    events: Counts
    """(looks, trains, counters, nodes)"""
    exposure: Array
    """(looks, trains, nodes): minutes of usual load."""
    over: Array
    """(looks, trains, nodes, edges): requests slower than each edge."""
    requests: Array
    """(looks, trains, nodes)"""
    intensity: Array
    """(looks, trains, nodes): what the counter that may go bad was expected to count."""
    shift: Array
    """(looks, trains, nodes) of log latencies."""
    histories: tuple[History, ...]


Told = Callable[[Before, History], History]


def recorded(
    world: World, rng: Generator, trains: int, per_fleet: int = 1, known: Told = lambda _, told: told
) -> Recording:
    """A batch of clean trains; so many follow each other on the same nodes, and share their pre-period.

    `known` may add to what a fleet's pre-period tells.
    """
    parts = []
    for number in range(trains):
        if number % per_fleet == 0:
            fleet = _fleet(world, rng, known)
        parts.append(_train(world.noise, fleet, rng))
    return Recording(
        events=np.stack([part.events for part in parts], axis=1),
        exposure=np.stack([part.exposure for part in parts], axis=1),
        over=np.stack([part.over for part in parts], axis=1),
        requests=np.stack([part.requests for part in parts], axis=1),
        intensity=np.stack([part.intensity for part in parts], axis=1),
        shift=np.stack([part.shift for part in parts], axis=1),
        histories=tuple(history for part in parts for history in part.histories),
    )


class _Fleet(Struct, frozen=True, eq=False):
    """What lasts: the load of each node, its events per minute, its log latency; what its pre-period has shown."""

    traffic: Array
    mean: Array
    slow: Array
    history: History


def _fleet(world: World, rng: Generator, known: Told) -> _Fleet:
    noise = world.noise
    traffic = _spread(rng, TRAFFIC_CV if noise.season else 0.0, (NODES,))
    mean = rates(noise)[:, None] * _spread(rng, noise.node_cv, (COUNTERS, NODES))
    slow = LATENCY_PART * noise.node_cv * rng.standard_normal((NODES, 1))
    course = _season(noise.season, rng.uniform(0, 2 * np.pi), PRE_BINS, PRE_MIN)
    exposure = _unseen(rng, noise, PRE_MIN * traffic[:, None] * course)
    expected = mean[..., None] * exposure * np.sqrt(course)
    if noise.drift_sd:
        expected *= np.exp(_drift(rng, noise.drift_sd, (COUNTERS, NODES), PRE_BINS, PRE_MIN))
    events = rng.poisson(expected * _bursts(rng, noise, expected.shape, PRE_MIN)).astype(float)
    drift = _drift(rng, LATENCY_PART * noise.drift_sd, (NODES,), PRE_BINS, PRE_MIN)
    over, requests, _ = _latencies(rng, noise, exposure, slow + drift)
    recent = slow + _drift(rng, LATENCY_PART * noise.drift_sd, (NODES,), LOOKS, 1)
    fine_over, fine_requests, _ = _latencies(rng, noise, np.repeat(traffic[:, None], LOOKS, axis=1), recent)
    before = Before(events, exposure, over, requests, _looks(fine_over), fine_requests.T)
    told = known(before, known_from(before, world.new_nodes()[-1], PRE_MIN * 60.0))
    return _Fleet(traffic, mean, slow, told)


def _train(noise: Noise, fleet: _Fleet, rng: Generator) -> Recording:
    """One train, without the axis of trains, at any time of the day."""
    course = _season(noise.season, rng.uniform(0, 2 * np.pi), LOOKS, 1)
    exposure = _unseen(rng, noise, fleet.traffic[:, None] * course)
    event = np.ones(LOOKS)
    starts = int(rng.integers(0, LOOKS - EVENT_MIN))
    event[starts : starts + EVENT_MIN] = noise.outside
    drift = _drift(rng, noise.drift_sd, (COUNTERS, NODES), LOOKS, 1)
    intensity = fleet.mean[..., None] * np.exp(drift) * exposure * np.sqrt(course) * event
    intensity *= _bursts(rng, noise, intensity.shape, 1)
    events = rng.poisson(intensity)
    drift = _drift(rng, LATENCY_PART * noise.drift_sd, (NODES,), LOOKS, 1)
    over, requests, shift = _latencies(rng, noise, exposure, fleet.slow + drift)
    return Recording(
        events=np.ascontiguousarray(np.moveaxis(events, 2, 0).astype(np.int32)),
        exposure=exposure.T,
        over=_looks(over),
        requests=requests.T,
        intensity=intensity[BAD - 1].T,
        shift=shift.T,
        histories=(fleet.history,),
    )


def _looks(of_nodes: Array) -> Array:
    return np.moveaxis(of_nodes, 1, 0)


def _spread(rng: Generator, cv: float, shape: tuple[int, ...]) -> Array:
    """Factors of mean 1 and this coefficient of variation."""
    return rng.gamma(1 / cv**2, cv**2, shape) if cv else np.ones(shape)


def _drift(rng: Generator, sd: float, shape: tuple[int, ...], bins: int, length: int) -> Array:
    """A stationary autoregression in steps of a knot, held over the bins of this length (last axis)."""
    knots = bins * length // KNOT_MIN
    if not sd:
        return np.zeros((*shape, bins))
    kept = forgets(KNOT_MIN)
    steps = rng.standard_normal((*shape, knots)) * sd * np.sqrt(1 - kept**2)
    steps[..., 0] /= np.sqrt(1 - kept**2)
    return np.repeat(lfilter([1.0], [1.0, -kept], steps, axis=-1), KNOT_MIN // length, axis=-1)


def _season(amplitude: float, phase: float, bins: int, length: int) -> Array:
    """Traffic over its usual, in bins of this length."""
    minutes = (np.arange(bins, dtype=np.float64) + 0.5) * length
    out: Array = np.exp(amplitude * np.sin(2 * np.pi * minutes / DAY_MIN + phase))
    return out


def _bursts(rng: Generator, noise: Noise, shape: tuple[int, ...], minutes: int) -> Array | float:
    """The mean of so many independent factors of mean 1."""
    if not noise.burst_cv:
        return 1.0
    form = minutes / noise.burst_cv**2
    if form == 1:
        return rng.standard_exponential(shape)
    out: Array = rng.standard_gamma(form, shape) / form
    return out


def _unseen(rng: Generator, noise: Noise, exposure: Array) -> Array:
    """The exposure (nodes, bins), 0 where a scrape failed, or a counter started anew between two."""
    seen = exposure
    if noise.missing:
        nodes, bins = exposure.shape
        runs = np.repeat(rng.random((nodes, -(-bins // RUN_MIN))) < noise.missing, RUN_MIN, axis=1)
        anew = rng.random((nodes, bins)) < noise.missing / 10
        seen = np.where(runs[:, :bins] | anew, 0.0, exposure)
    return np.array(np.broadcast_to(seen, (NODES, seen.shape[-1])))


def _latencies(rng: Generator, noise: Noise, exposure: Array, lasting: Array) -> tuple[Array, Array, Array]:
    exposure = np.broadcast_to(exposure, lasting.shape)
    shift = lasting + LATENCY_PART / 2 * noise.burst_cv * rng.standard_normal(lasting.shape)
    requests = rng.poisson(REQUESTS * exposure).astype(float)
    return over_edges(rng, requests, below(shift)), requests, shift


def slower(rng: Generator, whole: Recording, shares: Array, new: NDArray[np.bool_]) -> Array:
    """Observations over each edge as they were, drawn again on new nodes where `shares` lie under each edge.

    `new` is (looks, nodes).
    """
    out = whole.over.copy()
    places = np.broadcast_to(new[:, None, :], whole.requests.shape)
    out[places] = over_edges(rng, whole.requests[places], shares[places])
    return out


def more(rng: Generator, whole: Recording, ratios: Array) -> Counts:
    """The bad counter's events (looks, trains, nodes) with its rate so many times as high (looks, nodes)."""
    extra = rng.poisson(whole.intensity * (ratios[:, None, :] - 1))
    out: Counts = (whole.events[:, :, BAD - 1] + extra).astype(np.int32)
    return out
