from random import Random

from wavetrain.model.fleet import Generation, NodeId, Phase
from wavetrain.simulate.channel import Channel
from wavetrain.simulate.nature import Nature, Wire
from wavetrain.simulate.nodes import Spoken
from wavetrain.wire.agent_messages import Told

NODE = NodeId("n1")


def channel(**chances: float) -> Channel:
    nature = Nature(Random(1))
    nature.wire = Wire(**chances)
    return Channel(nature)


def said(counter: int) -> Spoken:
    return Spoken(NODE, Generation(1, counter), "1.0.0", Phase.STEADY, "", "boot")


def told(counter: int) -> Told:
    return Told(generation=Generation(1, counter), release="1.0.0")


def test_a_good_wire_carries_everything_once() -> None:
    wire = channel()
    assert wire.connects(NODE)
    assert wire.report(said(1), 0.0) == 1
    assert wire.is_answered(NODE)
    assert wire.answer(NODE, told(1), 0.0)
    assert list(wire.late_reports(1e9)) == []
    assert list(wire.late_answers(1e9)) == []


def test_a_report_may_be_doubled_or_lost() -> None:
    assert channel(doubled=1.0).report(said(1), 0.0) == 2
    assert not channel(lost=1.0).connects(NODE)
    assert not channel(answer_lost=1.0).is_answered(NODE)


def test_late_reports_come_once_and_may_overtake_each_other() -> None:
    orders = set()
    for seed in range(20):
        nature = Nature(Random(seed))
        nature.wire = Wire(delayed=1.0)
        wire = Channel(nature)
        assert [wire.report(said(1), 0.0), wire.report(said(2), 1.0)] == [0, 0]
        assert list(wire.late_reports(4.0)) == []
        orders.add(tuple(spoken.generation.counter for spoken in wire.late_reports(100.0)))
        assert list(wire.late_reports(200.0)) == []
    assert orders == {(1, 2), (2, 1)}


def test_an_answer_may_come_late_or_once_more() -> None:
    late = channel(answer_delayed=1.0)
    assert not late.answer(NODE, told(1), 0.0)
    assert list(late.late_answers(31.0)) == [(NODE, told(1))]
    twice = channel(answer_doubled=1.0)
    assert twice.answer(NODE, told(1), 0.0)
    assert list(twice.late_answers(31.0)) == [(NODE, told(1))]


def test_no_answer_outlives_its_connection_or_reaches_another_machine() -> None:
    for ends in ("late", "forgotten"):
        wire = channel(answer_doubled=1.0)
        wire.answer(NODE, told(1), 0.0)
        if ends == "forgotten":
            wire.forget(NODE)
        assert list(wire.late_answers(3_600.0 if ends == "late" else 31.0)) == []
