"""The agent as a real process, killed and started again, with real programs on real sockets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.program import Artifact, packed, release
from tests.agent.servers import FakeBalancer, FakeControlPlane
from tests.agent.test_supervisor import says
from tests.agent.waiting import starts, until
from tests.ports import free_port

from wavetrain.agent.memory import Memory
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.model.fleet import Generation, Phase
from wavetrain.wire.agent_messages import Say, VisitSaid

pytestmark = pytest.mark.lab

CONFIG = """
node = "n1"
pop = "fra1"
control_plane = "{url}"
ca_file = "control/authority.pem"
join_file = "join"
folder = "a"
metrics = "http://127.0.0.1:{admin}/metrics"
visits_url = "{visits}"
poll_wait_s = 30
backoff_max_s = 0.5
drain_timeout_s = 20
probe_timeout_s = {probe_timeout_s}
probe_every_s = 0.02
nice = 5

[installer]
kind = "slots"
component = "gateway"
stop_grace_s = 1
listen = [
  {{ name = "sessions", address = "127.0.0.1:{sessions}" }},
  {{ name = "admin", address = "127.0.0.1:{admin}" }},
]

[traffic]
kind = "lab"
url = "{balancer}"

[probe]
kind = "http"
url = "http://127.0.0.1:{admin}/healthz"

[watchdog]
looks = {looks}

[initial]
number = "1.0.0"
digest = "{digest}"
file = "1.0.0.tar.gz"
"""


PATIENT, WATCHFUL = 100, 3
"""Looks without an answer until a program is taken for hung: on a busy machine a well one may miss some."""


class Node:
    """A node with its agent, a control plane and a balancer."""

    def __init__(self, probe_timeout_s: float = 10.0, looks: int = PATIENT) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wt-"))
        self.state = self.folder / "a"
        self.key = Ed25519PrivateKey.generate()
        self.control = FakeControlPlane(self.key, self.folder / "control")
        self.balancer = FakeBalancer()
        self._balancer = self.balancer.serve()
        self.sessions, admin = free_port(), free_port()
        old = release("1.0.0")
        old.write(self.folder)
        self.url = self.control.up()
        self.join_file = self.folder / "join"
        self.join_file.write_text("first\n")
        text = CONFIG.format(
            url=self.url,
            admin=admin,
            visits=f"{self._balancer.url}/visits",
            sessions=self.sessions,
            balancer=self._balancer.url,
            digest=old.digest,
            probe_timeout_s=probe_timeout_s,
            looks=looks,
        )
        (self.folder / "agent.toml").write_text(text)
        self.agent: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(
                [sys.executable, "-m", "wavetrain.agent.main", str(self.folder / "agent.toml")], stderr=log
            )

    def kill(self) -> None:
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait(10)

    def memory(self) -> Memory:
        file = self.state / "agent.json"
        return msgspec.json.decode(file.read_bytes(), type=Memory) if file.exists() else Memory()

    def step(self) -> str:
        update = self.memory().update
        return update.step if update else ""

    def until_said(self, phase: Phase, release: str, counter: int) -> Say:
        wanted = (phase, release, Generation(0, counter))
        heard: list[Say] = []

        def said() -> bool:
            heard[:] = [
                say for say in self.control.said if (say.phase, say.release, say.generation) == wanted
            ]
            return bool(heard)

        until(said, 60, lambda: (self.control.last, self.log()[-3000:]))
        return heard[-1]

    def until_detail(self, text: str) -> Say:
        until(lambda: text in (self.control.last.detail if self.control.last else ""), 60, self.log)
        assert self.control.last is not None
        return self.control.last

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def logged(self, event: str) -> int:
        """How often its agent said so."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return sum(line["event"] == event for line in lines)

    @property
    def shared(self) -> Path:
        return self.state / "shared"

    def serves(self, number: str) -> bool:
        return says(self.sessions) == number

    def supervised(self) -> Supervised:
        file = self.state / "run" / "supervisor.json"
        return Supervised(msgspec.json.decode(file.read_bytes(), type=Settings))

    def close(self) -> None:
        self.control.gate.set()
        if self.agent is not None:
            self.kill()
        if (self.state / "run" / "supervisor.json").exists():
            self.supervised().quit(0.3)
        self.control.down()
        self._balancer.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    made.start()
    yield made
    made.close()


