"""Visibility: what can a wave see; which checks can gate it, and which can only watch?

A gate holds a PoP until a sound release has shown that it is no worse. Where the PoP's traffic is too little for that
in the longest time that it may run two releases, the gate would hold for ever: it can only watch. What a wave sees of
a bad release follows from all its PoPs together, in the time that its gates take, and by itself: what earlier waves
have said comes on top.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import inf, isfinite
from typing import Final

import msgspec
import numpy as np

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.rows import rows_of
from wavetrain.errors import RefusedError
from wavetrain.evidence import calibration, power
from wavetrain.evidence.counters import Array
from wavetrain.evidence.limit import two_arm_information
from wavetrain.evidence.power import Plan
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Kind, MetricRule, Policy

RATIO_MAX: Final = 1000.0
HALF_AN_EVENT: Final = 0.5
"""What is taken to have happened in a pre-period in which nothing did: a rate of nothing shows no ratio."""


class Role(StrEnum):
    """What a check can do for a wave."""

    GATE = "gate"
    WATCH = "watch"
    BLIND = "blind"
    """None of the wave's PoPs was watched by it: nothing is known of what it will see."""


class PopLoad(msgspec.Struct, frozen=True, eq=False):
    """What a PoP's pre-period says of each row of the policy (`decide.rows`); NaN for one never watched there.

    `rates` are events per unit of exposure, `exposures` a node's per second.
    """

    pop: str
    nodes: int
    rates: Array
    exposures: Array
    phis: Array
    taus: Array


class Planned(msgspec.Struct, frozen=True):
    """A wave as it is planned."""

    ordinal: int
    ring: str
    pops: tuple[str, ...]


