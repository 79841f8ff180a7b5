"""The strata of a rollout, taken in, judged and settled as they come, say what all bins say from scratch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr
from tests.evidence import from_scratch
from tests.evidence.practice import counts, in_arms

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import student_above
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.processes import POINTS, WIDTH, packed, steps, unpacked, unstarted
from wavetrain.evidence.strata import Strata
from wavetrain.evidence.together import LOOKS

METRICS = (Metric("failed", 1.0), Metric("lost", 2.0, gate=False), Metric("crashes", 0.5))
NAMES = tuple(f"pop-{number}" for number in range(12))
CLASSES = {name: "arm" if number % 2 else "x86" for number, name in enumerate(NAMES) if number % 3}


def table(rng: np.random.Generator, worse: float) -> list[list[float]]:
    """One bin; every metric may be without exposure."""
    return [
        in_arms(
            counts(
                metric.name,
                float(rng.poisson(worse * rate)),
                float(rng.poisson(3 * rate)),
                e_new=310 * float(rng.random() > 0.2),
            )
        )
        for metric, rate in zip(METRICS, (3.0, 0.3, 0.01), strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    worse=st.sampled_from([0.5, 1.0, 3.0, 30.0]),
    steps=st.lists(st.tuples(st.integers(0, 11), st.sampled_from("bbbbbsrk")), min_size=1, max_size=60),
)
def test_what_is_judged_as_it_comes_is_what_all_bins_say_from_scratch(
    seed: int, worse: float, steps: list[tuple[int, str]]
) -> None:
    """b: a bin. s: the stratum is done. r: one that was done goes on. k: the test is kept and taken up again."""
    rng = np.random.default_rng(seed)
    phi = {name: 1 + rng.random(3) for name in NAMES}
    tau = {name: rng.choice([0.0, 0.05, 0.3], 3) for name in NAMES}
    strata, told = Strata(METRICS, 0.03), []
    done: dict[str, bytes] = {}
    for number, what in steps:
        name = NAMES[number]
        if what == "b":
            if name not in strata:
                kept = done.pop(name, None)
                if kept is not None:
                    strata.settled_anew(map(unpacked, done.values()))
                strata.take(name, unpacked(kept) if kept else unstarted(phi[name]), tau[name])
            seen = table(rng, worse)
            told.append((name, seen))
            strata.absorb([name], np.array([seen]), {} if name not in CLASSES else {name: CLASSES[name]})
        elif what == "s" and name in strata:
            done[name] = packed(strata.state(name))
            strata.settle(name)
        elif what == "k":
            classes, rows = strata.together.classes, strata.together.rows
            again = Strata(METRICS, 0.03, totals=strata.totals, classes=classes, together=rows)
            for held in strata.live:
                again.take(held, unpacked(packed(strata.state(held))), tau[held])
            strata = again
        if told:
            expected = from_scratch.log_es(told, phi, tau, 0.03, CLASSES)
            assert strata.log_es() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_many_strata_of_one_look_are_one_after_the_other() -> None:
    """Each by itself. Together they are one bin of the pooled process: what it says of a later onset is its own."""
    rng = np.random.default_rng(4)
    together, apart = Strata(METRICS), Strata(METRICS)
    for strata in (together, apart):
        for name in NAMES:
            strata.take(name, unstarted(np.ones(3)), np.full(3, 0.03))
    for _ in range(5):
        seen = np.array([table(rng, 3.0) for _ in NAMES])
        together.absorb(NAMES, seen)
        for name, one in zip(NAMES, seen, strict=True):
            apart.absorb([name], one[None])
    for name in NAMES:
        assert together.state(name) == pytest.approx(apart.state(name), rel=1e-12, nan_ok=True)
    pooled, one_by_one = together.together.rows[0], apart.together.rows[0]
    assert pooled[:, :POINTS] == pytest.approx(one_by_one[:, :POINTS], rel=1e-12)
    assert (pooled[:, LOOKS] <= 5).all()
    assert pooled[0, LOOKS] == 5
    said = together.judgement(0.001).per_metric[0].strata
    assert [name for name, _ in said] == list(NAMES)


def test_what_all_strata_of_one_look_say_as_one_is_one_bin_of_their_sums() -> None:
    rng = np.random.default_rng(6)
    strata, said = Strata(METRICS[:1]), []
    for name in NAMES:
        strata.take(name, unstarted(np.ones(1)), np.full(1, 0.05))
    for _ in range(20):
        seen = np.array(
            [[in_arms(counts("failed", float(rng.poisson(4)), float(rng.poisson(9))))] for _ in NAMES]
        )
        strata.absorb(NAMES, seen)
        said.append((steps(seen, np.ones((len(NAMES), 1))).sum(axis=0)[0], 0.05))
        assert strata.together.log_es()[0] == pytest.approx(
            np.log(from_scratch.e_of(said)), rel=1e-9, abs=1e-9
        )


def test_sums_over_thousands_of_settled_strata_do_not_drift() -> None:
    rng = np.random.default_rng(5)
    metrics = METRICS[:1]
    strata, exact = Strata(metrics), []
    for number in range(3000):
        strata.take(f"pop-{number}", unstarted(np.ones(1)), np.zeros(1))
        strata.absorb([f"pop-{number}"], np.array([table(rng, 1.0)[:1]]))
        exact.append(strata.state(f"pop-{number}").copy())
        strata.settle(f"pop-{number}")
    settled = strata.log_es()
    strata.settled_anew(exact[::-1])
    assert settled == pytest.approx(strata.log_es(), rel=1e-11)


def test_a_process_and_that_of_its_later_onset_take_less_than_three_hundred_bytes_each() -> None:
    assert len(packed(unstarted(np.ones(40)))) / 40 == WIDTH * 8 <= 2 * 300


def test_what_another_version_kept_is_refused_with_the_way_out() -> None:
    with pytest.raises(RefusedError, match=r"a process takes 488.*store migrate"):
        unpacked(bytes(8 * 37 * 3))


def test_students_tail_is_exact_far_out() -> None:
    t = np.concatenate([-np.logspace(-3, 3, 300), [0.0], np.logspace(-3, 3, 300)])
    assert student_above(t) == pytest.approx(stdtr(5, -t), rel=1e-11)


def test_a_stratum_that_is_named_twice_in_one_look_is_refused() -> None:
    strata = Strata(METRICS)
    strata.take("a", unstarted(np.ones(3)), np.zeros(3))
    with pytest.raises(RefusedError, match="named twice in one look"):
        strata.absorb(["a", "a"], np.zeros((2, 3, 7)))
    with pytest.raises(RefusedError, match="in the test already"):
        strata.take("a", unstarted(np.ones(3)), np.zeros(3))
