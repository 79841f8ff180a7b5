"""Blame: told among overlapping changes where their nodes differ, never laid on them for what comes from outside."""

from math import inf

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.blame import CAUSES_MAX, Counted, Layout, Places, blame_of

BINS, STRATA, PER_STRATUM, ALPHA = 120, 4, 8, 1e-2
NAMES = tuple(f"pop{number}" for number in range(STRATA))
HOMES = np.repeat(np.arange(STRATA), PER_STRATUM)
SLOT = np.tile(np.arange(PER_STRATUM), STRATA)
EXPOSURE, RATE = 1_000.0, 0.004


def layout(*nodes: tuple[int, ...], apart: int = 0, ages: Places | None = None) -> Layout:
    """Causes on these places of every stratum, from bin 30 on, each stratum 5 bins after the one before it."""
    since = np.full((len(nodes), len(HOMES)), inf)
    for cause, places in enumerate(nodes):
        on = np.isin(SLOT, places)
        since[cause, on] = 30 + 5 * HOMES[on] + apart * cause
    held = np.zeros((BINS, len(HOMES)), dtype=np.int64) if ages is None else ages
    return Layout(NAMES, HOMES, tuple("abc"[: len(nodes)]), since, held)


def counted(
    known: Layout,
    rng: np.random.Generator,
    ratios: tuple[float, ...],
    *,
    event: tuple[int, float] | None = None,
    world: float = 1.0,
    burst: float = 1.0,
) -> Counted:
    """Counts with a day's course, an event of this factor in one stratum, and one that hits all from bin 40 on."""
    time = np.arange(BINS)[:, None]
    rates = RATE * (1 + 0.5 * np.sin(time / 20.0)) * np.ones((BINS, len(HOMES)))
    if event is not None:
        rates[45:95, event[0] == HOMES] *= event[1]
    rates[40:] *= world
    for cause, ratio in enumerate(ratios):
        rates *= np.where(time >= known.since[cause][None], ratio, 1.0)
    events = burst * rng.poisson(rates * EXPOSURE / burst)
    return Counted(1.0, events.astype(float), np.full(rates.shape, EXPOSURE), phi=burst, tau=0.03)


OVERLAPPING = layout((0, 1, 2, 3), (2, 3, 4, 5), apart=3)


def test_of_two_overlapping_releases_and_an_outside_event_the_bad_one_is_blamed() -> None:
    rng = np.random.default_rng(11)
    right, innocent, runs = 0, 0, 200
    for run in range(runs):
        bad = run % 2
        ratios = (2.0, 1.0) if bad == 0 else (1.0, 2.0)
        seen = counted(OVERLAPPING, rng, ratios, event=(run % STRATA, 3.0), burst=2.0)
        found = blame_of(OVERLAPPING, [seen], ALPHA)
        right += found.blamed == "ab"[bad]
        innocent += any(item.log_e >= -np.log(ALPHA) for item in found.causes if item.cause != "ab"[bad])
        assert found.causes[0].share + found.causes[1].share + found.nobody == pytest.approx(1.0)
    assert right >= 0.95 * runs
    assert innocent <= 0.02 * runs, "the other one is held against nodes that carry the bad one too"


def test_an_outside_event_alone_blames_neither_and_is_told() -> None:
    rng = np.random.default_rng(12)
    blamed, told, runs = 0, 0, 200
    for run in range(runs):
        where = run % STRATA
        seen = counted(OVERLAPPING, rng, (1.0, 1.0), event=(where, 3.0), burst=2.0)
        found = blame_of(OVERLAPPING, [seen], ALPHA)
        blamed += found.blamed is not None or bool(found.suspects)
        told += NAMES[where] in found.outside
    assert blamed <= 0.01 * runs
    assert told >= 0.95 * runs


def test_what_hits_all_at_once_blames_no_release() -> None:
    rng = np.random.default_rng(13)
    found = blame_of(OVERLAPPING, [counted(OVERLAPPING, rng, (1.0, 1.0), world=3.0)], ALPHA)
    assert (found.blamed, found.suspects, found.outside) == (None, (), NAMES)


def test_harmless_causes_are_blamed_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(14)
    means = []
    for _ in range(200):
        found = blame_of(OVERLAPPING, [counted(OVERLAPPING, rng, (1.0, 1.0))], ALPHA)
        means.append([np.exp(item.log_e) for item in sorted(found.causes, key=lambda item: item.cause)])
        assert found.blamed is None
    mean, error = np.mean(means, axis=0), np.std(means, axis=0) / np.sqrt(len(means))
    assert (mean <= 1 + 3 * error).all()


