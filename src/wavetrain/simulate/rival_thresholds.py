"""Rival thresholds: by how much has the canary's worst metric exceeded its threshold, in as many checks as it may?

The form of Flagger (docs.flagger.app, "metric analysis": an interval, a threshold, a number of failed checks) and of
Argo Rollouts (argoproj.github.io, "analysis": interval, failureLimit): each interval a query over a window of the
canary's own samples is held against a fixed threshold, and after so many failed checks, counted from the start of the
analysis, the release is rolled back. The threshold is a multiple of what the metric was before: the score is the
multiple that has been exceeded in as many checks as it takes.
"""

import numpy as np
from msgspec import Struct

from wavetrain.evidence.counters import Array


class Setting(Struct, frozen=True):
    """A multiple of the usual value, minutes of the query's window, failed checks until the roll-back."""

    ratio: float
    window: int
    checks: int


TIGHT = Setting(ratio=1.5, window=5, checks=5)
USUAL = Setting(ratio=2.0, window=1, checks=5)
LOOSE = Setting(ratio=3.0, window=5, checks=10)


def of_counts(events: Array, exposure: Array, rates: Array, setting: Setting) -> Array:
    """Each metric's rate in the window over its usual one: shape of the events, (..., looks)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _window(events, setting.window) / _window(exposure, setting.window) / rates[..., None]
    out: Array = np.nan_to_num(ratio, nan=0.0, posinf=0.0)
    return out


def of_gauge(values: Array, usual: Array, setting: Setting) -> Array:
    """The same of a gauge: its mean over the window."""
    seen = ~np.isnan(values)
    total = _window(np.where(seen, values, 0.0), setting.window)
    many = _window(seen.astype(float), setting.window)
    out: Array = np.where(many > 0, total / np.maximum(many, 1.0), 0.0) / usual[..., None]
    return out


def together(by_metric: Array, setting: Setting) -> Array:
    """The multiple that has been exceeded in enough checks so far: (trains, looks) from (trains, metrics, looks)."""
    worst = by_metric.max(axis=1)
    highest = np.zeros((len(worst), setting.checks))
    out = np.empty(worst.shape)
    for look in range(worst.shape[1]):
        highest[:, 0] = np.maximum(highest[:, 0], worst[:, look])
        highest.sort(axis=1)
        out[:, look] = highest[:, 0]
    return out


def _window(values: Array, minutes: int) -> Array:
    sums = np.cumsum(values, axis=-1)
    out = sums.copy()
    out[..., minutes:] -= sums[..., :-minutes]
    return out
