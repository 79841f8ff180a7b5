"""A turn goes on without a retired unit, and offers a rebuilt one again."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide.staffing import afresh, without
from wavetrain.model.fleet import Generation, PopId, UnitId
from wavetrain.model.rollout import Progress, RolloutId, Turn, TurnPhase, UnitState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
UNITS = tuple(UnitId(f"n{index}") for index in range(5))


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A turn in any phase: some units exposed, of those some moving and some lost."""
    cursor = draw(st.integers(0, len(UNITS)))
    fates = [draw(st.sampled_from(["settled", "moving", "lost"])) for _ in UNITS[:cursor]]
    moving = [unit for unit, fate in zip(UNITS, fates, strict=False) if fate == "moving"]
    lost = tuple(unit for unit, fate in zip(UNITS, fates, strict=False) if fate == "lost")
    phase = draw(st.sampled_from(TurnPhase))
    back = UNITS[:cursor][:: draw(st.integers(1, 3))] if phase is TurnPhase.BACK else ()
    return Turn(
        rollout=RolloutId("r"),
        pop=PopId("p"),
        wave=0,
        phase=phase,
        order=UNITS,
        canaries=draw(st.integers(0, 2)),
        opens=NOW,
        closes=NOW,
        cursor=cursor,
        progress=tuple(
            Progress(
                unit=unit,
                state=UnitState.DRAINING,
                generation=Generation(1, 1),
                release="2",
                since=0,
                late_at=0,
            )
            for unit in moving
            if unit not in back
        ),
        quarantined=lost,
        back=back,
        lapses=dict.fromkeys(UNITS[::2], 2),
    )


@given(turns(), st.sampled_from(UNITS))
def test_no_turn_counts_on_a_retired_unit_it_had_exposed(turn: Turn, unit: UnitId) -> None:
    left = without(turn, unit)
    assert unit not in left.exposed
    assert unit not in left.quarantined
    assert unit not in left.back
    assert all(item.unit != unit for item in left.progress)
    assert unit not in left.lapses


@given(turns(), st.sampled_from(UNITS))
def test_a_node_that_was_retired_and_rebuilt_goes_last_where_its_pop_is_not_done(
    turn: Turn, unit: UnitId
) -> None:
    left = without(turn, unit)
    left = left.changed(order=tuple(other for other in left.order if other != unit))
    again = afresh(left, unit)
    if left.at_end or left.phase in (TurnPhase.BACK, TurnPhase.REVERTED):
        assert again.order == left.order
    else:
        assert again.order == (*left.order, unit)
        assert unit not in again.exposed


@given(turns(), st.sampled_from(UNITS))
def test_the_other_units_stay_where_they_are(turn: Turn, unit: UnitId) -> None:
    for left in (without(turn, unit), afresh(turn, unit)):
        assert [other for other in left.exposed if other != unit] == [
            other for other in turn.exposed if other != unit
        ]
        assert [other for other in left.settled if other != unit] == [
            other for other in turn.settled if other != unit
        ]


@given(turns(), st.sampled_from(UNITS))
def test_a_rebuilt_unit_is_asked_next_in_its_direction(turn: Turn, unit: UnitId) -> None:
    left = afresh(turn, unit)
    assert unit not in left.lapses or turn.at_end
    if turn.at_end or unit not in turn.exposed:
        assert left == turn.changed(lapses=left.lapses)
    elif turn.phase is TurnPhase.BACK:
        assert unit in left.back
    elif turn.phase is not TurnPhase.REVERTED:
        assert left.order[left.cursor] == unit


def _baking(canaries: int, order: tuple[UnitId, ...]) -> Turn:
    return Turn(
        rollout=RolloutId("r"),
        pop=PopId("p"),
        wave=0,
        phase=TurnPhase.BAKING,
        order=order,
        canaries=canaries,
        opens=NOW,
        closes=NOW,
        cursor=canaries,
        bake_since=NOW,
    )


def test_a_bake_that_loses_its_canary_begins_again_with_another() -> None:
    left = without(_baking(1, UNITS), UNITS[0])
    assert (left.phase, left.cursor, left.bake_since) == (TurnPhase.CANARY, 0, None)


def test_a_pop_without_anything_to_compare_just_goes_on() -> None:
    assert without(_baking(1, UNITS[:2]), UNITS[0]).phase is TurnPhase.REST
    assert afresh(_baking(1, UNITS[:2]), UNITS[0]).phase is TurnPhase.CANARY


def test_a_bake_goes_on_without_one_of_its_controls() -> None:
    left = without(_baking(1, UNITS), UNITS[3])
    assert (left.phase, left.bake_since) == (TurnPhase.BAKING, NOW)
