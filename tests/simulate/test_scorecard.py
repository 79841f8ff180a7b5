"""The score card in miniature: the same code, a batch or two of trains, and rows that are wrong on purpose."""

from math import log
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import binom

from wavetrain.decide.blame import Explained, explained
from wavetrain.errors import RefusedError
from wavetrain.evidence.placebo import Placebo, locked
from wavetrain.simulate import scorecard_batch, scorecard_blame
from wavetrain.simulate.scorecard import SUITES, Card, Suite, blame_cells, card, scenarios, tasks
from wavetrain.simulate.scorecard_batch import TRAINS, Task, scored
from wavetrain.simulate.scorecard_blame import CASES, PER_BATCH, BlameTask, blamed
from wavetrain.simulate.scorecard_cells import clean_cell, found, interval, matched_threshold
from wavetrain.simulate.scorecard_evidence import with_counter
from wavetrain.simulate.scorecard_methods import LATE, LOCKED, OURS, WITHOUT, methods
from wavetrain.simulate.scorecard_recording import recorded
from wavetrain.simulate.scorecard_text import behind_lines, clean_rows, faulty_rows, placebo_rows
from wavetrain.simulate.scorecard_worlds import WORLDS, limit_min

WITHOUT_PHI = "wavetrain without phi"
ONE_BATCH = Suite(per_fleet=5, clean={"poisson": 1}, faulty={"poisson": 1}, blame=1)
PARTED = ("x2", "late-x2", "bimodal")
FAULTS = ("x2", "x3", "x10", "late-x2", "tail")
RIVALS = ("kayenta any", "threshold x2", "cusum control", "z bonferroni", "group sequential")
SIMPLE = ("cusum history", "z bonferroni")


@pytest.fixture(scope="module")
def small() -> Card:
    return card(
        "small",
        ONE_BATCH,
        1,
        jobs=1,
        clock=lambda: 0.0,
        of_methods=(OURS, *RIVALS),
        of_scenarios=("clean-poisson", *FAULTS),
    )


@pytest.mark.timeout(600)
def test_ours_stops_no_clean_train_and_finds_what_is_plain(small: Card) -> None:
    ours = small.methods[OURS]
    assert ours["clean-poisson"].false_stops == 0
    assert [ours[name].missed for name in ("x2", "x3", "x10", "tail")] == [0, 0, 0, 0]
    for name in ("x2", "x3"):
        ratio = ours[name].ratio_to_limit
        assert ratio is not None
        assert 1 <= ratio < 3.2
    late = ours["late-x2"]
    assert (late.missed, late.early) == (0, 0)


def test_at_the_matched_rate_a_tenfold_is_found_by_all_that_look_at_one_metric(small: Card) -> None:
    for name in (OURS, *RIVALS):
        cell = small.methods[name]["x10"].matched
        assert cell is not None
        assert cell.missed == 0, name


@pytest.mark.timeout(600)
def test_bursts_stop_clean_trains_without_the_dispersion_or_by_simple_tests() -> None:
    asked = Task("mixed-rates", 1, 0, 5, (), (OURS, WITHOUT_PHI, *SIMPLE))
    once = scored(asked)
    threshold = methods((WITHOUT_PHI,))[0].threshold
    broken = clean_cell(once.clean[WITHOUT_PHI], threshold)
    whole = clean_cell(once.clean[OURS], threshold)
    assert whole.false_stops == 0
    assert broken.false_rate > 0.3
    assert (
        scored(msgspec.structs.replace(asked, methods=("cusum history",))).clean["cusum history"]
    ).tolist() == (once.clean["cusum history"].tolist())


def test_the_card_says_where_it_is_behind_and_is_told_in_rows(small: Card) -> None:
    heading, *rows = clean_rows(small)
    assert heading == ["method", "clean-poisson"]
    assert [row[0] for row in rows] == list(small.methods)
    heading, *rows = faulty_rows(small, matched=True)
    assert [row[0] for row in rows] == list(FAULTS)
    assert heading[:2] == ["scenario", "limit"]
    told = behind_lines(small)
    assert len(told) == max(1, len(small.behind))
    for cell in small.behind:
        ours, theirs = (small.methods[name][cell.scenario].matched for name in (OURS, cell.method))
        assert ours is not None
        assert theirs is not None
        assert cell.theirs_min < cell.ours_min