def test_of_causes_on_the_same_nodes_it_cannot_tell() -> None:
    rng = np.random.default_rng(15)
    same = layout((0, 1, 2, 3), (0, 1, 2, 3))
    for _ in range(20):
        found = blame_of(same, [counted(same, rng, (2.0, 1.0))], ALPHA)
        assert found.blamed is None
        assert set(found.suspects) == {"a", "b"}
        assert all(item.seen_alone == 0 and item.log_e == 0 for item in found.causes)
    quiet = blame_of(same, [counted(same, rng, (1.0, 1.0))], ALPHA)
    assert (quiet.blamed, quiet.suspects) == (None, ())


def test_a_short_head_start_is_not_enough_to_tell() -> None:
    rng = np.random.default_rng(16)
    close = layout((0, 1, 2, 3), (0, 1, 2, 3), apart=1)
    found = blame_of(close, [counted(close, rng, (1.0, 2.0))], ALPHA)
    assert (found.blamed, "b" in found.suspects) == (None, True)


def test_held_back_on_half_of_the_nodes_the_same_two_are_told_apart() -> None:
    rng = np.random.default_rng(17)
    staggered = layout((0, 1, 2, 3), (0, 1))
    for ratios, bad in (((2.0, 1.0), "a"), ((1.0, 2.0), "b")):
        found = blame_of(staggered, [counted(staggered, rng, ratios)], ALPHA)
        assert (found.blamed, found.suspects) == (bad, ())


def test_only_nodes_of_one_age_are_compared() -> None:
    rng = np.random.default_rng(18)
    plain = layout((0, 1, 2, 3))
    ages = (np.arange(BINS)[:, None] >= plain.since[0][None]).astype(np.int64)
    apart = layout((0, 1, 2, 3), ages=ages)
    seen = counted(plain, rng, (3.0,))
    assert blame_of(plain, [seen], ALPHA).blamed == "a"
    none = blame_of(apart, [seen], ALPHA)
    assert (none.blamed, none.causes[0].strata, none.causes[0].log_e) == (None, (), 0.0)


def test_missing_counts_are_missing_and_a_stratum_without_control_says_nothing() -> None:
    rng = np.random.default_rng(19)
    seen = counted(OVERLAPPING, rng, (2.0, 1.0))
    seen.events[:, HOMES == 2] = np.nan
    seen.exposure[50, :] = 0.0
    found = blame_of(OVERLAPPING, [seen], ALPHA)
    assert found.blamed == "a"
    assert found.causes[0].strata == ("pop0", "pop1", "pop3")


def test_several_metrics_share_the_budget_and_priors_weigh_the_causes() -> None:
    rng = np.random.default_rng(20)
    quiet, loud = counted(OVERLAPPING, rng, (1.0, 1.0)), counted(OVERLAPPING, rng, (1.0, 2.0))
    both = blame_of(OVERLAPPING, [quiet, loud], ALPHA)
    one = blame_of(OVERLAPPING, [loud], ALPHA)
    assert both.blamed == one.blamed == "b"
    assert both.causes[0].log_e == pytest.approx(one.causes[0].log_e - np.log(2), abs=0.01)
    never = blame_of(OVERLAPPING, [loud], ALPHA, priors=(1.0, 0.0))
    assert never.blamed != "b"


def test_impossible_layouts_are_refused() -> None:
    good = layout((0,))
    with pytest.raises(RefusedError, match=f"1 to {CAUSES_MAX}"):
        Layout(NAMES, HOMES, (), np.zeros((0, len(HOMES))), good.ages)
    with pytest.raises(RefusedError, match="named twice"):
        Layout(NAMES, HOMES, ("a", "a"), np.zeros((2, len(HOMES))), good.ages)
    with pytest.raises(RefusedError, match="by cause and node"):
        Layout(NAMES, HOMES, ("a",), np.zeros((1, 3)), good.ages)
    with pytest.raises(RefusedError, match="no metric"):
        blame_of(good, [], ALPHA)
    with pytest.raises(RefusedError, match="counts of shape"):
        blame_of(good, [Counted(1.0, np.ones((2, 2)), np.ones((2, 2)))], ALPHA)
    with pytest.raises(RefusedError, match="not negative"):
        blame_of(good, [Counted(1.0, -np.ones(good.ages.shape), np.ones(good.ages.shape))], ALPHA)


def test_a_metric_that_is_worse_when_it_falls_blames_who_lowers_it() -> None:
    rng = np.random.default_rng(21)
    seen = counted(OVERLAPPING, rng, (0.4, 1.0))
    assert blame_of(OVERLAPPING, [seen], ALPHA).blamed is None
    turned = Counted(1.0, seen.events, seen.exposure, tau=0.03, falls=True)
    assert blame_of(OVERLAPPING, [turned], ALPHA).blamed == "a"
