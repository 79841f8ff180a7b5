"""Judgement: what the house asks, answered."""

from time import process_time

import msgspec
import numpy as np
import pytest
from tests.evidence.practice import (
    ALPHA,
    BETA,
    METRICS,
    Evidence,
    absorb,
    arms,
    calibrations,
    counts,
    gate,
    in_arms,
    judge,
    steady,
)

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import ArmCounts
from wavetrain.evidence.budget import log_threshold
from wavetrain.evidence.judgement import GateAnswer, Judgement, Metric
from wavetrain.evidence.processes import unstarted
from wavetrain.evidence.strata import Strata

OPS = Metric("ops", 1.0)
KNOWN = {"ops": steady()}


def repeated(bins: int, new: float, control: float, **exposures: float) -> Evidence:
    evidence = Evidence()
    for _ in range(bins):
        evidence = absorb(evidence, "fra1", (counts("ops", new, control, **exposures),), KNOWN)
    return evidence


def test_no_evidence_neither_fails_nor_passes() -> None:
    empty = Evidence()
    verdict = judge(empty, METRICS, ALPHA)
    assert verdict.log_e == pytest.approx(0)
    assert not verdict.failed
    answer = gate(empty, "fra1", METRICS, {}, BETA)
    assert not answer.passed
    assert [row.name for row in answer.undecided] == ["operations_failed", "sessions_lost", "reconnects"]
    assert all(row.excess_upper is None for row in answer.undecided)


@pytest.mark.parametrize("exposures", [{"e_new": 0.0}, {"e_control": 0.0}, {"e_new": 0.0, "e_control": 0.0}])
def test_missing_exposure_never_passes_and_never_fails(exposures: dict[str, float]) -> None:
    evidence = repeated(500, 50, 50, **exposures)
    assert evidence == Evidence()
    assert not judge(evidence, (OPS,), ALPHA).failed
    assert not gate(evidence, "fra1", (OPS,), KNOWN, BETA).passed


def test_exposure_that_stops_midway_stops_the_gate_where_it_was() -> None:
    evidence = repeated(5, 0, 0)
    for _ in range(500):
        evidence = absorb(evidence, "fra1", (counts("ops", 0, 0, e_new=0),), KNOWN)
    assert evidence == repeated(5, 0, 0)
    assert not gate(evidence, "fra1", (OPS,), KNOWN, BETA).passed


def test_the_gate_says_how_far_it_is() -> None:
    metric = Metric("ops", 1.0, exposure_min=10_000)
    answers = [gate(repeated(n, 0, 0), "fra1", (metric,), KNOWN, BETA, 60.0) for n in (5, 20, 40, 60)]
    uppers = [answer.per_metric[0].excess_upper for answer in answers]
    assert all(upper is not None for upper in uppers)
    assert uppers == sorted(uppers, key=lambda upper: -(upper or 0))
    assert [answer.per_metric[0].exposure for answer in answers] == [1550, 6200, 12_400, 18_600]
    assert [answer.per_metric[0].passed for answer in answers] == [False, False, True, True]
    assert [answer.passed for answer in answers] == [False, False, False, True]  # the seconds come last
    assert [answer.seconds for answer in answers] == [5, 20, 40, 60]


def test_another_stratum_does_not_open_this_ones_gate() -> None:
    evidence = repeated(60, 0, 0)
    assert gate(evidence, "fra1", (OPS,), KNOWN, BETA).passed
    assert not gate(evidence, "ams1", (OPS,), KNOWN, BETA).passed


def test_a_gate_without_a_calibration_stays_shut() -> None:
    assert not gate(repeated(60, 0, 0), "fra1", (OPS,), {}, BETA).passed


def test_where_the_old_release_fails_often_a_refuted_doubling_opens_the_gate() -> None:
    """At 5 % failures, equal in both arms, the excess needs an hour; a doubling is refuted in seconds."""
    evidence = repeated(20, 15, 46)
    row = gate(evidence, "fra1", (OPS,), KNOWN, BETA).per_metric[0]
    assert row.excess_upper is not None
    assert row.excess_upper > row.excess_max
    assert row.doubling_refuted
    assert row.passed


