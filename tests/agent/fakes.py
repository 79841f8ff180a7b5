"""Fakes: an installer, a traffic and a probe in memory that pass the ports' contract suites, and a virtual pace."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from wavetrain.agent import accept
from wavetrain.agent.accept import Instant
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.agent.pace import EndedError, Pace
from wavetrain.agent.ports import Health, Healthy, Opener, Unhealthy
from wavetrain.agent.worker import Limits, Worker
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import Generation
from wavetrain.simulate.nodes import TRUSTING
from wavetrain.wire.agent_messages import Bans, Permission, Told

BOOT = "boot-1"


class FakeInstaller:
    def __init__(self, current: str = "") -> None:
        self.now = current
        self.staged = {current} if current else set()
        self.running = {current} if current else set()
        self.acts: list[str] = []
        self.starts = True
        self.restarts = 0
        self.away = False

    def current(self) -> str:
        return self.now

    def stage(self, release: str, digest: str, size: int, opener: Opener) -> None:
        if release in self.staged:
            return
        content = b"".join(opener())
        if hashlib.sha256(content).hexdigest() != digest or (size and len(content) != size):
            raise RefusedError("these are other bytes than were promised; refused")
        self.staged.add(release)

    def switch(self, release: str) -> None:
        self.acts.append(f"switch {release}")
        if self.away:
            raise UnreachableError("the installer is away")
        if release not in self.staged:
            raise RefusedError(f"{release} is not staged; stage it first")
        self.now = release
        if not self.starts and release != "1.0.0":
            raise RefusedError("it has no start")
        self.running.add(release)

    def back(self, release: str) -> None:
        self.acts.append(f"back {release}")
        self.switch(release)
        self.confirm()

    def confirm(self) -> None:
        self.running &= {self.now}

    def keep(self) -> str:
        if self.now:
            self.running.add(self.now)
        return ""

    def inside(self) -> str:
        return ""

    def process(self) -> str:
        return f"{self.now}-{self.restarts}" if self.now in self.running else ""

    def restart(self, process: str) -> None:
        if process == self.process():
            self.restarts += 1

    def renew(self, process: str) -> None:
        self.acts.append(f"renew {process}")
        if self.away:
            raise UnreachableError("the installer is away")
        self.restart(process)


class FakeTraffic:
    def __init__(self) -> None:
        self.drained = False
        self.left = 3
        self.stubborn = 0
        self.away = False
        self.settled: list[int] = []
        """How many sessions were left each time."""
        self.acts: list[str] = []

    def drain(self, spread_ms: int) -> None:
        self._act("drain")
        self.spread_ms = spread_ms
        self.drained = True
        self.left = self.stubborn

    def sessions(self) -> int | None:
        return None if self.away else self.left

    def settle(self) -> None:
        if self.away:
            raise UnreachableError("the balancer is away")
        self.settled.append(self.left)

    def undrain(self) -> None:
        self._act("undrain")
        self.drained = False

    def invite(self) -> None:
        self._act("invite")
        self.left = 3

    def _act(self, name: str) -> None:
        if self.away:
            raise UnreachableError("the balancer is away")
        self.acts.append(name)


class FakeProbe:
    """Healthy where `good` says so of the release that runs."""

    def __init__(self, good: Callable[[], bool] = lambda: True) -> None:
        self.good = good

    def check(self, inside: str = "") -> Health:
        self.inside = inside
        return Healthy() if self.good() else Unhealthy("503 not yet")


class VirtualPace(Pace):
    """Time passes only in waits; `after` lets something happen at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.happenings: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.happenings.append((self.time + seconds, act))

    def wait(self, seconds: float) -> None:
        if self.ended:
            raise EndedError
        self.time += seconds
        if self.time > 100_000:
            raise AssertionError("the agent waits for ever")
        for item in [item for item in self.happenings if item[0] <= self.time]:
            self.happenings.remove(item)
            item[1]()


class House:
    """A worker among fakes, on a node that runs 1.0.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installer = FakeInstaller("1.0.0")
        self.traffic = FakeTraffic()
        self.bad: set[str] = set()
        self.probe = FakeProbe(lambda: self.installer.now not in self.bad)
        self.pace = VirtualPace()
        self.boot = BOOT
        self.content = b"release"
        self.artifact_away = False
        self.log: list[str] = []
        self.keeper = Keeper(folder)
        self.worker = self.new_worker()
        self.worker.recover(None)

    def new_worker(self) -> Worker:
        return Worker(
            self.keeper,
            self.installer,
            self.traffic,
            self.probe,
            lambda _: self._open,
            Limits(),
            self.pace,
            self.boot,
            lambda event, **facts: self.log.append(f"{event} {facts.get('step', '')}".strip()),
        )

    def restart(self) -> None:
        """As after a kill: another process with the same files."""
        self.keeper.close()
        self.keeper = Keeper(self.folder)
        self.worker = self.new_worker()
        self.worker.recover(None)

    def _open(self) -> Iterator[bytes]:
        if self.artifact_away:
            raise UnreachableError("the control plane is away")
        yield self.content

    @property
    def memory(self) -> Memory:
        return self.keeper.memory

    def hear(self, told: Told) -> None:
        now = Instant(self.pace.now(), self.boot)
        self.keeper.change(lambda memory: accept.accept(memory, told, now, TRUSTING))

    def work(self) -> Memory:
        while self.worker.work():
            continue
        return self.keeper.memory

    def close(self) -> None:
        self.keeper.close()


def told(
    counter: int,
    release: str,
    lifetime_s: float = 60.0,
    tombstones: tuple[str, ...] = (),
    content: bytes = b"release",
    bans: Bans | None = None,
    restart: bool = False,
) -> Told:
    """An instruction; `lifetime_s` 0 means without a permission. Tombstones come in bans that grow by the counter."""
    said = (
        Bans(component="gateway", serial=counter, tombstones=tombstones, signature="") if tombstones else None
    )
    generation = Generation(0, counter)
    digest = hashlib.sha256(content).hexdigest()
    permission = Permission(
        node="n1", generation=generation, digest=digest, lifetime_s=lifetime_s, signature=""
    )
    return Told(
        generation=generation,
        release=release,
        digest=digest,
        size=len(content),
        permission=permission if lifetime_s else None,
        restart=restart,
        bans=bans if bans is not None else said,
    )
