import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.rig import NODES, POP, Rig, eventually, rig

pytestmark = pytest.mark.lab

SITES, USERS, STUBBORN = 96, 20, 4
FIRST, SECOND, THIRD, FOURTH = NODES
STILL_S = 0.3
"""Longer than the sessions that are asked to move are spread over."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Path]]:
    with rig(tmp_path_factory.mktemp("lab"), SITES, USERS, STUBBORN) as made:
        yield made


@pytest.fixture
def pop(running: tuple[Rig, Path]) -> Rig:
    """All sessions are there and none is on its way; how many are on which node is as the test before left it."""
    pop, still = running[0], [(time.monotonic(), -1)]
    pop.lab.wait_for_sessions()

    def nothing_moves() -> bool:
        moves = pop.lab.felt().cooperative.moves
        if moves != still[-1][1]:
            still.append((time.monotonic(), moves))
        return time.monotonic() - still[-1][0] > STILL_S

    eventually("no session is on its way", nothing_moves)
    pop.lab.reset_figures()
    return pop


@pytest.fixture
def good(running: tuple[Rig, Path]) -> Path:
    return running[1]


def test_sessions_are_spread_evenly_and_each_has_an_address_of_its_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # In a lab of its own: in the other one nodes have come and gone, whichever test ran before.
    with rig(tmp_path_factory.mktemp("lab"), SITES, USERS, STUBBORN) as (pop, _):
        pop.lab.wait_for_sessions()
        _assert_spread(pop)


def _assert_spread(pop: Rig) -> None:
    assert [pop.on_node(name) for name in NODES] == [(SITES + USERS + STUBBORN) // 4] * 4
    counts = pop.gateway(FIRST, "/sessions")
    assert counts["site"] + counts["user"] == 30


def test_an_update_of_a_node_moves_its_sessions_without_a_cut_or_a_lost_heartbeat(pop: Rig) -> None:
    on_node = pop.on_node(FIRST)
    newer = pop.release("2.0.1")
    pop.drain(FIRST)
    left = pop.on_node(FIRST)
    pop.nodes[FIRST].hand_over(newer)
    answer = pop.refill(FIRST)
    assert answer["invited"] >= min(on_node, answer["share"]) - STUBBORN - 1
    eventually("the share is back", lambda: pop.on_node(FIRST) >= 0.8 * answer["share"])
    eventually(
        "no session is doubled", lambda: pop.lab.felt().releases.get("2.0.1", 0) >= 0.8 * answer["share"]
    )

    felt = pop.lab.felt().cooperative
    assert felt.moves >= on_node - left + answer["invited"] * 0.8
    assert (felt.cut, felt.lost, felt.not_sent) == (0, 0, 0)
    assert felt.sent >= felt.acked > 0
    assert felt.gap_ms.max < 250
    assert felt.up == SITES + USERS

    moves = pop.gateway(FIRST, "/moves")["moves"]
    assert {move["reason"] for move in moves} >= {"rebalance"}
    assert {move["to"] for move in moves} == {FIRST}
    assert all(move["from"] in NODES and move["gap_ms"] < 250 for move in moves if move["reason"] != "lost")
    assert (
        sum(sum(day.values()) for day in pop.gateway(FIRST, "/visits").values())
        >= on_node + 0.8 * answer["share"] - STUBBORN
    )


def test_sites_that_ignore_the_signal_are_cut_at_the_end_and_are_back_within_a_second(
    pop: Rig, good: Path
) -> None:
    for name in NODES:
        pop.drain(name)
        pop.nodes[name].hand_over(good)
        pop.tell(name, "ready")
        _wait_for_the_new_program_alone(pop, name)
    pop.lab.wait_for_sessions()
    felt = pop.lab.felt()
    assert felt.stubborn.cut >= STUBBORN
    assert felt.stubborn.moves == 0
    assert 0 < felt.stubborn.reconnect_ms.p99 < 1000
    assert (felt.cooperative.cut, felt.cooperative.lost) == (0, 0)
    assert felt.releases == {"2.0.0": SITES + USERS + STUBBORN}


def _wait_for_the_new_program_alone(pop: Rig, name: str) -> None:
    running = pop.nodes[name]._running
    eventually("the old program is gone", lambda: [p.poll() is None for p in running].count(True) == 1)
    eventually(f"{name} is up", lambda: pop.lab.servers(POP)[name]["up"])


def test_sessions_of_a_killed_node_are_on_other_nodes_within_a_second(pop: Rig, good: Path) -> None:
    on_node = pop.on_node(SECOND)
    pop.lab.faults.kill(SECOND)
    eventually("the balancer finds it down", lambda: not pop.lab.servers(POP)[SECOND]["up"], 2)
    pop.lab.wait_for_sessions(within_s=2)
    felt = pop.lab.felt()
    cut = felt.cooperative.cut + felt.stubborn.cut
    assert cut == on_node
    assert max(felt.cooperative.reconnect_ms.max, felt.stubborn.reconnect_ms.max) < 1000
    assert SECOND not in felt.nodes
    pop.restart(SECOND, good)
    pop.refill(SECOND)
    eventually("the share is back", lambda: pop.on_node(SECOND) >= 24)


def test_a_node_that_hangs_is_marked_down_and_its_sessions_go_elsewhere(pop: Rig) -> None:
    pop.lab.faults.hang(THIRD)
    took = eventually("the balancer finds it down", lambda: not pop.lab.servers(POP)[THIRD]["up"], 3)
    assert took > 0.2, "a single late answer must not be enough"
    eventually("all sessions are elsewhere", lambda: THIRD not in pop.lab.felt().nodes, 3)
    pop.lab.wait_for_sessions(within_s=3)
    felt = pop.lab.felt().cooperative
    assert felt.lost > 0, "what the frozen gateway was sent is never acknowledged"
    assert felt.gap_ms.max > 300
    pop.lab.faults.resume(THIRD)
    eventually("it is up again", lambda: pop.lab.servers(POP)[THIRD]["up"], 3)
    pop.refill(THIRD)
    eventually("the share is back", lambda: pop.on_node(THIRD) >= 24)


def test_a_degraded_release_answers_one_operation_in_a_hundred_as_failed(pop: Rig) -> None:
    for name in NODES:
        pop.lab.faults.break_node(name, operations_failed_ratio=0.01)
    eventually("it is felt", lambda: pop.lab.felt().cooperative.failed > 3)
    time.sleep(0.5)
    pop.lab.reset_figures()
    eventually("enough operations", lambda: pop.lab.felt().cooperative.acked > 4000)
    felt = pop.lab.felt().cooperative
    assert 0.005 < felt.failed / felt.acked < 0.02
    assert (felt.cut, felt.lost) == (0, 0)
    for name in NODES:
        pop.lab.faults.mend(name)


def test_a_drain_that_is_called_off_lets_sessions_stay(pop: Rig) -> None:
    pop.drain(FOURTH)
    assert pop.gateway(FOURTH, "/healthz")["draining"]
    answer = pop.refill(FOURTH)
    assert not pop.gateway(FOURTH, "/healthz")["draining"]
    eventually("the share is back", lambda: pop.on_node(FOURTH) >= 0.8 * answer["share"])
    felt = pop.lab.felt().cooperative
    assert (felt.cut, felt.lost) == (0, 0)


@pytest.mark.parametrize(
    ("act", "body", "message"),
    [
        ("drain?spread_ms=soon", None, "must be a whole number"),
        ("invite", {"count": -1}, "count must be null or a whole number"),
        ("invite", {"many": 1}, "the body must be like"),
    ],
)
def test_the_balancer_refuses_what_it_does_not_understand(
    pop: Rig, act: str, body: object, message: str
) -> None:
    with pytest.raises(Exception, match=message):
        pop.tell(FIRST, act, body)
    with pytest.raises(Exception, match="no node fra9-n1 in this PoP"):
        pop.tell("fra9-n1", "drain")
