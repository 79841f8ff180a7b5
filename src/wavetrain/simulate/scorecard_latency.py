"""Scorecard latency: what does a histogram of latencies hold, while it is well, and with a slow tail?"""

from typing import Final

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from wavetrain.evidence.counters import Array
from wavetrain.evidence.limit import two_arm_information
from wavetrain.simulate.scorecard_worlds import CONTROL, LOOKS, NEW, Fault

EDGES: Final = np.array([0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5])
"""Upper bounds of the buckets in seconds; one more takes what is slower."""
MEDIAN_S, SPREAD = 0.05, 0.6
"""Latencies are log-normal."""
REQUESTS: Final = 20.0
"""Per node and minute."""


def below(shift: Array, fault: Fault | None = None) -> Array:
    """The share of latencies under each edge (last axis), on nodes whose log latencies are shifted by so much."""
    place = (np.log(EDGES / MEDIAN_S) - shift[..., None]) / SPREAD
    share: Array = ndtr(place)
    if fault is None or not fault.tail_share:
        return share
    slow = ndtr(place - np.log(fault.tail_times) / SPREAD)
    out: Array = (1 - fault.tail_share) * share + fault.tail_share * slow
    return out


def over_edges(rng: Generator, requests: Array, share: Array) -> Array:
    """How many of the requests are slower than each edge (last axis): one binomial step after another."""
    out = np.empty(share.shape)
    left, was = requests.astype(np.int64), np.ones(share.shape[:-1])
    for place in range(share.shape[-1]):
        still = 1 - share[..., place]
        left = rng.binomial(left, np.clip(still / np.maximum(was, 1e-300), 0.0, 1.0))
        out[..., place], was = left, still
    return out


def p99(over: Array, requests: Array) -> Array:
    """The quantile as Prometheus interpolates it, from counts above each edge (last axis). NaN without requests."""
    cumulated = requests[..., None] - over
    rank = 0.99 * requests
    place = np.minimum((cumulated < rank[..., None]).sum(axis=-1), len(EDGES) - 1)
    high = EDGES[place]
    low = np.where(place > 0, EDGES[place - 1], 0.0)
    at = np.take_along_axis(cumulated, place[..., None], -1)[..., 0]
    under = np.where(
        place > 0, np.take_along_axis(cumulated, np.maximum(place - 1, 0)[..., None], -1)[..., 0], 0
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip(np.nan_to_num((rank - under) / (at - under)), 0.0, 1.0)
    out: Array = np.where(requests > 0, low + (high - low) * part, np.nan)
    return out


def tail_information(fault: Fault) -> Array:
    """Nats a minute, by look, of the best single edge, between all new nodes and the control."""
    clean, bad = 1 - below(np.zeros(1))[0], 1 - below(np.zeros(1), fault)[0]
    best = max(
        two_arm_information(
            control_rate=float(was),
            new_exposure=NEW * REQUESTS,
            control_exposure=CONTROL * REQUESTS,
            ratio=float(now / was),
        )
        for was, now in zip(clean, bad, strict=True)
    )
    return np.full(LOOKS, best)