def test_capped_events_cannot_open_a_gate() -> None:
    """All operations of a busy node fail; the caps hide most of it from the likelihood, not from the gate."""
    evidence = Evidence()
    for _ in range(60):
        seen = ArmCounts("ops", 1.0, 5000, 3, 5000, 1, 1, 15_000)
        evidence = absorb(evidence, "fra1", (seen,), KNOWN)
    row = gate(evidence, "fra1", (OPS,), KNOWN, BETA).per_metric[0]
    assert not row.passed
    assert row.excess_upper is not None
    assert row.excess_upper > 0.9


def test_a_burst_in_the_control_cannot_open_a_gate() -> None:
    evidence = repeated(2, 2, 0)
    burst = ArmCounts("ops", 1.0, 0, 0, 310, 900, 3, 930)
    bursting = absorb(evidence, "fra1", (burst,), KNOWN)
    assert not gate(bursting, "fra1", (OPS,), KNOWN, BETA).passed


def test_a_watch_fails_the_release_but_never_holds_it() -> None:
    watch = Metric("crashes", 1.0, gate=False)
    known = {"ops": steady(), "crashes": steady()}
    quiet, loud = (repeated(60, 0, 0) for _ in range(2))
    for _ in range(20):
        loud = absorb(loud, "fra1", (counts("crashes", 1, 0, e_new=1, e_control=3),), known)
    assert gate(quiet, "fra1", (OPS, watch), known, BETA).passed
    assert judge(loud, (OPS, watch), ALPHA).failed
    assert not judge(quiet, (OPS, watch), ALPHA).failed


def test_the_judgement_shows_its_parts() -> None:
    evidence = repeated(10, 3, 1)
    verdict = judge(evidence, (OPS, Metric("other", 3.0)), ALPHA)
    ops, other = verdict.per_metric
    assert (ops.new_events, ops.control_events, ops.new_exposure, ops.control_exposure) == (
        30,
        10,
        3100,
        9300,
    )
    assert ops.weight == 0.25
    assert ops.new_rate == pytest.approx(30 / 3100)
    assert ops.excess == pytest.approx(30 / 3100 - 10 / 9300)
    assert ops.ratio == pytest.approx(30.5 / 3100 / (10.5 / 9300))
    assert [stratum for stratum, _ in ops.strata] == ["fra1"]
    assert (other.log_e, other.new_rate, other.ratio, other.strata) == (0, None, None, ())
    assert verdict.failed == (verdict.log_e >= verdict.log_threshold == log_threshold(ALPHA))


def test_evidence_pools_over_strata() -> None:
    """A few events in each of three PoPs decide together what none of them decides alone."""
    evidence, alone = Evidence(), Evidence()
    for stratum in ("fra1", "ams1", "lhr1"):
        for _ in range(2):
            seen = (counts("ops", 2, 0),)
            evidence = absorb(evidence, stratum, seen, KNOWN)
            alone = absorb(alone, "fra1", seen, KNOWN) if stratum == "fra1" else alone
    assert judge(evidence, (OPS,), ALPHA).failed
    assert not judge(alone, (OPS,), ALPHA).failed


def test_a_margin_keeps_a_small_worsening_harmless() -> None:
    said = []
    for rule in (OPS, Metric("ops", 1.0, margin_ratio=0.3)):
        evidence = Evidence()
        for _ in range(100):  # 20 % worse
            evidence = absorb(evidence, "fra1", (counts("ops", 12, 30),), KNOWN, (rule,))
        said.append(judge(evidence, (rule,), 0.1).log_e)
    assert said[0] > said[1]
    assert said[1] < 0


