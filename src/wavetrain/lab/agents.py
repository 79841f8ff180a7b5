"""Agents: how is the agent of a lab's node told where everything is?"""

import sys
from pathlib import Path

import msgspec

from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.lab.layout import NodePlace, text_of
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
    ca_file: Path,
    join_file: Path,
    initial: Artifact,
    times: Times,
    traffic: str,
) -> str:
    """The text of a node's `agent.toml`; `traffic` holds the lines about its balancer."""
    return f"""\
# The agent of {node.name}
node = "{node.name}"
pop = "{node.pop}"
control_plane = "{control_plane}"
ca_file = "{ca_file}"
join_file = "{join_file}"
folder = "agent"
metrics = "http://{text_of(node.admin_at)}/metrics"
visits_url = "http://{text_of(node.admin_at)}/visits"
reconnects_url = "http://{text_of(node.admin_at)}/moves"
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
  {{ name = "sessions", address = "{text_of(node.sessions_at)}" }},
  {{ name = "admin", address = "{text_of(node.admin_at)}" }},
]

[probe]
kind = "http"
url = "http://{text_of(node.admin_at)}/healthz"

[traffic]
{traffic}

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
