"""Scorecard lock: where would placebo trains of a fleet's own pre-period set the threshold?

A pre-period of three days holds fourteen windows as long as a train. In each the planned nodes are said to be upgraded,
to what they ran already, as `decide.placebos` does with a recording: the test looks at them in the waves of a train,
with the calibrations of the whole pre-period, and the windows count once each (`evidence.placebo`).
"""

import numpy as np

from wavetrain.evidence import placebo
from wavetrain.evidence.counters import Array
from wavetrain.simulate.scorecard_evidence import Streams
from wavetrain.simulate.scorecard_history import Before, History
from wavetrain.simulate.scorecard_ours import Parts, Reading, log_es, together
from wavetrain.simulate.scorecard_worlds import LOOKS, Mask


def lock_of(before: Before, known: History, new: Mask, bin_min: int, alpha: float) -> placebo.Lock:
    """What the placebos say of a promise at alpha; `new` is by minute and node, a bin of the pre-period so many."""
    length = LOOKS // bin_min
    blocks = before.exposure.shape[1] // length
    events = np.concatenate([np.moveaxis(before.over[..., known.edges], 2, 0), before.events])
    exposure = np.empty(events.shape)
    exposure[: len(known.edges)], exposure[len(known.edges) :] = before.requests, before.exposure
    streams = Streams(
        _blocks(events, blocks, length),
        _blocks(exposure, blocks, length).astype(np.float32),
        0,
        new[::bin_min],
        (known,) * blocks,
    )
    by_metric = log_es(streams, Parts(), (Reading.WHOLE,), bin_min * 60.0)
    scores = together(by_metric[:, :, 0])
    return placebo.locked(
        [
            placebo.Placebo(number, float(so_far[-1]), max(0.0, float(so_far.max())))
            for number, so_far in enumerate(scores)
        ],
        alpha,
    )


def _blocks(of: Array, blocks: int, length: int) -> Array:
    """(processes, nodes, bins) in blocks of so many bins: (length, blocks, processes, nodes)."""
    processes, nodes, _ = of.shape
    parts = of[..., : blocks * length].reshape(processes, nodes, blocks, length)
    out: Array = np.ascontiguousarray(parts.transpose(3, 2, 0, 1))
    return out