class CheckSight(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave sees by one check. Times are those by which 80 % of such releases are decided; None for never."""

    name: str
    role: Role
    is_asked: bool
    """Whether the policy asks for a gate."""
    pass_s: float | None
    """Until a sound release has passed in the slowest PoP."""
    slowest: str
    least_ratio: float | None
    """The least worsening that fails a release in the wave's time; None where none does."""
    ratio: float | None
    """The worsening that should be seen: as asked, or that of the check's `excess_max`."""
    fail_s: float | None
    """Until a release that is worse by `ratio` has failed, by all the wave's PoPs together."""
    add: tuple[str, ...] = ()
    """PoPs that, added to the wave, would let it see `ratio` in its time; the fewest first."""
    text: str


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


def load_of(pop: str, nodes: int, watch: PopWatch | None, policy: Policy) -> PopLoad:
    """What is known of a PoP with so many nodes, from its pre-period."""
    pres, _ = comparison.pres_of(watch if watch is not None else PopWatch(pop=pop), policy)
    fits = calibration.calibrate_class(pres, policy.verdicts.tau_floor)
    figures = np.full((4, len(pres)), np.nan)
    for place, (pre, fit) in enumerate(zip(pres, fits, strict=True)):
        if fit is None or pre.seconds <= 0:
            continue
        exposure = sum(total.exposure for total in pre.totals)
        rate = fit.rate or HALF_AN_EVENT / exposure
        figures[:, place] = rate, exposure / pre.seconds / len(pre.totals), fit.phi, fit.tau
    return PopLoad(pop, nodes, *figures)


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


def only_watch(policy: Policy, load: PopLoad) -> tuple[str, ...]:
    """The gates that a sound release could not pass in a PoP in time, so that there they can only watch.

    None where that would leave the PoP no gate: what nothing decides is held for a person, never let through. A gate
    of which nothing is known yet stays one.
    """
    rules = rules_of(policy)
    if load.nodes <= policy.bake.canaries:
        return ()
    plan = plan_of(policy, [load])
    least = np.full(len(rules), policy.bake.exposure_min)
    excess = np.array([rule.excess_max for rule in rules])
    passes = power.seconds_to_pass(plan, excess, least, policy.verdicts.beta)[:, 0]
    longest = policy.bake.mixed_hours_max * 3600.0
    is_late = (plan.new[:, 0] > 0) & (passes > longest)
    gates = [rule.name for rule in rules if rule.gate]
    late = tuple(rule.name for rule, is_it in zip(rules, is_late, strict=True) if rule.gate and is_it)
    return late if len(late) < len(gates) else ()


def rules_of(policy: Policy) -> tuple[MetricRule, ...]:
    """A rule for each row of the policy, with the row's name and its part of the weight; gauges have no row."""
    return tuple(
        msgspec.structs.replace(row.rule, name=row.name, weight=row.rule.weight * row.share)
        for row in rows_of(policy).rows
    )


def plan_of(policy: Policy, loads: Sequence[PopLoad]) -> Plan:
    """What the canaries of these PoPs expose; a check that was not watched in a PoP has no exposure there."""
    rules, canaries = rules_of(policy), policy.bake.canaries
    shape = (len(rules), len(loads))
    rates, exposures, phis, taus = (
        np.array([getattr(load, name) for load in loads]).reshape(shape[::-1]).T
        for name in ("rates", "exposures", "phis", "taus")
    )
    known = np.isfinite(rates)
    rest = np.array([max(0, load.nodes - canaries) for load in loads], dtype=float)
    exposures = np.where(known & (rest > 0), exposures, 0.0)
    floor = policy.verdicts.tau_floor
    return Plan(
        rates=np.where(known, rates, 0.0),
        new=exposures * canaries,
        control=exposures * rest,
        phis=np.where(known, phis, 1.0),
        taus=np.maximum(np.where(known, taus, floor).max(axis=1, initial=floor), floor),
        weights=np.array([rule.weight for rule in rules])
        / sum(rule.weight for rule in policy.verdicts.metrics),
        margins_log=np.log1p([rule.margin_ratio for rule in rules]),
        falls=np.isin(np.arange(len(rules)), rows_of(policy).turned),
    )


def _of_wave(
    policy: Policy, wave: Planned, known: Mapping[str, PopLoad], worse_by: float | None
) -> WaveSight:
    rules, verdicts = rules_of(policy), policy.verdicts
    mine = [known[pop] for pop in wave.pops if pop in known and np.isfinite(known[pop].rates).any()]
    compared = [load for load in mine if load.nodes > policy.bake.canaries]
    plan = plan_of(policy, compared)
    excess = np.array([rule.excess_max for rule in rules])
    least = np.array([policy.bake.exposure_min if rule.gate else 0.0 for rule in rules])
    passes = power.seconds_to_pass(plan, excess, least, verdicts.beta)
    passes = np.where(plan.new > 0, passes, -inf)  # where nothing is known, nothing can be slow
    slowest_s = passes.max(axis=1, initial=-inf)
    longest = policy.bake.mixed_hours_max * 3600.0
    roles = [_role(rule, float(slow), longest) for rule, slow in zip(rules, slowest_s, strict=True)]
    gates = [float(slow) for role, slow in zip(roles, slowest_s, strict=True) if role is Role.GATE]
    seconds = max([policy.bake.minutes * 60.0, *gates])
    ratios = np.array([_ratio(rule, plan, row, worse_by) for row, rule in enumerate(rules)])
    fails = power.seconds_to_fail(plan, ratios, verdicts.alpha)
    leasts = power.least_ratios(plan, np.full(len(rules), seconds), verdicts.alpha)
    spare = [
        load for pop, load in known.items() if pop not in set(wave.pops) and load.nodes > policy.bake.canaries
    ]
    checks = []
    for row, rule in enumerate(rules):
        is_seen = roles[row] is Role.BLIND or leasts[row] <= ratios[row] * (1 + 1e-6)
        add = () if is_seen else _added(policy, compared, spare, row, float(ratios[row]), seconds)
        sight = CheckSight(
            name=rule.name,
            role=roles[row],
            is_asked=rule.gate,
            pass_s=_finite(slowest_s[row]),
            slowest=compared[int(passes[row].argmax())].pop if isfinite(slowest_s[row]) else "",
            least_ratio=_finite(leasts[row]),
            ratio=None if roles[row] is Role.BLIND else float(ratios[row]),
            fail_s=_finite(fails[row]),
            add=add,
            text="",
        )
        checks.append(msgspec.structs.replace(sight, text=_said(sight, seconds, longest)))
    return WaveSight(
        ordinal=wave.ordinal,
        ring=wave.ring,
        pops=len(wave.pops),
        seconds=seconds,
        unwatched=tuple(pop for pop in wave.pops if pop not in {load.pop for load in mine}),
        alone=tuple(load.pop for load in mine if load.nodes <= policy.bake.canaries),
        checks=(*checks, *(_gauge(rule) for rule in verdicts.metrics if rule.kind is Kind.GAUGE)),
    )


def _gauge(rule: MetricRule) -> CheckSight:
    """A gauge is judged by blocks of its own length, which no plan of exposures foretells."""
    return CheckSight(
        name=rule.name,
        role=Role.GATE if rule.gate else Role.WATCH,
        is_asked=rule.gate,
        pass_s=None,
        slowest="",
        least_ratio=None,
        ratio=None,
        fail_s=None,
        text=f"{'gate' if rule.gate else 'watch'}: a gauge; how soon it decides is not foretold",
    )


def _role(rule: MetricRule, slowest_s: float, longest_s: float) -> Role:
    if slowest_s == -inf:
        return Role.BLIND
    return Role.GATE if rule.gate and slowest_s <= longest_s else Role.WATCH


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

    def is_seen(count: int) -> bool:
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

    if not best or not is_seen(len(best)):
        return ()
    low, high = 0, len(best)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return tuple(load.pop for load in best[:high])


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _said(sight: CheckSight, seconds: float, longest_s: float) -> str:
    """One check of a wave in a sentence, with its way out."""
    if sight.role is Role.BLIND:
        return "sees nothing yet: no PoP of the wave was watched by it; record or wait for a pre-period"
    parts = []
    if sight.role is Role.GATE:
        parts.append(f"gate: a sound release passes in {span(sight.pass_s)}, in {sight.slowest} last")
    elif sight.is_asked:
        passes = f"takes {span(sight.pass_s)}" if sight.pass_s is not None else "never passes"
        parts.append(
            f"watch, no gate: a sound release {passes} in its slowest PoP, which may run two releases for "
            f"{span(longest_s)}; raise excess_max, or canaries"
        )
    else:
        parts.append("watch")
    if sight.least_ratio is None:
        parts.append(f"in {span(seconds)} it cannot fail a release, however bad")
    else:
        parts.append(f"in {span(seconds)} it sees {_worse(sight.least_ratio)} and more")
    if sight.ratio is not None and not (sight.least_ratio or inf) <= sight.ratio * (1 + 1e-6):
        parts.append(_unseen(sight, sight.ratio))
    return "; ".join(parts)


def _unseen(sight: CheckSight, ratio: float) -> str:
    """What a wave cannot see, and what would let it."""
    more = f"{len(sight.add)} more PoPs would" if len(sight.add) > 1 else f"{' '.join(sight.add)} added would"
    ways = [more] if sight.add else []
    if sight.fail_s is not None:
        ways.append(f"{span(sight.fail_s)} would")
    if not ways:
        ways = ["no time and none of the PoPs would: differences between nodes hide so little"]
    return f"this wave cannot see {_worse(ratio)}: {', or '.join(ways)}"


def _worse(ratio: float) -> str:
    """A ratio as people say it."""
    return f"{ratio - 1:.0%}" if ratio < 2 else f"{ratio:.3g} times"


def span(seconds: float | None) -> str:
    """A time in one unit that suits it."""
    if seconds is None:
        return "no time"
    for size, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
