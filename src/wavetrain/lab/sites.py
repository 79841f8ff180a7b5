"""Sites: the program that holds the live sessions of one PoP's sites and users.

GET  /stats           what they felt since the last reset
POST /reset           begin a new measuring span
GET  /moves?since=K   the changes of session, one by one
"""

import argparse
import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import uvloop

from wavetrain.lab.admin_door import AdminDoor, Answer, Request, json_answer, not_found
from wavetrain.lab.balancer import address
from wavetrain.lab.layout import account_of
from wavetrain.lab.lifeline import hold_lifeline
from wavetrain.lab.site_figures import KINDS, Felt, PopFelt, together
from wavetrain.lab.site_session import PERIOD_S, Site, Surroundings
from wavetrain.lab.tls_lines import client_context

SLOTS = 5  # heartbeats leave in so many bursts per period; a site always in the same one
OPENING_AT_ONCE = 8  # first sessions only: a start is not a storm of handshakes
SITES_LIMIT = 60_000


def source_address(pop: int, site: int) -> str:
    """A loopback address of its own for each site; a range of its own for each of up to 200 PoPs."""
    return f"127.{20 + pop}.{site // 250}.{1 + site % 250}"


def populate(
    around: Surroundings, pop: tuple[str, int], sites: int, users: int, stubborn: int
) -> dict[str, list[Site]]:
    """The sites of the PoP called `pop[0]`, the `pop[1]`-th of its lab, by kind."""
    name, index = pop
    sizes = {"sites": sites, "users": users, "stubborn": stubborn}
    if sum(sizes.values()) > SITES_LIMIT:
        raise ValueError(f"{name}: at most {SITES_LIMIT} sites and users; take more PoPs")
    made: dict[str, list[Site]] = {}
    number = 0
    for kind, size in sizes.items():
        made[kind] = []
        for n in range(size):
            made[kind].append(
                Site(
                    around,
                    "user" if kind == "users" else "site",
                    f"{name}-{kind.removesuffix('s')}-{n + 1}",
                    account_of(name, number),
                    source_address(index, number),
                    kind == "stubborn",
                )
            )
            number += 1
    return made


class Program:
    """The running program."""

    def __init__(self, around: Surroundings, sites: dict[str, list[Site]], roam_every_s: float = 0.0) -> None:
        self._around = around
        self._loop = around.loop
        self._sites = sites
        self._everyone = [site for kind in KINDS for site in sites[kind]]
        self._span_from = time.monotonic()
        self._stopped = asyncio.Event()
        self._door = AdminDoor(self._answer)
        self._to_open: Iterator[Site] = iter(self._everyone)
        self._next_slot = 0
        self._roam_every_s = roam_every_s
        self._next_to_roam = 0

    async def run(self, admin: socket.socket) -> None:
        """Hold the sessions until SIGTERM."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopped.set)
        await self._door.listen(admin)
        for _ in range(OPENING_AT_ONCE):
            self._open_next()
        self._tick(time.monotonic())
        if self._roam_every_s and self._sites["users"]:
            self._roam()
        await self._stopped.wait()
        self._around.stopping = True
        for site in self._everyone:
            site.close()

    def _open_next(self) -> None:
        site = next(self._to_open, None)
        if site is not None:
            site.on_first = self._open_next
            site.open()

    def _roam(self) -> None:
        """The users take turns, so that each roams once in the time that they are given for it."""
        users = self._sites["users"]
        users[self._next_to_roam].roam()
        self._next_to_roam = (self._next_to_roam + 1) % len(users)
        self._loop.call_later(self._roam_every_s / len(users), self._roam)

    def _tick(self, due: float) -> None:
        """One burst of heartbeats; `due` grows by the same step, so that no delay adds up."""
        now = time.monotonic()
        for site in self._everyone[self._next_slot :: SLOTS]:
            site.beat(due)
        self._next_slot = (self._next_slot + 1) % SLOTS
        due += PERIOD_S / SLOTS
        if now - due > PERIOD_S:  # held up for more than a whole period: do not pour out what was missed
            due = now
        self._loop.call_later(max(0.0, due - now), self._tick, due)

    def _answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/stats":
                return Answer(200, msgspec.json.encode(self._felt()))
            case "POST", "/reset":
                self._span_from = time.monotonic()
                for site in self._everyone:
                    site.reset()
                return json_answer({})
            case "GET", "/moves":
                first = request.whole_number("since", 0, 1 << 62)
                moves = [move for move in self._around.moves if move["n"] >= first]
                return json_answer({"next": self._around.moves_made, "moves": moves})
            case _:
                return not_found(request)

    def _felt(self) -> PopFelt:
        releases: dict[str, int] = {}
        nodes: dict[str, int] = {}
        for site in self._everyone:
            if site.session is not None:
                releases[site.session.release] = releases.get(site.session.release, 0) + 1
                nodes[site.session.node] = nodes.get(site.session.node, 0) + 1
        kinds: dict[str, Felt] = {
            kind: together([site.felt() for site in sites]) for kind, sites in self._sites.items()
        }
        return PopFelt(time.monotonic() - self._span_from, kinds, releases, nodes)


async def _run(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    hold_lifeline(loop)
    around = Surroundings(given.balancer, client_context(str(given.authority)))
    sites = populate(around, (given.pop, given.index), given.sites, given.users, given.stubborn)
    await Program(around, sites, given.roam_every_s).run(socket.socket(fileno=given.admin_fd))


def main() -> None:
    """Hold the sessions that the arguments describe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pop", required=True)
    parser.add_argument("--index", type=int, default=0, help="which PoP of the lab this is, from 0")
    parser.add_argument("--balancer", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--authority", type=Path, required=True, help="certificate to verify gateways against"
    )
    parser.add_argument("--admin-fd", type=int, required=True, help="descriptor of the admin socket")
    parser.add_argument("--sites", type=int, default=0)
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--stubborn", type=int, default=0)
    parser.add_argument("--roam-every-s", type=float, default=0.0, help="each user roams so often; 0: never")
    uvloop.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
