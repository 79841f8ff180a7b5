"""Recorded changes are judged as live ones: the bad stop early, the sound go through, whatever is missing."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from tests.decide.engine import measured

from wavetrain.decide.backtest import Outcome, replay
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import PlaceboLock, Policy

NODES = tuple(NodeId(f"n{number}") for number in range(8))
BIN_S, PRE, CHANGE_AT, BINS = 60.0, 240, 240, 420


def policy(**verdicts: object) -> Policy:
    whole = measured()
    return msgspec.structs.replace(
        whole, verdicts=msgspec.structs.replace(whole.verdicts, pre_period_s=BIN_S * 200, **verdicts)
    )


def recorded(
    ratio: float, seed: int = 1, start: int = 0, back_at: int | None = None, silent: int | None = None
) -> Iterator[list[PopCounts]]:
    chance = np.random.default_rng(seed)
    for place in range(start, BINS):
        is_changed = place >= CHANGE_AT and (back_at is None or place < back_at)
        releases = ["2.0.0" if is_changed and node < 2 else "1.0.0" for node in range(8)]
        rates = np.array([0.002 * (ratio if release == "2.0.0" else 1.0) for release in releases])
        seen = [node for node in range(8) if node != silent]
        operations = np.full(8, 1_000.0)
        yield [
            PopCounts(
                pop=PopId("fra1"),
                ended=BIN_S * (place + 1),
                seconds=BIN_S,
                nodes=tuple(NODES[node] for node in seen),
                releases=tuple(releases[node] for node in seen),
                counters=("failures", "operations"),
                counted=np.array([chance.poisson(operations * rates), operations])[:, seen],
                sessions=np.ones(len(seen)),
            )
        ]


def test_a_bad_change_is_stopped_with_what_was_exposed_by_then() -> None:
    told = replay(policy(), recorded(4.0))
    assert told.halt is not None
    assert (told.previous, told.number, told.nodes, told.nodes_changed) == ("1.0.0", "2.0.0", 8, 2)
    assert told.pre_period_s == BIN_S * PRE
    assert 0 < told.halt.after_s < BIN_S * 30
    assert (told.halt.nodes, told.halt.check, told.halt.reverts) == (2, "failures", True)
    assert told.halt.log_e >= told.log_threshold
    assert told.halt.exposure["failures"] == pytest.approx(2_000 * (told.halt.after_s / BIN_S), rel=0.05)
    assert not told.gates_s


def test_a_sound_change_goes_through_and_its_gate_passes() -> None:
    told = replay(policy(), recorded(1.0, seed=2))
    assert told.halt is None
    assert 0 < told.gates_s["fra1"] < BIN_S * 120


def without_crashes(bins: Iterator[list[PopCounts]]) -> Iterator[list[PopCounts]]:
    """The same with a counter of what never happened."""
    for (seen,) in bins:
        counted = np.vstack([seen.counted, np.zeros((1, len(seen.nodes)))])
        yield [msgspec.structs.replace(seen, counters=(*seen.counters, "crashes"), counted=counted)]


def test_a_gate_that_the_pop_cannot_decide_in_time_only_watches_as_it_does_live() -> None:
    (failures,) = policy().verdicts.metrics
    rare = msgspec.structs.replace(failures, name="rare", events="crashes", excess_max=1e-9)
    both, alone = policy(metrics=(failures, rare)), policy(metrics=(rare,))
    assert replay(both, without_crashes(recorded(1.0, seed=2))).gates_s.keys() == {"fra1"}
    assert not replay(alone, without_crashes(recorded(1.0, seed=2))).gates_s, "the last gate holds"
    assert replay(both, without_crashes(recorded(4.0))).halt is not None


def test_a_short_pre_period_would_have_paused_and_not_gone_back() -> None:
    told = replay(policy(), recorded(6.0, start=200))
    assert told.halt is not None
    assert not told.halt.reverts


def test_under_a_strict_lock_it_would_have_paused_too() -> None:
    told = replay(policy(lock=PlaceboLock.STRICT), recorded(4.0))
    assert told.halt is not None
    assert not told.halt.reverts


def test_a_recording_without_a_change_says_so() -> None:
    told = replay(policy(), (bins for place, bins in enumerate(recorded(1.0)) if place < CHANGE_AT))
    assert (told.number, told.halt, told.nodes_changed) == ("", None, 0)


def test_a_node_that_is_never_seen_is_no_exposure() -> None:
    told = replay(policy(), recorded(4.0, silent=7))
    assert told.nodes == 7
    assert told.halt is not None


def test_what_was_taken_back_in_the_recording_gives_no_more_evidence() -> None:
    def outcome(back_at: int | None) -> Outcome:
        return replay(policy(alpha=1e-9), recorded(1.3, seed=5, back_at=back_at))

    assert outcome(CHANGE_AT + 5).log_e != outcome(None).log_e


def test_a_third_release_is_refused() -> None:
    def third() -> Iterator[list[PopCounts]]:
        for place, (seen,) in enumerate(recorded(1.0)):
            if place > CHANGE_AT + 3:
                seen = msgspec.structs.replace(seen, releases=("3.0.0", *seen.releases[1:]))
            yield [seen]

    with pytest.raises(
        RefusedError, match=r"3\.0\.0 turns up beside 1\.0\.0 and 2\.0\.0; a history holds one change"
    ):
        replay(policy(), third())


def test_a_policy_without_checks_is_refused() -> None:
    with pytest.raises(RefusedError, match="names no checks"):
        replay(policy(metrics=()), recorded(1.0))
