"""Users who roam: they open sessions of their own accord, lose nothing by it, and are no sessions that moved."""

import urllib.request

import pytest
from tests.lab.rig import NODES, eventually, rig

SITES, USERS = 8, 8
EVERY_S = 0.4


@pytest.mark.lab
def test_users_roam_without_a_loss_and_gateways_see_handshakes_and_reconnects_at_rest(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with rig(tmp_path_factory.mktemp("lab"), SITES, USERS, roam_every_s=EVERY_S) as (pop, _):
        pop.lab.wait_for_sessions()
        pop.lab.reset_figures()
        eventually("each user roams twice", lambda: pop.lab.felt().kinds["users"].roams >= 2 * USERS)
        felt = pop.lab.felt()
        assert felt.kinds["sites"].roams == 0
        both = felt.cooperative
        assert (both.moves, both.cut, both.lost, both.not_sent) == (0, 0, 0, 0)
        assert both.gap_ms.max < 250
        came = [move for name in NODES for move in pop.gateway(name, "/moves")["moves"]]
        assert {move["reason"] for move in came} == {"roam"}
        assert {move["kind"] for move in came} == {"user"}
        observed = sum(_observed(pop.lab.nodes[name].admin_at) for name in NODES)
        assert observed >= 2 * USERS - 1, "the last one may still be on its way"


def _observed(door: tuple[str, int]) -> float:
    host, port = door
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("gateway_reconnect_seconds_count")
    )