def test_a_wider_null_of_the_calibration_or_of_the_question_says_less() -> None:
    wide = {"ops": steady(tau=0.3)}
    narrow_state, wide_state, asked_state = Evidence(), Evidence(), Evidence()
    for _ in range(10):
        seen = (counts("ops", 3, 3),)
        narrow_state = absorb(narrow_state, "fra1", seen, KNOWN)
        wide_state = absorb(wide_state, "fra1", seen, wide)
        asked_state = absorb(asked_state, "fra1", seen, KNOWN, tau=0.3)
    by_state = judge(wide_state, (OPS,), ALPHA).log_e
    assert by_state < judge(narrow_state, (OPS,), ALPHA).log_e
    assert judge(asked_state, (OPS,), ALPHA, tau=0.3).log_e == pytest.approx(by_state)


def test_everything_survives_the_store_and_the_journal() -> None:
    rng = np.random.default_rng(1)
    known = calibrations(rng)
    evidence = Evidence()
    for _ in range(5):
        evidence = absorb(evidence, "fra1", arms(rng, known, 0.01), known)
    for answer, kind in (
        (evidence, Evidence),
        (judge(evidence, METRICS, ALPHA), Judgement),
        (gate(evidence, "fra1", METRICS, known, BETA), GateAnswer),
        (gate(Evidence(), "fra1", METRICS, known, BETA), GateAnswer),
    ):
        assert msgspec.json.decode(msgspec.json.encode(answer), type=kind) == answer
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=kind) == answer


def test_a_state_taken_from_the_store_goes_on_as_if_nothing_had_been() -> None:
    rng = np.random.default_rng(2)
    known = calibrations(rng)
    bins = [arms(rng, known, 0.003) for _ in range(20)]
    through, stored = Evidence(), Evidence()
    for seen in bins:
        through = absorb(through, "fra1", seen, known)
        stored = msgspec.json.decode(msgspec.json.encode(absorb(stored, "fra1", seen, known)), type=Evidence)
    assert judge(stored, METRICS, ALPHA) == judge(through, METRICS, ALPHA)


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ((), "needs 1 to"),
        ((OPS, OPS), "twice"),
        (tuple(Metric(f"m{i}", 1.0) for i in range(129)), "needs 1 to"),
        ((Metric("ops", 1.0, gate=False),), "no metric is a gate"),
    ],
)
def test_metrics_that_cannot_carry_a_gate_are_refused(metrics: tuple[Metric, ...], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        gate(Evidence(), "fra1", metrics, KNOWN, BETA)


@pytest.mark.parametrize(
    "bad",
    [
        {"weight": -1.0},
        {"margin_ratio": -0.1},
        {"margin_ratio": 10.0},
        {"excess_max": 0.0},
        {"exposure_min": -1.0},
    ],
)
def test_an_impossible_metric_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(RefusedError, match="metric ops"):
        Metric(**{"name": "ops", "weight": 1.0, **bad})  # type: ignore[arg-type]


def test_bins_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RefusedError, match="not calibrated"):
        absorb(Evidence(), "fra1", (counts("other", 1, 1),), KNOWN)
    with pytest.raises(RefusedError, match="twice in one bin"):
        absorb(Evidence(), "fra1", (counts("ops", 1, 1), counts("ops", 1, 1)), KNOWN)


def test_a_tick_of_eight_metrics_in_twelve_strata_is_cheap() -> None:
    """Aim: 5 ms of a core. The limit is a count of plain Python in the same run, for machines differ; it still
    catches a loop over the grid in Python.
    """
    metrics = [Metric(f"m{i}", 1.0) for i in range(8)]
    seen = np.array([[in_arms(counts(metric.name, 3, 1)) for metric in metrics]])
    strata = Strata(metrics)
    for stratum in range(12):
        strata.take(f"pop{stratum}", unstarted(np.ones(8)), np.full(8, 0.03))
    best = yardstick = float("inf")
    for _ in range(30):
        start = process_time()
        sum(range(200_000))
        yardstick = min(yardstick, process_time() - start)
        start = process_time()
        for stratum in range(12):
            strata.absorb([f"pop{stratum}"], seen)
        strata.judgement(ALPHA)
        best = min(best, process_time() - start)
    assert best < 7 * yardstick
