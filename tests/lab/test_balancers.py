"""The choice of a balancer, and HAProxy before the nodes of a PoP."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.agent.haproxy import haproxy
from tests.lab.rig import NODES, POP, Rig, eventually, rig

from wavetrain.agent.config import Haproxy as HaproxyConfig
from wavetrain.agent.haproxy_socket import HaproxySocket
from wavetrain.agent.traffic_haproxy import HaproxyTraffic
from wavetrain.errors import RefusedError
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.balancers import balancers
from wavetrain.lab.haproxy import config
from wavetrain.lab.layout import PopSize, lay_out

SITES, USERS, STUBBORN = 48, 8, 4
FIRST, SECOND, *_ = NODES


@pytest.mark.parametrize(
    ("choice", "installed", "taken"),
    [
        (Choice.AUTO, "/usr/sbin/haproxy", "haproxy"),
        (Choice.AUTO, None, "builtin"),
        (Choice.BUILTIN, "/usr/sbin/haproxy", "builtin"),
        (Choice.HAPROXY, "/usr/sbin/haproxy", "haproxy"),
    ],
)
def test_haproxy_is_taken_where_it_is_installed_unless_the_choice_says_otherwise(
    choice: Choice, installed: str | None, taken: str
) -> None:
    assert balancers(choice, lambda: installed).kind == taken


def test_haproxy_that_is_asked_for_and_not_installed_is_refused_with_the_way_out() -> None:
    with pytest.raises(RefusedError, match=r"not installed; install it .* or take --balancer builtin"):
        balancers(Choice.HAPROXY, lambda: None)


def test_more_sessions_than_haproxy_may_have_descriptors_for_are_refused_before_it_ends_by_itself(
    tmp_path: Path,
) -> None:
    (pop,) = lay_out(tmp_path, [PopSize(POP, NODES, sites=2_000)])
    assert "maxconn 4000" in config(pop, 7, 8, most=10_000)
    with pytest.raises(
        RefusedError, match="needs 9000 descriptors for the sessions of lis1 and may have 8000"
    ):
        config(pop, 7, 8, most=8_000)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Path]]:
    haproxy()
    with rig(tmp_path_factory.mktemp("lab"), SITES, USERS, STUBBORN, Choice.HAPROXY) as made:
        yield made


@pytest.fixture
def pop(running: tuple[Rig, Path]) -> Rig:
    running[0].lab.wait_for_sessions()
    running[0].lab.reset_figures()
    return running[0]


def driver(pop: Rig, name: str) -> HaproxyTraffic:
    """The one that the node's agent would have."""
    said = msgspec.convert(tomllib.loads(pop.lab.traffic(pop.lab.nodes[name], 200)), HaproxyConfig)
    made = HaproxyTraffic(
        HaproxySocket(said.socket, said.timeout_s),
        said.backend,
        name,
        node=name,
        goaway_url=said.goaway_url,
        stay_url=said.stay_url,
        invite_urls=said.invite_urls,
        invite_spread_ms=said.invite_spread_ms,
    )
    made.check()
    return made


@pytest.mark.lab
def test_behind_haproxy_an_update_of_a_node_cuts_nothing_and_loses_nothing(pop: Rig) -> None:
    share = (SITES + USERS + STUBBORN) // len(NODES)
    traffic = driver(pop, FIRST)
    traffic.drain(200)
    eventually("all but who ignore the signal are gone", lambda: (traffic.sessions() or 0) <= STUBBORN)
    eventually("all have ended in order", lambda: pop.gateway(FIRST, "/sessions")["told"] <= STUBBORN)
    traffic.settle()
    pop.nodes[FIRST].hand_over(pop.release("2.0.1"))
    traffic.undrain()
    traffic.invite()
    eventually("its share is back", lambda: pop.lab.felt().releases.get("2.0.1", 0) >= share - STUBBORN)
    felt = pop.lab.felt()
    assert (felt.cooperative.cut, felt.cooperative.lost, felt.cooperative.not_sent) == (0, 0, 0)
    assert felt.cooperative.gap_ms.max < 250
    assert felt.cooperative.moves >= 2 * (share - STUBBORN)
    assert felt.stubborn.reconnect_ms.p99 < 1000


@pytest.mark.lab
def test_behind_haproxy_sessions_of_a_killed_node_are_on_other_nodes_soon(
    pop: Rig, running: tuple[Rig, Path]
) -> None:
    on_node = pop.on_node(SECOND)
    pop.lab.faults.kill(SECOND)
    eventually("it is marked down", lambda: not pop.lab.servers(POP)[SECOND]["up"], 2)
    pop.lab.wait_for_sessions(within_s=3)
    felt = pop.lab.felt()
    assert felt.cooperative.cut + felt.stubborn.cut >= on_node
    assert felt.cooperative.gap_ms.max < 2000
    pop.restart(SECOND, running[1])
    eventually("it is up again", lambda: pop.lab.servers(POP)[SECOND]["up"])
