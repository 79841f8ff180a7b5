"""Nothing is wrong: neither a rise that all share, nor what a pre-period leaves unknown, is evidence."""

from collections.abc import Sequence

import numpy as np
import pytest
from tests.evidence.practice import gamma_poisson

from wavetrain.evidence.arms import split_all
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, calibrate, together
from wavetrain.evidence.counters import Array
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.preperiod import Preperiod, absorb
from wavetrain.evidence.processes import unstarted
from wavetrain.evidence.strata import Strata


def judged_at_rest(
    counts: Array, exposure: Array, new: int, known: Sequence[Calibration], floor: float = 0.0
) -> Array:
    """The greatest log E of one stratum's metrics, by metric, over bins; counts are (bins, metrics, nodes)."""
    _, metrics, nodes = counts.shape
    held = together(known, tuple(f"n{node}" for node in range(nodes)))
    test = Strata([Metric(f"m{place}", 1.0) for place in range(metrics)], floor, most=metrics)
    test.take("s", unstarted(held.phis), held.taus, held.offset_errors)
    arms = (np.arange(nodes) < new, np.arange(nodes) >= new)
    greatest = np.zeros(metrics)
    for events in counts:
        seen = split_all(events, np.broadcast_to(exposure, events.shape).astype(float), arms, 60.0, held)
        test.absorb(["s"], seen[None])
        greatest = np.maximum(greatest, test.log_es())
    return greatest


def test_a_rise_that_both_arms_share_is_no_evidence_though_its_bursts_grow_with_it() -> None:
    """Bursts of CV 1 at 3 a node and minute have a dispersion of 4; half an hour of 9 a node has one of 10."""
    rng = np.random.default_rng(11)
    metrics, nodes = 300, 20
    before = absorbed_all(gamma_poisson(rng, np.full(nodes, 3.0), 1.0, 600))
    known = calibrate(before)
    assert known is not None
    assert known.phi == pytest.approx(4, rel=0.15)
    burst = rng.standard_exponential((30, metrics, nodes))
    rise = rng.poisson(9.0 * burst).astype(float)
    greatest = judged_at_rest(rise, np.ones(nodes), 5, [known] * metrics, floor=0.03)
    assert (greatest >= np.log(100)).mean() <= 0.01


def test_what_a_short_pre_period_leaves_of_offsets_keeps_the_promise_for_one_node_and_for_many() -> None:
    """Nodes differ by a third, and forty bins have told of each some eighty events."""
    rng = np.random.default_rng(12)
    metrics, nodes = 200, 20
    rates = 2.0 * rng.gamma(9.0, 1 / 9.0, (metrics, nodes))
    known = []
    for of in rates:
        found = calibrate(absorbed_all(rng.poisson(of, (40, nodes)).astype(float)))
        assert found is not None
        known.append(found)
    errors = np.array([found.offset_error for found in known])
    assert errors.mean() == pytest.approx(1 / 80, rel=0.4)
    counts = rng.poisson(rates, (250, metrics, nodes)).astype(float)
    for new in (1, 5, 10):
        greatest = judged_at_rest(counts, np.ones(nodes), new, known)
        assert (greatest >= np.log(20)).mean() <= 0.05


def absorbed_all(counts: Array) -> Preperiod:
    """A pre-period of one metric with counts by bin and node, each node of exposure 1, in bins of a minute."""
    pre = Preperiod()
    for row in counts:
        seen = tuple(NodeCount(f"n{node}", float(count), 1.0) for node, count in enumerate(row))
        pre = absorb(pre, Bin(60.0, seen))
    return pre