def test_suites_name_worlds_that_exist() -> None:
    known = {world.name for world in WORLDS}
    for suite in SUITES.values():
        assert set(suite.clean) == set(suite.faulty) == known
        assert all(suite.faulty[name] <= batches for name, batches in suite.clean.items())
    assert {"clean-poisson", "clean-realistic", "x2", "x3", "x10", "late-x2", "tail"} <= set(scenarios())
    full = SUITES["full"]
    assert full.clean["realistic"] * TRAINS >= 3000


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(RefusedError, match=r"no scenario is called x7; there are: clean-poisson, x1\.5"):
        tasks(ONE_BATCH, 1, (), ("x7",))
    with pytest.raises(RefusedError, match="no method is called guess; there are: wavetrain"):
        tasks(ONE_BATCH, 1, ("guess",), ())
    with pytest.raises(RefusedError, match="seed -1"):
        tasks(ONE_BATCH, -1, (), ())


def test_a_scenario_alone_brings_its_world_and_nothing_else() -> None:
    asked = tasks(SUITES["full"], 1, (OURS,), ("x2-realistic",))
    assert {task.world for task in asked} == {"realistic"}
    faulty = SUITES["full"].faulty["realistic"]
    assert [task.scenarios for task in asked[faulty - 1 : faulty + 1]] == [("x2-realistic",), ()]


def test_clopper_and_pearson_by_their_definition() -> None:
    low, high = interval(3, 3000)
    assert binom.sf(2, 3000, low) == pytest.approx(0.025)
    assert binom.cdf(3, 3000, high) == pytest.approx(0.025)
    assert interval(0, 3000)[0] == 0.0
    assert interval(0, 3000)[1] == pytest.approx(1 - 0.025 ** (1 / 3000))
    assert interval(40, 40)[1] == 1.0


def test_the_matched_threshold_lets_one_in_a_hundred_through() -> None:
    highest = np.arange(200, dtype=np.float32)
    threshold = matched_threshold(highest)
    assert clean_cell(highest, threshold).false_stops == 2
    tied = np.zeros(200, dtype=np.float32)
    assert clean_cell(tied, matched_threshold(tied)).false_stops == 0


def test_early_stops_are_no_finds_and_misses_wait_to_the_end() -> None:
    world = WORLDS[0]
    so_far = np.zeros((4, 300), dtype=np.float32)
    so_far[0, 99:] = 1.0  # before the onset
    so_far[1, 180:] = 1.0  # at its first look
    so_far[2, 199:] = 1.0
    cell = found(so_far, 1.0, world, onset=180, limit=10.0)
    assert cell.early == 0.25
    assert cell.missed == pytest.approx(1 / 3)
    assert cell.delay_median_min == 20
    assert cell.delay_mean_min == pytest.approx((1 + 20 + 120) / 3, abs=0.01)


def test_the_limit_is_where_the_nats_suffice() -> None:
    nats = np.full(300, 0.5)
    assert limit_min(nats, 0, 0.01) == pytest.approx(np.log(100) / 0.5)
    assert limit_min(nats, 200, 0.01) == pytest.approx(np.log(100) / 0.5)
    assert limit_min(nats / 1000, 0, 0.01) == 300


def test_rows_without_a_part_and_with_the_lock_are_scored_in_the_first_batches_alone() -> None:
    suite = Suite(per_fleet=5, clean={"poisson": 4}, faulty={"poisson": 1}, parts=2, locked=1)
    asked = tasks(suite, 1, (OURS, LATE, LOCKED), ())
    assert [task.methods for task in asked] == [(OURS, LATE, LOCKED), (OURS, LATE), (OURS,), (OURS,)]
    assert [task.number for task in tasks(suite, 1, (LOCKED,), ())] == [0]


