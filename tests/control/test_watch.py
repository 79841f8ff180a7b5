"""A bin of measurements counts once, however often and in whatever order a source says it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from tests.adapters.kind_samples import SAMPLES
from tests.control.measuring import ERRORS, Measuring
from tests.control.practice import VIEWER, Practice

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import explain, policies
from wavetrain.control.ports import Target
from wavetrain.control.watch import Watch
from wavetrain.decide.evidence_kept import RolloutEvidence, placebo_of
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import FIRST, NodeId, Phase, PopId, Reported
from wavetrain.model.health import Observed, PopBin, Sample
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase
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
    watch, source, _ = furnished()
    return watch, source


def furnished() -> tuple[Watch, Source, MemoryStore]:
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
    return Watch(store, source), source, store


def under_way(store: MemoryStore, name: str, pops: Mapping[PopId, int]) -> None:
    """A rollout with a turn in each of these PoPs that has come so far."""
    with store.write() as transaction:
        policy = next(item for item in transaction.find(CurrentPolicy) if item.lane == "pop")
        rollout = next(record for record in SAMPLES if isinstance(record, Rollout))
        turn = next(record for record in SAMPLES if isinstance(record, Turn))
        if transaction.get(Rollout, name) is None:
            transaction.put(rollout.changed(id=name, policy=policy.digest))
        for pop, cursor in pops.items():
            known = transaction.get(Turn, name, pop)
            phase = TurnPhase.HANDED if cursor else TurnPhase.WAITING
            made = turn.changed(rollout=name, pop=pop, cursor=cursor, phase=phase, progress=())
            transaction.put(made.changed(version=known.version if known is not None else 0))


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


def test_a_pre_period_ends_with_the_first_unit_that_any_rollout_tells_there() -> None:
    """Turns are looked up by PoP; each look mends that where a turn has changed, joined or gone."""
    watch, source, store = furnished()
    other = PopId("pop-1")
    under_way(store, "one", {POP: 0, other: 0})
    source.bins = (seen(10.0),)
    watch.look()
    under_way(store, "one", {other: 1})
    source.bins = (seen(20.0),)
    watch.look()
    under_way(store, "two", {POP: 0})
    source.bins = (seen(30.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 30.0}
    under_way(store, "two", {POP: 1})
    source.bins = (seen(40.0),)
    watch.look()
    under_way(store, "two", {POP: 0})
    under_way(store, "one", {POP: 1})
    source.bins = (seen(50.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 30.0}
    under_way(store, "one", {POP: 0})
    source.bins = (seen(60.0),)
    watch.look()
    assert watch.pre_period_s() == {POP: 40.0}


def test_why_the_source_errs_is_said_by_what_waits_for_it_and_no_more_once_it_is_well(
    house: Practice,
) -> None:
    made = Measuring(house, ERRORS)
    made.run(60)
    made.begin()
    made.run(2)
    made.fault, made.age = "http://metrics: refused, 503", 1_000.0
    made.ticker.tick()
    why = explain.why(house.store, VIEWER, "lis1")
    assert why.hold is not None
    assert why.hold.code == "telemetry_away"
    assert why.hold.detail.endswith("; the source: http://metrics: refused, 503")
    assert "http://metrics: refused, 503" in why.answer
    made.fault = ""
    made.ticker.tick()
    assert "source" not in explain.why(house.store, VIEWER, "lis1").answer
    made.fault, made.age = "http://metrics: clock", 0.0
    made.ticker.tick()
    assert "metrics" not in explain.why(house.store, VIEWER, "lis1").answer, "its nodes are seen all the same"


def test_a_pop_whose_nodes_are_restarted_as_placebos_is_not_watched_at_rest() -> None:
    watch, source, store = furnished()
    under_way(store, "gateway-2.0.0", {POP: 0})
    with store.write() as transaction:
        turn = transaction.get(Turn, "gateway-2.0.0", POP)
        assert turn is not None
        transaction.put(turn.changed(phase=TurnPhase.PLACEBO, placebos=NODES[-1:]))
    source.bins = (seen(10.0),)
    watch.look()
    assert watch.pre_period_s() == {}


def test_what_a_placebo_has_said_outlives_the_process() -> None:
    watch, source, store = furnished()
    asking = practice.with_placebo_waves(practice.policies(Random(1)))
    for policy in asking:
        policies.apply(store, Caller("ada", (Role.APPROVER, Role.OPERATOR)), policy)
    under_way(store, "gateway-2.0.0", {POP: 0})
    nodes = [NodeId(f"pop-0-n{number}") for number in range(3)]

    def stands(phase: TurnPhase, cursor: int) -> None:
        with store.write() as transaction:
            turn = transaction.get(Turn, "gateway-2.0.0", POP)
            rollout = transaction.get(Rollout, "gateway-2.0.0")
            assert turn is not None
            assert rollout is not None
            if rollout.status is not Status.ROLLING:
                transaction.put(rollout.changed(status=Status.ROLLING, number="2.0.0"))
            made = turn.changed(phase=phase, cursor=cursor, order=tuple(nodes), canaries=1, quarantined=())
            transaction.put(made.changed(placebos=(nodes[-1],), restarted=(nodes[-1],), back=()))

    def counted(ended: float) -> PopBin:
        said = zip(nodes, ("2.0.0", "1.0.0", "1.0.0"), (2.0, 2.0, 40.0), strict=True)
        samples = [
            Sample(
                node=node,
                release=release,
                increments={"operations_total": 1_000.0, "failures_total": failed},
                sessions=30.0,
            )
            for node, release, failed in said
        ]
        return PopBin(pop=POP, ended=ended, seconds=10.0, samples=tuple(samples))

    stands(TurnPhase.PLACEBO, 0)
    watch.look()
    stands(TurnPhase.BAKING, 1)
    name = placebo_of("gateway-2.0.0")
    for number in range(1, 80):
        source.bins = (counted(10.0 * number),)
        watch.look()
    kept = watch.evidence_of(name)
    assert kept is not None
    assert kept.failed
    mine = watch.evidence_of("gateway-2.0.0")
    assert mine is not None
    assert not mine.failed, "its canary is no worse than the node that was restarted beside it"
    with store.write() as transaction:
        watch.checkpoint(transaction, "gateway-2.0.0")
    another = Watch(store, source)
    source.bins = ()
    another.look()
    assert another.evidence_of(name) == kept
    with store.read() as view:
        assert view.get(RolloutEvidence, name) is not None
