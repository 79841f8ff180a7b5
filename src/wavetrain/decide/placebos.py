"""Placebos: would the verdict have stopped trains that changed nothing?

Nodes of a recording at rest are said to have been upgraded, and the running test looks at them as it looks at a real
train: the same arms, checks, mixtures and shares. Blocks of time follow each other without overlap; within a block
several trains differ in their nodes, chosen by stable hash, and count together once (`evidence.placebo`). The
calibrations are those of the whole recording, which the placebos are a part of, as a real train's are of what came
before it; weather that the recording has not seen, they have not seen either.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from wavetrain.decide import comparison
from wavetrain.decide.cohort import rank
from wavetrain.decide.evidence_kept import PopCalibration
from wavetrain.decide.running_test import RunningTest
from wavetrain.decide.visibility import watched_in
from wavetrain.errors import RefusedError
from wavetrain.evidence.placebo import Placebo
from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import RolloutId, Turn, TurnPhase

NAME: Final = "placebo"
TRAINS_MAX: Final = 100_000
TRAIN_S: Final = 18_000.0
"""One placebo train, in seconds: the hours in which a fault is to be found."""
SPLITS: Final = 4
"""Trains of each block, of other nodes."""
_EVER: Final = datetime(2026, 1, 1, tzinfo=UTC)


def trains_in(
    policy: Policy,
    times: Sequence[Sequence[PopCounts]],
    window_s: float = TRAIN_S,
    splits: int = SPLITS,
    rest: Callable[[], None] = lambda: None,
) -> tuple[Placebo, ...]:
    """`splits` placebo trains in each block of `window_s` seconds that the recording holds whole.

    `rest` is called before each of them: whoever runs them beside other work gives way there.

    Raises RefusedError where a node changes its release in the recording: it must be at rest.
    """
    if not policy.verdicts.metrics:
        raise RefusedError("the policy names no checks: no train could fail; add [[verdicts.metric]]")
    if window_s <= 0 or splits < 1:
        raise RefusedError(f"{splits} placebo trains of {window_s:g} s: give at least one, of more than 0 s")
    blocks = _blocks(times, window_s)
    if len(blocks) * splits > TRAINS_MAX:
        raise RefusedError(
            f"{len(blocks) * splits} placebo trains: at most {TRAINS_MAX}; give longer windows or fewer splits"
        )

    def train(block: int, bins: Sequence[Sequence[PopCounts]], split: int) -> Placebo:
        rest()
        return _train(policy, homes, known, block, bins, f"{NAME}/{block}/{split}")

    homes = _homes(times)
    watches = watched_in(policy, times)
    known = [comparison.calibrated(NAME, pop, watches.get(pop), policy) for pop in homes]
    return tuple(train(block, bins, split) for block, bins in blocks for split in range(splits))


def _blocks(
    times: Sequence[Sequence[PopCounts]], window_s: float
) -> list[tuple[int, list[Sequence[PopCounts]]]]:
    """The recording in whole blocks; what is left at its end is too short for a train."""
    told = [bins for bins in times if bins]
    if not told:
        return []
    start = told[0][0].ended - max(seen.seconds for seen in told[0])
    held: dict[int, list[Sequence[PopCounts]]] = {}
    for bins in told:
        begun = bins[0].ended - max(seen.seconds for seen in bins) - start
        held.setdefault(int((begun + 1e-6) // window_s), []).append(bins)
    last = told[-1][0].ended - start
    return [(block, bins) for block, bins in sorted(held.items()) if (block + 1) * window_s <= last + 1e-6]


def _homes(times: Sequence[Sequence[PopCounts]]) -> dict[str, tuple[str, ...]]:
    """The nodes of each PoP, which all run one release for as long as the recording lasts."""
    homes: dict[str, dict[str, str]] = {}
    for bins in times:
        for seen in bins:
            runs = homes.setdefault(str(seen.pop), {})
            for node, release in zip(seen.nodes, seen.releases, strict=True):
                if runs.setdefault(str(node), release) != release:
                    raise RefusedError(
                        f"at time {seen.ended:g} node {node} goes from {runs[str(node)]} to {release}; placebo trains "
                        "need a recording at rest: cut it before the change"
                    )
    return {pop: tuple(sorted(runs)) for pop, runs in sorted(homes.items())}


def _train(
    policy: Policy,
    homes: dict[str, tuple[str, ...]],
    known: Sequence[PopCalibration],
    block: int,
    times: Sequence[Sequence[PopCounts]],
    salt: str,
) -> Placebo:
    """One placebo train: in each PoP the first by hash are its canaries, from the block's first bin to its last."""
    test = RunningTest(NAME, policy)
    for calibration in known:
        test.calibrate(calibration)
    orders = {pop: rank(nodes, salt) for pop, nodes in homes.items()}
    turns = {
        pop: Turn(
            rollout=RolloutId(NAME),
            pop=PopId(pop),
            wave=0,
            phase=TurnPhase.BAKING,
            order=tuple(map(UnitId, order)),
            canaries=policy.bake.canaries,
            cursor=min(policy.bake.canaries, len(order)),
            opens=_EVER,
            closes=_EVER,
        )
        for pop, order in orders.items()
    }
    chosen = {pop: frozenset(order[: policy.bake.canaries]) for pop, order in orders.items()}
    greatest = 0.0
    for bins in times:
        told = [(turns[str(seen.pop)], _pretended(seen, chosen[str(seen.pop)])) for seen in bins]
        if test.compare(told, NAME, bins[0].ended):
            test.judge()
            greatest = max(greatest, test.record.log_e)
    return Placebo(block, test.record.log_e, greatest)


def _pretended(seen: PopCounts, chosen: frozenset[str]) -> PopCounts:
    """The bin as if the chosen nodes ran another release."""
    releases = tuple(
        NAME if node in chosen else release for node, release in zip(seen.nodes, seen.releases, strict=True)
    )
    return msgspec.structs.replace(seen, releases=releases)