@pytest.mark.timeout(600)
def test_without_the_part_for_it_a_late_or_local_fault_is_found_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them in one pass over the same processes, ten trains of two fleets."""
    monkeypatch.setattr(scorecard_batch, "TRAINS", 10)
    asked = (OURS, LATE, f"{WITHOUT}strata", f"{WITHOUT}budget", LOCKED)
    made = card("parts", ONE_BATCH, 1, jobs=1, clock=lambda: 0.0, of_methods=asked, of_scenarios=PARTED)
    rows = {
        name: {case: cell.delay_mean_min or 0.0 for case, cell in row.items()}
        for name, row in made.methods.items()
    }
    assert rows[LATE]["late-x2"] > 1.5 * rows[OURS]["late-x2"]
    assert rows[LATE]["x2"] <= rows[OURS]["x2"]
    assert rows[f"{WITHOUT}strata"]["bimodal"] > 1.5 * rows[OURS]["bimodal"]
    assert rows[f"{WITHOUT}budget"]["x2"] < rows[OURS]["x2"] <= rows[LOCKED]["x2"]
    placebos = made.placebos["poisson"]
    assert (placebos.fleets, placebos.blocks, placebos.needed) == (2, 14, 2995)
    assert placebos.certified == pytest.approx(1 - 0.05 ** (1 / 14))
    assert placebos.threshold_most >= placebos.threshold_median >= -log(1e-3) - 0.01
    assert placebo_rows(made)[1][0] == "poisson"


def test_a_lock_that_asks_for_more_makes_stops_later_by_as_much() -> None:
    whole = recorded(WORLDS[0], np.random.default_rng(3), 1)
    lock = locked([Placebo(block, 0.0, 2.0 + block / 4) for block in range(14)], 1e-3)
    assert lock.threshold is not None
    assert lock.threshold > -log(1e-3)
    told = [msgspec.structs.replace(whole.histories[0], lock=each) for each in (lock, None)]
    scores = []
    for history in told:
        held = msgspec.structs.replace(whole, histories=(history,))
        evidence = with_counter(held, whole.events[:, :, 0], WORLDS[0].new_nodes())
        (by_method,) = (method.score(evidence) for method in methods((LOCKED,)))
        scores.append(by_method)
    ours = methods((OURS,))[0].score(with_counter(whole, whole.events[:, :, 0], WORLDS[0].new_nodes()))
    assert scores[0] == pytest.approx(ours[:, :, 0] - (lock.threshold + log(1e-3)))
    assert np.isneginf(scores[1]).all()  # without a lock that could be told, nothing is stopped


@pytest.mark.timeout(600)
def test_blame_names_the_bad_release_and_says_what_it_cannot_tell() -> None:
    once = blamed(BlameTask(1, 0))
    assert once.runs == PER_BATCH
    assert once.right["two releases"] >= 9
    assert once.right["two releases, none bad"] == once.right["same nodes"] == PER_BATCH
    assert sum(once.wrong.values()) <= 1
    cells = blame_cells([once, once])
    assert cells["same nodes"].runs == 2 * PER_BATCH
    assert cells["same nodes"].interval == interval(2 * PER_BATCH, 2 * PER_BATCH)
    assert blame_cells([]) == {}


def test_blame_that_looks_at_the_wrong_release_is_not_counted_as_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = explained

    def turned(*args: Any) -> Explained:
        found = whole(*args)
        names = {"release 0": "release 1", "release 1": "release 0"}
        blame = msgspec.structs.replace(found.blame, blamed=names.get(found.blame.blamed or ""))
        return msgspec.structs.replace(found, blame=blame)

    monkeypatch.setattr(scorecard_blame, "explained", turned)
    monkeypatch.setattr(scorecard_blame, "CASES", CASES[:1])
    monkeypatch.setattr(scorecard_blame, "PER_BATCH", 3)
    once = blamed(BlameTask(1, 0))
    assert (once.right, once.wrong) == ({"two releases": 0}, {"two releases": 3})


def test_a_row_without_a_part_may_have_fewer_trains_and_is_no_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches with the fault laid over them, of which the row without late onset is scored in the first alone."""
    monkeypatch.setattr(scorecard_batch, "TRAINS", 5)
    suite = Suite(per_fleet=5, clean={"poisson": 2}, faulty={"poisson": 2}, parts=1)
    asked = (OURS, LATE, "z bonferroni")
    made = card("parts", suite, 1, jobs=1, clock=lambda: 0.0, of_methods=asked, of_scenarios=("x3",))
    assert {name: row["x3"].trains for name, row in made.methods.items()} == {
        OURS: 10,
        LATE: 5,
        "z bonferroni": 10,
    }
    assert {one.method for one in made.behind} <= {"z bonferroni"}
