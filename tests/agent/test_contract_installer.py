"""The contract of the port Installer, on every implementation."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.fakes import FakeInstaller
from tests.agent.program import Artifact, release
from tests.agent.waiting import starts, until
from tests.ports import free_port

from wavetrain.agent.install_command import CommandInstaller
from wavetrain.agent.install_slots import SlotsInstaller
from wavetrain.agent.ports import Installer, Opener
from wavetrain.agent.supervised import Listen, Settings, Supervised
from wavetrain.errors import RefusedError, UnreachableError

ONE, TWO, THREE = release("1.0.0"), release("2.0.0"), release("3.0.0")

HOOK = """
import os, pathlib, sys
folder, act = pathlib.Path(sys.argv[1]), sys.argv[2]
number = os.environ.get("WAVETRAIN_RELEASE", "")
current = folder / "current.txt"
if act == "stage":
    assert pathlib.Path(os.environ["WAVETRAIN_ARTIFACT"]).exists()
    (folder / f"staged-{number}").touch()
elif act in ("switch", "back"):
    sys.exit(0 if (folder / f"staged-{number}").exists() and current.write_text(number) else f"{number} is not staged")
elif act == "current" and current.exists():
    print(current.read_text())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path, for unix sockets."""
    made = Path(tempfile.mkdtemp(prefix="wt-"))
    yield made
    shutil.rmtree(made)


def supervised(folder: Path, grace_s: float = 1.0, ports: tuple[int, int] | None = None) -> Supervised:
    sessions, admin = ports or (free_port(), free_port())
    settings = Settings(
        node="n1",
        listen=(Listen("sessions", f"127.0.0.1:{sessions}"), Listen("admin", f"127.0.0.1:{admin}")),
        slots=str(folder / "slots"),
        shared=str(folder / "shared"),
        sockets=str(folder / "run"),
        logs=str(folder / "logs"),
        python=sys.executable,
        stop_grace_s=grace_s,
    )
    return Supervised(settings)


@pytest.fixture(params=["fake", "command", pytest.param("slots", marks=pytest.mark.lab)])
def installer(request: pytest.FixtureRequest, folder: Path) -> Iterator[Installer]:
    match request.param:
        case "fake":
            yield FakeInstaller()
        case "command":
            hook = folder / "hook.py"
            hook.write_text(HOOK)
            run = (sys.executable, "-I", "-S", str(hook), str(folder))
            commands = {act: (*run, act) for act in ("stage", "switch", "back", "current")}
            yield CommandInstaller(folder, "n1", commands, 10)
        case _:
            supervisor = supervised(folder)
            yield SlotsInstaller(folder, supervisor, 1.0)
            supervisor.quit(0.5)


def opener(content: bytes) -> Opener:
    return lambda: iter([content[:1000], content[1000:]])


def stage(installer: Installer, artifact: Artifact) -> None:
    installer.stage(artifact.number, artifact.digest, len(artifact.content), opener(artifact.content))


def test_at_first_nothing_is_current(installer: Installer) -> None:
    assert installer.current() == ""
    assert installer.keep() == ""
    assert installer.inside() == ""


def test_staging_leaves_what_runs_alone_and_a_switch_changes_it(installer: Installer) -> None:
    stage(installer, ONE)
    assert installer.current() == ""
    installer.switch("1.0.0")
    stage(installer, TWO)
    assert installer.current() == "1.0.0"
    installer.switch("2.0.0")
    assert installer.current() == "2.0.0"
    installer.confirm()
    assert installer.keep() == ""


def test_every_act_may_be_repeated(installer: Installer) -> None:
    for _ in range(2):
        stage(installer, ONE)
    for _ in range(2):
        installer.switch("1.0.0")
    for _ in range(2):
        stage(installer, TWO)
    for _ in range(2):
        installer.switch("2.0.0")
    for _ in range(2):
        installer.back("1.0.0")
    for _ in range(2):
        installer.confirm()
    assert installer.current() == "1.0.0"
    assert installer.keep() == ""


def test_the_current_release_is_started_anew_once_for_one_program(installer: Installer) -> None:
    stage(installer, ONE)
    installer.switch("1.0.0")
    process = installer.process()
    for _ in range(2):
        installer.renew(process)
    after = installer.process()
    assert installer.current() == "1.0.0"
    assert installer.keep() == "", "no program has ended by itself"
    assert (after != process) is bool(process)
    installer.renew(process)
    assert installer.process() == after


def test_an_older_release_can_come_back(installer: Installer) -> None:
    for artifact in (ONE, TWO, THREE, ONE):
        stage(installer, artifact)
        installer.switch(artifact.number)
        installer.confirm()
        assert installer.current() == artifact.number


def test_a_release_that_was_not_staged_cannot_be_switched_to(installer: Installer) -> None:
    stage(installer, ONE)
    installer.switch("1.0.0")
    with pytest.raises((RefusedError, UnreachableError)):
        installer.switch("9.0.0")
    assert installer.current() == "1.0.0"


@pytest.mark.parametrize(
    "content",
    [b"", TWO.content[:-1], TWO.content + b"x", THREE.content],
    ids=["none", "cut", "longer", "another"],
)
def test_bytes_that_are_not_the_promised_ones_are_refused(installer: Installer, content: bytes) -> None:
    stage(installer, ONE)
    installer.switch("1.0.0")
    with pytest.raises(RefusedError):
        installer.stage("2.0.0", TWO.digest, len(TWO.content), opener(content))
    with pytest.raises(RefusedError):
        installer.stage("2.0.0", TWO.digest, 0, opener(content))
    with pytest.raises(RefusedError):
        installer.switch("2.0.0")
    assert installer.current() == "1.0.0"
    stage(installer, TWO)
    installer.switch("2.0.0")
    assert installer.current() == "2.0.0"


def test_a_source_that_breaks_off_is_told_as_such(installer: Installer) -> None:
    def broken() -> Iterator[bytes]:
        yield TWO.content[:10]
        raise UnreachableError("the connection broke")

    with pytest.raises(UnreachableError, match="broke"):
        installer.stage("2.0.0", TWO.digest, len(TWO.content), broken)
    stage(installer, TWO)


@pytest.mark.lab
def test_an_artifact_that_says_another_number_is_refused(folder: Path) -> None:
    installer = SlotsInstaller(folder, supervised(folder), 1.0)
    with pytest.raises(RefusedError, match=r"says that it is 2\.0\.0"):
        installer.stage("2.0.1", TWO.digest, len(TWO.content), opener(TWO.content))
    other = SlotsInstaller(folder, supervised(folder), 1.0, component="resolver")
    with pytest.raises(RefusedError, match="this node runs resolver"):
        stage(other, TWO)


@pytest.mark.lab
def test_slots_fetch_nothing_that_lies_there_already(folder: Path) -> None:
    installer = SlotsInstaller(folder, supervised(folder), 1.0)
    stage(installer, ONE)

    def never() -> Iterator[bytes]:
        raise AssertionError("was fetched again")

    installer.stage("1.0.0", ONE.digest, len(ONE.content), never)


@pytest.mark.lab
def test_a_slot_is_not_overwritten_under_a_program_that_still_leaves_it(folder: Path) -> None:
    supervisor = supervised(folder, grace_s=0.6)
    installer = SlotsInstaller(folder, supervisor, 0.6)
    deaf = release("1.0.0", deaf=True)
    try:
        stage(installer, deaf)
        installer.switch("1.0.0")
        until(lambda: starts(folder / "shared") == ["1.0.0"])
        stage(installer, TWO)
        installer.switch("2.0.0")
        installer.confirm()
        assert [item.state for item in supervisor.programs()].count("stopping") == 1
        stage(installer, THREE)
        assert [item.slot for item in supervisor.programs()] == ["B"]
        told = json.loads((folder / "slots" / "A" / "release.json").read_bytes())
        assert told["version"] == "3.0.0"
    finally:
        supervisor.quit(0.5)


@pytest.mark.lab
def test_a_program_that_was_left_in_the_idle_slot_is_stopped_before_the_slot_is_used(folder: Path) -> None:
    supervisor = supervised(folder)
    installer = SlotsInstaller(folder, supervisor, 1.0)
    try:
        for artifact in (ONE, TWO):
            stage(installer, artifact)
            installer.switch(artifact.number)
        assert sorted(item.slot for item in supervisor.programs()) == ["A", "B"]
        stage(installer, THREE)
        assert [item.slot for item in supervisor.programs()] == ["B"]
    finally:
        supervisor.quit(0.5)


def test_the_digest_of_a_test_release_is_that_of_its_bytes() -> None:
    assert hashlib.sha256(ONE.content).hexdigest() == ONE.digest
    assert len({ONE.digest, TWO.digest, THREE.digest}) == 3
