"""A PoP has a feature when all that runs, and is to run, is new enough, and of the component that is asked for."""

from datetime import UTC, datetime

import pytest
from tests.decide.engine import pop, said

from wavetrain.decide import coverage
from wavetrain.decide.coverage import Catalogue
from wavetrain.model.feature import Feature, FeatureKey, Needs, Variant
from wavetrain.model.fleet import FIRST, Desired, NodeId, PopId
from wavetrain.model.release import Release, ReleaseId, Stage

AT = datetime(2026, 3, 1, tzinfo=UTC)


def release(component: str, number: str, lane: str = "pop") -> Release:
    return Release(
        id=ReleaseId(f"{component}@{number}"),
        component=component,
        number=number,
        lane=lane,
        digest="0" * 64,
        size=1,
        stage=Stage.GENERAL,
        submitted_at=AT,
        submitted_by="ci",
    )


def feature(**releases: str) -> Feature:
    return Feature(
        id=FeatureKey("tiles"),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary="Menus as tiles",
        owner="console team",
        announced_at=AT,
        needs=Needs(releases=releases),
    )


CATALOGUE = Catalogue(
    [release("gateway", "2.0.0"), release("probe", "7.0.0"), release("rules", "5", "content")]
)


@pytest.mark.parametrize(
    ("runs", "needs", "has"),
    [
        ({("", "2.0.0")}, {}, True),
        (set(), {}, True),
        (set(), {"gateway": "1.0"}, False),
        ({("", "2.0.0")}, {"gateway": "2.0.0"}, True),
        ({("", "2.10.0")}, {"gateway": "2.9.0"}, True),
        ({("", "2.0.0-rc1")}, {"gateway": "2.0.0"}, False),
        ({("", "2.0.0"), ("", "1.9.0")}, {"gateway": "2.0.0"}, False),
        ({("", "1.9.0")}, {"gateway": "1.5.0"}, True),
        ({("", "7.0.0")}, {"gateway": "2.0.0"}, False),
        ({("", "")}, {"gateway": "2.0.0"}, False),
        ({("", "2.0.0")}, {"unheard": "1"}, False),
        ({("", "2.0.0"), ("+content", "5")}, {"gateway": "2.0.0", "rules": "5"}, True),
        ({("", "2.0.0"), ("+content", "4")}, {"gateway": "2.0.0", "rules": "5"}, False),
        ({("", "2.0.0")}, {"gateway": "2.0.0", "rules": "5"}, False),
    ],
)
def test_what_runs_against_what_is_needed(
    runs: set[tuple[str, str]], needs: dict[str, str], has: bool
) -> None:
    one = feature(**needs)
    assert coverage.has(one, frozenset(runs), CATALOGUE) is has
    assert coverage.bits([one], frozenset(runs), CATALOGUE) == has
    assert (coverage.lacking(one, frozenset(runs), CATALOGUE) == "") is has


def test_a_node_that_joins_counts_when_it_runs_what_its_pop_runs() -> None:
    home = pop("a", 2)
    told = Desired(node=NodeId("a2"), pop=PopId("a"), generation=FIRST, release="2.0.0", joins=True)
    reports = [said("a1", "a", release="2.0.0"), said("a2", "a", release="1.0.0")]
    alone = coverage.runs(home, reports, {told.node: told}, {}, ())
    assert alone == {("", "2.0.0")}
    assert coverage.runs(home, reports, {}, {}, ()) == {("", "2.0.0"), ("", "1.0.0")}


def test_what_is_no_node_of_the_pop_any_more_does_not_count() -> None:
    assert coverage.runs(pop("a", 1), [said("a7", "a", release="1.0.0")], {}, {}, ()) == frozenset()
