"""Persons of a rehearsal answer what they are asked, within the time that is said, and what they do is counted."""

import msgspec
import pytest

from wavetrain.model.fleet import Retired
from wavetrain.model.policy import Policy
from wavetrain.simulate import made_up
from wavetrain.simulate.duty import AT_NODE_S, REACTION_S
from wavetrain.simulate.mishaps import CALM, Chances, Mishaps
from wavetrain.simulate.outcome import Outcome, outcome
from wavetrain.simulate.rehearsal import STEP_S, Plan, Rehearsal
from wavetrain.simulate.rehearsal_text import lines


def plan(chances: Chances = CALM, *, metrics: int = 0, days: float = 14.0, answered: bool = True) -> Plan:
    fleet = made_up.fleet(9, 6, 90, 1)
    return Plan(
        fleet=fleet,
        policy=made_up.policy(fleet, metrics),
        mishaps=Mishaps(1, chances),
        days=days,
        sweep_each=50,
        answered=answered,
    )


def by(of: Plan, **changes: object) -> Plan:
    policy: Policy = msgspec.structs.replace(of.policy, **changes)
    return msgspec.structs.replace(of, policy=policy)


def ended(of: Plan) -> tuple[Rehearsal, Outcome]:
    run = Rehearsal(of)
    for _ in run.play():
        pass
    assert run.broken == []
    return run, outcome(run, 0.0, 0.0, 0)


def test_a_node_that_is_gone_is_rebuilt_once_and_its_pop_goes_on() -> None:
    """A rebuilt node that went down whenever it was told to update held its train up for ever."""
    run, said = ended(plan(Chances(node_dead=0.3)))
    assert run.crowd.rebuilt, "nobody was gone: this shows nothing"
    assert (said.status, said.unanswered) == ("completed", 0)
    assert said.asked["not_reporting"] >= 1
    assert said.answered == {"node rebuilt": len(run.crowd.rebuilt)}


def test_where_nobody_answers_the_questions_stand_and_the_train_waits() -> None:
    run, said = ended(plan(Chances(node_dead=0.3), answered=False))
    assert (said.status, said.answers, said.answered) == ("rolling", 0, {})
    assert said.unanswered >= 1
    assert not run.crowd.rebuilt
    assert said.waiting[0].reason
    assert any("unanswered at the end: " in line for line in lines(said))


def test_a_node_that_a_rebuild_does_not_help_is_retired() -> None:
    of = plan(days=4.0)
    short = msgspec.structs.replace(of.policy.timing, permission_s=8.0)
    run, said = ended(by(of, timing=short))
    assert said.asked["lapsed_often"] >= 2
    retired = {record.node for record in run.ground.all(Retired)}
    assert said.answered["node retired"] == len(retired) > 0
    assert retired <= run.crowd.rebuilt, "each was set up anew first"


def test_a_step_that_needs_approval_gets_it() -> None:
    _, said = ended(by(plan(), approve_general=True))
    assert (said.status, said.asked, said.answered) == ("completed", {"approval": 1}, {"approve": 1})
    assert REACTION_S[0] <= said.answer_max_s <= REACTION_S[1] + STEP_S
    told = list(lines(said))
    assert "persons were asked once: approval 1" in told


def test_a_pop_that_nobody_can_measure_is_mended_and_bakes_on() -> None:
    of = plan(Chances(pop_dark=1.0), metrics=1)
    with_persons, alone = ended(of)[1], ended(msgspec.structs.replace(of, answered=False))[1]
    assert with_persons.status == alone.status == "completed"
    assert with_persons.answered["telemetry mended"] >= 1
    assert with_persons.asked["telemetry_away"] == with_persons.answers + with_persons.ended_unasked


def test_evidence_that_stays_inconclusive_is_consented_to() -> None:
    of = plan(metrics=1)
    _, said = ended(by(of, bake=msgspec.structs.replace(of.policy.bake, exposure_min=1e12)))
    assert said.asked["inconclusive"] >= 1
    assert said.answered["consent"] >= 1
    assert said.pops_done >= 1


@pytest.mark.parametrize("seed", range(3))
def test_answers_come_within_the_time_that_is_said(seed: int) -> None:
    of = msgspec.structs.replace(plan(), mishaps=Mishaps(seed, Chances(node_dead=0.3)))
    run, _ = ended(of)
    assert run.duty.took_s
    for seconds in run.duty.took_s:
        assert REACTION_S[0] <= seconds <= REACTION_S[1] + AT_NODE_S + STEP_S
