"""What a node makes of an instruction."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.fakes import BOOT, told

from wavetrain.agent.accept import Instant, Task, accept, begun, lapsed, recalled, task
from wavetrain.agent.memory import Memory
from wavetrain.agent.update import Step
from wavetrain.model.fleet import Generation, Phase
from wavetrain.wire.agent_messages import Bans, Told

NOW = Instant(100.0, BOOT)
RUNS = Memory(running="1.0.0")


class Objecting:
    """Finds this wrong with permissions, and that with bans."""

    def __init__(self, permission: str = "", bans: str = "") -> None:
        self._permission = permission
        self._bans = bans

    def objection(self, _told: Told) -> str:
        return self._permission

    def bans_objection(self, _bans: Bans) -> str:
        return self._bans


def hear(memory: Memory, said: Told, now: Instant = NOW, objection: str = "") -> Memory:
    return accept(memory, said, now, Objecting(objection))


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


def test_bans_that_do_not_hold_are_not_kept_and_nothing_beside_them_is_read() -> None:
    said = told(5, "2.0.0", tombstones=("1.5.0",))
    after = accept(RUNS, said, NOW, Objecting(bans="the signature is not the control plane's"))
    assert after == msgspec.structs.replace(RUNS, refused="the signature is not the control plane's")


def test_a_release_below_the_floor_is_refused_at_any_generation_and_era() -> None:
    floored = hear(
        RUNS, told(5, "1.0.0", bans=Bans(component="gateway", serial=1, floor="1.9.0", signature=""))
    )
    for counter, release, refused in ((6, "1.8.9", True), (7, "1.9.0", False), (8, "1.10.0", False)):
        after = hear(floored, told(counter, release))
        assert ("older than 1.9.0, the oldest that may run" in after.refused) is refused
        assert (task(after) is Task.NOTHING) is refused
    restored = msgspec.structs.replace(told(1, "1.8.9"), generation=Generation(1, 1))
    assert "older than 1.9.0" in hear(floored, restored).refused


def test_a_floor_that_comes_while_an_update_is_under_way_recalls_it_only_before_its_switch() -> None:
    floor = Bans(component="gateway", serial=9, floor="2.1.0", signature="")
    for step in Step:
        after = hear(_under_way(step), told(5, "2.0.0", bans=floor))
        assert bool(recalled(after)) is (step in (Step.STAGE, Step.DRAIN, Step.SWITCH))


def test_a_restart_begins_with_its_permission_and_without_one_is_not_taken_up() -> None:
    memory = hear(RUNS, told(5, "1.0.0", lifetime_s=0, restart=True))
    assert task(memory) is Task.NOTHING
    memory = hear(memory, told(5, "1.0.0", lifetime_s=30, restart=True))
    assert task(memory) is Task.BEGIN
    update = begun(memory).update
    assert update is not None
    assert (update.step, update.restart, update.came_from) == (Step.STAGE, True, "")


def test_a_restart_whose_signature_does_not_hold_is_neither_done_nor_taken_up() -> None:
    memory = hear(RUNS, told(5, "1.0.0", restart=True), objection="the signature is not the control plane's")
    assert task(memory) is Task.NOTHING


def test_a_restart_of_another_release_than_what_runs_is_no_update() -> None:
    assert task(hear(RUNS, told(5, "2.0.0", restart=True))) is Task.NOTHING


def test_a_restart_that_was_done_is_not_done_again() -> None:
    memory = begun(hear(RUNS, told(5, "1.0.0", restart=True)))
    memory = msgspec.structs.replace(memory, update=None)
    assert task(memory) is Task.NOTHING
    assert task(hear(memory, told(5, "1.0.0", restart=True))) is Task.NOTHING


def test_the_same_generation_read_again_as_a_restart_is_none() -> None:
    memory = hear(RUNS, told(5, "2.0.0", lifetime_s=0))
    memory = hear(memory, told(5, "2.0.0", restart=True))
    assert memory.order is not None
    assert (memory.order.until, memory.order.restart) == (0.0, False)


def test_a_restart_is_recalled_before_its_switch_by_an_order_without_one() -> None:
    memory = begun(hear(RUNS, told(5, "1.0.0", restart=True)))
    assert recalled(memory) == ""
    memory = hear(memory, told(6, "1.0.0", lifetime_s=0))
    assert "asks for no restart" in recalled(memory)
