"""An update carried out among fakes, in virtual time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.fakes import House, told

from wavetrain.agent.memory import Memory
from wavetrain.agent.pace import EndedError
from wavetrain.agent.update import Step
from wavetrain.errors import LockedError
from wavetrain.model.fleet import Generation, Phase


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def steps(house: House) -> list[str]:
    return [line.removeprefix("step ") for line in house.log if line.startswith("step ")]


def after(house: House) -> tuple[Phase, str, str, bool]:
    """Phase, what runs, the generation taken up, whether the node is drained."""
    memory: Memory = house.memory
    assert memory.update is None
    assert memory.running == house.installer.now
    return memory.phase, memory.running, str(memory.generation), house.traffic.drained


def test_a_good_release_is_staged_drained_switched_verified_and_refilled(house: House) -> None:
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)
    assert steps(house) == ["stage", "drain", "switch", "verify", "return"]
    assert house.traffic.acts == ["drain", "undrain", "invite"]
    assert house.traffic.settled == [0, 0], (
        "after the drain, and before the probe: a balancer may have forgotten"
    )
    assert house.installer.running == {"2.0.0"}


def test_sessions_that_do_not_move_are_settled_when_their_time_is_over(house: House) -> None:
    house.traffic.stubborn = 2
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)
    assert house.traffic.settled == [2, 2]


def test_the_release_that_runs_is_adopted_without_any_disturbance(house: House) -> None:
    house.hear(told(5, "1.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.5", False)
    assert house.traffic.acts == house.installer.acts == []


def test_without_a_permission_the_bytes_are_fetched_and_nothing_else_happens(house: House) -> None:
    house.hear(told(5, "2.0.0", lifetime_s=0))
    house.work()
    assert "2.0.0" in house.installer.staged
    assert after(house) == (Phase.STEADY, "1.0.0", "0.0", False)
    assert house.traffic.acts == house.installer.acts == []


def test_stubborn_sessions_are_waited_for_no_longer_than_the_drain_may_take(house: House) -> None:
    house.traffic.stubborn = 2
    began = house.pace.now()
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house)[:2] == (Phase.STEADY, "2.0.0")
    assert 10 <= house.pace.now() - began < 11


def test_a_permission_that_lapses_in_the_drain_leaves_the_node_on_its_release(house: House) -> None:
    house.traffic.stubborn = 2
    house.hear(told(5, "2.0.0", lifetime_s=4))
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert house.installer.acts == []
    assert "ended" in house.memory.detail


def test_a_permission_that_lapses_after_the_switch_changes_nothing(house: House) -> None:
    house.bad = {"2.0.0"}
    house.pace.after(6, lambda: house.bad.clear())
    house.hear(told(5, "2.0.0", lifetime_s=2))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)


def test_a_lapsed_permission_is_not_used_again_when_it_is_read_again(house: House) -> None:
    house.traffic.stubborn = 2
    house.hear(told(5, "2.0.0", lifetime_s=4))
    house.work()
    house.hear(told(5, "2.0.0", lifetime_s=4))
    house.work()
    assert steps(house) == ["stage", "drain", "leave"]


def test_a_release_that_never_gets_healthy_goes_back_to_the_older_one(house: House) -> None:
    house.bad = {"2.0.0"}
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.REVERTED, "1.0.0", "0.5", False)
    assert "2.0.0 was not healthy within 10 s: 503 not yet" in house.memory.detail
    assert house.installer.running == {"1.0.0"}


def test_a_release_that_is_healthy_every_other_time_goes_back(house: House) -> None:
    seen: list[str] = []

    def flaps() -> bool:
        seen.append(house.installer.now)
        return house.installer.now == "1.0.0" or len(seen) % 2 == 0

    house.probe.good = flaps
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.REVERTED, "1.0.0", "0.5", False)


def test_a_release_that_does_not_start_goes_back(house: House) -> None:
    house.installer.starts = False
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.REVERTED, "1.0.0", "0.5", False)
    assert "it has no start" in house.memory.detail


def test_where_neither_release_is_healthy_the_node_stays_out_of_service(house: House) -> None:
    house.bad = {"2.0.0", "1.0.0"}
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.FAILED, "1.0.0", "0.5", True)


def test_a_failed_node_serves_again_when_told_to_run_its_release_and_that_is_healthy(house: House) -> None:
    house.bad = {"2.0.0", "1.0.0"}
    house.hear(told(5, "2.0.0"))
    house.work()
    house.bad = set()
    house.hear(told(6, "1.0.0", lifetime_s=0))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.6", False)


def test_a_node_never_goes_back_to_a_withdrawn_release(house: House) -> None:
    house.bad = {"2.0.0"}
    house.hear(told(5, "2.0.0", tombstones=("1.0.0",)))
    house.work()
    assert after(house) == (Phase.FAILED, "2.0.0", "0.5", True)


def test_a_recall_in_the_drain_undrains_and_adopts_the_newer_generation(house: House) -> None:
    house.traffic.stubborn = 2
    house.pace.after(1, lambda: house.hear(told(6, "1.0.0", lifetime_s=0)))
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.6", False)
    assert house.installer.acts == []


def test_a_newer_instruction_after_the_switch_waits_for_the_verification_and_its_own_permission(
    house: House,
) -> None:
    house.bad = {"2.0.0"}
    house.pace.after(1, lambda: house.hear(told(6, "1.0.0", lifetime_s=60)))
    house.pace.after(2, lambda: house.bad.clear())
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.6", False)
    assert steps(house) == ["stage", "drain", "switch", "verify", "return"] * 2


def test_a_newer_instruction_without_a_permission_does_not_move_a_verified_release(house: House) -> None:
    house.bad = {"2.0.0"}
    house.pace.after(1, lambda: house.hear(told(6, "1.0.0", lifetime_s=0)))
    house.pace.after(2, lambda: house.bad.clear())
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)


def test_a_release_withdrawn_in_the_drain_is_given_up(house: House) -> None:
    house.traffic.stubborn = 2
    house.pace.after(1, lambda: house.hear(told(5, "2.0.0", tombstones=("2.0.0",))))
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert "withdrawn" in house.memory.detail


def test_bytes_that_stay_wrong_end_the_update_before_any_disturbance(house: House) -> None:
    house.content = b"other bytes"
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert "other bytes than were promised" in house.memory.detail
    assert house.traffic.acts == house.installer.acts == []


def test_with_the_artifact_away_it_is_tried_until_the_permission_ends(house: House) -> None:
    house.artifact_away = True
    house.hear(told(5, "2.0.0", lifetime_s=40))
    house.work()
    assert after(house)[0] is Phase.LAPSED
    house.hear(told(6, "2.0.0", lifetime_s=40))
    house.pace.after(20, lambda: setattr(house, "artifact_away", False))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.6", False)


def test_a_balancer_that_is_away_disturbs_nothing(house: House) -> None:
    house.traffic.away = True
    house.pace.after(90, lambda: setattr(house.traffic, "away", False))
    house.hear(told(5, "2.0.0", lifetime_s=30))
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert house.installer.acts == []


def test_a_balancer_that_is_away_at_the_return_is_asked_until_it_answers(house: House) -> None:
    house.bad = {"2.0.0"}
    house.pace.after(1, lambda: setattr(house.traffic, "away", True))
    house.pace.after(2, lambda: house.bad.clear())
    house.pace.after(60, lambda: setattr(house.traffic, "away", False))
    house.hear(told(5, "2.0.0"))
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)


@pytest.mark.parametrize("cut", [step for step in Step if step not in (Step.BACK, Step.RECHECK, Step.LEAVE)])
@pytest.mark.parametrize("effect", [False, True], ids=["before its effect", "after its effect"])
def test_a_process_that_ends_in_a_step_is_continued_by_the_next_one(
    house: House, cut: Step, effect: bool
) -> None:
    _end_in(house, cut, effect)
    house.hear(told(5, "2.0.0"))
    _work_until_ended(house)
    assert house.memory.update is not None
    assert house.memory.update.step is cut
    house.restart()
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)
    assert house.installer.running == {"2.0.0"}


@pytest.mark.parametrize("cut", [Step.VERIFY, Step.BACK, Step.RECHECK, Step.LEAVE])
def test_a_process_that_ends_while_going_back_is_continued_by_the_next_one(house: House, cut: Step) -> None:
    house.bad = {"2.0.0"}
    _end_in(house, cut, effect=True)
    house.hear(told(5, "2.0.0"))
    _work_until_ended(house)
    house.restart()
    house.work()
    assert after(house) == (Phase.REVERTED, "1.0.0", "0.5", False)


@pytest.mark.parametrize("cut", [Step.STAGE, Step.DRAIN, Step.SWITCH])
@pytest.mark.parametrize("reboot", [False, True])
def test_a_permission_that_lapsed_while_no_agent_ran_leaves_the_old_release(
    house: House, cut: Step, reboot: bool
) -> None:
    _end_in(house, cut, effect=False)
    house.hear(told(5, "2.0.0", lifetime_s=30))
    _work_until_ended(house)
    if reboot:
        house.boot = "boot-2"
    else:
        house.pace.time += 31
    house.restart()
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)


def test_a_switch_that_took_place_is_verified_also_when_the_permission_has_lapsed_since(house: House) -> None:
    _end_in(house, Step.SWITCH, effect=True)
    house.hear(told(5, "2.0.0", lifetime_s=30))
    _work_until_ended(house)
    house.pace.time += 31
    house.restart()
    house.work()
    assert after(house) == (Phase.STEADY, "2.0.0", "0.5", False)


def test_two_agents_cannot_work_in_one_folder(house: House) -> None:
    with pytest.raises(LockedError, match="another agent"):
        House(house.folder)


def test_a_fault_of_the_agent_itself_is_told_and_does_not_end_it(house: House) -> None:
    def broken() -> str:
        house.pace.after(0, house.pace.end)
        raise ValueError("not foreseen")

    house.installer.keep = broken  # type: ignore[method-assign]
    house.keeper.wait = lambda *_: house.pace.end()  # type: ignore[method-assign]
    house.worker.run()
    assert "not foreseen" in house.memory.trouble


class _KilledError(EndedError):
    """Stands for a kill -9."""


def _work_until_ended(house: House) -> None:
    with pytest.raises(_KilledError):
        house.work()


def _end_in(house: House, cut: Step, effect: bool) -> None:
    """End the worker in this step, once: before or after what the step does."""
    run = house.worker._steps[cut]

    def killed(update: object) -> tuple[object, str]:
        if effect:
            run(update)  # type: ignore[arg-type]
        raise _KilledError

    house.worker._steps[cut] = killed  # type: ignore[assignment]


def test_what_was_told_before_anything_was_known_is_generation_zero(house: House) -> None:
    assert house.memory.generation == Generation(0, 0)


def test_a_restart_drains_starts_the_same_release_anew_and_comes_back(house: House) -> None:
    process = house.installer.process()
    house.hear(told(5, "1.0.0", restart=True))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.5", False)
    assert steps(house) == ["stage", "drain", "switch", "verify", "return"]
    assert house.traffic.acts == ["drain", "undrain", "invite"]
    assert house.installer.acts == [f"renew {process}"]
    assert house.installer.process() != process
    house.hear(told(5, "1.0.0", restart=True))
    house.work()
    assert house.installer.restarts == 1


@pytest.mark.parametrize("step", [Step.DRAIN, Step.SWITCH, Step.VERIFY, Step.RETURN])
def test_a_restart_cut_short_by_a_kill_starts_the_program_anew_once(house: House, step: Step) -> None:
    house.hear(told(5, "1.0.0", restart=True))
    house.worker._begin()
    update = house.memory.update
    while update is not None and update.step is not step:
        update = house.worker._step(update)
    if step is Step.SWITCH:
        assert update is not None
        house.worker._switch(update)  # done, and not written down
    house.restart()
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.5", False)
    assert house.installer.restarts == 1


def test_a_restart_whose_permission_lapses_in_the_drain_restarts_nothing(house: House) -> None:
    house.traffic.stubborn = 2
    house.hear(told(5, "1.0.0", lifetime_s=4, restart=True))
    house.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert house.installer.acts == []


def test_where_nothing_can_be_restarted_nobody_is_drained_for_it(house: House) -> None:
    house.installer.running.clear()
    house.hear(told(5, "1.0.0", restart=True))
    house.worker.work()
    assert after(house) == (Phase.LAPSED, "1.0.0", "0.5", False)
    assert "no program" in house.memory.detail
    assert house.traffic.acts == []


def test_a_release_that_does_not_come_up_again_keeps_its_node_out_of_service(house: House) -> None:
    house.bad = {"1.0.0"}
    house.hear(told(5, "1.0.0", restart=True))
    house.work()
    assert after(house) == (Phase.FAILED, "1.0.0", "0.5", True)
    house.bad.clear()
    house.hear(told(6, "1.0.0", lifetime_s=0))
    house.work()
    assert after(house) == (Phase.STEADY, "1.0.0", "0.6", False)
