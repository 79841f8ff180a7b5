"""Rival group-sequential: how far is the new arm off, at the share of the planned information that there is?

O'Brien & Fleming (1979) with the spending function of Lan & DeMets (1983), looked at so often that the boundary is
that of Brownian motion: P(sup B_t >= c, t <= 1) = 2 (1 - Phi(c)), so a metric stops where z sqrt(t) >= c = Phi^-1(1 -
alpha / 2), with alpha shared out over the metrics (Jennison & Turnbull 2000). t is the share of the events that the
pre-period lets expect by the planned end; what comes beyond counts as 1.
"""

import numpy as np
from scipy.special import ndtri

from wavetrain.evidence.counters import Array
from wavetrain.simulate import rival_z


def threshold(metrics: int, alpha: float) -> float:
    """The boundary c of one of so many metrics."""
    return float(-ndtri(alpha / metrics / 2))


def of_counts(
    events: Array, exposure: Array, control_events: Array, control_exposure: Array, rates: Array
) -> Array:
    """z sqrt(t) after each look (last axis); the planned end is the last look, at the exposure that comes."""
    z = rival_z.of_counts(events, exposure, control_events, control_exposure)
    planned = rates * (exposure + control_exposure).sum(axis=-1)
    came = np.cumsum(events + control_events, axis=-1)
    out: Array = z * np.sqrt(np.minimum(came / planned[..., None], 1.0))
    return out


def of_gauge(difference: Array, sd: Array) -> Array:
    """The same of a gauge, whose information grows with the looks."""
    looks = difference.shape[-1]
    part = np.arange(1, looks + 1) / looks
    out: Array = rival_z.of_gauge(difference, sd) * np.sqrt(part)
    return out
