"""Comparison: which counts may be held against each other, and what do they add to the evidence?"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, PopWatch
from wavetrain.decide.waves import DISTURBED
from wavetrain.evidence import calibration, judgement, preperiod
from wavetrain.evidence.arms import Mask, split_each
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, Calibrations
from wavetrain.evidence.counters import Array
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.processes import ARMS, unpacked
from wavetrain.evidence.strata import NO_CLASS
from wavetrain.evidence.together import OfClass
from wavetrain.model.fleet import NodeId, Phase, Reported
from wavetrain.model.health import PopBin, PopCounts
from wavetrain.model.policy import MetricRule, Policy
from wavetrain.model.rollout import Turn, TurnPhase

Places = NDArray[np.intp]

UNCAPPED = 1_000_000_000
EXPOSED: Final = (TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST)
"""While a PoP's turn is in one of these, new nodes are held against old ones."""
MOVING: Final = DISTURBED - {Phase.FAILED}
"""A node that has failed stays out of service; while it does, nothing moves because of it."""


def metrics_of(policy: Policy) -> tuple[Metric, ...]:
    """The policy's metrics in the evidence's terms; the exposure minimum binds the gates."""
    return tuple(
        Metric(
            name=rule.name,
            weight=rule.weight,
            excess_max=rule.excess_max,
            exposure_min=policy.bake.exposure_min if rule.gate else 0.0,
            gate=rule.gate,
        )
        for rule in policy.verdicts.metrics
    )


def arrayed(seen: PopBin | PopCounts) -> PopCounts:
    """A bin as arrays, whichever way its source says it."""
    if isinstance(seen, PopCounts):
        return seen
    names = tuple(dict.fromkeys(name for sample in seen.samples for name in sample.increments))
    counted = [[sample.increments.get(name, np.nan) for sample in seen.samples] for name in names]
    return PopCounts(
        pop=seen.pop,
        ended=seen.ended,
        seconds=seen.seconds,
        nodes=tuple(sample.node for sample in seen.samples),
        releases=tuple(sample.release for sample in seen.samples),
        counters=names,
        counted=np.array(counted, dtype=float).reshape(len(names), len(seen.samples)),
        sessions=np.array([sample.sessions for sample in seen.samples], dtype=float),
    )


def places_of(counters: Sequence[str], policy: Policy) -> tuple[Places, Places]:
    """Where a bin's counters are, as rows of its table: events and exposure of each metric; -1 for none."""
    place = {name: row for row, name in enumerate(counters)}
    rules = policy.verdicts.metrics
    events = np.array([place.get(rule.events, -1) for rule in rules], dtype=np.intp)
    return events, np.array([place.get(rule.exposure, -1) for rule in rules], dtype=np.intp)


def counted(rule: MetricRule, seen: PopCounts) -> Bin | None:
    """One metric of a bin; nodes whose counters were reset or not seen are left out, never counted as zero."""
    place = {name: row for row, name in enumerate(seen.counters)}
    if rule.events not in place or rule.exposure not in place or seen.seconds <= 0:
        return None
    events, exposure = seen.counted[place[rule.events]], seen.counted[place[rule.exposure]]
    known = ~(np.isnan(events) | np.isnan(exposure))
    counts = tuple(
        NodeCount(node, *both)
        for node, is_known, *both in zip(
            seen.nodes, known.tolist(), events.tolist(), exposure.tolist(), strict=True
        )
        if is_known
    )
    return Bin(seconds=seen.seconds, nodes=counts) if counts else None


def is_quiet(seen: PopCounts, reported: Mapping[NodeId, Reported]) -> bool:
    """Whether no node of the PoP was draining, updating or returning: only such bins are compared."""
    return not any(node in reported and reported[node].phase in MOVING for node in seen.nodes)


def watched(watch: PopWatch, seen: PopCounts, policy: Policy) -> PopWatch:
    """The pre-period of a PoP with one more quiet bin."""
    metrics = dict(watch.metrics)
    for rule in policy.verdicts.metrics:
        bin_ = counted(rule, seen)
        if bin_ is not None:
            metrics[rule.name] = preperiod.absorb(metrics.get(rule.name, preperiod.Preperiod()), bin_)
    return watch.changed(metrics=metrics)


def calibrated(rollout: str, pop: str, watch: PopWatch | None, policy: Policy) -> PopCalibration:
    """What the pre-period of a PoP says; cautious assumptions for a metric that was never seen."""
    floor = policy.verdicts.tau_floor
    names = [rule.name for rule in policy.verdicts.metrics]
    held = watch.metrics if watch is not None else {}
    fits = calibration.calibrate_class([held.get(name, preperiod.Preperiod()) for name in names], floor)
    known = [fit if fit is not None else _assumed(floor) for fit in fits]
    nodes = tuple(dict.fromkeys(node for fit in known for node, _ in fit.weights))
    together = calibration.together(known, nodes)
    figures = np.stack(
        [together.phis, together.taus, together.caps, together.rates, together.usual_s], axis=-1
    )
    return PopCalibration(
        rollout=rollout,
        pop=pop,
        seconds=watch.seconds if watch is not None else 0.0,
        nodes=nodes,
        weights=together.weights.astype("<f8").tobytes(),
        figures=figures.astype("<f8").tobytes(),
    )


