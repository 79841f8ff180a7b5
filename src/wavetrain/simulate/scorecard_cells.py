"""Scorecard cells: how often, how soon, after what exposure does a method stop trains?"""

from typing import Final

import msgspec
import numpy as np
from scipy.special import betaincinv

from wavetrain.evidence.counters import Array
from wavetrain.simulate.scorecard_batch import Scores
from wavetrain.simulate.scorecard_worlds import LOOKS, World

MATCHED: Final = 0.01
"""The false rate at which all methods' delays are compared."""
CONFIDENCE: Final = 0.95


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How trains with a fault were stopped, at one threshold.

    Delays are from the onset on. A train that was not stopped counts with all the minutes that there were; one that was
    stopped before the onset counts in `early` alone.
    """

    missed: float | None
    early: float
    delay_median_min: float | None
    delay_mean_min: float | None
    delay_p90_min: float | None
    ratio_to_limit: float | None
    """The mean delay over the least that any test can do at the same false rate."""
    nodes_exposed: float | None
    """New nodes at the stop, in the mean."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One method in one scenario. A clean one has no delays, and one with a fault the false rate of its world."""

    trains: int
    false_stops: int | None
    false_rate: float
    false_rate_interval: tuple[float, float]
    """Clopper & Pearson (1934), 95 %."""
    missed: float | None = None
    early: float | None = None
    delay_median_min: float | None = None
    delay_mean_min: float | None = None
    delay_p90_min: float | None = None
    ratio_to_limit: float | None = None
    nodes_exposed: float | None = None
    matched: Found | None = None
    """The same with the threshold set so that at most 1 % of the world's clean trains are stopped."""


def interval(hits: int, of: int) -> tuple[float, float]:
    """The exact confidence interval of a share."""
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(hits, of - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
    return low, high


def matched_threshold(highest: Scores) -> float:
    """The lowest threshold that at most 1 % of these clean trains reach."""
    ordered = np.sort(highest)[::-1]
    return float(np.nextafter(ordered[int(len(ordered) * MATCHED)], np.float32(np.inf)))


def clean_cell(highest: Scores, threshold: float) -> Cell:
    """Of a world's clean trains."""
    stopped = int((highest >= np.float32(threshold)).sum())
    return Cell(
        trains=len(highest),
        false_stops=stopped,
        false_rate=stopped / len(highest),
        false_rate_interval=interval(stopped, len(highest)),
    )


def stops(so_far: Scores, threshold: float) -> Array:
    """The look that stopped each train, from 1 on; infinite for one that was not."""
    over = so_far >= np.float32(threshold)
    return np.where(over[:, -1], over.argmax(axis=1) + 1.0, np.inf)


def delays(looks: Array, onset: int) -> Array:
    """Minutes from the onset to the stop, of trains that were not stopped before it."""
    return np.minimum(looks[looks > onset], LOOKS) - onset


def found(so_far: Scores, threshold: float, world: World, onset: int, limit: float) -> Found:
    """Of trains with a fault from this minute on."""
    looks = stops(so_far, threshold)
    early = float((looks <= onset).mean())
    waited = delays(looks, onset)
    if not len(waited):
        return Found(
            missed=None,
            early=early,
            delay_median_min=None,
            delay_mean_min=None,
            delay_p90_min=None,
            ratio_to_limit=None,
            nodes_exposed=None,
        )
    reached = np.minimum(looks[looks > onset], LOOKS).astype(int) - 1
    mean = float(waited.mean())
    return Found(
        missed=float(np.isinf(looks[looks > onset]).mean()),
        early=early,
        delay_median_min=float(np.median(waited)),
        delay_mean_min=round(mean, 2),
        delay_p90_min=float(np.quantile(waited, 0.9)),
        ratio_to_limit=round(mean / limit, 3),
        nodes_exposed=float(world.new_nodes().sum(axis=1)[reached].mean()),
    )


def faulty_cell(own: Found, matched: Found, clean: Cell, trains: int) -> Cell:
    """Of a scenario with a fault, at the method's own threshold and at the matched one."""
    return Cell(
        trains=trains,
        false_stops=None,
        false_rate=clean.false_rate,
        false_rate_interval=clean.false_rate_interval,
        matched=matched,
        **msgspec.structs.asdict(own),
    )
