"""The supervisor as a real process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.program import Artifact, release
from tests.agent.waiting import starts, until
from tests.ports import free_port

from wavetrain.agent.install_slots import SlotsInstaller
from wavetrain.agent.ports import Healthy
from wavetrain.agent.probe_http import HttpProbe
from wavetrain.agent.supervised import PROGRAM, Listen, Settings, Supervised
from wavetrain.errors import RefusedError, UnreachableError

pytestmark = pytest.mark.lab
GRACE_S = 1.0


class Node:
    """A supervisor's folder, with releases laid into its slots."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wt-"))
        self.shared = self.folder / "shared"
        self.sessions, self.admin = free_port(), free_port()
        self.settings = Settings(
            node="n1",
            listen=(
                Listen("sessions", f"127.0.0.1:{self.sessions}"),
                Listen("admin", f"127.0.0.1:{self.admin}"),
            ),
            slots=str(self.folder / "slots"),
            shared=str(self.shared),
            sockets=str(self.folder / "run"),
            logs=str(self.folder / "logs"),
            python=sys.executable,
            stop_grace_s=GRACE_S,
        )
        self.supervised = Supervised(self.settings)
        self.installer = SlotsInstaller(self.folder, self.supervised, GRACE_S)

    def stage(self, artifact: Artifact) -> None:
        content = artifact.content
        self.installer.stage(artifact.number, artifact.digest, len(content), lambda: iter([content]))

    def serves(self, number: str) -> bool:
        return says(self.sessions) == number

    def well(self) -> bool:
        probe = HttpProbe(f"http://127.0.0.1:{self.admin}/healthz", 1)
        return probe.check(self.installer.inside()) == Healthy()

    def pids(self) -> dict[str, int]:
        return {program.slot: program.pid for program in self.supervised.programs()}

    def close(self) -> None:
        self.supervised.quit(0.3)
        shutil.rmtree(self.folder)


