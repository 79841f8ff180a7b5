"""What a node makes of an instruction."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.fakes import BOOT, told

from wavetrain.agent.accept import Instant, Task, accept, begun, lapsed, recalled, task
from wavetrain.agent.memory import Memory
from wavetrain.agent.update import Step
from wavetrain.model.fleet import Generation, Phase
from wavetrain.wire.agent_messages import Told

NOW = Instant(100.0, BOOT)
RUNS = Memory(running="1.0.0")


def hear(memory: Memory, said: Told, now: Instant = NOW, objection: str = "") -> Memory:
    return accept(memory, said, now, lambda _: objection)


def test_an_older_generation_is_refused_and_changes_nothing_else() -> None:
    memory = hear(RUNS, told(5, "2.0.0"))
    after = hear(memory, told(4, "3.0.0"))
    assert "refused generation 0.4" in after.refused
    assert "0.5" in after.refused
    assert after.order == memory.order
    assert after.read == memory.read


def test_a_higher_era_is_newer_whatever_its_counter() -> None:
    memory = hear(RUNS, told(5, "2.0.0"))
    restored = msgspec.structs.replace(told(1, "1.5.0", 0), generation=Generation(1, 1))
    assert hear(memory, restored).read == Generation(1, 1)


def test_a_tombstoned_release_is_refused_at_any_generation_also_when_the_list_no_longer_says_so() -> None:
    memory = hear(RUNS, told(5, "1.0.0", tombstones=("2.0.0",)))
    after = hear(memory, told(6, "2.0.0"))
    assert "release 2.0.0 was withdrawn" in after.refused
    assert task(after) is Task.NOTHING
    assert after.read == Generation(0, 6)
    assert after.generation == Generation(0, 0)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20))
def test_reading_the_same_generation_again_never_extends_its_permission(waits: list[float]) -> None:
    memory = hear(RUNS, told(5, "2.0.0", lifetime_s=30))
    now = NOW
    for wait in waits:
        now = Instant(now.seconds + wait, BOOT)
        memory = hear(memory, told(5, "2.0.0", lifetime_s=30), now)
    assert memory.order is not None
    assert memory.order.until == 130.0


def test_a_permission_that_comes_later_for_the_same_generation_counts_from_then() -> None:
    memory = hear(RUNS, told(5, "2.0.0", lifetime_s=0))
    assert task(memory) is Task.PREFETCH
    memory = hear(memory, told(5, "2.0.0", lifetime_s=30), Instant(200.0, BOOT))
    assert task(memory) is Task.BEGIN
    assert memory.order is not None
    assert memory.order.until == 230.0


def test_a_permission_that_does_not_hold_lets_nothing_be_disturbed() -> None:
    after = hear(RUNS, told(5, "2.0.0"), objection="the signature is not the control plane's")
    assert task(after) is Task.PREFETCH
    assert after.refused == "the signature is not the control plane's"
    assert hear(after, told(6, "2.0.0")).refused == ""


def test_the_release_that_runs_is_adopted_without_a_permission() -> None:
    assert task(hear(RUNS, told(5, "1.0.0", lifetime_s=0))) is Task.ADOPT


def test_a_node_that_failed_verifies_its_release_again_when_told_to_run_it() -> None:
    failed = Memory(running="1.0.0", phase=Phase.FAILED, generation=Generation(0, 4), read=Generation(0, 4))
    memory = hear(failed, told(5, "1.0.0", lifetime_s=0))
    assert task(memory) is Task.BEGIN
    update = begun(memory).update
    assert update is not None
    assert (update.step, update.came_from) == (Step.VERIFY, "")


def test_nothing_is_told_until_a_release_is_named() -> None:
    assert task(hear(RUNS, told(0, ""))) is Task.NOTHING
    assert task(hear(RUNS, told(3, ""))) is Task.NOTHING


def test_a_permission_ends_by_time_and_by_a_reboot() -> None:
    update = begun(hear(RUNS, told(5, "2.0.0", lifetime_s=30))).update
    assert update is not None
    assert not lapsed(update, Instant(129.9, BOOT))
    assert lapsed(update, Instant(130.0, BOOT))
    assert lapsed(update, Instant(101.0, "another boot"))


def _under_way(step: Step) -> Memory:
    memory = begun(hear(RUNS, told(5, "2.0.0")))
    assert memory.update is not None
    return msgspec.structs.replace(memory, update=msgspec.structs.replace(memory.update, step=step))


def test_an_update_is_recalled_by_a_newer_instruction_only_before_its_switch() -> None:
    for step in Step:
        memory = _under_way(step)
        assert recalled(memory) == ""
        assert recalled(hear(memory, told(6, "2.0.0"))) == ""
        before = step in (Step.STAGE, Step.DRAIN, Step.SWITCH)
        assert bool(recalled(hear(memory, told(6, "1.0.0")))) is before
        assert bool(recalled(hear(memory, told(6, "3.0.0")))) is before
        assert bool(recalled(hear(memory, told(5, "2.0.0", tombstones=("2.0.0",))))) is before


def test_the_number_of_tombstones_remembered_is_bounded() -> None:
    many = tuple(f"0.{number}" for number in range(1500))
    memory = hear(RUNS, told(5, "2.0.0", tombstones=many))
    assert len(memory.tombstones) == 1000
    assert memory.tombstones[-1] == "0.1499"
