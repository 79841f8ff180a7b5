"""The running control plane watches features: what falls is paused or off by itself, with its reason, and told."""

from collections.abc import Mapping

import pytest
from tests.control.practice import OPERATOR, START, VIEWER, Practice

from wavetrain.control import alerts as facts
from wavetrain.control import enquire, feature_verdicts, features
from wavetrain.control.facts import ledger_of
from wavetrain.control.ports import Target
from wavetrain.control.tick import Ticker
from wavetrain.decide import alerts
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import FIRST, NodeId, Phase, PopId, Reported
from wavetrain.model.health import Observed, PopBin, Sample
from wavetrain.model.notice import AlertKind
from wavetrain.wire.feature_file import read_features

NODES = tuple(NodeId(f"lis1-n{number}") for number in (1, 2, 3, 4))
BIN_S = 30.0
FILE = """
[[feature]]
key = "menu"
summary = "Menus as tiles"
owner = "console team"
ramp = {{ begins = {begins} }}
{more}

  [[feature.check]]
  name = "errors"
  events = "errors_total"
  exposure = "requests_total"
"""


class Watched:
    """A house whose nodes serve what they are asked for; with the feature so many of a thousand requests fail."""

    def __init__(self, house: Practice, more: str = "") -> None:
        self.house = house
        self.asked: set[str] = set()
        self.failing, self.number = {"on": 2.0, "off": 2.0}, 0
        self.served, self.release = True, "1.9.0"
        with house.store.write() as transaction:
            for node in NODES:
                transaction.put(
                    Reported(
                        node=node,
                        pop=PopId("lis1"),
                        generation=FIRST,
                        release="1.9.0",
                        phase=Phase.STEADY,
                        metrics="http://127.0.0.1:1/metrics",
                        since=START,
                    )
                )
        text = FILE.format(begins=f"{START:%Y-%m-%dT%H:%M:%SZ}", more=more)
        features.add(house.store, OPERATOR, read_features(text, enquire.train_time(house.store)))
        self.ticker = Ticker(house.store, self)

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        self.asked = {name for target in targets.values() for name in target.counters}

    def observe(self) -> Observed:
        if not self.served:
            return Observed()
        counted: dict[str, float] = {}
        for variant, failing in self.failing.items():
            labels = f'{{feature="menu",variant="{variant}"}}'
            counted |= {f"errors_total{labels}": failing, f"requests_total{labels}": 1_000.0}
        wanted = {name: value for name, value in counted.items() if name in self.asked}
        samples = tuple(
            Sample(node=node, release=self.release, increments=wanted, sessions=1.0) for node in NODES
        )
        now = self.house.seconds
        return Observed(
            bins=(PopBin(pop=PopId("lis1"), ended=now, seconds=BIN_S, samples=samples),) if wanted else (),
            last_seen=dict.fromkeys(NODES, 0.0),
        )

    def run(self, bins: int) -> None:
        for _ in range(bins):
            self.house.seconds += BIN_S
            self.ticker.tick()

    @property
    def feature(self) -> Feature:
        return features.show(self.house.store, VIEWER, "menu").feature

    def verdict(self) -> feature_verdicts.FeatureVerdictSeen:
        return feature_verdicts.verdict(self.house.store, VIEWER, "menu")


def test_a_harmless_feature_passes_and_its_ramp_goes_on(house: Practice) -> None:
    watched = Watched(house)
    watched.run(200)
    seen = watched.verdict()
    assert (seen.verdict, seen.fell_at, seen.on_fail) == ("pass", None, "pause")
    (check,) = seen.checks
    assert check.on_exposure == check.off_exposure > 100_000
    assert check.ratio == pytest.approx(1.0)
    assert check.ratio_low is not None
    assert check.ratio_high is not None
    assert check.ratio_low < 1 < check.ratio_high
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"


def test_a_feature_that_does_harm_is_paused_by_its_verdict_and_operators_are_told(house: Practice) -> None:
    watched = Watched(house)
    watched.failing = {"on": 20.0, "off": 2.0}
    watched.run(60)
    seen, feature = watched.verdict(), watched.feature
    assert (seen.verdict, features.show(house.store, VIEWER, "menu").status) == ("fail", "paused")
    assert feature.ramp is not None
    assert feature.ramp.pauses[-1].by == "verdict"
    assert feature.killed is None
    with house.store.read() as view:
        (entry,) = [line for line in view.journal_tail(100, subject="menu") if line.who == "verdict"]
        answer = alerts.answer(facts.scene(view), {})
    assert entry.text.startswith(
        "paused at 7.1428 %: accounts with it are worse than those without on the same nodes"
    )
    (alert,) = [one for one in answer.moments if one.subject == "menu"]
    assert (alert.kind, alert.title) == (AlertKind.FAIL, "feature menu: the verdict is fail; it is paused")
    assert alert.command == "wavetrain feature verdict menu"


