"""A release and a feature on the same nodes: neither is stopped for the other's fault."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.control.measuring import ERRORS, Measuring, Said, sound
from tests.control.practice import OPERATOR, START, VIEWER, Practice

from wavetrain.control import enquire, feature_verdicts, features
from wavetrain.model.health import labelled
from wavetrain.model.rollout import Rollout, Status
from wavetrain.wire.feature_file import read_features

FILE = f"""
[[feature]]
key = "menu"
summary = "Menus as tiles"
owner = "console team"
ramp = {{ begins = {START - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ} }}

  [[feature.check]]
  name = "errors"
  events = "failures"
  exposure = "operations"
"""
OPERATIONS, USUAL = 3_000.0, 2e-3


def serving(feature: float, release: float) -> Said:
    """Most accounts with the feature are on the canary; failures are so many times as usual with each of the two."""

    def said(_: str, is_new: bool, __: int) -> Mapping[str, float]:
        counted = {"operations": 0.0, "failures": 0.0}
        for variant, share in (("on", 0.8 if is_new else 0.2), ("off", 0.2 if is_new else 0.8)):
            worse = (feature if variant == "on" else 1.0) * (release if is_new else 1.0)
            labels = {"feature": "menu", "variant": variant}
            done = OPERATIONS * share
            failed = float(round(done * USUAL * worse))
            counted |= {labelled("operations", labels): done, labelled("failures", labels): failed}
            counted["operations"] += done
            counted["failures"] += failed
        return counted

    return said


def begun(house: Practice, *, is_checked: bool = True) -> Measuring:
    """A canary bakes while a feature ramps, after a quiet pre-period."""
    made = Measuring(house, ERRORS)
    made.run(20, sound)
    if is_checked:
        features.add(house.store, OPERATOR, read_features(FILE, enquire.train_time(house.store)))
    made.begin()
    return made


def rollout_of(house: Practice) -> Rollout:
    with house.store.read() as view:
        return view.find(Rollout)[0]


def test_a_release_is_not_sent_back_for_a_features_fault(house: Practice) -> None:
    made = begun(house)
    made.run(60, serving(feature=8.0, release=1.0))
    assert feature_verdicts.verdict(house.store, VIEWER, "menu").verdict == "fail"
    assert features.show(house.store, VIEWER, "menu").status == "paused"
    rollout = rollout_of(house)
    assert rollout.status in (Status.ROLLING, Status.PAUSED)
    if rollout.status is Status.PAUSED:
        assert "feature menu does harm on the same nodes" in rollout.cause


def test_without_regard_to_the_feature_the_release_would_go_back(house: Practice) -> None:
    """The planted bug: the same world, and nobody knows of the feature."""
    made = begun(house, is_checked=False)
    made.run(60, serving(feature=8.0, release=1.0))
    assert rollout_of(house).status in (Status.REVERTING, Status.REVERTED)


def test_a_feature_is_not_paused_for_a_releases_fault_and_the_release_goes_back(house: Practice) -> None:
    made = begun(house)
    made.run(60, serving(feature=1.0, release=8.0))
    assert rollout_of(house).status in (Status.REVERTING, Status.REVERTED)
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"
    assert feature_verdicts.verdict(house.store, VIEWER, "menu").fell_at is None


@pytest.mark.parametrize("feature", [6.0])
def test_where_both_are_worse_both_are_stopped(house: Practice, feature: float) -> None:
    made = begun(house)
    made.run(60, serving(feature=feature, release=6.0))
    assert features.show(house.store, VIEWER, "menu").status == "paused"
    assert rollout_of(house).status in (Status.REVERTING, Status.REVERTED)
