"""Comparison: which counts may be held against each other, and what do they add to the evidence?"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.decide import levels, rows
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, PopWatch
from wavetrain.decide.waves import DISTURBED
from wavetrain.evidence import (
    betting,
    calibration,
    edges,
    first_nodes,
    gauge_calibration,
    gauge_preperiod,
    judgement,
    preperiod,
)
from wavetrain.evidence.arms import Mask, split_each
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, Calibrations
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_pairs import SHIFTED
from wavetrain.evidence.gauges import LEVEL_STRAND, STRANDS
from wavetrain.evidence.processes import WIDTH, unpacked
from wavetrain.evidence.strata import NO_CLASS
from wavetrain.evidence.together import OfClass
from wavetrain.model.fleet import NodeId, Phase, Reported
from wavetrain.model.health import PopBin, PopCounts
from wavetrain.model.policy import Direction, Kind, MetricRule, Policy
from wavetrain.model.rollout import Turn, TurnPhase

Places = NDArray[np.intp]

UNCAPPED = 1_000_000_000
ASSUMED_BIN_S = 1.0
"""Where nothing was measured before: gauges' blocks are then as many bins as they have seconds, or longer."""
SIDES_CHANGED: Final = [3, 4, 5, 0, 1, 2, 6, 7, 8]
"""The columns of arms, the control's before the new nodes'."""
EXPOSED: Final = (TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST)
"""While a PoP's turn is in one of these, new nodes are held against old ones."""
MOVING: Final = DISTURBED - {Phase.FAILED}
"""A node that has failed stays out of service; while it does, nothing moves because of it."""


def arrayed(seen: PopBin | PopCounts) -> PopCounts:
    """A bin as arrays, whichever way its source says it."""
    if isinstance(seen, PopCounts):
        return seen
    names = tuple(dict.fromkeys(name for sample in seen.samples for name in sample.increments))
    counted = [[sample.increments.get(name, np.nan) for sample in seen.samples] for name in names]
    gauges = tuple(dict.fromkeys(name for sample in seen.samples for name in sample.levels))
    levels = [[sample.levels.get(name, np.nan) for sample in seen.samples] for name in gauges]
    return PopCounts(
        pop=seen.pop,
        ended=seen.ended,
        seconds=seen.seconds,
        nodes=tuple(sample.node for sample in seen.samples),
        releases=tuple(sample.release for sample in seen.samples),
        counters=names,
        counted=np.array(counted, dtype=float).reshape(len(names), len(seen.samples)),
        sessions=np.array([sample.sessions for sample in seen.samples], dtype=float),
        gauges=gauges,
        levels=np.array(levels, dtype=float).reshape(len(gauges), len(seen.samples)),
    )


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


def watched(watch: PopWatch, seen: PopCounts, policy: Policy, clock_s: float | None = None) -> PopWatch:
    """The pre-period of a PoP with one more quiet bin; `clock_s` is train time in seconds, where it is known."""
    metrics, histograms = dict(watch.metrics), dict(watch.histograms)
    for rule in policy.verdicts.metrics:
        if rule.kind is Kind.COUNTER:
            bin_ = counted(rule, seen)
            if bin_ is not None:
                metrics[rule.name] = preperiod.absorb(metrics.get(rule.name, preperiod.Preperiod()), bin_)
        elif rule.kind is Kind.HISTOGRAM:
            said = rows.histogram_of(rule, seen)
            if said is not None:
                held = histograms.get(rule.name, edges.HistogramWatch())
                histograms[rule.name] = edges.absorb(held, said, falls=rule.direction is Direction.DOWN)
    watch = watch.changed(metrics=metrics, histograms=histograms)
    rules = levels.gauges_of(policy)
    if not rules or seen.seconds <= 0:
        return watch
    names = tuple(rule.name for rule in rules)
    before = (
        gauge_preperiod.unpacked(watch.gauges, watch.gauge_nodes)
        if watch.gauges and watch.gauge_names == names
        else gauge_preperiod.unwatched(len(rules))
    )
    after = gauge_preperiod.absorb(
        before, tuple(map(str, seen.nodes)), levels.levels_in(rules, seen), seen.seconds, clock_s
    )
    if after is before:
        return watch
    return watch.changed(gauge_names=names, gauge_nodes=after.nodes, gauges=gauge_preperiod.packed(after))


class Fits(msgspec.Struct, frozen=True):
    """What a pre-period says of each row of a policy: itself, its calibration, a strand's bound; and of the gauges."""

    held: PopWatch
    pres: list[preperiod.Preperiod]
    rows: tuple[Calibration | None, ...]
    """None for one that was never seen."""
    bounds: Array
    gauges: gauge_calibration.GaugeCalibration | None
    """None where the policy names none."""


def fitted(pop: str, watch: PopWatch | None, policy: Policy) -> Fits:
    """What the pre-period of a PoP says."""
    held = watch or PopWatch(pop=pop)
    pres, bounds = pres_of(held, policy)
    fits = calibration.calibrate_class(pres, policy.verdicts.tau_floor)
    return Fits(held, pres, fits, bounds, _gauges_calibrated(held, policy))


