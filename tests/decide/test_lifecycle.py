from itertools import product
from pathlib import Path

import pytest

from wavetrain.decide import lifecycle
from wavetrain.decide.lifecycle import ACTIVE, ROLLOUT, TERMINAL, UNITS, WAVE, Cause, WaveCause
from wavetrain.errors import TransitionError
from wavetrain.model.fleet import Phase
from wavetrain.model.lane import LANES
from wavetrain.model.rollout import Status, UnitState, WaveStatus

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
OUTSIDE = [pair for pair in product(Status, Cause) if pair not in ROLLOUT]


@pytest.mark.parametrize(("status", "cause"), OUTSIDE, ids=lambda item: item.name)
def test_every_pair_outside_the_table_is_refused_with_a_way_out(status: Status, cause: Cause) -> None:
    with pytest.raises(
        TransitionError,
        match=r"gateway-2.0.0 is .* cannot take .*(it can still take: |it is over; submit a new release)",
    ):
        lifecycle.rollout_after("gateway-2.0.0", status, cause)


def test_every_pair_in_the_table_is_taken() -> None:
    for (status, cause), after in ROLLOUT.items():
        assert lifecycle.rollout_after("gateway-2.0.0", status, cause) is after


def test_nothing_leaves_a_terminal_status() -> None:
    assert not [start for start, _ in ROLLOUT if start in TERMINAL]
    assert set(ACTIVE) | TERMINAL == set(Status)


def test_every_status_is_reached_and_reaches_a_terminal_one() -> None:
    assert reached(Status.PLANNED) == set(Status)
    for status in Status:
        assert reached(status) & TERMINAL


def test_reverting_is_reachable_from_every_state_that_is_not_over() -> None:
    """G2; in one step, without any condition."""
    for status in ACTIVE:
        if status is not Status.REVERTING:
            assert lifecycle.rollout_after("gateway-2.0.0", status, Cause.REVERT) is Status.REVERTING


def test_a_person_can_end_every_rollout_that_is_not_over() -> None:
    for status in ACTIVE:
        assert lifecycle.rollout_after("gateway-2.0.0", status, Cause.ABORT) is Status.STOPPED


def reached(start: Status) -> set[Status]:
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        after = {end for (begin, _), end in ROLLOUT.items() if begin is here} - seen
        seen |= after
        todo += after
    return seen


@pytest.mark.parametrize(
    ("status", "cause"), list(product(WaveStatus, WaveCause)), ids=lambda item: item.name
)
def test_a_wave_takes_what_its_table_has_and_nothing_else(status: WaveStatus, cause: WaveCause) -> None:
    assert lifecycle.wave_after(status, cause) is WAVE.get((status, cause), status)


def test_every_status_of_a_wave_but_failed_leads_on_to_passed_or_failed() -> None:
    for status in WaveStatus:
        seen, todo = {status}, [status]
        while todo:
            here = todo.pop()
            after = {end for (begin, _), end in WAVE.items() if begin is here} - seen
            seen |= after
            todo += after
        assert seen & {WaveStatus.PASSED, WaveStatus.FAILED}


def test_only_steady_on_the_told_release_is_done() -> None:
    for lane, state, phase, is_right in product(UNITS, UnitState, Phase, (True, False)):
        after = lifecycle.unit_after(lane, state, phase, is_right)
        assert (after is UnitState.DONE) == (phase is Phase.STEADY and is_right) or after is state


@pytest.mark.parametrize("lane", [name for name, lane in LANES.items() if lane.reports])
@pytest.mark.parametrize("phase", [Phase.REVERTED, Phase.FAILED])
def test_a_unit_that_did_not_come_up_is_quarantined_from_wherever_it_was(lane: str, phase: Phase) -> None:
    for state in {start for start, _ in UNITS[lane]}:
        assert lifecycle.unit_after(lane, state, phase, on_release=False) is UnitState.QUARANTINED


def test_a_unit_never_goes_back_on_its_path_when_reports_come_late() -> None:
    path = [
        UnitState.ADMITTED,
        UnitState.DRAINING,
        UnitState.UPDATING,
        UnitState.VERIFYING,
        UnitState.RETURNING,
    ]
    says = [Phase.STAGING, Phase.DRAINING, Phase.UPDATING, Phase.VERIFYING, Phase.RETURNING]
    for state, phase in product(path, says):
        after = lifecycle.unit_after("pop", state, phase, on_release=False)
        assert path.index(after) >= path.index(state)


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = PAGE.read_text()
    diagrams = [
        lifecycle.diagram(),
        lifecycle.wave_diagram(),
        *(lifecycle.unit_diagram(lane) for lane in UNITS),
    ]
    for diagram in diagrams:
        assert f"```mermaid\n{diagram}\n```" in page


def test_the_page_has_a_paragraph_for_every_status() -> None:
    page = PAGE.read_text()
    for status in (*Status, *WaveStatus):
        assert f"**{status.value}**" in page
