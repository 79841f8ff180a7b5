"""Visibility: what can a wave see; which checks can gate it, and which can only watch?

A gate holds a PoP until a sound release has shown that it is no worse. Where the PoP's traffic is too little for that
in the longest time that it may run two releases, the gate would hold for ever: there it only watches, unless it is the
last one (`gate_or_watch`). What a wave sees of
a bad release follows from all its PoPs together, in the time that its gates take, and by itself: what earlier waves
have said comes on top.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Final

import msgspec
import numpy as np

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.gate_or_watch import only_watch
from wavetrain.decide.gauge_sight import GaugeSight
from wavetrain.decide.pop_load import PopLoad, plan_of, rules_of
from wavetrain.decide.sight import CheckSight, Role, fewest, finite, is_seen, passing, said
from wavetrain.errors import RefusedError
from wavetrain.evidence import power
from wavetrain.evidence.limit import two_arm_information
from wavetrain.evidence.power import Plan
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import MetricRule, Policy

RATIO_MAX: Final = 1000.0


class Planned(msgspec.Struct, frozen=True):
    """A wave as it is planned."""

    ordinal: int
    ring: str
    pops: tuple[str, ...]


class WaveSight(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave sees. `seconds` is its bake: the policy's, or until its gates have passed."""

    ordinal: int
    ring: str
    pops: int
    seconds: float
    unwatched: tuple[str, ...]
    """PoPs of which no check knows anything yet."""
    alone: tuple[str, ...]
    """PoPs whose canaries leave no node to compare them with."""
    checks: tuple[CheckSight, ...]


def watched_in(policy: Policy, times: Iterable[Sequence[PopCounts]]) -> dict[str, PopWatch]:
    """The pre-periods in a recording, by PoP: of each what comes before the first node of it that changes."""
    watches: dict[str, PopWatch] = {}
    ran: dict[str, dict[str, str]] = {}
    changed: set[str] = set()
    for bins in times:
        for seen in bins:
            pop = str(seen.pop)
            runs = ran.setdefault(pop, {})
            said = list(zip(seen.nodes, seen.releases, strict=True))
            if any(runs.setdefault(node, release) != release for node, release in said):
                changed.add(pop)
            if pop not in changed:
                watches[pop] = comparison.watched(watches.get(pop) or PopWatch(pop=pop), seen, policy)
    return watches


def of_waves(
    policy: Policy, waves: Sequence[Planned], loads: Mapping[str, PopLoad], worse_by: float | None = None
) -> tuple[WaveSight, ...]:
    """What each wave sees, alone; `worse_by` is the relative worsening that should be seen (0.1 = 10 %).

    Without it each check should see a rate that is over the old one by its `excess_max`.
    """
    if not policy.verdicts.metrics:
        raise RefusedError("the policy names no checks: a wave sees nothing; add [[verdicts.metric]]")
    if worse_by is not None and not 0 < worse_by <= RATIO_MAX:
        raise RefusedError(
            f"a worsening of {worse_by:g} must lie over 0, up to {RATIO_MAX:g}; 0.1 asks for 10 %"
        )
    return tuple(_of_wave(policy, wave, loads, worse_by) for wave in waves)


