"""Train picture: how does the plan of a train look in a terminal?"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from wavetrain.control.trains import Difference, PlanSeen
from wavetrain.decide.sight import Role, span

SHADES = " ·▁▂▃▄▅▆▇█"
WIDTH = 40
LISTED = 8
"""So many stops, wishes and moves are named; `--json` has them all."""


def lines(plan: PlanSeen, *, listed: int = LISTED) -> Iterator[str]:
    """Nights with their load, waves, what is not granted, and the proof."""
    bound = f", at least {plan.lower_bound} are needed" if plan.lower_bound is not None else ""
    title = f"{plan.rollout} timetable {plan.number}: " if plan.rollout else ""
    when = f"pace {plan.pace}, departs {plan.departs:%a %Y-%m-%d}"
    yield f"{title}{plan.pops} PoPs in {plan.windows} windows{bound}; {when}"
    yield ""
    yield from _nights(plan)
    yield ""
    for wave in plan.waves:
        yield (
            f"wave {wave.ordinal:>2}  {wave.ring:<12} {wave.pops:>5} PoPs  "
            f"{wave.starts:%a %m-%d %H:%M} to {wave.ends:%a %m-%d %H:%M} UTC"
        )
    yield ""
    yield from _stops(plan, listed)
    yield from _wishes(plan, listed)
    why = {stop.pop: stop.why for stop in plan.stops}
    for what, names in (
        ("no canary shows", plan.uncovered),
        ("beside their rings, and nobody waits for them", plan.beside),
        ("after the last planned day", plan.late),
        ("after the train's days, since their windows are rare", plan.tail),
        ("cannot spare a node at their forecast load", plan.short),
    ):
        if names:
            yield f"{what}: {_named(names, listed)}"
    for name in [*plan.late, *plan.tail][:listed]:
        if why.get(name):
            yield f"  {name}: {why[name]}"
    if plan.optimized is not None:
        said = "nothing better exists in these windows" if plan.optimized.proven else "the time was over"
        costs = f"{plan.optimized.cost_before:g} -> {plan.cost:g}"
        yield f"optimized: cost {costs} in {plan.optimized.seconds:.1f} s; {said}"
    yield from _sight(plan, listed)
    proof = plan.proof
    yield f"proof: {proof.stops} stops checked against {len(proof.rules)} hard rules, {proof.count} broken"
    for broken in proof.broken[:listed]:
        yield f"  {broken.rule}: {broken.text}"


def difference_lines(difference: Difference, *, listed: int = LISTED) -> Iterator[str]:
    """The moves, with their reasons."""
    yield f"{len(difference.moved)} PoPs differ, {difference.same} stay"
    for item in difference.moved[:listed]:
        was = f"wave {item.before.wave} {item.before.opens:%a %m-%d %H:%M}" if item.before else "nowhere"
        now = f"wave {item.after.wave} {item.after.opens:%a %m-%d %H:%M}" if item.after else "nowhere"
        why = f"  {item.why}" if item.why else ""
        yield f"{item.pop:<14} {was} -> {now} UTC{why}"
    if len(difference.moved) > listed:
        yield f"... {len(difference.moved) - listed} more; see --json"


def _nights(plan: PlanSeen) -> Iterator[str]:
    """One row for each day of the train: how many PoPs start in each hour of it (UTC)."""
    counts: Counter[tuple[date, int]] = Counter((stop.opens.date(), stop.opens.hour) for stop in plan.stops)
    if not counts:
        return
    most = max(counts.values())
    first, last = min(counts)[0], max(counts)[0]
    yield "day (UTC)   00    06    12    18    PoPs"
    for index in range((last - first).days + 1):
        day = first + timedelta(days=index)
        hours = [counts[day, hour] for hour in range(24)]
        row = "".join(SHADES[-(-count * (len(SHADES) - 1) // most)] for count in hours)
        yield f"{day:%a %m-%d}   {row} {sum(hours):>6}"


def _stops(plan: PlanSeen, listed: int) -> Iterator[str]:
    for stop in plan.stops[:listed]:
        why = f"  {stop.why}" if stop.why else ""
        yield f"{stop.pop:<14} {stop.region:<16} {stop.ring:<12} {stop.opens:%a %m-%d %H:%M} UTC{why}"
    if len(plan.stops) > listed:
        yield f"... {len(plan.stops) - listed} more stops; see --json"
    yield ""


def _wishes(plan: PlanSeen, listed: int) -> Iterator[str]:
    if not plan.unmet_sites:
        yield "every wish is granted"
        return
    total = ", ".join(f"{kind} {sites} sites" for kind, sites in plan.unmet_sites.items())
    cost = f"; cost {plan.cost:g}" if plan.cost else ""
    yield f"wishes that are not granted: {total}{cost}"
    for item in plan.unmet[:listed]:
        yield f"  {item.kind}: {' and '.join(item.pops)}, {item.sites} sites: {item.detail}"


def _sight(plan: PlanSeen, listed: int) -> Iterator[str]:
    """What each wave can see of a bad release, check by check."""
    for wave in plan.sight:
        yield f"wave {wave.ordinal:>2}  {wave.ring:<12} bakes for {span(wave.seconds)}"
        for check in wave.checks:
            yield f"  {check.name}: {check.text}"
            if check.add:
                yield f"    would let it see more: {_named(check.add, listed)}"
        if not any(check.role is Role.GATE for check in wave.checks):
            yield "  no check gates this wave: more canaries, a longer pre-period or busier PoPs would let one"
        for what, names in (("not watched yet", wave.unwatched), ("nobody to compare with", wave.alone)):
            if names:
                yield f"  {what}: {_named(names, listed)}"
    if plan.sight:
        yield ""


def _named(names: tuple[str, ...], listed: int) -> str:
    more = f" and {len(names) - listed} more" if len(names) > listed else ""
    return ", ".join(names[:listed]) + more
