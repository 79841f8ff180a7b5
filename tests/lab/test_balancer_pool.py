from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.lab.balancer_pool import Node, Pool


@dataclass(frozen=True, eq=False)
class Held:
    source: str
    peer: str


def _pool(nodes: int = 4) -> Pool:
    pool = Pool(Node(f"n{n}", ("127.0.0.1", 1), ("127.0.0.1", 2)) for n in range(1, nodes + 1))
    for node in pool.nodes.values():
        node.up = True
    return pool


def _arrive(pool: Pool, source: str, now: float = 0.0) -> tuple[Node, Held]:
    node = pool.choose(source, [], now)
    assert node is not None
    session = Held(source, f"peer of {source} on {node.name}")
    pool.joined(node, session)
    return node, session


def _drain(pool: Pool, node: Node) -> None:
    node.state = "drain"
    for session in [held for held in node.sessions if isinstance(held, Held)]:
        _arrive(pool, session.source)
        pool.left(node, session)


def test_a_new_session_goes_to_the_node_with_the_fewest() -> None:
    pool = _pool()
    for n in range(40):
        _arrive(pool, f"s{n}")
    assert [len(node.sessions) for node in pool.nodes.values()] == [10] * 4


def test_nodes_that_are_down_drained_tried_or_suspect_are_not_chosen() -> None:
    pool = _pool()
    first, second, third, fourth = pool.nodes.values()
    first.up, second.state, third.suspect = False, "maint", True
    assert pool.choose("s", [], 0.0) is fourth
    assert pool.choose("s", [fourth], 0.0) is third, "a suspect is better than nothing"
    assert pool.choose("s", [third, fourth], 0.0) is None


@given(sessions=st.integers(4, 120), most=st.none() | st.integers(0, 40))
def test_an_invitation_fills_the_share_with_those_who_left_and_starves_nobody(
    sessions: int, most: int | None
) -> None:
    pool = _pool()
    for n in range(sessions):
        _arrive(pool, f"s{n}")
    node = pool.nodes["n1"]
    _drain(pool, node)
    left = set(node.leavers)
    node.state = "ready"
    chosen = pool.invite(node, most, until=5.0)
    invited = sum(len(peers) for peers in chosen.values())
    share = sessions // 4
    assert invited == (share if most is None else min(share, most))
    assert all(len(where.sessions) - len(peers) >= share for where, peers in chosen.items())
    sources = [peer.split(" ")[2] for peers in chosen.values() for peer in peers]
    assert len(set(sources)) == invited
    spare = sum(len(other.sessions) - share for other in pool.nodes.values() if other is not node)
    assert spare > share or set(sources) <= left
    for source in sources:
        assert _arrive(pool, source, now=1.0)[0] is node


def test_an_invitation_that_nobody_followed_in_time_leads_nowhere() -> None:
    pool = _pool(2)
    for n in range(8):
        _arrive(pool, f"s{n}")
    node = pool.nodes["n1"]
    _drain(pool, node)
    node.state = "ready"
    [(donor, peers)] = pool.invite(node, None, until=5.0).items()
    source = peers[0].split(" ")[2]
    for n in range(20):
        pool.joined(node, Held(f"t{n}", "p"))
    assert pool.choose(source, [], now=5.0) is donor


def test_a_session_that_was_cut_is_not_taken_for_one_that_moved() -> None:
    pool = _pool(2)
    node, session = _arrive(pool, "s1")
    node.state = "drain"
    pool.left(node, session)
    assert not node.leavers


def test_a_pool_that_remembers_nothing_fills_a_node_from_the_fullest() -> None:
    pool = _pool(2)
    pool.nodes["n1"].up = False
    for n in range(10):
        _arrive(pool, f"s{n}")
    pool.nodes["n1"].up = True
    [peers] = pool.invite(pool.nodes["n1"], None, until=5.0).values()
    assert len(peers) == 5
