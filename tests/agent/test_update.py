"""The table of an update's steps."""

import itertools

import pytest

from wavetrain.agent.update import BEFORE_SWITCH, Event, Over, Step, Update, next_step, phase_of
from wavetrain.model.fleet import Generation, Phase

E, P, S = Event, Phase, Step


def update(step: Step, came_from: str = "1.0.0", outcome: Phase = Phase.STEADY) -> Update:
    return Update(
        generation=Generation(0, 5),
        release="2.0.0",
        digest="d",
        size=1,
        came_from=came_from,
        step=step,
        until=10.0,
        boot="b",
        outcome=outcome,
    )


SAME = "nothing changes"
EXPECTED: dict[tuple[Step, Event], str] = {
    (S.STAGE, E.DONE): "drain",
    (S.STAGE, E.REFUSED): "over lapsed",
    (S.STAGE, E.LAPSED): "over lapsed",
    (S.STAGE, E.RECALLED): "over lapsed",
    (S.DRAIN, E.DONE): "switch",
    (S.DRAIN, E.REFUSED): "leave for lapsed",
    (S.DRAIN, E.LAPSED): "leave for lapsed",
    (S.DRAIN, E.RECALLED): "leave for lapsed",
    (S.SWITCH, E.DONE): "verify",
    (S.SWITCH, E.REFUSED): "back",
    (S.SWITCH, E.LAPSED): "leave for lapsed",
    (S.SWITCH, E.RECALLED): "leave for lapsed",
    (S.VERIFY, E.DONE): "return",
    (S.VERIFY, E.REFUSED): "back",
    (S.VERIFY, E.LAPSED): SAME,
    (S.VERIFY, E.RECALLED): SAME,
    (S.RETURN, E.DONE): "over steady",
    (S.RETURN, E.REFUSED): SAME,
    (S.RETURN, E.LAPSED): SAME,
    (S.RETURN, E.RECALLED): SAME,
    (S.BACK, E.DONE): "recheck",
    (S.BACK, E.REFUSED): "over failed",
    (S.BACK, E.LAPSED): SAME,
    (S.BACK, E.RECALLED): SAME,
    (S.RECHECK, E.DONE): "leave for reverted",
    (S.RECHECK, E.REFUSED): "over failed",
    (S.RECHECK, E.LAPSED): SAME,
    (S.RECHECK, E.RECALLED): SAME,
    (S.LEAVE, E.DONE): "over reverted",
    (S.LEAVE, E.REFUSED): SAME,
    (S.LEAVE, E.LAPSED): SAME,
    (S.LEAVE, E.RECALLED): SAME,
}


@pytest.mark.parametrize(("step", "event"), list(itertools.product(Step, Event)))
def test_each_step_and_event_lead_where_the_table_says(step: Step, event: Event) -> None:
    before = update(step, outcome=Phase.REVERTED if step is Step.LEAVE else Phase.STEADY)
    after = next_step(before, event, "why")
    match EXPECTED[step, event].split():
        case ["over", phase]:
            assert isinstance(after, Over)
            assert after.phase == phase
        case ["leave", "for", phase]:
            assert isinstance(after, Update)
            assert (after.step, after.outcome, after.detail) == (Step.LEAVE, phase, "why")
        case [name]:
            assert isinstance(after, Update)
            assert after.step == name
        case _:
            assert after == before


@pytest.mark.parametrize("step", [Step.SWITCH, Step.VERIFY])
@pytest.mark.parametrize(("came_from", "way_back"), [("", True), ("1.0.0", False)])
def test_without_a_way_back_a_bad_release_leaves_the_node_out_of_service(
    step: Step, came_from: str, way_back: bool
) -> None:
    after = next_step(update(step, came_from), Event.REFUSED, "bad", way_back=way_back)
    assert after == Over(Phase.FAILED, "bad; there is no release to go back to")


def test_what_an_update_leaves_for_is_what_it_ends_with() -> None:
    for outcome in (Phase.LAPSED, Phase.REVERTED):
        after = next_step(update(Step.LEAVE, outcome=outcome), Event.DONE)
        assert isinstance(after, Over)
        assert after.phase is outcome


def test_after_the_switch_neither_a_lapse_nor_a_recall_turns_the_node_around() -> None:
    for step in set(Step) - BEFORE_SWITCH:
        for event in (Event.LAPSED, Event.RECALLED):
            assert next_step(update(step), event) == update(step)


def test_returning_is_said_only_on_the_new_release() -> None:
    said = {step: phase_of(update(step, outcome=Phase.REVERTED)) for step in Step}
    assert [step for step, phase in said.items() if phase is Phase.RETURNING] == [Step.RETURN]
    assert phase_of(update(Step.LEAVE, outcome=Phase.LAPSED)) is Phase.DRAINING
