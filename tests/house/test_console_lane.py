"""Wavetrain's own agent carries a release of Wavetrain itself, on Sunday, and takes a bad one back by itself."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.house.hammering import Hammer
from tests.house.running import eventually

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.agent.memory import Memory
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.cli.client import Client
from wavetrain.cli.lab_house import submit
from wavetrain.lab.layout import free_port
from wavetrain.lab.releases import Artifact
from wavetrain.model.fleet import Reported
from wavetrain.model.rollout import Rollout

pytestmark = pytest.mark.lab

NODE = "office-n1"
FLEET = f"""\
[[region]]
id = "emea"
[[pop]]
id = "office"
region = "emea"
place = "Lisbon"
zone = "Europe/Lisbon"
serves = "console"
load = 0.0
nodes = ["{NODE}"]
  [pop.window]
  rule = "FREQ=WEEKLY;BYDAY=SU"
  starts = "02:00"
  hours = 4
"""
POLICY = """\
lane = "console"
[[ring]]
name = "all"
stage = "general"
rest = true
soak_minutes = 0
[bake]
minutes = 1
[timing]
unit_minutes = 5
"""
START = """\
#!/bin/sh
cd "$WAVETRAIN_SHARED"
exec "$WAVETRAIN_PYTHON" -m wavetrain.cli.main up --take-over --prove-within {prove_s:.0f} --config {file}
"""


class Office:
    """A control plane that its own agent runs and updates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"https://{self.address}"
        self.shared = folder / "shared"
        self.shared.mkdir()
        head = f'folder = "control"\nlisten = "{self.address}"\ntick_s = 0.25\njump = true\nlog = "json"\n'
        (self.shared / "good.toml").write_text(head)
        (self.shared / "ill.toml").write_text(f"{head}disk_free_mb = 1000000\n")
        self.control = self.shared / "control"
        self.start_s = 0.0
        """How long one start takes on this machine now; who is busy with other things is given more time."""
        self.agent: subprocess.Popen[bytes] | None = None

    def release(self, number: str, file: str = "good.toml") -> Artifact:
        """Real ones bring their own program along; what matters here is who starts which, when."""
        content = {
            "release.json": json.dumps({"component": "console", "version": number}).encode(),
            "start": START.format(file=file, prove_s=2 + 2 * self.start_s).encode(),
        }
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, text in content.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text), 0o755
                archive.addfile(member, io.BytesIO(text))
        path = self.folder / f"console-{number}.tar.gz"
        path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Artifact("console", number, path, digest, path.stat().st_size)

    def begin(self) -> None:
        """Once by hand: fleet, rules and the node's secret. Then it is its agent's."""
        command = [
            sys.executable,
            "-m",
            "wavetrain.cli.main",
            "up",
            "--config",
            str(self.shared / "good.toml"),
        ]
        begun = time.monotonic()
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert first.stdout is not None
        assert b'"ready"' in first.stdout.readline()
        self.start_s = time.monotonic() - begun
        with self.desk() as admin:
            admin.post("/v1/fleet", {"text": FLEET})
            admin.post("/v1/policy", {"text": POLICY})
            secret = self.folder / "join"
            secret.touch(mode=0o600)
            secret.write_text(admin.post(f"/v1/nodes/{NODE}/join", {})["secret"])
        first.terminate()
        first.communicate(timeout=60)
        initial = self.release("1.0.0")
        (self.folder / "agent.toml").write_text(
            f'node = "{NODE}"\npop = "office"\ncontrol_plane = "{self.url}"\n'
            f'ca_file = "{self.control / "authority.pem"}"\njoin_file = "join"\nfolder = "agent"\nlog = "json"\n'
            f"backoff_max_s = 1.0\nprobe_timeout_s = {8 + 4 * self.start_s:.1f}\n"
            f'[installer]\nkind = "slots"\ncomponent = "console"\nshared = "{self.shared}"\n'
            f'sockets = "{self.folder / "run"}"\nstop_grace_s = 10.0\n'
            f'listen = [{{ name = "door", address = "{self.address}" }}]\n'
            f'[probe]\nkind = "http"\nurl = "http://localhost/readyz"\ntimeout_s = 3.0\n'
            f'[traffic]\nkind = "none"\n'
            f'[initial]\nnumber = "1.0.0"\ndigest = "{initial.sha256}"\nfile = "{initial.path}"\n'
        )
        command = [sys.executable, "-m", "wavetrain.agent.main", str(self.folder / "agent.toml")]
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(command, stdout=log, stderr=log)

    def desk(self) -> Client:
        token = (self.control / "admin.token").read_text().strip()
        return Client(self.url, token, self.control / "authority.pem")

    def memory(self) -> Memory:
        file = self.folder / "agent" / "agent.json"
        return msgspec.json.decode(file.read_bytes(), type=Memory) if file.exists() else Memory()

    def seen(self, rollout: str) -> tuple[str, int]:
        """The status of a rollout, and the epoch; read beside the control plane."""
        with closing(SqlStore(self.control / "store.sqlite")) as store, store.read() as view:
            found = view.get(Rollout, rollout)
            return found.status.value if found is not None else "", view.epoch

    def has_reported(self) -> bool:
        """Whether the agent has said to its own control plane what it runs."""
        with closing(SqlStore(self.control / "store.sqlite")) as store, store.read() as view:
            said = view.get(Reported, NODE)
        return said is not None and said.release == "1.0.0"

    def programs(self) -> int:
        """How many programs the supervisor runs."""
        settings = msgspec.json.decode((self.folder / "run" / "supervisor.json").read_bytes(), type=Settings)
        return len(Supervised(settings).programs())

    def end(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
        file = self.folder / "run" / "supervisor.json"
        if file.exists():
            Supervised(msgspec.json.decode(file.read_bytes(), type=Settings)).quit(grace_s=0.0)


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("o"))
    try:
        yield made
    finally:
        made.end()


def test_a_release_of_wavetrain_itself_is_carried_by_its_own_agent_and_a_bad_one_goes_back(
    office: Office,
) -> None:
    office.begin()
    eventually("the agent runs the control plane", office.has_reported, 60.0)
    token = (office.control / "admin.token").read_text().strip()
    with office.desk() as desk:
        desk.post("/v1/fleet/adopt", {})
        _, epoch = office.seen("")
        with Hammer(
            office.url, office.control / "authority.pem", token, ("/readyz", "/v1/status"), 1
        ) as hammer:
            submit(desk, office.release("1.1.0"), lane="console")
            eventually("1.1.0 is everywhere", lambda: office.seen("console-1.1.0")[0] == "completed", 90.0)
            assert office.memory().running == "1.1.0"
            eventually("the old one has gone", lambda: office.programs() == 1, 30.0)
            assert office.seen("")[1] == epoch + 1
            submit(desk, office.release("1.2.0", "ill.toml"), lane="console")
            eventually(
                "1.2.0 is taken back",
                lambda: office.seen("console-1.2.0")[0] in ("reverted", "paused"),
                120.0,
            )
            assert office.memory().running == "1.1.0"
            assert office.seen("")[1] == epoch + 3, "the bad one had the store for a moment, and gave it back"
        assert hammer.failed == []
        assert hammer.asked > 100
