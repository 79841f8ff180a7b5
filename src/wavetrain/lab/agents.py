"""Agents: how is the agent of a lab's node told where everything is?"""

import sys
from pathlib import Path

import msgspec

from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.lab.layout import Address, NodePlace
from wavetrain.lab.releases import Artifact


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long the steps of an update may take on a node of the lab; as in the agent's own configuration."""

    drain_spread_ms: int = 500
    drain_timeout_s: float = 2.0
    probe_timeout_s: float = 6.0
    invite_spread_ms: int = 800
    stop_grace_s: float = 1.0
    backoff_max_s: float = 2.0
    """Between two questions to a control plane that is away; a lab's is soon back."""
    nice: int = 5
    """Fetching, unpacking and starting must not take processor time from live sessions on a small machine."""


def agent_config(
    node: NodePlace,
    control_plane: str,
    key_file: Path,
    token_file: Path,
    initial: Artifact,
    times: Times,
) -> str:
    """The text of a node's `agent.toml`."""
    return f"""\
# The agent of {node.name}
node = "{node.name}"
pop = "{node.pop}"
control_plane = "{control_plane}"
token_file = "{token_file}"
key_file = "{key_file}"
folder = "agent"
metrics = "http://{_text(node.admin_at)}/metrics"
visits_url = "http://{_text(node.admin_at)}/visits"
drain_spread_ms = {times.drain_spread_ms}
drain_timeout_s = {times.drain_timeout_s}
probe_timeout_s = {times.probe_timeout_s}
backoff_max_s = {times.backoff_max_s}
nice = {times.nice}

[installer]
kind = "slots"
component = "{initial.component}"
shared = "{node.shared}"
sockets = "{node.sockets}"
stop_grace_s = {times.stop_grace_s}
listen = [
  {{ name = "sessions", address = "{_text(node.sessions_at)}" }},
  {{ name = "admin", address = "{_text(node.admin_at)}" }},
]

[probe]
kind = "http"
url = "http://{_text(node.admin_at)}/healthz"

[traffic]
kind = "lab"
url = "http://{_text(node.balancer_at)}"
invite_spread_ms = {times.invite_spread_ms}

[initial]
number = "{initial.version}"
digest = "{initial.sha256}"
file = "{initial.path}"
"""


def agent_command(node: NodePlace) -> list[str]:
    """How a node's agent is started."""
    return [sys.executable, "-m", "wavetrain.agent.main", str(node.agent_config)]


def end_supervisor(node: NodePlace) -> None:
    """End a node's supervisor with its gateway: they outlive the agent, and must not outlive the lab."""
    file = node.sockets / "supervisor.json"
    if file.exists():
        Supervised(msgspec.json.decode(file.read_bytes(), type=Settings)).quit(grace_s=0.0)


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
