"""Gauge power: what a plan is told of levels, simulated runs of the running test do see."""

from math import inf, log

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence import gauge_blocks, gauges, processes
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_power import (
    GaugePlan,
    is_failed,
    least_shifts,
    passed,
    seconds_to_fail,
    seconds_to_pass,
)
from wavetrain.evidence.gauge_strata import POOLED_SHARE
from wavetrain.evidence.judgement import WAYS, gate_of_level
from wavetrain.evidence.power import POWER

ALPHA, BETA, BLOCK_S = 1e-3, 0.05, 300.0
RHO = np.ones(1)


def plan(scale: float, tau: float = 0.03, strata: int = 1, weight: float = 1.0) -> GaugePlan:
    """One gauge, alike in each stratum."""
    one = np.ones((1, strata))
    return GaugePlan(
        noises=one * scale**2, taus=one * tau, blocks_s=one * BLOCK_S, weights=np.array([weight])
    )


def rows_at(known: GaugePlan, shift: float, blocks: int, seed: int, runs: int = 300) -> Array:
    """The level's rows of many runs after so many blocks, by the running test's own steps."""
    rng = np.random.default_rng(seed)
    scale, tau = float(known.scales()[0, 0]), float(known.widths()[0, 0])
    persists = tau * rng.standard_t(5, runs)
    closed = np.zeros((runs, 1, gauge_blocks.BLOCK))
    closed[..., gauge_blocks.SCALE] = closed[..., gauge_blocks.SLOPE_SCALE] = scale
    closed[..., gauge_blocks.TAU_OF], closed[..., gauge_blocks.SECONDS_OF] = tau, BLOCK_S
    states = gauges.unstarted((runs, 1))
    for _ in range(blocks):
        closed[:, 0, gauge_blocks.SHIFT] = shift + persists + scale * rng.normal(size=runs)
        states = gauges.moved(states, closed, RHO, np.zeros((1, gauges.STRANDS)))
    laws = gauges.laws_of(np.maximum(states[..., processes.TAU], 1e-9))
    gauges.weighed(states, laws, RHO, BETA / WAYS)
    rows: Array = states[:, 0, gauges.LEVEL_STRAND]
    return rows


def passed_share(known: GaugePlan, blocks: int, seed: int) -> float:
    rows = rows_at(known, 0.0, blocks, seed)
    return float(np.mean([gate_of_level("heap", row, 1.0, BETA).passed for row in rows]))


def failed_share(known: GaugePlan, shift: float, blocks: int, seed: int) -> float:
    rows = rows_at(known, shift, blocks, seed)
    level = rows[:, processes.LOG_E] + log(gauges.STRAND_WEIGHTS[gauges.LEVEL_STRAND] * POOLED_SHARE)
    return float(np.mean(level >= -log(ALPHA)))


@pytest.mark.parametrize(("scale", "tau"), [(0.5, 0.03), (1.0, 0.03), (2.0, 0.1), (0.3, 0.2)])
def test_so_many_sound_runs_have_passed_by_the_time_that_is_told(scale: float, tau: float) -> None:
    known = plan(scale, tau)
    blocks = round(float(seconds_to_pass(known, BETA)[0, 0]) / BLOCK_S)
    assert passed_share(known, blocks, seed=1) >= POWER - 0.1
    assert passed_share(known, max(0, blocks // 3), seed=2) < 0.6


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 1.0), (1.0, 2.0)])
def test_so_many_shifted_runs_have_failed_by_the_time_that_is_told(scale: float, shift: float) -> None:
    known = plan(scale)
    told = float(seconds_to_fail(known, np.array([shift]), ALPHA)[0])
    blocks = round(told / BLOCK_S)
    assert failed_share(known, shift, blocks, seed=3) >= POWER - 0.1
    assert failed_share(known, shift, blocks // 2, seed=4) < 0.4
    least = float(least_shifts(known, np.array([told]), ALPHA)[0])
    assert 0.8 * shift < least <= shift
    assert is_failed(known, np.array([least * 1.001]), np.array([told]), ALPHA)[0]


def test_more_strata_and_less_noise_are_quicker_and_a_share_of_nothing_never_fails() -> None:
    shift = np.array([1.0])
    one, four = (seconds_to_fail(plan(1.0, strata=many), shift, ALPHA)[0] for many in (1, 4))
    assert four < one / 2
    assert seconds_to_pass(plan(0.3), BETA)[0, 0] < seconds_to_pass(plan(1.0), BETA)[0, 0]
    assert seconds_to_fail(plan(0.5, weight=0.0), shift, ALPHA)[0] == inf
    assert least_shifts(plan(0.5, weight=0.0), np.array([1e6]), ALPHA)[0] == inf


def test_what_is_not_known_decides_nothing_and_what_persists_hides_for_ever() -> None:
    unknown = np.full((1, 1), np.nan)
    nothing = GaugePlan(noises=unknown, taus=unknown, blocks_s=unknown, weights=np.ones(1))
    assert seconds_to_pass(nothing, BETA)[0, 0] == inf
    assert seconds_to_fail(nothing, np.array([100.0]), ALPHA)[0] == inf
    assert not passed(nothing, BETA, np.full((1, 1), 1e9)).any()
    assert seconds_to_fail(plan(0.1, tau=2.0), np.array([1.0]), ALPHA)[0] == inf


def test_a_block_that_is_not_over_says_nothing() -> None:
    known = plan(0.05)
    told = float(seconds_to_pass(known, BETA)[0, 0])
    assert told == pytest.approx(round(told / BLOCK_S) * BLOCK_S, rel=1e-4)
    assert not passed(known, BETA, np.full((1, 1), BLOCK_S - 1)).any()


def test_what_cannot_be_planned_is_refused() -> None:
    one, none = np.ones((1, 1)), np.full((1, 1), np.nan)
    for wrong in ({"taus": none}, {"blocks_s": np.ones((1, 2))}, {"noises": -one}):
        with pytest.raises(RefusedError, match=r"leave out a PoP"):
            GaugePlan(**({"noises": one, "taus": one, "blocks_s": one, "weights": np.ones(1)} | wrong))
    with pytest.raises(RefusedError, match="alpha"):
        seconds_to_fail(plan(1.0), np.array([1.0]), 0.0)
    with pytest.raises(RefusedError, match="beta"):
        seconds_to_pass(plan(1.0), 1.5)
