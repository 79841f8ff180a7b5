"""Lab picture: how does a running lab look to a person who watches it?"""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wavetrain.cli.rollout_picture import picture as rollout_picture


class Seen:
    """What was asked of the lab and of its control plane for one frame; empty where nobody answered."""

    def __init__(
        self,
        servers: dict[str, dict[str, dict[str, Any]]],
        reported: dict[str, dict[str, Any]],
        status: dict[str, Any],
        cut: int,
    ) -> None:
        self.servers = servers
        """By PoP and node, as the balancers see them."""
        self.reported = reported
        self.status = status
        self.cut = cut
        """Sessions that follow the move-away signal and were cut all the same."""


def picture(seen: Seen) -> RenderableType:
    """Train time, a line per node, and each rollout under way."""
    sessions = sum(server["sessions"] for pop in seen.servers.values() for server in pop.values())
    now = seen.status["now"][:16].replace("T", " ") + " UTC" if seen.status else "no control plane answers"
    head = Text.assemble(
        ("train time ", "dim"),
        now,
        ("   live sessions ", "dim"),
        str(sessions),
        ("   cut ", "dim"),
        (str(seen.cut), "bold red" if seen.cut else ""),
    )
    under_way = [item for item in seen.status.get("rollouts", ()) if not item["is_over"]]
    return Group(
        head, Text(), _nodes(seen), *(part for item in under_way for part in (Text(), rollout_picture(item)))
    )


def _nodes(seen: Seen) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("PoP", "node", "release", "phase", "traffic", "sessions"):
        table.add_column(name, justify="right" if name == "sessions" else "left")
    for pop, servers in seen.servers.items():
        for n, (node, server) in enumerate(servers.items()):
            said = seen.reported.get(node, {})
            state = server["state"] if server["up"] else "down"
            table.add_row(
                pop if n == 0 else "",
                node,
                said.get("release") or "-",
                said.get("phase", "silent"),
                Text(state, {"ready": "green", "down": "red"}.get(state, "yellow")),
                str(server["sessions"]),
            )
    return table
