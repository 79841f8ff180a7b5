"""Evidence track: how did the evidence of a rollout grow?

A picture needs no more points than it has places. Each point stands for the same number of looks and keeps the greatest
evidence of them, so that no peak is lost; when the track is full, that number is doubled.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.model.record import Record

POINTS_MAX: Final = 359
"""Odd: one point more is halved without a rest."""


class EvidenceTrack(Record, frozen=True, kw_only=True):
    """Log e of a rollout's test over time, as a whole and by check."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: str
    metrics: tuple[str, ...] = ()
    looks: int = 1
    """How many looks a point stands for."""
    filled: int = 0
    """How many of them the last point has."""
    times: bytes = b""
    """When the last look of each point was, in seconds since the Unix epoch of train time: little-endian doubles."""
    values: bytes = b""
    """Of each point: log e of the whole test, then of each check, as little-endian floats of 32 bits."""


def noted(track: EvidenceTrack, at: float, log_e: float, by_metric: Sequence[float]) -> EvidenceTrack:
    """The track with one more look. Raises RefusedError for a look with other checks than the track's."""
    if len(by_metric) != len(track.metrics):
        raise RefusedError(
            f"track of rollout {track.rollout}: {len(by_metric)} values for {len(track.metrics)} checks; give one each"
        )
    times, values = points(track)
    look = np.array([[log_e, *by_metric]], dtype="<f4")
    looks, filled = track.looks, track.filled + 1
    if len(times) and track.filled < looks:
        times = np.append(times[:-1], at)
        values = np.concatenate([values[:-1], np.maximum(values[-1:], look)])
    else:
        times, values, filled = np.append(times, at), np.concatenate([values, look]), 1
        if len(times) > POINTS_MAX:
            times, values = times[1::2], np.maximum(values[::2], values[1::2])
            filled, looks = looks + filled, 2 * looks
    return track.changed(
        looks=looks,
        filled=filled,
        times=times.astype("<f8").tobytes(),
        values=values.astype("<f4").tobytes(),
    )


def points(track: EvidenceTrack) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The times, and the values of the shape (times, 1 + checks)."""
    times = np.frombuffer(track.times, dtype="<f8")
    return times, np.frombuffer(track.values, dtype="<f4").reshape(len(times), 1 + len(track.metrics))
