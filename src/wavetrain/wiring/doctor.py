"""Doctor: what is wrong with this installation, and what is the way out?"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from wavetrain.agent import config as agent_config
from wavetrain.errors import WavetrainError
from wavetrain.wiring import config as own_config
from wavetrain.wiring import (
    doctor_door,
    doctor_folder,
    doctor_machine,
    doctor_node,
    doctor_source,
    doctor_store,
)
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.findings import Finding, Installation, Station, failed, skipped, well

MACHINE: dict[str, Callable[[], Iterable[Finding]]] = {
    "python": doctor_machine.python,
    "libraries": doctor_machine.libraries,
    "zones": doctor_machine.zones,
    "clock": doctor_machine.clock,
}
CONTROL_PLANE: dict[str, Callable[[Installation], Iterable[Finding]]] = {
    "folder": doctor_folder.folder,
    "keys": doctor_folder.keys,
    "disk": doctor_folder.disk,
    "certificates": doctor_folder.certificates,
    "door": doctor_door.door,
    "take-over": doctor_door.take_over,
    "store": doctor_store.store,
    "fleet": doctor_store.fleet,
    "policy": doctor_store.policy,
    "nodes": doctor_store.nodes,
    "node certificates": doctor_store.node_certificates,
    "source": doctor_source.source,
    "standstill": doctor_store.standstill,
    "alerts": doctor_store.alerts,
    "tokens": doctor_store.tokens,
    "artifacts": doctor_store.artifacts,
}
NODE: dict[str, Callable[[Station], Iterable[Finding]]] = {
    "agent folder": doctor_node.folder,
    "agent keys": doctor_node.keys,
    "agent certificate": doctor_node.certificate,
    "agent programs": doctor_node.programs,
    "agent traffic": doctor_node.traffic,
    "agent control plane": doctor_node.control_plane,
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that was looked at, in order."""

    healthy: bool
    findings: tuple[Finding, ...]


def examine(control_plane: Path | None, agent: Path | None, now: Callable[[], datetime] = utc_now) -> Report:
    """Look at the machine, and at what the two files describe. Never raises: whatever is wrong is a finding."""
    findings = [item for name, check in MACHINE.items() for item in _looked(name, check)]
    if control_plane is not None:
        findings += _at_control_plane(control_plane, now)
    if agent is not None:
        findings += _at_node(agent, now)
    return Report(healthy=not any(item.state == "fail" for item in findings), findings=tuple(findings))


def _at_control_plane(file: Path, now: Callable[[], datetime]) -> Iterator[Finding]:
    try:
        config, folder = own_config.read(file)
    except (WavetrainError, OSError) as error:
        yield _unreadable("configuration", str(file), error)
        for name in CONTROL_PLANE:
            yield skipped(name, "the configuration cannot be read")
        return
    yield well("configuration", str(file))
    installation = Installation(config=config, folder=folder, now=now())
    for name, check in CONTROL_PLANE.items():
        yield from _looked(name, partial(check, installation))


def _at_node(file: Path, now: Callable[[], datetime]) -> Iterator[Finding]:
    try:
        config = agent_config.read(file)
    except (WavetrainError, OSError) as error:
        yield _unreadable("agent configuration", str(file), error)
        for name in NODE:
            yield skipped(name, "the agent's configuration cannot be read")
        return
    yield well("agent configuration", str(file))
    station = Station(config=config, now=now())
    for name, check in NODE.items():
        yield from _looked(name, partial(check, station))


def _looked(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check found; one that breaks is a finding itself, and the others go on."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except OSError as error:
        found.append(
            failed(
                name,
                error.filename or "this machine",
                f"it can be looked at ({error.strerror or error})",
                "run the doctor as the user that the program runs as, and see the disk's health",
            )
        )
    except Exception as error:
        found.append(
            failed(
                name,
                "this check",
                f"it comes to an end ({type(error).__name__}: {error})",
                "what it looked at is damaged in a way that nobody foresaw: report it with this line",
            )
        )
    return found


def _unreadable(name: str, thing: str, error: Exception) -> Finding:
    text, _, way_out = str(error).partition("; ")
    return failed(name, thing, f"it is readable and valid: {text}", way_out or "see docs/configuration.md")
