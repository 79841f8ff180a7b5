"""What is kept of a fleet at rest is bounded, coarse, and never spans a change."""

import numpy as np
import pytest
from tests.decide.engine import measured

from wavetrain.decide.placebos import trains_in
from wavetrain.decide.quiet_record import POPS_MAX, QuietRecord
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts


def seen(pop: str, minute: int, release: str = "1.0.0", nodes: int = 4) -> PopCounts:
    chance = np.random.default_rng(minute)
    return PopCounts(
        pop=PopId(pop),
        ended=60.0 * minute,
        seconds=60.0,
        nodes=tuple(NodeId(f"{pop}-{node}") for node in range(nodes)),
        releases=(release, *["1.0.0"] * (nodes - 1)),
        counters=("failures", "operations"),
        counted=np.array([chance.poisson(2.0, nodes).astype(float), np.full(nodes, 1_000.0)]),
        sessions=np.ones(nodes),
    )


def test_bins_are_added_up_to_coarse_ones_and_the_oldest_go() -> None:
    record = QuietRecord(("fra1",), bins=3)
    for minute in range(1, 31):
        record.take([seen("fra1", minute), seen("ber1", minute)])
    times = record.times()
    assert [len(bins) for bins in times] == [1, 1, 1]
    assert {one.pop for bins in times for one in bins} == {"fra1"}
    assert [one.seconds for bins in times for one in bins] == [300.0] * 3
    whole = sum(float(seen("fra1", minute).counted[0].sum()) for minute in range(25, 30))
    assert float(times[-1][0].counted[0].sum()) == whole


def test_a_change_begins_the_record_of_its_pop_again() -> None:
    record = QuietRecord(("fra1", "ber1"))
    for minute in range(1, 61):
        release = "2.0.0" if minute >= 40 else "1.0.0"
        record.take([seen("fra1", minute, release), seen("ber1", minute)])
    first = {
        pop: min(one.ended for bins in record.times() for one in bins if one.pop == pop)
        for pop in record.pops
    }
    assert first["ber1"] < 600 < 2_400 <= first["fra1"]
    assert trains_in(measured(), record.times(), 600.0, splits=1), "what is kept is at rest"


def test_too_much_is_refused() -> None:
    with pytest.raises(RefusedError, match="those of the first ring"):
        QuietRecord(tuple(f"p{number}" for number in range(POPS_MAX + 1)))
    with pytest.raises(RefusedError, match="at least one bin"):
        QuietRecord(("fra1",), bins=0)
