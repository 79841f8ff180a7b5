"""Lab house: what has to run on this machine before a release can travel?"""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wavetrain.cli.client import Client, at
from wavetrain.errors import UnreachableError
from wavetrain.lab import customers
from wavetrain.lab.agents import Times, agent_command, agent_config
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.layout import HOST, NodePlace, free_port, sizes_from, text_of
from wavetrain.lab.pops import Lab
from wavetrain.lab.prometheus import PROMETHEUS, Prometheus, chosen
from wavetrain.lab.releases import GOOD, Artifact, build
from wavetrain.lab.source_choice import Measured
from wavetrain.wiring.clock import utc_now

BASELINE = "1.9.0"
READY_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02
CONTROL_PLANE = "control plane"
DESKS = (("ci", "ci"), ("operator", "operator viewer"), ("approver", "approver viewer"), ("viewer", "viewer"))
"""Who sits at the house's desks, with their roles."""

Progress = Callable[[str, int, int], None]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a house is made of: the texts of a fleet file and a policy file, live sessions, and times."""

    fleet: str
    policy: str
    sites: int = 0
    users: int = 0
    stubborn: int = 0
    """Sites beside `sites` that ignore the move-away signal."""
    roam_every_s: float = 0.0
    """Each user opens its session anew so often; 0 for never."""
    times: Times = Times()
    tick_s: float = 0.25
    jump: bool = True
    """Whether train time jumps when everything waits for it."""
    balancer: Choice = Choice.AUTO
    source: Measured = Measured.SCRAPE
    """Who measures the nodes."""
    prefix: str = "lab-"
    """Of the names that the desks speak under."""
    customers: bool = False
    """Whether the control plane knows whose the sites are, beside what nodes tell of them."""


class LabHouse:
    """Started in `__enter__`, gone after `__exit__`; nothing that it started outlives this process.

    A folder that was used before goes on with what its control plane and its nodes remember.
    """

    def __init__(self, folder: Path, setting: Setting, progress: Progress | None = None) -> None:
        self.folder = folder
        self.setting = setting
        self._progress = progress
        folder.mkdir(parents=True, exist_ok=True)
        fleet = folder / "fleet.toml"
        fleet.write_text(setting.fleet)
        sizes = self._sizes = sizes_from(
            fleet, setting.sites, setting.users, setting.stubborn, setting.roam_every_s
        )
        self.lab = Lab(folder / "lab", sizes, utc_now(), setting.balancer)
        self.address = f"{HOST}:{free_port()}"
        found = chosen(setting.source)
        self.prometheus = Prometheus(found, folder / "prometheus") if found is not None else None
        self.url = f"https://{self.address}"
        self.baseline = build(self.lab.artifacts, BASELINE)
        self.desk: dict[str, Client] = {}
        """A client for each of `DESKS`."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def source(self) -> str:
        """Who measures the nodes."""
        return (Measured.PROMETHEUS if self.prometheus is not None else Measured.SCRAPE).value

    @property
    def config(self) -> Path:
        """The control plane's configuration."""
        return self.folder / "wavetrain.toml"

    @property
    def admin_token(self) -> Path:
        """The file that the control plane writes the first token into."""
        return self.folder / "control" / "admin.token"

    @property
    def authority(self) -> Path:
        """The file that the control plane is believed by."""
        return self.folder / "control" / "authority.pem"

    @property
    def log(self) -> Path:
        """The control plane's log."""
        return self.folder / "control-plane.log"

    @property
    def control_plane_command(self) -> list[str]:
        """How the control plane is started."""
        return [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", str(self.config)]

    def _customers(self) -> str:
        return customers.text(self._sizes) if self.setting.customers else ""

    def secret(self, name: str, roles: str, account: str = "") -> str:
        """Of a new token that speaks under this name, or for an account."""
        with Client(self.url, self.admin_token.read_text().strip(), self.authority) as admin:
            body: dict[str, object] = {"name": f"{self.setting.prefix}{name}", "roles": roles.split()}
            body |= {"account": account} if account else {}
            return str(admin.post("/v1/tokens", body)["secret"])

    def start_control_plane(self) -> None:
        """Start it, the first time or again after it was killed, and wait until its doors are open."""
        jump = "true" if self.setting.jump else "false"
        source = self.prometheus.table() if self.prometheus is not None else ""
        self.config.write_text(
            f'folder = "control"\nlisten = "{self.address}"\ntick_s = {self.setting.tick_s}\njump = {jump}\nnice = 2\n'
            f"{source}"
        )
        self._start_control_plane(CONTROL_PLANE, self.control_plane_command)

    def update_control_plane(self) -> int:
        """Let another process of the control plane take over from the one that runs; that one's exit code."""
        newer = f"{CONTROL_PLANE}, newer"
        self._start_control_plane(newer, [*self.control_plane_command, "--take-over"])
        return self.lab.processes.succeed(CONTROL_PLANE, newer, READY_WITHIN_S)

    def kill_control_plane(self) -> None:
        """End it as a crash does."""
        self.lab.processes.kill(CONTROL_PLANE)

    def start_source(self) -> None:
        """Start what measures the nodes, the first time or again, where it is a program of its own."""
        if self.prometheus is not None:
            places = self.lab.nodes.values()
            self.prometheus.start([text_of(node.admin_at) for node in places], self.lab.processes)

    def kill_source(self) -> None:
        """End it as a crash does."""
        self.lab.processes.kill(PROMETHEUS)

    def kill_agent(self, node: str) -> None:
        """End a node's agent as a crash does; its supervisor and gateway serve on."""
        self.lab.processes.kill(f"agent {node}")

    def start_agent(self, node: str) -> None:
        """Start a node's agent again."""
        place = self.lab.nodes[node]
        self.lab.start_agent(place, agent_command(place))

    def memory_mb(self) -> float:
        """The most memory that the control plane has held, in MB."""
        status = Path(f"/proc/{self.lab.processes.pid(CONTROL_PLANE)}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return round(int(peak.split()[1]) / 1024, 1)

    def release(self, number: str, faults: Mapping[str, object] = GOOD) -> Artifact:
        """Build the artifact of a release."""
        return build(self.lab.artifacts, number, dict(faults))

    def submit(
        self, number: str, faults: Mapping[str, object] = GOOD, fixes: str = "", notes: str = ""
    ) -> str:
        """Build a release and submit it as CI does; the id of the rollout that it gets."""
        artifact = self.release(number, faults)
        submit(self.desk["ci"], artifact, fixes, notes)
        return f"{artifact.component}-{number}"

    def _start_control_plane(self, name: str, command: list[str]) -> None:
        process = self.lab.processes.start(name, command, self.log, tied=True)
        deadline = time.monotonic() + READY_WITHIN_S
        while not _is_ready(self.log, process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UnreachableError(f"the control plane did not start; see {self.log}")
            time.sleep(LOOK_EVERY_S)

    def _start(self) -> None:
        is_new = not self.admin_token.exists()
        self.start_source()  # it takes a while until it begins to scrape
        self.start_control_plane()
        with Client(self.url, self.admin_token.read_text().strip(), self.authority) as admin:
            for name, roles in DESKS:
                body = {"name": f"{self.setting.prefix}{name}", "roles": roles.split()}
                self.desk[name] = Client(self.url, admin.post("/v1/tokens", body)["secret"], self.authority)
            admin.post("/v1/fleet", {"text": self.setting.fleet + self._customers()})
            admin.post("/v1/policy", {"text": self.setting.policy})
            self.lab.start_agents(lambda node: self._agent(admin, node), agent_command)
            self.lab.start_balancers()
            self.lab.wait_for_nodes(self._progress)
            self.lab.start_sites()
            self.lab.wait_for_sessions(self._progress)
            if self.prometheus is not None:
                self.prometheus.wait(len(self.lab.nodes), self._progress)
            if is_new:  # what nodes run later is what they were told
                admin.post("/v1/fleet/adopt", {})

    def _end(self) -> None:
        for client in self.desk.values():
            client.close()
        self.lab.stop()
        if self.prometheus is not None:
            self.prometheus.close()

    def _agent(self, admin: Client, node: NodePlace) -> str:
        secret = node.folder / "join"
        secret.touch(mode=0o600)
        secret.write_text(admin.post(at("nodes", node.name, "join"), {})["secret"])
        traffic = self.lab.traffic(node, self.setting.times.invite_spread_ms)
        return agent_config(
            node, self.url, self.authority, secret, self.baseline, self.setting.times, traffic
        )


def submit(
    desk: Client, artifact: Artifact, fixes: str = "", notes: str = "", lane: str = "pop"
) -> dict[str, Any]:
    """Upload an artifact, and submit it as a candidate whose gates have passed; what the door answered."""
    desk.upload(artifact.sha256, artifact.path)
    manifest = {
        "component": artifact.component,
        "number": artifact.version,
        "lane": lane,
        "digest": artifact.sha256,
        "size": artifact.size,
        "gates": {"build": True, "tests": True},
        "fixes": fixes,
        "notes": notes,
    }
    return dict(desk.post("/v1/releases", manifest))


def _is_ready(log: Path, pid: int) -> bool:
    """Whether the control plane of this process id has said that its doors are open."""
    for line in reversed(log.read_bytes().splitlines()):
        try:
            said = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(said, dict) and said.get("pid") == pid and "ready" in said:
            return True
    return False
