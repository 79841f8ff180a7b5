"""Layout: where is everything of a lab, on this machine's loopback and in the lab's folder?"""

import hashlib
import os
import socket
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from wavetrain.errors import RefusedError

FLEET = Path(__file__).with_name("fleet.toml")
POLICY = Path(__file__).with_name("policy.toml")
FEATURES = Path(__file__).with_name("features.toml")
SITES_PER_ACCOUNT = 5
"""Each customer of a lab has so many sites and users, all at one PoP."""
ROAM_EVERY_S = 5.0
"""So often a user of a lab opens its session anew, where users roam: handshakes and reconnects are seen at rest too."""
HOST = "127.0.0.1"
PORTS = range(12_000, 32_000)  # below the kernel's own choice for outgoing connections
POPS_LIMIT = 200
SOCKETS_BYTES_MAX = 85
"""Of a folder for unix sockets: their paths may have 107 bytes in all."""

Address = tuple[str, int]


class PopSize(msgspec.Struct, frozen=True):
    """What a PoP of the lab is made of."""

    id: str
    nodes: tuple[str, ...]
    sites: int = 0
    users: int = 0
    stubborn: int = 0  # sites that ignore the move-away signal; not among `sites`
    roam_every_s: float = 0.0  # each user opens its session anew so often, as on another network; 0: never

    @property
    def accounts(self) -> tuple[str, ...]:
        """The customers whose sites and users have sessions there."""
        sessions = self.sites + self.users + self.stubborn
        return tuple(dict.fromkeys(account_of(self.id, number) for number in range(sessions)))


class NodePlace(msgspec.Struct, frozen=True):
    """Where a node is: its sockets' addresses, and its folders."""

    name: str
    pop: str
    sessions_at: Address
    admin_at: Address
    balancer_at: Address  # the admin door of the balancer before it
    folder: Path

    @property
    def shared(self) -> Path:
        """What all releases of the node share: certificate, key, faults, visits."""
        return self.folder / "shared"

    @property
    def sockets(self) -> Path:
        """For the node's unix sockets, whose paths must be short: beside the rest, or in the system's own folder."""
        beside = self.folder / "run"
        if len(os.fsencode(beside)) <= SOCKETS_BYTES_MAX:
            return beside
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"wavetrain-{name}"

    @property
    def agent_config(self) -> Path:
        """The configuration of the node's agent."""
        return self.folder / "agent.toml"


class PopPlace(msgspec.Struct, frozen=True):
    """Where a PoP is."""

    size: PopSize
    index: int
    vip: Address
    balancer_at: Address
    sites_at: Address
    nodes: tuple[NodePlace, ...]


def sizes_from(
    fleet: Path, sites: int, users: int, stubborn: int, roam_every_s: float = 0.0
) -> tuple[PopSize, ...]:
    """The PoPs of a fleet file with these totals shared out evenly, the rest to the first PoPs."""
    pops = tomllib.loads(fleet.read_text())["pop"]

    def part(total: int, index: int) -> int:
        return total // len(pops) + (index < total % len(pops))

    return tuple(
        PopSize(
            pop["id"],
            tuple(pop["nodes"]),
            part(sites, n),
            part(users, n),
            part(stubborn, n),
            roam_every_s,
        )
        for n, pop in enumerate(pops)
    )


def lay_out(root: Path, sizes: Sequence[PopSize]) -> tuple[PopPlace, ...]:
    """Choose free ports for everything. Raises RefusedError."""
    names = [name for size in sizes for name in size.nodes]
    if len(set(names)) < len(names) or len({size.id for size in sizes}) < len(sizes):
        raise RefusedError("lab: two PoPs or two nodes have the same name; give each its own")
    if not 0 < len(sizes) <= POPS_LIMIT or not all(size.nodes for size in sizes):
        raise RefusedError(f"lab: it needs 1 to {POPS_LIMIT} PoPs with a node each or more")
    ports = _free_ports(sum(3 + 2 * len(size.nodes) for size in sizes))
    places = []
    for index, size in enumerate(sizes):
        vip, balancer_at, sites_at = [(HOST, next(ports)) for _ in range(3)]
        nodes = tuple(
            NodePlace(
                name,
                size.id,
                (HOST, next(ports)),
                (HOST, next(ports)),
                balancer_at,
                root / "nodes" / name,
            )
            for name in size.nodes
        )
        places.append(PopPlace(size, index, vip, balancer_at, sites_at, nodes))
    return tuple(places)


def account_of(pop: str, number: int) -> str:
    """Whose the `number`-th site or user of a PoP is, counted from 0."""
    return f"{pop}-account-{number // SITES_PER_ACCOUNT + 1}"


def listening(address: Address) -> socket.socket:
    """A socket bound and listening, to be inherited by the program that serves it."""
    sock = socket.create_server(address, backlog=4096)
    sock.setblocking(False)
    return sock


def text_of(address: Address) -> str:
    """As HOST:PORT."""
    return f"{address[0]}:{address[1]}"


def free_port(share: int = 2) -> int:
    """One port that nobody listens on, away from those that a lab of this process is laid out on.

    Programs that are to listen at the same time look from different shares of the ports on: the half, a third.
    """
    return next(_free_ports(1, len(PORTS) // share))


def _free_ports(count: int, ahead: int = 0) -> Iterator[int]:
    """Ports that nobody listens on. Labs of different processes begin to look at different places."""
    held: list[socket.socket] = []
    start = (os.getpid() * 131 + ahead) % len(PORTS)
    try:
        for n in range(len(PORTS)):
            if len(held) == count:
                break
            sock = socket.socket()
            try:
                sock.bind((HOST, PORTS[(start + n) % len(PORTS)]))
                sock.listen()
            except OSError:
                sock.close()
                continue
            held.append(sock)
        if len(held) < count:
            raise RefusedError(f"lab: {count} free ports are needed from {PORTS}; end what listens on them")
        return iter([sock.getsockname()[1] for sock in held])
    finally:
        for sock in held:
            sock.close()
