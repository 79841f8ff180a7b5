"""Placebo trains on the fleet's own bins at rest: what they certify is written down, and reaches the verdict."""

import threading

import msgspec
import pytest
from tests.control.test_watch import NOW, furnished, under_way
from tests.decide.test_placebos import WINDOW_S, at_rest

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.prover import POPS, Prover
from wavetrain.control.watch import Watch
from wavetrain.decide.placebo_proof import PlaceboProof, certified, is_better
from wavetrain.model.fleet import Pop
from wavetrain.model.health import Observed, PopCounts
from wavetrain.model.policy import CurrentPolicy, PlaceboLock, Verdicts
from wavetrain.wiring.log import Log
from wavetrain.wiring.placebo_trains import PlaceboTrains

PROOF = PlaceboProof(
    policy="p",
    made_at=NOW,
    pops=("a",),
    train_s=18_000.0,
    trains=12_000,
    effective=3_000,
    over=0,
    certified=0.000998,
    threshold=6.9,
)


def bins(count: int, store: MemoryStore, seed: int = 1, burst: float = 1.0) -> list[list[PopCounts]]:
    """Of the fleet that the store has, by the counters of its policy."""
    with store.read() as view:
        pops = tuple(str(pop.id) for pop in view.find(Pop))
    named = ("failures_total", "operations_total")
    return [
        [msgspec.structs.replace(one, counters=named) for one in time]
        for time in at_rest(count, seed, burst, pops)
    ]


def given(store: MemoryStore, times: list[list[PopCounts]]) -> Prover:
    prover = Prover(store, train_s=WINDOW_S)
    for time in times:
        prover.take(time)
    return prover


def test_what_placebo_trains_certify_is_written_down_for_the_policy_of_new_rollouts() -> None:
    _, _, store = furnished()
    rests: list[int] = []
    made = given(store, bins(62, store)).prove(lambda: rests.append(1))
    assert made is not None
    assert (made.effective, made.over, made.is_extrapolated) == (10, 0, True)
    assert made.certified == pytest.approx(1 - 0.05**0.1)
    assert len(rests) == made.trains == 40, "it rests before each"
    assert len(made.pops) == min(POPS, len(bins(1, store)[0]))
    with store.read() as view:
        current = view.get(CurrentPolicy, "pop")
        assert current is not None
        assert view.get(PlaceboProof, current.digest) == made.changed(version=view.sequence)


def test_it_proves_again_once_another_block_is_whole_and_not_before() -> None:
    _, _, store = furnished()
    times = bins(80, store)
    prover = given(store, times[:25])
    first = prover.prove()
    assert first is not None
    assert prover.prove() is None
    for time in times[25:]:
        prover.take(time)
    second = prover.prove()
    assert second is not None
    assert second.effective > first.effective


def test_nothing_is_proven_of_a_fleet_in_which_something_moves_or_nothing_was_seen() -> None:
    _, _, store = furnished()
    assert Prover(store).prove() is None
    times = bins(30, store)
    moved = [
        [msgspec.structs.replace(one, releases=("2.0.0", *one.releases[1:])) for one in time]
        for time in times[27:]
    ]
    assert given(store, times[:27] + moved).prove() is None, "each PoP begins again"


def test_bursts_that_no_calibration_saw_coming_certify_nothing() -> None:
    proof = PROOF.changed(over=40, threshold=9.5)
    verdicts = Verdicts()
    assert certified(None, verdicts) is None
    assert certified(PROOF, verdicts) == PROOF.certified
    assert certified(proof, verdicts) == 1.0
    assert certified(PROOF.changed(certified=0.19, threshold=None), verdicts) == 0.19
    assert certified(PROOF.changed(is_extrapolated=True), verdicts) == 1.0
    assert is_better(PROOF, None)
    assert is_better(PROOF.changed(effective=1, over=1), PROOF)
    assert not is_better(PROOF.changed(effective=2_999), PROOF)
    assert "certify an alpha of 0.001 at best" in PROOF.text(0.001)


def test_the_proof_reaches_the_verdict_of_a_rollout_under_that_policy() -> None:
    _, source, store = furnished()
    under_way(store, "gateway-2.0.0", {})
    heard: list[PopCounts] = []
    watch = Watch(store, source, at_rest=heard.extend)
    with store.write() as transaction:
        current = transaction.get(CurrentPolicy, "pop")
        assert current is not None
        transaction.put(PROOF.changed(policy=current.digest))
    time = bins(1, store)[0]
    source.observe = lambda: Observed(counts=tuple(time))  # type: ignore[method-assign]
    watch.look()
    assert {one.pop for one in heard} == {one.pop for one in time}
    (test,) = watch._tests.values()
    test.judge()
    assert test.record.certified == PROOF.certified
    assert Verdicts().lock is PlaceboLock.STRICT, "nobody trusts without having said so"


def test_the_running_program_tries_it_again_and_again_and_stops_when_it_ends() -> None:
    tried = threading.Event()

    class Failing(Prover):
        def prove(self, rest: object = None) -> None:
            tried.set()
            raise ValueError("a fault of ours")

    _, _, store = furnished()
    said: list[str] = []
    log = Log("json")
    log.say = lambda event, **_: said.append(event)  # type: ignore[method-assign]
    trains = PlaceboTrains(Failing(store), log, every_s=0.01)
    trains.start()
    assert tried.wait(10)
    trains.end()
    assert set(said) == {"placebo trains fault"}
    assert not trains._thread.is_alive()