def _of_wave(
    policy: Policy, wave: Planned, known: Mapping[str, PopLoad], worse_by: float | None
) -> WaveSight:
    rules, verdicts = rules_of(policy), policy.verdicts
    mine = [known[pop] for pop in wave.pops if pop in known and known[pop].is_watched]
    compared = [load for load in mine if load.nodes > policy.bake.canaries]
    plan = plan_of(policy, compared)
    excess = np.array([rule.excess_max for rule in rules])
    least = np.array([policy.bake.exposure_min if rule.gate else 0.0 for rule in rules])
    passes = power.seconds_to_pass(plan, excess, least, verdicts.beta)
    passes = np.where(plan.new > 0, passes, -inf)  # where nothing is known, nothing can be slow
    longest = policy.bake.mixed_hours_max * 3600.0
    pops = [load.pop for load in compared]
    watching = {load.pop: only_watch(policy, load) for load in compared}
    shown = [
        passing(rule, passes[row].tolist(), pops, {pop for pop in pops if rule.name in watching[pop]})
        for row, rule in enumerate(rules)
    ]
    gates = [min(one.seconds, longest) for one in shown if one.role is Role.GATE]
    gauges = GaugeSight(policy, compared, watching)
    seconds = max([policy.bake.minutes * 60.0, *gates, *gauges.gates_s])
    ratios = np.array([_ratio(rule, plan, row, worse_by) for row, rule in enumerate(rules)])
    fails = power.seconds_to_fail(plan, ratios, verdicts.alpha)
    leasts = power.least_ratios(plan, np.full(len(rules), seconds), verdicts.alpha)
    spare = [
        load for pop, load in known.items() if pop not in set(wave.pops) and load.nodes > policy.bake.canaries
    ]
    checks = []
    for row, rule in enumerate(rules):
        is_enough = shown[row].role is Role.BLIND or is_seen(float(leasts[row]), float(ratios[row]))
        add = () if is_enough else _added(policy, compared, spare, row, float(ratios[row]), seconds)
        sight = CheckSight(
            name=rule.name,
            role=shown[row].role,
            is_asked=rule.gate,
            pass_s=finite(shown[row].seconds),
            slowest=shown[row].slowest,
            watches=shown[row].watches,
            least_ratio=finite(leasts[row]),
            ratio=None if shown[row].role is Role.BLIND else float(ratios[row]),
            fail_s=finite(fails[row]),
            add=add,
            text="",
        )
        checks.append(msgspec.structs.replace(sight, text=said(sight, seconds, longest)))
    return WaveSight(
        ordinal=wave.ordinal,
        ring=wave.ring,
        pops=len(wave.pops),
        seconds=seconds,
        unwatched=tuple(pop for pop in wave.pops if pop not in {load.pop for load in mine}),
        alone=tuple(load.pop for load in mine if load.nodes <= policy.bake.canaries),
        checks=(*checks, *gauges.checks(seconds, spare)),
    )


def _ratio(rule: MetricRule, plan: Plan, row: int, worse_by: float | None) -> float:
    """The worsening that a check should see in this wave, as a ratio of rates."""
    if worse_by is not None:
        return 1 + worse_by
    exposure = plan.new[row].sum()
    rate = float((plan.rates[row] * plan.new[row]).sum() / exposure) if exposure > 0 else 0.0
    if plan.falls[row]:
        return min(RATIO_MAX, rate / (rate - rule.excess_max)) if rate > rule.excess_max else RATIO_MAX
    return min(RATIO_MAX, 1 + rule.excess_max / rate) if rate > 0 else RATIO_MAX


def _added(
    policy: Policy,
    mine: Sequence[PopLoad],
    spare: Sequence[PopLoad],
    row: int,
    ratio: float,
    seconds: float,
) -> tuple[str, ...]:
    """The fewest PoPs, those that tell most first, that would let a wave see a ratio; none where all are too few."""
    canaries = policy.bake.canaries

    def tells(load: PopLoad) -> float:
        if not np.isfinite(load.rates[row]):
            return 0.0
        each = float(load.exposures[row])
        information = two_arm_information(
            control_rate=float(load.rates[row]),
            new_exposure=each * canaries,
            control_exposure=each * (load.nodes - canaries),
            ratio=ratio,
        )
        return information / float(load.phis[row])

    best = sorted((load for load in spare if tells(load) > 0), key=lambda load: (-tells(load), load.pop))

    everybody = [*mine, *best]
    whole = plan_of(policy, everybody)
    widths = np.maximum.accumulate(np.nan_to_num([float(load.taus[row]) for load in everybody]))

    def is_enough(count: int) -> bool:
        upto = slice(0, len(mine) + count)
        plan = Plan(
            rates=whole.rates[row : row + 1, upto],
            new=whole.new[row : row + 1, upto],
            control=whole.control[row : row + 1, upto],
            phis=whole.phis[row : row + 1, upto],
            taus=np.maximum(widths[len(mine) + count - 1 : len(mine) + count], policy.verdicts.tau_floor),
            weights=whole.weights[row : row + 1],
            margins_log=whole.margins_log[row : row + 1],
            falls=whole.falls[row : row + 1],
        )
        at, asked = np.array([seconds]), np.array([ratio * (1 + 1e-6)])
        return bool(power.is_failed(plan, asked, at, policy.verdicts.alpha)[0])

    return tuple(load.pop for load in best[: fewest(len(best), is_enough)])
