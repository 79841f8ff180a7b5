"""Rival Kayenta: how surely is a metric of the canary higher, by the rank test of Kayenta's judge?

Written from the description of NetflixACAJudge in Spinnaker's Kayenta (docs/canary-judge; Graff & Sanden, "Automated
Canary Analysis at Netflix with Kayenta", 2018): Mann-Whitney (1947) on the points of both series, with a confidence
interval of the shift at 98 %, which must lie above a tolerance of 25 % *of the estimated shift itself* (Hodges &
Lehmann 1963). That its lower end does so is the same as that the test rejects once the canary's points are moved down
by the tolerance: so the score is the standard normal deviate of that test, with R's correction for continuity and for
ties, and the judge's own threshold is the 99 % quantile.

A window is the last hour by the minute, looked at every ten minutes. The group's score is the share of metrics that
pass: a canary fails when any metric does, when the score is below 95, or below 75.
"""

from typing import Final

import numpy as np

from wavetrain.evidence.counters import Array

CONFIDENCE: Final = 0.98
TOLERANCE: Final = 0.25
WINDOW, EVERY = 60, 10
POINTS_MIN: Final = 10
ROWS_AT_ONCE: Final = 64


def scores(new: Array, control: Array) -> Array:
    """The deviate of each series after each look, shape as the series: (..., looks). NaN points are left out."""
    looks = new.shape[-1]
    mine, theirs = new.reshape(-1, looks), control.reshape(-1, looks)
    out = np.zeros(mine.shape)
    for look in range(EVERY, looks + 1, EVERY):
        window = slice(max(0, look - WINDOW), look)
        for start in range(0, len(mine), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            value = _deviates(mine[some, window], theirs[some, window])
            out[some, look - 1 : look - 1 + EVERY] = value[:, None]
    return out.reshape(new.shape)


def failed_share_rank(score_below: float, metrics: int) -> int:
    """How many metrics must fail until the group's score is below so many per cent."""
    return int(np.floor(metrics * (1 - score_below / 100) + 1e-9)) + 1


def together(by_metric: Array, rank: int) -> Array:
    """The deviate that so many metrics reach: (trains, looks) from (trains, metrics, looks)."""
    place = by_metric.shape[1] - rank
    out: Array = np.partition(by_metric, place, axis=1)[:, place]
    return out


def _deviates(new: Array, control: Array) -> Array:
    """Rows of points; a row with too few says nothing."""
    seen_new, seen = ~np.isnan(new), ~np.isnan(control)
    differences = new[:, :, None] - control[:, None, :]
    flat = differences.reshape(len(new), -1)
    n, m = seen_new.sum(axis=1).astype(float), seen.sum(axis=1).astype(float)
    enough = (n >= POINTS_MIN) & (m >= POINTS_MIN)
    shift = np.zeros(len(new))
    if np.isnan(flat).any():
        shift[enough] = np.nanmedian(flat[enough], axis=1)
    else:
        shift[enough] = np.median(flat[enough], axis=1)
    bar = TOLERANCE * np.abs(shift)
    above = (flat > bar[:, None]).sum(axis=1) + 0.5 * (flat == bar[:, None]).sum(axis=1)
    off = above - n * m / 2
    moved = np.concatenate([new - bar[:, None], control], axis=1)
    total = n + m
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * m / 12 * (total + 1 - _ties(moved) / (total * (total - 1)))
        value = (off - 0.5 * np.sign(off)) / np.sqrt(variance)
    out: Array = np.where(enough & (variance > 0), value, 0.0)
    return out


def _ties(points: Array) -> Array:
    """The sum of t^3 - t over groups of t equal points, by row."""
    ordered = np.sort(points, axis=1)
    place = np.arange(points.shape[1])
    begins = np.concatenate([np.ones((len(points), 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    # The k-th of equal points adds k^3 - (k-1)^3 - 1 = 3 k^2 - 3 k; NaN is equal to nothing.
    k = (place - first + 1).astype(float)
    out: Array = (3 * k * k - 3 * k).sum(axis=1)
    return out
