"""The verdict shows between which bounds a histogram's quantiles lie, in both arms, with real ticks."""

from tests.control.measuring import Measuring
from tests.control.practice import ROLLOUT, VIEWER, Practice

from wavetrain.control import verdicts
from wavetrain.doors import verdict_page
from wavetrain.model.health import bucket, observations
from wavetrain.model.policy import Kind, MetricRule

SLOW = MetricRule(name="slow <x>", kind=Kind.HISTOGRAM, histogram="seconds", weight=0.5, excess_max=0.05)
FAST, TARDY = (600.0, 900.0, 990.0), (50.0, 600.0, 900.0)


def said(node: str, is_new: bool, number: int) -> dict[str, float]:
    below = TARDY if is_new else FAST
    names = (bucket("seconds", bound) for bound in (0.1, 0.5, 2.0))
    return dict(zip(names, below, strict=True)) | {observations("seconds"): 1000.0}


def test_quantiles_of_both_arms_are_in_the_verdict_and_on_its_page_also_after_a_restart(
    house: Practice,
) -> None:
    made = Measuring(house, SLOW)
    made.run(60, said)
    made.begin()
    made.run(2, said)
    made.restart()
    made.run(3, said)
    seen = verdicts.verdict(house.store, VIEWER, ROLLOUT)
    (check,) = seen.checks
    median, *_ = check.quantiles
    assert [held.quantile for held in check.quantiles] == [0.5, 0.9, 0.99]
    assert (median.control.lower, median.control.upper) == (None, 0.1)
    assert (median.new.lower, median.new.upper) == (0.1, 0.5)
    assert median.new.estimate is not None
    assert 0.1 < median.new.estimate < 0.5
    page = verdict_page.page(seen)
    assert "Quantiles of slow &lt;x&gt;" in page
    assert '<td>p50</td><td data-head="new">0.427 (0.1 to 0.5)</td>' in page
    assert '<td>p99</td><td data-head="new">over 2</td><td data-head="control">over 0.5</td>' in page


def test_before_anything_was_compared_there_are_none(house: Practice) -> None:
    made = Measuring(house, SLOW)
    made.run(60, said)
    made.begin()
    (check,) = verdicts.verdict(house.store, VIEWER, ROLLOUT).checks
    assert check.quantiles == ()
