"""A bin of measurements counts once, however often and in whatever order a source says it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import policies
from wavetrain.control.ports import Target
from wavetrain.control.watch import Watch
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import FIRST, NodeId, Phase, PopId, Reported
from wavetrain.model.health import Observed, PopBin, Sample
from wavetrain.simulate import practice

POP, NODES = PopId("pop-0"), (NodeId("pop-0-n0"), NodeId("pop-0-n1"))
NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Source:
    """Says what it is told to say."""

    def __init__(self) -> None:
        self.bins: tuple[PopBin, ...] = ()
        self.at: float | None = None

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """All the same."""

    def observe(self) -> Observed:
        return Observed(bins=self.bins, last_seen=dict.fromkeys(NODES, 0.0), at=self.at)


def seen(ended: float) -> PopBin:
    counted = {"operations_total": 1_000.0, "failures_total": 2.0}
    samples = tuple(Sample(node=node, release="1.0.0", increments=counted, sessions=50.0) for node in NODES)
    return PopBin(pop=POP, ended=ended, seconds=10.0, samples=samples)


def watching() -> tuple[Watch, Source]:
    store = MemoryStore(lambda: NOW.timestamp())
    store.take("test")
    ada = Caller("ada", (Role.APPROVER, Role.OPERATOR))
    fleet = practice.fleet(Random(1))
    with store.write() as transaction:
        for record in (*fleet.regions.values(), *fleet.pops.values()):
            transaction.put(record)
    for policy in practice.policies(Random(1)):
        policies.apply(store, ada, policy)
    with store.write() as transaction:
        for node in NODES:
            transaction.put(
                Reported(
                    node=node,
                    pop=POP,
                    generation=FIRST,
                    release="1.0.0",
                    phase=Phase.STEADY,
                    since=NOW,
                    metrics="http://127.0.0.1/",
                )
            )
    source = Source()
    return Watch(store, source), source


def test_a_bin_that_is_said_twice_counts_once() -> None:
    watch, source = watching()
    source.bins = (seen(10.0), seen(20.0))
    watch.look()
    assert watch.pre_period_s() == {POP: 20.0}
    source.bins = (seen(20.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 20.0}


def test_late_bins_count_in_their_order_and_not_behind_younger_ones() -> None:
    watch, source = watching()
    source.bins = (seen(20.0), seen(10.0))
    watch.look()
    assert watch.pre_period_s() == {POP: 20.0}
    source.bins = (seen(5.0), seen(30.0))
    watch.look()
    assert watch.pre_period_s() == {POP: 30.0}


def told(watch: Watch, phase: Phase) -> None:
    """One of the nodes says that it is in a phase."""
    with watch._store.write() as transaction:
        found = transaction.get(Reported, NODES[0])
        assert found is not None
        transaction.put(found.changed(phase=phase))


def test_a_bin_that_began_while_its_pop_moved_is_left_out_however_late_it_is_told() -> None:
    watch, source = watching()
    source.at = 100.0
    watch.look()
    told(watch, Phase.DRAINING)
    source.at = 120.0
    watch.look()
    told(watch, Phase.STEADY)
    source.at, source.bins = 130.0, (seen(120.0),)
    watch.look()
    assert watch.pre_period_s() == {}, "it ended while the node drained"
    source.at, source.bins = 141.0, (seen(139.0),)
    watch.look()
    assert watch.pre_period_s() == {}, "somewhere before 130 the node came to rest"
    source.at, source.bins = 145.0, (seen(141.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 10.0}


def test_what_was_before_the_first_look_is_not_known() -> None:
    watch, source = watching()
    source.at, source.bins = 100.0, (seen(99.0), seen(109.0))
    watch.look()
    assert watch.pre_period_s() == {}
    source.at, source.bins = 112.0, (seen(110.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 10.0}