def calibrations(kept: PopCalibration) -> Calibrations:
    """The arrays of a calibration that was kept."""
    figures = np.frombuffer(kept.figures, dtype="<f8").reshape(-1, 5)
    weights = np.frombuffer(kept.weights, dtype="<f8").reshape(len(figures), len(kept.nodes))
    return Calibrations(kept.nodes, weights, *figures.T)


def _assumed(floor: float) -> Calibration:
    """Cautious, and without a cap: nobody knows what a node usually says in one bin, and a cap that is too low
    would make ten times as many failures look like none more."""
    return msgspec.structs.replace(calibration.assumed(floor), cap_per_bin=UNCAPPED)


def arms_of(turn: Turn, seen: PopCounts, number: str) -> tuple[Mask, Mask] | None:
    """Which nodes of a bin are new, and which the control; None where there is nothing to compare.

    New: the settled nodes of the turn that measure as running the release. Control: its unexposed nodes.
    """
    if turn.phase not in EXPOSED:
        return None
    settled: Collection[str] = frozenset(turn.settled)
    old: Collection[str] = frozenset(turn.order[turn.cursor :]) - frozenset(turn.quarantined)
    runs = [release == number for release in seen.releases]
    new = np.array([node in settled and is_new for node, is_new in zip(seen.nodes, runs, strict=True)], bool)
    control = np.array(
        [node in old and not is_new for node, is_new in zip(seen.nodes, runs, strict=True)], bool
    )
    return (new, control) if new.any() and control.any() else None


def share_of(seen: PopCounts, arms: tuple[Mask, Mask]) -> float:
    """Sessions of the new nodes over what they would have if all carried the same."""
    new, control = arms
    mine, theirs = float(seen.sessions[new].sum()), float(seen.sessions[control].sum())
    if mine + theirs <= 0:
        return 0.0
    fair = (mine + theirs) * int(new.sum()) / int(new.sum() + control.sum())
    return mine / fair


def classes_of(
    hardware: Mapping[str, Sequence[NodeId]], nodes: Sequence[NodeId], arms: tuple[Mask, Mask]
) -> str | dict[str, tuple[Mask, Mask]]:
    """The hardware class of all nodes in the arms; or the arms of each class that is in both, where there are several.

    A class is compared with itself alone: where it has no control in the PoP it says nothing.
    """
    names = {node: name for name, members in hardware.items() for node in members}
    among = arms[0] | arms[1]
    named = np.array([names.get(node, NO_CLASS) for node in nodes])
    found = sorted(set(named[among].tolist()))
    if len(found) == 1:
        return str(found[0])
    split = {name: (arms[0] & (named == name), arms[1] & (named == name)) for name in found}
    return {name: both for name, both in split.items() if both[0].any() and both[1].any()}


def split_bin(
    seen: PopCounts, arms: tuple[Mask, Mask], places: tuple[Places, Places], known: Calibrations
) -> Array:
    """What a bin says of each metric, by arm: shape (metrics, ARMS). `known` is for the bin's nodes."""
    return split_classes(seen, arms, NO_CLASS, places, known)[0]


def split_classes(
    seen: PopCounts,
    arms: tuple[Mask, Mask],
    classes: str | Mapping[str, tuple[Mask, Mask]],
    places: tuple[Places, Places],
    known: Calibrations,
) -> tuple[Array, OfClass]:
    """As `split_bin`, and the same by hardware class, as `classes_of` has told them apart."""
    apart = {} if isinstance(classes, str) else classes
    if not seen.counters:
        return np.zeros((len(places[0]), ARMS)), classes if isinstance(classes, str) else {}
    events, exposure = (
        np.where(rows[:, None] >= 0, seen.counted[rows], np.nan) if (rows < 0).any() else seen.counted[rows]
        for rows in places
    )
    among = arms[0] | arms[1]
    exposure[:, ~among] = np.nan
    whole, *parts = split_each(events, exposure, (arms, *apart.values()), seen.seconds, known)
    return whole, classes if isinstance(classes, str) else dict(zip(apart, parts, strict=True))


def gate_of(kept: PopEvidence | None, policy: Policy) -> judgement.GateAnswer | None:
    """Whether the evidence of one PoP lets its rest follow; None where nothing was calibrated yet."""
    if kept is None:
        return None
    return judgement.gate(unpacked(kept.states), metrics_of(policy), policy.verdicts.beta)
