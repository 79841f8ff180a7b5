"""Demand: what do the sites of a fleet ask of one train?"""

from collections import Counter, defaultdict
from datetime import date, timedelta

from wavetrain.model.demand import Blackday, Demand, Pair
from wavetrain.model.fleet import AccountId, Blackout, Fleet, PopId, SiteKind

DAYS_MAX = 400
"""The longest train that is looked at, in days."""


def summed(fleet: Fleet, first: date, last: date, blackout_days: int) -> Demand:
    """The demand of the fleet's sites between two local days, both included.

    Each PoP's black-out days are those that most of its sites ask for, at most `blackout_days` of them (earlier
    days first among equals). Raises ValueError for a span of more than `DAYS_MAX` days.
    """
    if not timedelta(0) <= last - first <= timedelta(days=DAYS_MAX):
        raise ValueError(f"the train lasts from {first} to {last}; give 0 to {DAYS_MAX} days")
    sites: Counter[PopId] = Counter()
    pairs: Counter[tuple[PopId, PopId]] = Counter()
    served: Counter[tuple[PopId, AccountId]] = Counter()
    kinds: defaultdict[PopId, set[SiteKind]] = defaultdict(set)
    choosy = {name for name, account in fleet.accounts.items() if account.early or account.blackouts}
    pops = fleet.pops
    for site in fleet.sites.values():
        primary, secondary = site.primary, site.secondary
        if primary not in pops:
            continue
        sites[primary] += 1
        if secondary and secondary in pops:
            pairs[(primary, secondary) if primary < secondary else (secondary, primary)] += 1
        kinds[primary].add(site.kind)
        if site.account in choosy:
            served[primary, site.account] += 1
    early: Counter[PopId] = Counter()
    black: defaultdict[PopId, Counter[date]] = defaultdict(Counter)
    asked = {name: days_of(fleet.accounts[name].blackouts, first, last) for name in choosy}
    for (pop, name), count in served.items():
        if fleet.accounts[name].early:
            early[pop] += count
        for day in asked[name]:
            black[pop][day] += count
    return Demand(
        sites=dict(sorted(sites.items())),
        pairs=tuple(Pair(one, other, count) for (one, other), count in sorted(pairs.items())),
        early=dict(sorted(early.items())),
        blackouts={
            pop: _heaviest(days, blackout_days) for pop, days in sorted(black.items()) if blackout_days
        },
        kinds={pop: tuple(sorted(kind.value for kind in found)) for pop, found in sorted(kinds.items())},
    )


def days_of(blackouts: tuple[Blackout, ...], first: date, last: date) -> set[date]:
    """The days of [first, last] that lie in any of the black-outs."""
    days: set[date] = set()
    for span in blackouts:
        start, end = max(span.first, first), min(span.last, last)
        days |= {start + timedelta(days=index) for index in range((end - start).days + 1)}
    return days


def _heaviest(days: Counter[date], most: int) -> tuple[Blackday, ...]:
    ranked = sorted(days.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Blackday(day, count) for day, count in ranked[:most])