@pytest.fixture
def hasty() -> Iterator[Node]:
    """A node that gives a new release little time to get healthy."""
    made = Node(probe_timeout_s=0.8)
    made.start()
    yield made
    made.close()


@pytest.fixture
def watchful() -> Iterator[Node]:
    """A node whose agent soon takes a program for hung."""
    made = Node(looks=WATCHFUL)
    made.start()
    yield made
    made.close()


def test_a_fresh_node_adopts_what_it_was_given_and_then_does_what_it_is_told(node: Node) -> None:
    first = node.until_said(Phase.STEADY, "1.0.0", 0)
    assert (first.node, first.detail) == ("n1", "")
    until(lambda: node.serves("1.0.0"))
    node.control.gate.clear()
    node.balancer.stubborn = 1
    node.control.tell(5, release("2.0.0", waits_for="well"))
    node.until_said(Phase.STAGING, "1.0.0", 5)
    node.control.gate.set()
    node.until_said(Phase.DRAINING, "1.0.0", 5)
    node.balancer.stubborn = node.balancer.sessions = 0
    node.until_said(Phase.VERIFYING, "2.0.0", 5)
    (node.shared / "well").touch()
    node.until_said(Phase.STEADY, "2.0.0", 5)
    until(lambda: node.serves("2.0.0"))
    assert node.balancer.acts == ["drain", "ready", "invite"]
    assert starts(node.shared) == ["1.0.0", "2.0.0"]
    phases = list(dict.fromkeys(say.phase for say in node.control.said if say.generation.counter == 5))
    order = list(Phase)
    assert phases[-1] is Phase.STEADY
    assert phases[:-1] == sorted(phases[:-1], key=order.index)


def test_a_node_that_is_told_to_restart_starts_the_same_program_anew_once_also_after_a_kill(
    node: Node,
) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    until(lambda: node.serves("1.0.0"))
    before = node.supervised().programs()[0].pid
    node.balancer.stubborn = 1
    node.control.tell(5, release("1.0.0"), restart=True)
    node.until_said(Phase.DRAINING, "1.0.0", 5)
    node.kill()
    node.start()
    node.balancer.stubborn = node.balancer.sessions = 0
    node.until_said(Phase.STEADY, "1.0.0", 5)
    until(lambda: node.serves("1.0.0"))
    until(lambda: len(node.supervised().programs()) == 1)
    (program,) = node.supervised().programs()
    assert (program.pid != before, program.crashes, program.slot) == (True, 0, "A")
    node.kill()
    node.start()
    until(lambda: node.logged("found") == 3)
    node.control.tell(6, release("1.0.0"))
    node.until_said(Phase.STEADY, "1.0.0", 6)
    assert starts(node.shared) == ["1.0.0", "1.0.0"]
    assert node.balancer.acts[-2:] == ["ready", "invite"]


def test_a_program_that_hangs_is_killed_and_started_again_and_the_node_says_so(watchful: Node) -> None:
    watchful.until_said(Phase.STEADY, "1.0.0", 0)
    until(lambda: watchful.serves("1.0.0"))
    frozen = watchful.supervised().programs()[0].pid
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: len(starts(watchful.shared)) == 2, 60)
    until(lambda: watchful.serves("1.0.0"))
    assert watchful.supervised().programs()[0].crashes == 0
    watchful.control.tell(5, release("1.0.0"))
    said = watchful.until_detail("killed and started again once in 600 s")
    assert (said.phase, said.release) == (Phase.STEADY, "1.0.0")


STEPS = ["stage", "drain", "switch", "verify", "return"]


def kill_in(node: Node, step: str, artifact: Artifact, lifetime_s: float = 60.0) -> Callable[[], None]:
    """Tell the node to update, kill its agent in a step; what is returned removes what held the update there."""
    match step:
        case "stage":
            node.control.gate.clear()
        case "drain" | "switch":
            node.balancer.stubborn = 1
        case "return":
            node.balancer.denied = {"ready"}
            (node.shared / "well").touch()
    node.control.tell(5, artifact, lifetime_s=lifetime_s)
    supervisor = node.supervised().ensure().pid
    if step == "switch":
        # With the supervisor stopped the switch is cut in two: the release is current, its program not started.
        until(lambda: node.step() == "drain", 60, node.log)
        os.kill(supervisor, signal.SIGSTOP)
        node.balancer.stubborn = node.balancer.sessions = 0
        until(lambda: (node.state / "current").readlink().name == "B", 60, node.log)
    until(lambda: node.step() == step, 60, node.log)
    node.kill()
    assert node.step() == step

    def go_on() -> None:
        node.control.gate.set()
        node.balancer.stubborn = node.balancer.sessions = 0
        node.balancer.denied = set()
        os.kill(supervisor, signal.SIGCONT)

    return go_on


