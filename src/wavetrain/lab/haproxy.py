"""HAProxy in the lab: how does one stand before the nodes of a PoP?

It inherits its listening sockets and its configuration, so that it needs no right to anything in the lab's folder;
where the lab runs as root it runs as nobody. A node that hangs is down after 0.85 s at most: a pause, a look that is
not answered, a short pause, another one.
"""

import os
import resource
import shutil
from pathlib import Path
from typing import Any

from wavetrain.agent.haproxy_socket import ANY_MAINT, HaproxySocket, Server
from wavetrain.errors import RefusedError
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.layout import NodePlace, PopPlace, listening, text_of
from wavetrain.lab.processes import Processes

PLACES = ("/usr/sbin/haproxy", "/usr/local/sbin/haproxy")
"""Beside PATH, which leaves these out for people who are not root."""
BACKEND = "pop"
ANSWER_WITHIN_S = 3.0
DESCRIPTORS_PER_SESSION = 2.2
DESCRIPTORS_BESIDE = 200
SESSIONS_LEAST = 500
SERVES_EMPTY = ("UP", "no check", "DRAIN", "NOLB")

CONFIG = """\
# HAProxy before the nodes of {pop}
global
    maxconn {sessions}
    nbthread 1
    stats socket fd@{admin} level admin
    stats timeout 10s
defaults
    mode tcp
    timeout connect 1s
    timeout client 1h
    timeout server 1h
    timeout client-fin 5s
    timeout check 300ms
    retries 3
    option redispatch 1
    option clitcpka
frontend vip
    bind fd@{vip}
    default_backend pop
backend pop
    balance leastconn
    option httpchk GET /healthz
    http-check expect status 200
    default-server check inter 200ms fastinter 50ms downinter 100ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def program() -> str | None:
    """The installed HAProxy."""
    places = (place for place in PLACES if os.access(place, os.X_OK))
    return shutil.which("haproxy") or next(places, None)


class Haproxy:
    """The HAProxy at a path, once for each PoP."""

    kind: str = Choice.HAPROXY

    def __init__(self, path: str) -> None:
        self._path = path

    def start(self, pop: PopPlace, root: Path, processes: Processes) -> None:
        """Start the one of a PoP. Raises `RefusedError` for more sessions than this machine lets it carry."""
        name = pop.size.id
        file = root / f"haproxy-{name}.cfg"
        with listening(pop.vip) as vip, listening(pop.balancer_at) as admin:
            file.write_text(config(pop, vip.fileno(), admin.fileno()))
            with file.open("rb") as text:
                read, checked = (
                    f"/proc/self/fd/{text.fileno()}",
                    (vip.fileno(), admin.fileno(), text.fileno()),
                )
                command = [self._path, "-db", "-f", read]
                log = root / f"balancer-{name}.log"
                processes.start(f"balancer {name}", command, log, checked, tied=True, as_nobody=True)

    def servers(self, pop: PopPlace) -> dict[str, dict[str, Any]]:
        """As the lab's own balancer describes them."""
        found = HaproxySocket(text_of(pop.balancer_at), ANSWER_WITHIN_S).servers(BACKEND)
        return {name: _described(server) for name, server in found.items()}

    def traffic(self, pop: PopPlace, node: NodePlace, invite_spread_ms: int) -> str:
        """The lines of the table [traffic] of `agent.toml`."""
        invited = f"move-away?reason=rebalance&count={{count}}&from={node.name}&spread_ms={{spread_ms}}"
        others = [other for other in pop.nodes if other.name != node.name]
        urls = ", ".join(f'{other.name} = "http://{text_of(other.admin_at)}/{invited}"' for other in others)
        mine = f"http://{text_of(node.admin_at)}"
        return f"""\
kind = "haproxy"
socket = "{text_of(pop.balancer_at)}"
backend = "{BACKEND}"
goaway_url = "{mine}/move-away?reason=update&spread_ms={{spread_ms}}"
stay_url = "{mine}/stay"
invite_urls = {{ {urls} }}
invite_spread_ms = {invite_spread_ms}"""


def config(pop: PopPlace, vip: int, admin: int, most: int | None = None) -> str:
    """The configuration, with the descriptors of the two listening sockets; `most`: descriptors that it may have."""
    size = pop.size
    sessions = max(
        SESSIONS_LEAST, 2 * (size.sites + size.users + size.stubborn)
    )  # who moves has two for a moment
    hard = most or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = int(DESCRIPTORS_PER_SESSION * sessions) + DESCRIPTORS_BESIDE
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise RefusedError(
            f"lab: HAProxy needs {wanted} descriptors for the sessions of {size.id} and may have {hard}; take fewer "
            "sites, more PoPs, or --balancer builtin"
        )
    servers = [
        f"    server {node.name} {text_of(node.sessions_at)} port {node.admin_at[1]}" for node in pop.nodes
    ]
    return CONFIG.format(pop=size.id, sessions=sessions, admin=admin, vip=vip, servers="\n".join(servers))


def _described(server: Server) -> dict[str, Any]:
    state = "maint" if server.admin & ANY_MAINT else "drain" if server.drains else "ready"
    return {
        "node": server.name,
        "state": state,
        "up": server.status.startswith(SERVES_EMPTY),
        "sessions": server.sessions,
    }
