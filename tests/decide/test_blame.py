"""A fail is explained: by the change that is worse than its like, or by whose nodes would have to be told apart."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from tests.decide.engine import measured

from wavetrain.decide.blame import Change, changes_in, explained
from wavetrain.decide.comparison import watched
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts

BIN_S, BINS, POPS, NODES = 60.0, 90, ("fra1", "ber1"), 8
GATEWAY, MENU = "gateway 2.0.0", "content menu-7"


def change(cause: str, slots: tuple[int, ...], at: float) -> Change:
    return Change(cause=cause, at={f"{pop}-{slot}": at for pop in POPS for slot in slots})


def recorded(
    ratios: Mapping[str, float], changes: tuple[Change, ...], seed: int, outside: str = ""
) -> list[PopCounts]:
    """Failures of one in 250; a PoP `outside` gets three times as many from the fortieth bin on."""
    chance = np.random.default_rng(seed)
    out = []
    for place in range(BINS):
        for pop in POPS:
            nodes = tuple(NodeId(f"{pop}-{slot}") for slot in range(NODES))
            rates = np.full(NODES, 0.004)
            for one in changes:
                touched = [one.at.get(node, np.inf) <= BIN_S * place for node in nodes]
                rates = rates * np.where(touched, ratios.get(one.cause, 1.0), 1.0)
            if pop == outside and place >= 40:
                rates = rates * 3
            out.append(
                PopCounts(
                    pop=PopId(pop),
                    ended=BIN_S * (place + 1),
                    seconds=BIN_S,
                    nodes=nodes,
                    releases=("1.0.0",) * NODES,
                    counters=("failures", "operations"),
                    counted=np.array([chance.poisson(rates * 2_000), np.full(NODES, 2_000.0)]),
                    sessions=np.ones(NODES),
                )
            )
    return out


def known_of(bins: list[PopCounts]) -> dict[str, PopWatch]:
    rules, watches = measured(), {pop: PopWatch(pop=pop) for pop in POPS}
    for seen in bins[: 2 * 30]:
        watches[seen.pop] = watched(watches[seen.pop], seen, rules)
    return watches


def told(
    ratios: Mapping[str, float], *changes: Change, seed: int = 1, outside: str = ""
) -> tuple[str, object]:
    bins = recorded(ratios, changes, seed, outside)
    found = explained(bins, changes, measured(), known_of(bins))
    return found.text, found


APART = (change(GATEWAY, (0, 1, 2, 3), 1_830.0), change(MENU, (2, 3, 4, 5), 2_100.0))
TOGETHER = (change(GATEWAY, (0, 1, 2, 3), 1_800.0), change(MENU, (0, 1, 2, 3), 1_800.0))


@pytest.mark.parametrize("bad", [GATEWAY, MENU])
def test_the_change_that_is_worse_than_its_like_is_blamed_beside_an_outside_event(bad: str) -> None:
    text, _ = told({bad: 2.5}, *APART, outside="ber1")
    assert text.startswith(f"{bad} is to blame (")
    assert "log e" in text
    assert text.endswith("nodes that nothing touched got worse too, in ber1")


def test_an_outside_event_alone_blames_nothing_that_changed() -> None:
    text, _ = told({}, *APART, outside="ber1")
    assert text == "nothing that changed is to blame: nodes that nothing touched got worse, in ber1"
    assert told({}, *APART)[0] == "nothing speaks against what changed"


def test_changes_on_the_same_nodes_are_not_told_apart_and_the_stagger_that_would_is_named() -> None:
    bins = recorded({MENU: 2.5}, TOGETHER, 3)
    found = explained(bins, TOGETHER, measured(), known_of(bins))
    assert found.blame.blamed is None
    assert found.text.startswith(f"cannot tell {GATEWAY} from {MENU}: they sit on the same nodes; hold ")
    assert [item.pop for item in found.stagger] == ["ber1", "fra1"]
    for item in found.stagger:
        assert len(item.nodes) == 2
        assert set(item.nodes) < {f"{item.pop}-{slot}" for slot in range(4)}
        assert f"{item.pop}: {' '.join(item.nodes)}" in found.text
    held = {node for item in found.stagger for node in item.nodes}
    cause = found.stagger[0].cause
    staggered = tuple(
        msgspec.structs.replace(one, at={node: at for node, at in one.at.items() if node not in held})
        if one.cause == cause
        else one
        for one in TOGETHER
    )
    assert told({MENU: 2.5}, *staggered, seed=4)[0].startswith(f"{MENU} is to blame")


def test_a_pop_without_a_calibration_is_judged_with_care() -> None:
    bins = recorded({GATEWAY: 2.5}, APART, 5)
    sure = explained(bins, APART, measured(), known_of(bins)).blame.causes[0]
    careful = explained(bins, APART, measured(), {}).blame.causes[0]
    assert sure.cause == careful.cause == GATEWAY
    assert careful.log_e < sure.log_e


def test_releases_are_found_in_the_bins_themselves() -> None:
    bins = recorded({}, (), 6)[:8]
    later = [
        msgspec.structs.replace(seen, releases=("2.0.0", *seen.releases[1:])) if seen.ended > 120 else seen
        for seen in bins
    ]
    (found,) = changes_in(later)
    assert (found.cause, dict(found.at)) == ("2.0.0", {"fra1-0": 120.0, "ber1-0": 120.0})
    assert changes_in(bins) == ()


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(RefusedError, match="bins of 0 times"):
        explained([], APART, measured(), {})
    with pytest.raises(RefusedError, match="0 causes"):
        explained(recorded({}, (), 7), (), measured(), {})
    none = msgspec.structs.replace(
        measured(), verdicts=msgspec.structs.replace(measured().verdicts, metrics=())
    )
    with pytest.raises(RefusedError, match="counts nothing"):
        explained(recorded({}, (), 7), APART, none, {})