def calibrated(rollout: str, pop: str, watch: PopWatch | None, policy: Policy) -> PopCalibration:
    """The same as it is kept; cautious assumptions for a metric that was never seen."""
    return calibrated_by(rollout, fitted(pop, watch, policy), policy)


def calibrated_by(rollout: str, fits: Fits, policy: Policy) -> PopCalibration:
    """The same of a pre-period that is fitted already."""
    floor, gauges = policy.verdicts.tau_floor, fits.gauges
    unseen = _assumed(floor)
    known = [fit if fit is not None else unseen for fit in fits.rows]
    apart = {id(fit): fit for fit in known}.values()  # rows that were watched as one are calibrated as one
    nodes = tuple(dict.fromkeys(node for fit in apart for node, _ in fit.weights))
    together = calibration.together(known, nodes)
    figures = np.stack(
        [together.phis, together.taus, together.caps, together.rates, together.usual_s], axis=-1
    )
    ceilings = np.full(len(known), np.inf)
    past = rows.rows_of(policy).histories
    if len(past):
        sums = np.array([_sums(fits.pres[place]) for place in past.tolist()])
        ceilings[past] = first_nodes.ceilings(sums[:, 0], sums[:, 1], together.phis[past])
    return PopCalibration(
        rollout=rollout,
        pop=fits.held.pop,
        seconds=fits.held.seconds,
        nodes=nodes,
        weights=together.weights.astype("<f8").tobytes(),
        figures=figures.astype("<f8").tobytes(),
        offset_errors=together.offset_errors.astype("<f8").tobytes(),
        bounds=fits.bounds.astype("<f8").tobytes(),
        ceilings=ceilings.astype("<f8").tobytes(),
        gauge_nodes=gauges.nodes if gauges is not None else (),
        gauges=gauge_calibration.packed(gauges) if gauges is not None else b"",
    )


def pres_of(held: PopWatch, policy: Policy) -> tuple[list[preperiod.Preperiod], Array]:
    """The pre-period of each row of a policy, empty where it was never seen; and the bounds of histograms' strands."""
    of_policy = rows.rows_of(policy).rows
    bounds = np.full(len(of_policy), np.nan)
    pres: list[preperiod.Preperiod] = []
    for place, row in enumerate(of_policy):
        pre = held.metrics.get(row.rule.name)
        if row.rule.kind is Kind.HISTOGRAM:
            falls = row.rule.direction is Direction.DOWN
            settled = edges.settled(held.histograms.get(row.rule.name, edges.HistogramWatch()), falls=falls)
            strands = {edges.QUANTILES.index(strand.quantile): n for n, strand in enumerate(settled.strands)}
            number = strands.get(row.strand)
            pre = settled.pres[number] if number is not None else None
            bounds[place] = settled.strands[number].bound if number is not None else np.nan
        pres.append(pre or preperiod.Preperiod())
    return pres, bounds


def _sums(pre: preperiod.Preperiod) -> tuple[float, float]:
    """Events and exposure of a whole pre-period."""
    return sum(total.events for total in pre.totals), sum(total.exposure for total in pre.totals)


def _gauges_calibrated(watch: PopWatch, policy: Policy) -> gauge_calibration.GaugeCalibration | None:
    """What the pre-period of a PoP's gauges says, assumed where it is none or too short; None without gauges."""
    rules = levels.gauges_of(policy)
    if not rules:
        return None
    rho = levels.shifts_of(rules)
    if not watch.gauges or watch.gauge_names != tuple(rule.name for rule in rules):
        return gauge_calibration.assumed(rho, ASSUMED_BIN_S)
    seen = gauge_preperiod.unpacked(watch.gauges, watch.gauge_nodes)
    return gauge_calibration.calibrate(seen, rho, policy.verdicts.gauge_block_s)


def calibrations(kept: PopCalibration) -> Calibrations:
    """The arrays of a calibration that was kept."""
    figures = np.frombuffer(kept.figures, dtype="<f8").reshape(-1, 5)
    weights = np.frombuffer(kept.weights, dtype="<f8").reshape(len(figures), len(kept.nodes))
    errors = np.frombuffer(kept.offset_errors, dtype="<f8") if kept.offset_errors else np.zeros(len(figures))
    return Calibrations(kept.nodes, weights, *(*figures.T, errors))


def strand_bounds(kept: PopCalibration, count: int) -> Array:
    """The bound of each of so many rows; NaN for one that is no strand of a histogram, or has none in this PoP."""
    return np.frombuffer(kept.bounds, dtype="<f8") if kept.bounds else np.full(count, np.nan)


def ceilings(kept: PopCalibration, count: int) -> Array:
    """The rate of each of so many rows that the past did not exceed; infinite where nothing is known of it."""
    return np.frombuffer(kept.ceilings, dtype="<f8") if kept.ceilings else np.full(count, np.inf)


def gauge_calibration_of(kept: PopCalibration) -> gauge_calibration.GaugeCalibration | None:
    """What the gauges of a PoP are held against; None where the policy has none."""
    return gauge_calibration.unpacked(kept.gauges, kept.gauge_nodes) if kept.gauges else None