@pytest.mark.parametrize("step", STEPS)
def test_an_agent_that_is_killed_in_a_step_goes_on_with_it_when_it_is_started_again(
    node: Node, step: str
) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    go_on = kill_in(node, step, release("2.0.0", waits_for="well"))
    assert node.serves("1.0.0") or step in ("verify", "return")
    go_on()
    (node.shared / "well").touch()
    node.start()
    node.until_said(Phase.STEADY, "2.0.0", 5)
    until(lambda: node.serves("2.0.0"))
    assert starts(node.shared) == ["1.0.0", "2.0.0"]
    assert node.balancer.state == "ready"
    until(lambda: len(node.supervised().programs()) == 1)


@pytest.mark.parametrize("step", ["stage", "drain"])
def test_an_agent_that_comes_back_after_its_permission_lapsed_stays_on_the_old_release(
    node: Node, step: str
) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    go_on = kill_in(node, step, release("2.0.0"), lifetime_s=1.0)
    update = node.memory().update
    assert update is not None
    until(lambda: time.monotonic() > update.until)
    go_on()
    node.start()
    said = node.until_said(Phase.LAPSED, "1.0.0", 5)
    assert "the permission for generation 0.5 ended" in said.detail
    assert node.balancer.state == "ready"
    assert starts(node.shared) == ["1.0.0"]


@pytest.mark.parametrize("step", ["", "switch", "verify"])
def test_a_release_that_never_gets_healthy_goes_back_also_over_a_kill(hasty: Node, step: str) -> None:
    hasty.until_said(Phase.STEADY, "1.0.0", 0)
    never = release("2.0.0", waits_for="never")
    if step:
        kill_in(hasty, step, never)()
        hasty.start()
    else:
        hasty.control.tell(5, never)
    said = hasty.until_said(Phase.REVERTED, "1.0.0", 5)
    assert "2.0.0 was not healthy within 0.8 s" in said.detail
    until(lambda: len(hasty.supervised().programs()) == 1)
    assert hasty.serves("1.0.0")
    assert starts(hasty.shared) == ["1.0.0", "2.0.0"]
    assert hasty.balancer.state == "ready"


