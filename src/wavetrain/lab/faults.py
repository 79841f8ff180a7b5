"""Faults: how is a node of the lab broken on purpose, and mended?"""

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wavetrain.errors import UnknownError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.gateway.switches import switches_from
from wavetrain.lab.layout import NodePlace


class Faults:
    """Breaks nodes by name. What it did is kept in the nodes' folders, so that another process can mend it."""

    def __init__(self, nodes: Iterable[NodePlace]) -> None:
        self._nodes = {node.name: node for node in nodes}

    def kill(self, name: str) -> int:
        """End the node's gateway as a crash does (SIGKILL); its process id."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def hang(self, name: str) -> int:
        """Freeze the node's gateway (SIGSTOP): its sockets stay open, and nothing answers; its process id."""
        pid = self._hanging(name) or self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        self._note(name).write_text(f"{pid} {_started(pid)}")
        return pid

    def resume(self, name: str) -> None:
        """Let a frozen gateway go on; nothing where it is not frozen or has ended."""
        pid = self._hanging(name)
        self._note(name).unlink(missing_ok=True)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def break_node(self, name: str, **switches: Any) -> None:
        """Give a node faults that hold whatever release it runs, within half a second; see gateway.switches."""
        switches_from(switches, f"{name}: faults")
        file = self._node(name).shared / "faults.json"
        half = file.with_suffix(".half")
        half.write_text(json.dumps(switches))
        half.replace(file)

    def mend(self, name: str) -> None:
        """Take the node's own faults away."""
        (self._node(name).shared / "faults.json").unlink(missing_ok=True)

    def _node(self, name: str) -> NodePlace:
        try:
            return self._nodes[name]
        except KeyError:
            raise UnknownError(f"no node {name} in this lab; it has {', '.join(self._nodes)}") from None

    def _note(self, name: str) -> Path:
        return self._node(name).folder / "hanging"

    def _hanging(self, name: str) -> int | None:
        try:
            pid, since = self._note(name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _started(int(pid)) == since else None

    def _pid(self, name: str) -> int:
        return int(ask(self._node(name).admin_at, "GET", "/healthz", statuses=(200, 503))["pid"])


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; process ids are used again, a pair with this is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