def says(port: int) -> str:
    """What the sessions' socket says; empty where it is refused or broken."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as asking:
            asking.settimeout(5)
            return asking.makefile().read().strip()
    except OSError:
        return ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def test_a_program_gets_its_sockets_and_its_environment(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    inside = node.installer.inside()
    assert HttpProbe(f"http://127.0.0.1:{node.admin}/healthz", 1).check() == Healthy()
    assert HttpProbe(f"http://127.0.0.1:{node.admin}/healthz", 1).check(inside) == Healthy()
    assert inside.startswith(str(node.folder / "run"))


def test_a_start_that_is_asked_for_twice_happens_once(node: Node) -> None:
    node.stage(release("1.0.0"))
    for _ in range(3):
        node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    assert starts(node.shared) == ["1.0.0"]


def test_no_connection_is_refused_in_hand_overs_under_200_connections_a_second(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    answers: list[str] = []
    over = threading.Event()

    def ask() -> None:
        due = time.monotonic()
        while not over.is_set():
            answers.append(says(node.sessions))
            due += 1 / 100
            over.wait(max(0.0, due - time.monotonic()))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        for number in ("2.0.0", "3.0.0", "4.0.0"):
            node.stage(release(number))
            node.installer.switch(number)
            until(node.well)
            node.installer.confirm()
            until(lambda: len(node.supervised.programs()) == 1)
            began = len(answers)
            until(lambda: answers[-20:] == [number] * 20, 60, lambda: answers[began:])  # noqa: B023
    finally:
        over.set()
        for thread in asking:
            thread.join(10)
    assert "" not in answers
    assert set(answers) == {"1.0.0", "2.0.0", "3.0.0", "4.0.0"}


def test_a_program_that_ends_by_itself_is_started_again_and_counted(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    (node.shared / "crash-1.0.0").touch()
    until(lambda: len(starts(node.shared)) == 2)
    until(lambda: node.serves("1.0.0"))
    assert node.installer.keep() == "its program ended 1 times by itself, the last time with exit 9"
    os.kill(node.pids()["A"], signal.SIGKILL)
    until(lambda: len(starts(node.shared)) == 3)
    assert "2 times by itself, the last time with signal 9" in node.installer.keep()


def test_a_program_that_keeps_ending_is_started_less_and_less_often(node: Node) -> None:
    node.stage(release("1.0.0"))
    began = time.monotonic()
    node.installer.switch("1.0.0")
    for number in range(1, 4):
        until(lambda number=number: len(starts(node.shared)) == number)  # type: ignore[misc]
        (node.shared / "crash-1.0.0").touch()
    until(lambda: len(starts(node.shared)) == 4)
    assert time.monotonic() - began >= 0.2 + 0.4 + 0.8


def test_programs_leave_when_their_supervisor_was_killed_and_none_follows(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    program = node.pids()["A"]
    os.kill(node.supervised.ensure().pid, signal.SIGKILL)
    until(lambda: not alive(program))


def test_a_program_that_does_not_stop_is_killed_after_its_grace(node: Node) -> None:
    node.stage(release("1.0.0", deaf=True))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    pid = node.pids()["A"]
    began = time.monotonic()
    node.supervised.stop("A")
    until(lambda: not node.pids())
    assert not alive(pid)
    assert GRACE_S <= time.monotonic() - began < GRACE_S + 2


def test_a_program_that_hangs_is_killed_too(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    os.kill(node.pids()["A"], signal.SIGSTOP)
    node.supervised.stop("A")
    until(lambda: not node.pids())


def test_a_supervisor_that_was_killed_is_replaced_and_its_programs_with_it(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    old, program = node.supervised.ensure().pid, node.pids()["A"]
    os.kill(program, signal.SIGSTOP)
    os.kill(old, signal.SIGKILL)
    until(lambda: not alive(old))
    node.installer.keep()
    until(lambda: node.serves("1.0.0"))
    until(lambda: not alive(program))
    assert node.supervised.ensure().pid != old
    assert starts(node.shared) == ["1.0.0", "1.0.0"]


def test_only_one_supervisor_runs_for_a_node(node: Node) -> None:
    node.supervised.ensure()
    file = str(node.folder / "run" / "supervisor.json")
    second = subprocess.run(
        [sys.executable, "-I", "-S", str(PROGRAM), file],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert "another supervisor already runs for n1" in second.stderr


def test_a_supervisor_that_already_runs_is_found_again(node: Node) -> None:
    pid = node.supervised.ensure().pid
    assert Supervised(node.settings).ensure().pid == pid


def test_an_empty_slot_cannot_be_started(node: Node) -> None:
    with pytest.raises(RefusedError, match="slot B has no executable file `start`"):
        node.supervised.start("B")


def test_an_address_that_somebody_else_holds_is_told_with_the_way_out(node: Node) -> None:
    with (
        socket.create_server(("127.0.0.1", node.sessions)),
        pytest.raises(
            UnreachableError, match=rf"cannot listen on 127\.0\.0\.1:{node.sessions}.*change `listen`"
        ),
    ):
        node.supervised.ensure()


def test_nothing_is_left_when_the_process_is_gone_that_it_should_end_with(node: Node) -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as lab:
        os.environ["WAVETRAIN_LIFELINE_PID"] = str(lab.pid)
        try:
            node.stage(release("1.0.0", deaf=True))
            node.installer.switch("1.0.0")
        finally:
            del os.environ["WAVETRAIN_LIFELINE_PID"]
        until(lambda: node.serves("1.0.0"))
        supervisor, program = node.supervised.ensure().pid, node.pids()["A"]
        lab.kill()
    until(lambda: not alive(supervisor) and not alive(program))


def test_quit_ends_every_program_and_removes_its_socket(node: Node) -> None:
    node.stage(release("1.0.0"))
    node.installer.switch("1.0.0")
    until(lambda: node.serves("1.0.0"))
    supervisor, program = node.supervised.ensure().pid, node.pids()["A"]
    node.supervised.quit(1.0)
    until(lambda: not alive(supervisor) and not alive(program))
    assert sorted(path.suffix for path in (node.folder / "run").glob("*.sock")) == []