def test_with_the_control_plane_away_an_update_is_finished_and_nothing_goes_back(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    node.control.tell(5, release("2.0.0", waits_for="well"))
    until(lambda: node.step() == "verify", 60, node.log)
    node.control.down()
    until(lambda: node.logged("away") > 0)
    (node.shared / "well").touch()
    until(lambda: node.memory().update is None)
    until(lambda: node.logged("away") > 3)
    assert node.memory().running == "2.0.0"
    assert node.serves("2.0.0")
    node.control.said.clear()
    node.control.up()
    node.until_said(Phase.STEADY, "2.0.0", 5)
    assert starts(node.shared) == ["1.0.0", "2.0.0"]


@pytest.fixture(scope="module")
def sceptic() -> Iterator[Node]:
    """One node that all that must be refused is told, at generations that grow."""
    made = Node()
    made.start()
    made.until_said(Phase.STEADY, "1.0.0", 0)
    made.control.tell(5, release("1.0.0"))
    made.until_said(Phase.STEADY, "1.0.0", 5)
    yield made
    made.close()


TWO = release("2.0.0")
OUTSIDE = Artifact("2.0.0", packed({"../outside": b"x", "start": b"", "release.json": b"{}"}))
CUT = release("2.7.0")
"""Each case has a number of its own: bytes that one case may fetch must not be there in another one."""
REFUSED: dict[str, tuple[Artifact, dict[str, Any], str]] = {
    "other bytes": (TWO, {"bytes_instead": TWO.content[:-1] + b"x"}, "the SHA-256 of what came is"),
    "cut short": (CUT, {"bytes_instead": CUT.content[:-1]}, "refused as cut short"),
    "outside of its folder": (OUTSIDE, {}, "'../outside' lies outside of its folder"),
    "another component": (
        Artifact("2.0.0", packed({"start": b"", "release.json": b'{"component":"dns","version":"2.0.0"}'})),
        {},
        "is of dns, this node runs gateway",
    ),
    "another number": (Artifact("2.0.1", TWO.content), {}, "release 2.0.1 says that it is 2.0.0"),
    "another key": (
        release("2.2.0"),
        {"key": Ed25519PrivateKey.generate()},
        "signature is not the control plane's",
    ),
    "another node": (release("2.3.0"), {"node": "n2"}, "is for node n2, this is n1"),
    "withdrawn": (release("2.5.0"), {"tombstones": ("2.5.0",)}, "release 2.5.0 was withdrawn"),
    "below the floor": (release("0.8.0"), {"floor": "0.9.0"}, "release 0.8.0 is older than 0.9.0"),
    "forged bans": (
        release("2.4.0"),
        {"bans_key": Ed25519PrivateKey.generate()},
        "the signature of the bans of gateway is not",
    ),
    "older bans": (release("2.6.0"), {"serial": 0}, "refused bans 0 of gateway: this node has read"),
    "older": (release("3.0.0"), {}, "refused generation 0.4: this node has read"),  # its bans are the newest
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_run_is_refused_with_the_reason_and_the_old_release_serves_on(
    sceptic: Node, name: str
) -> None:
    artifact, how, reason = REFUSED[name]
    counter = 4 if name == "older" else sceptic.memory().read.counter + 1
    sceptic.control.tell(counter, artifact, **how)
    said = sceptic.until_detail(reason)
    until(lambda: sceptic.memory().update is None)
    assert said.release == "1.0.0"
    assert sceptic.serves("1.0.0")
    assert starts(sceptic.shared) == ["1.0.0"]
    assert sceptic.balancer.acts == []
    assert not (sceptic.state / "outside").exists()


def test_an_agent_that_is_told_to_end_leaves_its_programs_serving(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    until(lambda: node.serves("1.0.0"))
    assert node.agent is not None
    node.agent.terminate()
    assert node.agent.wait(10) == 0
    assert node.serves("1.0.0")
    node.start()
    until(lambda: node.logged("found") == 2)
    assert starts(node.shared) == ["1.0.0"]


def test_a_node_without_a_secret_serves_and_joins_when_one_comes_without_a_restart() -> None:
    node = Node()
    node.join_file.write_text("")
    node.start()
    try:
        until(lambda: node.serves("1.0.0"))
        until(lambda: node.logged("away") > 1)
        assert "run: wavetrain node join n1, and write it into" in node.log()
        node.join_file.write_text("first")
        node.until_said(Phase.STEADY, "1.0.0", 0)
        assert node.join_file.read_text() == ""
        assert starts(node.shared) == ["1.0.0"]
    finally:
        node.close()


def test_an_agent_that_lost_its_supervisor_starts_another_one_and_the_program(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    until(lambda: node.serves("1.0.0"))
    old = node.supervised().ensure().pid
    os.kill(old, signal.SIGKILL)
    until(lambda: len(starts(node.shared)) == 2)
    until(lambda: node.serves("1.0.0"))


def test_programs_keep_their_priority_whatever_the_agents_own_is(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    node.control.tell(5, release("2.0.0"))
    node.until_said(Phase.STEADY, "2.0.0", 5)
    (program,) = [item for item in node.supervised().programs() if item.state == "running"]
    assert os.getpriority(os.PRIO_PROCESS, program.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_an_agent_ends_with_the_process_that_it_should_end_with(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    node.kill()
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as lab:
        os.environ["WAVETRAIN_LIFELINE_PID"] = str(lab.pid)
        try:
            node.start()
        finally:
            del os.environ["WAVETRAIN_LIFELINE_PID"]
        until(lambda: node.logged("found") == 2)
        lab.kill()
    assert node.agent is not None
    until(lambda: node.agent is not None and node.agent.poll() is not None)


def test_visits_are_relayed(node: Node) -> None:
    node.until_said(Phase.STEADY, "1.0.0", 0)
    until(lambda: node.control.visits)
    assert node.control.visits == [VisitSaid(account="acme", day="2026-11-02", sessions=3)]


def test_a_bad_config_ends_with_the_reason_and_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("node = 5")
    ended = subprocess.run(
        [sys.executable, "-m", "wavetrain.agent.main", str(file)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert f"agent: {file}: " in ended.stderr
    assert list(tmp_path.iterdir()) == [file]
