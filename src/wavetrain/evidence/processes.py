"""Processes: what do the bins of a stratum add up to, for all its metrics at once?

A process is one metric in one stratum: a row of `WIDTH` floats, 488 bytes, for "worse from the first bin" and for
"worse from a later one" (`evidence.onset`). All functions take any number of strata and metrics: states have the shape
(strata, metrics, WIDTH), the counts of one bin each (strata, metrics, ARMS).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence import onset
from wavetrain.evidence.bounds import rates_lower, rates_upper
from wavetrain.evidence.counters import GRID, Array, log_e_doubling, log_likelihood

POINTS: Final = len(GRID)
"""A row begins with the tempered log likelihood over the grid; these columns follow. Events are as they happened,
exposures offset-weighted; CONTROL_CAPPED are the control events that the caps let through. TAU is the widest null
asked for so far, ORDINAL the place among the metric's strata in the order in which they started (0: not started),
PHI its dispersion. Worked out as of its last bin are LOG_E, the log e against a doubling, and for gates the upper
bound of the absolute excess (NaN where nothing bounds it). The row ends with what a later onset has said, LATE."""
(
    NEW_EVENTS,
    CONTROL_EVENTS,
    CONTROL_CAPPED,
    NEW_EXPOSURE,
    CONTROL_EXPOSURE,
    BINS,
    SECONDS,
    TAU,
    ORDINAL,
    PHI,
    LOG_E,
    LOG_E_DOUBLING,
    EXCESS_UPPER,
) = range(POINTS, POINTS + 13)
LATE: Final = slice(POINTS + 13, 2 * POINTS + 13)
WIDTH: Final = 2 * POINTS + 13

(
    ARM_NEW,
    ARM_NEW_CAPPED,
    ARM_NEW_EXPOSURE,
    ARM_CONTROL,
    ARM_CONTROL_CAPPED,
    ARM_CONTROL_EXPOSURE,
    ARM_SECONDS,
    ARM_SURPLUS,
    ARM_EVENED,
) = range(9)
ARMS: Final = 9
"""SURPLUS is by what share more than usual both arms counted together, 0 at the least; EVENED what share of one node's
offset error is gone where the arms' nodes are taken together (`arms.split_each`)."""


def unstarted(phi: Array) -> Array:
    """States without a bin, of processes with these dispersions (any shape)."""
    states = np.zeros((*phi.shape, WIDTH))
    states[..., PHI] = phi
    states[..., EXCESS_UPPER] = np.nan
    states[..., LATE] = -np.inf
    return states


def packed(states: Array) -> bytes:
    """The states of one stratum as a store keeps them: little-endian doubles, row after row."""
    return states.astype("<f8", copy=False).tobytes()


def unpacked(kept: bytes) -> Array:
    """The states that were packed, shape (metrics, WIDTH); read only. Refuses those of another width."""
    if len(kept) % (8 * WIDTH):
        raise RefusedError(
            f"evidence of {len(kept)} bytes: a process takes {8 * WIDTH}; it was kept by another version: run "
            f"wavetrain store migrate, or start the version that wrote it"
        )
    return np.frombuffer(kept, dtype="<f8").reshape(-1, WIDTH)


def telling(counts: Array) -> NDArray[np.bool_]:
    """Which bins say something: those with exposure in both arms."""
    out: NDArray[np.bool_] = (counts[..., ARM_NEW_EXPOSURE] > 0) & (counts[..., ARM_CONTROL_EXPOSURE] > 0)
    return out


def steps(counts: Array, phi: Array) -> Array:
    """The tempered log likelihood over the grid of bins of any shape; 0 of one that says nothing.

    A bin of more events than usual is tempered by more: with a variance of mean + k mean^2 (McCullagh & Nelder 1989,
    6.2), as bursts give, phi - 1 grows with the mean. The surplus is a function of both arms' events together, which
    is what the likelihood is conditional on, so a likelihood ratio's mean stays at most 1, as for any phi.
    """
    told = telling(counts)
    seen = counts[told]
    out = np.zeros((*told.shape, POINTS))
    out[told] = log_likelihood(
        seen[:, ARM_NEW_CAPPED],
        seen[:, ARM_CONTROL_CAPPED],
        seen[:, ARM_NEW_EXPOSURE],
        seen[:, ARM_CONTROL_EXPOSURE],
        phi[told] + (phi[told] - 1) * seen[:, ARM_SURPLUS],
    )
    return out


def widths(tau: Array, errors: Array, counts: Array) -> Array:
    """How wide the null of these bins is; 0 of one that says nothing.

    `tau` is that of one node against the rest, and holds the variance `errors` that the estimate of its offset left.
    Such errors are each node's own: in the mean of many they even out, what else persists may be in common.
    """
    out: Array = np.sqrt(np.maximum(tau**2 - errors * counts[..., ARM_EVENED], 0.0))
    return np.where(telling(counts), out, 0.0)


def moved(states: Array, counts: Array, step: Array, tau: Array, null: Array, started: Array) -> Array:
    """The states after one bin each. A process without exposure in both arms is left as it was.

    `step` is what `steps` makes of the counts, `null` the log null laws, both (strata, metrics, POINTS); `tau` is
    (strata, metrics); `started`, how many strata each metric has, is raised by those that start here, in their order
    in the arrays.
    """
    some = telling(counts)
    out = states.copy()
    told, seen, said = out[some], counts[some], step[some]
    told[:, BINS] += 1
    told[:, LATE] = onset.later(told[:, LATE], told[:, :POINTS], said, null[some], told[:, BINS])
    told[:, :POINTS] += said
    told[:, NEW_EVENTS] += seen[:, ARM_NEW]
    told[:, CONTROL_EVENTS] += seen[:, ARM_CONTROL]
    told[:, CONTROL_CAPPED] += seen[:, ARM_CONTROL_CAPPED]
    told[:, NEW_EXPOSURE] += seen[:, ARM_NEW_EXPOSURE]
    told[:, CONTROL_EXPOSURE] += seen[:, ARM_CONTROL_EXPOSURE]
    told[:, SECONDS] += seen[:, ARM_SECONDS]
    told[:, TAU] = np.maximum(told[:, TAU], tau[some])
    out[some] = told
    fresh = some & (states[..., ORDINAL] == 0)
    if fresh.any():
        places = np.cumsum(fresh, axis=0) + started
        out[..., ORDINAL] = np.where(fresh, places, out[..., ORDINAL])
        started += fresh.sum(axis=0)
    return out


def weighed(states: Array, laws: Array, gates: NDArray[np.intp], beta: float) -> None:
    """Work out what the states say, under laws of the shape (strata, metrics, 2, POINTS).

    `gates` are the places of the metrics that need a bound of their excess, which holds but for probability beta.
    """
    logliks = states[..., :POINTS]
    states[..., LOG_E] = onset.log_e(logliks, states[..., LATE], np.moveaxis(laws, -2, 0), states[..., BINS])
    states[..., LOG_E_DOUBLING] = log_e_doubling(logliks)
    at = states[..., gates, :]
    upper = rates_upper(at[..., NEW_EVENTS], at[..., NEW_EXPOSURE], at[..., PHI], beta / 2)
    lower = rates_lower(at[..., CONTROL_CAPPED], at[..., CONTROL_EXPOSURE], at[..., PHI], beta / 2)
    states[..., gates, EXCESS_UPPER] = np.where(at[..., BINS] > 0, upper - lower, np.nan)