def _assumed(floor: float) -> Calibration:
    """Cautious, and without a cap: nobody knows what a node usually says in one bin, and a cap that is too low
    would make ten times as many failures look like none more."""
    return msgspec.structs.replace(calibration.assumed(floor), cap_per_bin=UNCAPPED)


def arms_of(turn: Turn, seen: PopCounts, number: str) -> tuple[Mask, Mask] | None:
    """Which nodes of a bin are new, and which the control; None where there is nothing to compare.

    New: the settled nodes of the turn that measure as running the release. Control: its unexposed nodes. Where each
    canary has one that was restarted beside it, only the canaries and those are compared: all others differ in age.
    """
    if turn.phase not in EXPOSED:
        return None
    new, control = _that(seen, frozenset(turn.settled), number, True), _unexposed(turn, seen, number)
    if 0 < turn.canaries <= len(turn.restarted):
        new &= _that(seen, frozenset(turn.order[: turn.canaries]), number, True)
        control &= _that(seen, frozenset(turn.restarted), number, False)
    return (new, control) if new.any() and control.any() else None


def placebo_arms(turn: Turn, seen: PopCounts, number: str) -> tuple[Mask, Mask] | None:
    """The arms of a placebo: nodes that were only restarted, and those that were left alone; None where either lacks.

    None of them runs the release, so that nothing but the restart can tell them apart.
    """
    if turn.phase not in EXPOSED or not turn.restarted:
        return None
    old = _unexposed(turn, seen, number)
    restarted = old & _that(seen, frozenset(turn.restarted), number, False)
    alone = old & ~_that(seen, frozenset(turn.placebos), number, False)
    return (restarted, alone) if restarted.any() and alone.any() else None


def _unexposed(turn: Turn, seen: PopCounts, number: str) -> Mask:
    return _that(seen, frozenset(turn.order[turn.cursor :]) - frozenset(turn.quarantined), number, False)


def _that(seen: PopCounts, units: Collection[str], number: str, is_new: bool) -> Mask:
    """The nodes of a bin that are among some units, and run the release or do not."""
    pairs = zip(seen.nodes, seen.releases, strict=True)
    return np.array([node in units and (release == number) is is_new for node, release in pairs], bool)


def whole_of(turn: Turn, seen: PopCounts, number: str, arms: tuple[Mask, Mask]) -> tuple[Mask, Mask]:
    """The arms by which it is told what share of its PoP's load the first carries: against all that are unexposed."""
    return arms[0], _unexposed(turn, seen, number) & ~arms[0]


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


def split_classes(
    table: tuple[Array, Array],
    seconds: float,
    arms: tuple[Mask, Mask],
    classes: str | Mapping[str, tuple[Mask, Mask]],
    known: Calibrations,
    turned: Places,
) -> tuple[Array, OfClass]:
    """What a bin says of each row, by arm, shape (rows, ARMS), and the same by hardware class.

    `table` are its events and exposure by row and node, `classes` is as `classes_of` has told them apart, `known` is
    for the bin's nodes. Of `turned` rows less is worse: there the arms change sides.
    """
    apart = {} if isinstance(classes, str) else classes
    events, exposure = table
    among = arms[0] | arms[1]
    exposure[:, ~among] = np.nan
    both = split_each(events, exposure, (arms, *apart.values()), seconds, known)
    if len(turned):
        both[:, turned] = both[:, turned][..., SIDES_CHANGED]
    whole, *parts = both
    return whole, classes if isinstance(classes, str) else dict(zip(apart, parts, strict=True))


def gate_of(kept: PopEvidence | None, policy: Policy) -> judgement.GateAnswer | None:
    """Whether the evidence of one PoP lets its rest follow; None where nothing was calibrated yet.

    What only watches there is not asked.
    """
    if kept is None:
        return None
    state = unpacked(kept.states) if kept.states else None
    more = [
        _gate_of_gauge(place, rule, kept, policy.verdicts.beta)
        for place, rule in enumerate(levels.gauges_of(policy))
        if rule.gate and rule.name not in kept.only_watch
    ]
    return judgement.gate(state, rows.gating(policy, kept.only_watch), policy.verdicts.beta, more=more)


def pairs_of(kept: PopEvidence) -> Array | None:
    """What a PoP's matched pairs have said, (gauges, 2, betting.WIDTH); None where none has bet."""
    return np.frombuffer(kept.pairs, dtype="<f8").reshape(-1, 2, betting.WIDTH) if kept.pairs else None


def _gate_of_gauge(place: int, rule: MetricRule, kept: PopEvidence, beta: float) -> judgement.MetricGate:
    """By blocks, or by pairs where those have bet; where neither has said anything it does not pass."""
    bets = pairs_of(kept)
    if bets is not None:
        return judgement.gate_of_pairs(rule.name, bets[place, SHIFTED], rule.excess_max, beta)
    states = unpacked(kept.gauges).reshape(-1, STRANDS, WIDTH) if kept.gauges else None
    row = None if states is None else states[place, LEVEL_STRAND]
    return judgement.gate_of_level(rule.name, row, rule.excess_max, beta)
