"""The watchdog: when a program is taken for hung, and what becomes of it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.agent.fakes import FakeInstaller, VirtualPace
from tests.agent.waiting import until

from wavetrain.agent.log import log_for
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.agent.ports import Health, Healthy, Unhealthy
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.agent.update import Step, Update
from wavetrain.agent.watchdog import Look, Rules, Verdict, Watch, Watchdog, judge, words
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import Generation

RULES = Rules(looks=3, look_s=1.0, grace_s=10.0, backoff_s=5.0, restarts_max=2, span_s=600.0)
STORIES = {
    "three looks in a row without an answer": "0 a ok well, 1 a no wait, 2 a no wait, 3 a no restart",
    "an answer between begins anew": (
        "0 a ok well, 1 a no wait, 2 a no wait, 3 a ok well, 4 a no wait, 5 a no wait, 6 a no restart"
    ),
    "another program is not blamed for the one before": (
        "0 a ok well, 1 a no wait, 2 a no wait, 3 b no wait, 9 b no wait"
    ),
    "a program that starts has its grace": (
        "0 a no wait, 5 a no wait, 9 a no wait, 10 a no wait, 11 a no wait, 12 a no restart"
    ),
    "no program, nothing that hangs": "0 - no well, 1 - no well, 2 - no well, 3 - no well",
    "a machine that was held up says nothing of the program": (
        "0 a ok well, 1 a late wait, 9 a late wait, 20 a late wait"
    ),
    "after a pause, so many times, and then it is left until the time has gone by": (
        "0 a ok well, 1 a no wait, 2 a no wait, 3 a no restart, "
        "4 b ok well, 5 b no wait, 6 b no wait, 7 b no wait, 8 b no restart, "
        "9 c ok well, 20 c no wait, 21 c no wait, 22 c no leave, 500 c no leave, 603 c no restart"
    ),
    "a restarted program without a name of its own has its grace, too": (
        "0 a ok well, 1 a no wait, 2 a no wait, 3 a no restart, "
        "4 a no wait, 8 a no wait, 13 a no wait, 14 a no wait, 15 a no restart"
    ),
}
"""Looks: when, at which program, whether it answered, and what follows."""


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_program_is_restarted_when_it_is_silent_and_only_then(story: str) -> None:
    watch = Watch()
    for line in story.split(", "):
        at, process, answer, expected = line.split()
        look = Look(float(at), process.strip("-"), answer != "ok", 2.5 if answer == "late" else 1.0)
        watch, verdict = judge(watch, look, RULES)
        assert verdict is Verdict(expected), (line, watch)


def test_what_was_done_is_told_for_as_long_as_it_counts() -> None:
    watch, verdict = judge(Watch("a", 0, True, 2), Look(20, "a", True), RULES)
    assert words(watch, verdict, RULES) == (
        "its program did not answer and was killed and started again once in 600 s"
    )
    watch, verdict = judge(watch, Look(619, "b", False), RULES)
    assert "once" in words(watch, verdict, RULES)
    watch, verdict = judge(watch, Look(620, "b", False), RULES)
    assert words(watch, verdict, RULES) == ""
    assert "left as it is: look at it" in words(Watch(restarts=(1, 2)), Verdict.LEAVE, RULES)


class Rig:
    """A watchdog with everything around it in memory."""

    def __init__(self, folder: Path, health: Health) -> None:
        self.keeper = Keeper(folder)
        self.installer = FakeInstaller("1.0.0")
        self.pace = VirtualPace()
        self.health = health
        self.looked = 0
        self.dog = Watchdog(self.keeper, self.installer, self, RULES, self.pace, log_for("n1"))

    def check(self, inside: str = "") -> Health:
        self.looked += 1
        self.pace.time += 1.0
        return self.health

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.dog.turn()

    def update(self, step: Step | None) -> None:
        update = Update(
            generation=Generation(0, 1),
            release="2.0.0",
            digest="d",
            size=1,
            came_from="1.0.0",
            step=step or Step.STAGE,
            until=0.0,
            boot="b",
        )

        def change(memory: Memory) -> Memory:
            return msgspec.structs.replace(memory, update=update if step else None)

        self.keeper.change(change)


SILENT = Unhealthy("no answer within 1 s", silent=True)


@pytest.mark.parametrize(("health", "restarts"), [(SILENT, 1), (Unhealthy("503 not yet"), 0), (Healthy(), 0)])
def test_a_program_that_answers_is_never_killed_whatever_it_answers(
    tmp_path: Path, health: Health, restarts: int
) -> None:
    rig = Rig(tmp_path, Healthy())
    rig.turns(1)
    rig.health = health
    rig.turns(4)
    assert rig.installer.restarts == restarts
    assert ("started again once" in rig.keeper.memory.hung) == bool(restarts)


@pytest.mark.parametrize("step", list(Step))
def test_in_a_step_whose_own_probe_decides_nobody_looks(tmp_path: Path, step: Step) -> None:
    rig = Rig(tmp_path, Healthy())
    rig.turns(1)
    rig.update(step)
    rig.health = SILENT
    rig.turns(3)
    decides = step in (Step.SWITCH, Step.VERIFY, Step.BACK, Step.RECHECK)
    assert rig.installer.restarts == (0 if decides else 1)
    assert rig.looked == (1 if decides else 4)


def test_a_program_that_cannot_be_started_again_is_told_of(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Healthy())
    rig.turns(1)
    rig.health = SILENT

    def away(process: str) -> None:
        raise UnreachableError("the supervisor of n1 does not answer")

    rig.installer.restart = away  # type: ignore[method-assign]
    rig.turns(3)
    assert rig.keeper.memory.hung == (
        "its program does not answer and cannot be started again: the supervisor of n1 does not answer"
    )


def test_a_fault_of_the_installer_does_not_end_the_watch(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Healthy())
    real = rig.installer.process

    def faulty() -> str:
        rig.installer.process = real  # type: ignore[method-assign]
        rig.pace.after(3.0, rig.pace.end)
        raise ValueError("what is this?")

    rig.installer.process = faulty  # type: ignore[method-assign]
    rig.dog.run()
    assert rig.looked > 0


PROGRAM = """#!/bin/sh
exec sleep 600
"""


@pytest.fixture
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    folder = tmp_path_factory.mktemp("s")
    start = folder / "slots" / "A" / "start"
    start.parent.mkdir(parents=True)
    start.write_text(PROGRAM)
    start.chmod(0o755)
    places = {name: str(folder / name) for name in ("slots", "shared", "sockets", "logs")}
    settings = Settings(node="n1", listen=(), python="python3", stop_grace_s=0.5, **places)
    made = Supervised(settings, answer_within_s=0.5)
    made.start("A")
    yield made
    made.quit(0.0)


def test_the_supervisor_kills_a_frozen_program_and_starts_it_again_at_once_without_calling_it_a_crash(
    supervised: Supervised,
) -> None:
    frozen = supervised.programs()[0].pid
    supervised.restart("A", frozen + 1)
    assert supervised.programs()[0].pid == frozen, "another program is meant"
    os.kill(frozen, signal.SIGSTOP)
    supervised.restart("A", frozen)
    until(lambda: supervised.programs()[0].pid != frozen, 3.0)
    program = supervised.programs()[0]
    assert (program.state, program.crashes, program.last) == ("running", 0, "")


def test_a_supervisor_that_was_stopped_goes_on_and_its_program_never_noticed(supervised: Supervised) -> None:
    state = supervised.ensure()
    os.kill(state.pid, signal.SIGSTOP)
    again = supervised.ensure()
    assert (again.pid, again.programs) == (state.pid, state.programs)
