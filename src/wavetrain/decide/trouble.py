"""Trouble: which hard rule keeps a PoP from having a place in the train, and what would free it?"""

from collections.abc import Sequence

import msgspec

from wavetrain.decide.almanac import DAY
from wavetrain.decide.board import Board
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import Works, seconds, undo_seconds
from wavetrain.model.fleet import Group, PopId

NAMED_MAX = 5


def explain(works: Works, board: Board, stuck: Unplannable, crews: Sequence[Crew]) -> Unplannable:
    """The rule that binds the first PoP for which there was no place; `stuck` names it and those beside it."""
    pops, ring = list(stuck.pops), stuck.rule
    train = f"the {works.days} days from {works.departs:%a %Y-%m-%d %H:%M} UTC"
    alone = [pop for pop in pops if works.first(pop, works.begin(pop)) is None]
    if not alone:
        return _crowded(works, board, pops, ring, train, crews)
    pop = alone[0]
    place, others = works.fleet.pops[pop], _more(alone)
    if not any(slot.start < works.begin(pop) + works.days * DAY for slot in works.slots(place)):
        return Unplannable(
            f"PoP {pop}{others} has no opening of its window in {train}; change its window rule",
            "window",
            tuple(alone),
        )
    freed = _without_freezes(works)
    if freed.first(pop, freed.begin(pop)) is not None:
        names = [one.id for one in works.freezes if _binds(works, pop, one.scope)]
        return Unplannable(
            f"PoP {pop}{others} has no opening outside freezes in {train}: {_named(names)}; "
            "remove a freeze, or let the release take a later train",
            "freeze",
            tuple(alone),
        )
    if place.dedicated and _without_blackouts(works).first(pop, works.begin(pop)) is not None:
        return Unplannable(
            f"PoP {pop}{others} is dedicated to {place.dedicated}, whose black-outs leave no window in {train}; "
            "agree on a day with the account, or let the release take a later train",
            "dedicated black-out",
            tuple(alone),
        )
    nodes = len(place.nodes)
    need = seconds(works.policy, works.lane.bakes, nodes, 1) + undo_seconds(works.policy, nodes)
    if place.hours:
        return Unplannable(
            f"PoP {pop}{others} cannot spare a node long enough in any of its windows in {train}: the work takes up to "
            f"{need // 60} min with its undo, and capacity left must be its load x {works.policy.budgets.headroom:g}; "
            "move its window to quieter hours, add nodes, or lower headroom",
            "capacity",
            tuple(alone),
        )
    return Unplannable(
        f"PoP {pop}{others} has no window long enough in {train}: one unit with its undo takes "
        f"{2 * works.policy.timing.unit_minutes} min, the window lasts {place.window.minutes}; "
        "make the window longer, or lower unit_minutes",
        "window",
        tuple(alone),
    )


def _crowded(
    works: Works, board: Board, pops: list[PopId], ring: str, train: str, crews: Sequence[Crew]
) -> Unplannable:
    """Each alone would have a place; together they have not."""
    pop = pops[0]
    group = _greatest_group(works, pop)
    size = len(next(crew.pops for crew in crews if crew.ring.name == ring))
    if group is not None:
        return Unplannable(
            f"redundancy group {group.id} has {len(group.members)} members that may never be out together, and {train} "
            f"have no room for all of them: {pop} of ring {ring} is left over; make the train longer (spread_days) or "
            f"the gap shorter (gap_minutes), widen the windows, or split the group",
            "redundancy group",
            tuple(sorted(group.members)),
        )
    region = works.fleet.pops[pop].region
    return Unplannable(
        f"{train[0].upper()}{train[1:]} have no room for ring {ring}: {len(pops)} of its {size} PoPs are left over, "
        f"{pop} first; at most {board.sizes[region]} PoPs of {region} go at once. Make the train longer (spread_days), "
        "soaks shorter (soak_minutes) or region_share greater, or remove a freeze",
        "region share",
        tuple(pops),
    )


def _greatest_group(works: Works, pop: PopId) -> Group | None:
    mine = [group for group in works.fleet.groups.values() if pop in group.members]
    return max(mine, key=lambda group: (len(group.members), group.id), default=None)


def _binds(works: Works, pop: PopId, scope: tuple[str, ...]) -> bool:
    return not scope or bool({pop, works.fleet.pops[pop].region, works.lane.name} & set(scope))


def _without_freezes(works: Works) -> Works:
    return Works(works.lane, works.policy, works.fleet, (), works.departs, works.now)


def _without_blackouts(works: Works) -> Works:
    fleet = msgspec.structs.replace(works.fleet, accounts={})
    return Works(works.lane, works.policy, fleet, works.freezes, works.departs, works.now)


def _more(pops: Sequence[str]) -> str:
    return f" (with {len(pops) - 1} more)" if len(pops) > 1 else ""


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
