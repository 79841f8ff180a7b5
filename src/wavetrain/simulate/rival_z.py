"""Rival z: how far is the new arm's share of all events from what its exposure explains, by an ordinary z-test?

The test of two proportions on everything counted so far, at each look, with Bonferroni's correction over metrics but,
as is common, none over looks.
"""

import numpy as np
from scipy.special import ndtri

from wavetrain.evidence.counters import Array


def threshold(metrics: int, alpha: float) -> float:
    """The deviate that one of so many metrics exceeds by chance with probability alpha, at one look."""
    return float(-ndtri(alpha / metrics))


def of_counts(events: Array, exposure: Array, control_events: Array, control_exposure: Array) -> Array:
    """The deviate after each look (last axis)."""
    new, old = np.cumsum(events, axis=-1), np.cumsum(control_events, axis=-1)
    mine, theirs = np.cumsum(exposure, axis=-1), np.cumsum(control_exposure, axis=-1)
    both = new + old
    with np.errstate(divide="ignore", invalid="ignore"):
        share = mine / (mine + theirs)
        value = (new - both * share) / np.sqrt(both * share * (1 - share))
    out: Array = np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0)
    return out


def of_gauge(difference: Array, sd: Array) -> Array:
    """The deviate of the mean difference so far, in units of what one minute's used to vary by."""
    seen = ~np.isnan(difference)
    many = np.cumsum(seen, axis=-1)
    total = np.cumsum(np.where(seen, difference, 0.0), axis=-1)
    out: Array = total / (sd[..., None] * np.sqrt(np.maximum(many, 1)))
    return out
