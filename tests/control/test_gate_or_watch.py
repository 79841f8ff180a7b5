"""A gate that a PoP's traffic cannot decide in time only watches there: decided once, kept, said everywhere."""

import msgspec
from tests.control.measuring import ERRORS, Measuring
from tests.control.practice import ROLLOUT, VIEWER, Practice

from wavetrain.control import explain, verdicts
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence
from wavetrain.doors import verdict_page
from wavetrain.model.policy import MetricRule
from wavetrain.model.rollout import Rollout, Status, TurnPhase

RARE = MetricRule(name="rare", events="crashes", exposure="operations", weight=0.5, excess_max=1e-9)


def said(node: str, is_new: bool, number: int) -> dict[str, float]:
    return {"operations": 600.0, "failures": 1.0, "crashes": 0.0}


def crashing(node: str, is_new: bool, number: int) -> dict[str, float]:
    return said(node, is_new, number) | {"crashes": 30.0 if is_new else 0.0}


def begun(house: Practice, *rules: MetricRule) -> Measuring:
    made = Measuring(house, *rules)
    made.run(60, said)
    made.begin()
    return made


def test_what_cannot_be_decided_watches_and_the_rest_follows_by_the_other_gates(house: Practice) -> None:
    made = begun(house, ERRORS, RARE)
    made.run(2, said)
    seen = verdicts.verdict(house.store, VIEWER, ROLLOUT)
    assert [check.only_watches for check in seen.checks] == [(), ("lis1",)]
    page = verdict_page.page(seen)
    assert ">gate, watch in 1</td>" in page
    assert "rare only watches in lis1: no sound release could pass it there in time" in page
    why = explain.why(house.store, VIEWER, "lis1")
    assert "errors:" in why.answer
    assert "rare only watched, as no sound release could pass in 72 h" in why.answer
    assert "; rare only watched" in why.steps[0].state
    told = [entry for entry in made.journal() if entry.body.get("only_watch")]
    assert [(entry.subject, entry.body["only_watch"]) for entry in told] == [("lis1", ["rare"])]
    made.run(118, said)
    assert made.phase is TurnPhase.REST


def test_it_is_the_same_after_a_restart_whatever_the_pre_period_says_by_then(house: Practice) -> None:
    made = begun(house, ERRORS, RARE)
    made.run(3, said)
    with house.store.read() as view:
        known, kept = view.get(PopCalibration, ROLLOUT, "lis1"), view.get(PopEvidence, ROLLOUT, "lis1")
    assert known is not None
    assert kept is not None
    assert known.only_watch == kept.only_watch == ("rare",)
    made.restart()
    made.run(3, said)
    assert made.ticker.watch.pops_of(ROLLOUT)["lis1"].only_watch == ("rare",)
    assert len([entry for entry in made.journal() if entry.body.get("only_watch")]) == 1
    made.run(114, said)
    assert made.phase is TurnPhase.REST


def test_a_fail_by_what_only_watches_still_stops_the_release(house: Practice) -> None:
    made = begun(house, ERRORS, RARE)
    made.run(30, crashing)
    with house.store.read() as view:
        rollout = view.get(Rollout, ROLLOUT)
    assert rollout is not None
    assert rollout.status in (Status.REVERTING, Status.REVERTED)
    assert verdicts.verdict(house.store, VIEWER, ROLLOUT).verdict == "fail"


def test_the_last_gate_stays_one_and_holds(house: Practice) -> None:
    made = begun(house, RARE)
    made.run(122, said)
    assert made.phase is TurnPhase.BAKING
    (check,) = verdicts.verdict(house.store, VIEWER, ROLLOUT).checks
    assert (check.gate, check.only_watches) == (True, ())
    assert "rare: excess below" in explain.why(house.store, VIEWER, "lis1").answer


def test_rows_of_an_older_store_are_read_as_if_every_check_gated() -> None:
    known = PopCalibration(rollout="r", pop="a", seconds=1.0, nodes=(), weights=b"", figures=b"")
    for record in (known, PopEvidence(rollout="r", pop="a")):
        body = msgspec.to_builtins(record.changed(only_watch=("rare",)))
        del body["only_watch"]
        assert msgspec.convert(body, type(record)) == record