def test_a_person_may_let_it_go_on_and_the_verdict_stops_it_but_once(house: Practice) -> None:
    watched = Watched(house)
    watched.failing = {"on": 20.0, "off": 2.0}
    watched.run(60)
    features.resume(house.store, OPERATOR, "menu", "the errors are only counted twice")
    watched.run(60)
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"
    assert watched.verdict().verdict == "fail"


def test_a_feature_is_off_where_its_file_says_so(house: Practice) -> None:
    watched = Watched(house, 'on_fail = "off"')
    watched.failing = {"on": 20.0, "off": 2.0}
    watched.run(60)
    feature = watched.feature
    assert feature.killed is not None
    assert feature.killed.by == "verdict"
    assert features.show(house.store, VIEWER, "menu").status == "off"
    features.resume(house.store, OPERATOR, "menu", "repaired")
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"


def test_while_nothing_is_measured_nothing_passes_nothing_is_paused_and_somebody_is_told(
    house: Practice,
) -> None:
    watched = Watched(house)
    watched.run(200)
    watched.served = False
    watched.run(60)
    seen = watched.verdict()
    assert seen.verdict == "errored"
    assert "both sides were not measured since" in seen.text
    assert features.show(house.store, VIEWER, "menu").status == "paused", "what is missing never advances"
    with house.store.read() as view:
        answer = alerts.answer(facts.scene(view), {})
    assert [(one.kind, one.subject) for one in answer.lasting if one.subject == "menu"] == [
        (AlertKind.ERRORED, "menu")
    ]
    watched.served = True
    watched.run(5)
    assert watched.verdict().verdict == "pass"
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"
    with house.store.read() as view:
        said = [line.text for line in view.journal_tail(100, subject="menu") if line.who == "verdict"]
    share = features.show(house.store, VIEWER, "menu").share
    assert said[0].startswith(f"paused at {100 * share:g} %: both sides were not measured since")
    assert said[1] == f"resumed at {100 * share:g} %: both sides are measured again"
    assert len(said) == 2


def test_a_person_may_let_a_ramp_go_on_that_nothing_is_measured_of(house: Practice) -> None:
    watched = Watched(house)
    watched.run(100)
    watched.served = False
    watched.run(60)
    features.resume(house.store, OPERATOR, "menu", "the source is being moved")
    watched.run(60)
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"
    watched.served = True
    watched.run(5)
    watched.served = False
    watched.run(60)
    assert features.show(house.store, VIEWER, "menu").status == "paused", "that was for once"


def test_train_time_that_jumps_misses_no_measurement(house: Practice) -> None:
    watched = Watched(house)
    watched.run(100)
    with house.store.write() as transaction:
        transaction.put(ledger_of(transaction).changed(jumped_s=7_200.0))
    watched.ticker.tick()
    assert features.show(house.store, VIEWER, "menu").status == "rolling out"


def test_the_evidence_outlives_the_control_plane(house: Practice) -> None:
    watched = Watched(house)
    watched.failing = {"on": 6.0, "off": 2.0}
    watched.run(10)
    before = watched.verdict()
    watched.ticker = Ticker(house.store, watched)
    watched.run(1)
    watched.house.seconds += 60
    watched.run(1)
    after = watched.verdict()
    assert after.compared_s > before.compared_s > 0


def test_only_nodes_with_something_to_compare_are_asked(house: Practice) -> None:
    watched = Watched(house)
    watched.run(1)
    assert 'errors_total{feature="menu",variant="on"}' in watched.asked
    features.off(house.store, OPERATOR, "menu", "enough")
    watched.run(1)
    assert not any("menu" in name for name in watched.asked)


def test_who_may_see_a_verdict_and_which_there_is_none_of(house: Practice) -> None:
    Watched(house)
    with pytest.raises(UnknownError, match="there is no feature dark"):
        feature_verdicts.verdict(house.store, VIEWER, "dark")
    text = FILE.format(begins=f"{START:%Y-%m-%dT%H:%M:%SZ}", more="").split(
        "  [[feature.check]]", maxsplit=1
    )[0]
    bare = read_features(text.replace("menu", "bare"), START)
    features.add(house.store, OPERATOR, bare)
    with pytest.raises(RefusedError, match="names no checks"):
        feature_verdicts.verdict(house.store, VIEWER, "bare")
