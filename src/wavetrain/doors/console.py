"""Console: what do operators see of the train, the fleet and the journal?

Everything is read from the store as the commands read it, so that both say the same. What changes something is in
`console_deeds`; pictures are documents of their own, so that a page stays small.
"""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.routing import Route

from wavetrain.control import (
    enquire,
    explain,
    journal_search,
    node_now,
    overview,
    progress,
    summary,
    train_now,
    verdicts,
)
from wavetrain.control.features import FeatureSeen
from wavetrain.control.journal_search import Span
from wavetrain.control.overview import HeldFor, Overview, PopNow
from wavetrain.decide.permit import Act, may
from wavetrain.doors import console_deeds, console_pictures, fleet_map, verdict_page
from wavetrain.doors.console_pictures import is_live, overlook_of
from wavetrain.doors.pages import Shown, Visit, page
from wavetrain.doors.query import instant_of, query_of
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import PopId

PLACES_MAX: Final = 120
"""So many PoPs stand in a list; of a larger fleet each region has its own."""
TURNS_MAX: Final = 60
"""So many PoPs of the wave under way stand on a rollout's page."""
FREEZES_MAX: Final = 40
FEATURES_MAX: Final = 200
DRAWN_MAX: Final = 4
"""So many rollouts under way stand on the first page with whom they touch and a picture; others have their own page."""
NODES_MAX: Final = 300
HOLDS_MAX: Final = 8
LINES_MAX: Final = 12
"""So many lines of the journal stand on the page of what they are about."""
_SPAN: Final = ("since", "until")


def _seen(visit: Visit) -> Overview:
    return overlook_of(visit).overview(visit.caller, live=is_live(visit))


def _rights(visit: Visit) -> dict[str, bool]:
    return {
        act.name.lower(): may(visit.caller, act)
        for act in (Act.STEER, Act.APPROVE, Act.CORDON, Act.FREEZE, Act.THAW)
    }


def _train(visit: Visit) -> Shown:
    query_of(visit.request)
    seen = _seen(visit)
    under_way = [one for one in seen.rollouts if not one.is_over]
    return Shown(
        "console.html",
        {
            "seen": seen,
            "under_way": under_way,
            "over": [one for one in seen.rollouts if one.is_over],
            "rights": _rights(visit),
            "freezes": seen.freezes[:FREEZES_MAX],
            "states": fleet_map.states(seen.pops),
            "releases": fleet_map.releases(seen.pops)[:12],
            "reaches": {
                one.id: overlook_of(visit).reach(visit.caller, one.id, live=is_live(visit))
                for one in under_way[:DRAWN_MAX]
            },
            "features": [(one, _share(one)) for one in seen.features[:FEATURES_MAX]],
            "map": console_pictures.mark_of_map(visit, "release"),
        },
    )


def _rollout(visit: Visit) -> Shown:
    query_of(visit.request)
    house = visit.house
    touched = overlook_of(visit).reach(visit.caller, visit.name, live=is_live(visit))
    whole = progress.rollout(house.store, visit.caller, visit.name, house.evidence)
    current = [turn for turn in whole.turns if turn.wave == whole.wave or turn.beside or turn.moving]
    current.sort(key=lambda turn: (not turn.moving, turn.phase in ("done", "waiting"), turn.opens, turn.pop))
    by_wave: dict[int, list[progress.TurnSeen]] = {}
    for turn in whole.turns:
        by_wave.setdefault(turn.wave, []).append(turn)
    return Shown(
        "rollout.html",
        {
            "rollout": whole,
            "holds": _held(whole)[:HOLDS_MAX],
            "reach": touched,
            "rights": _rights(visit),
            "turns": current[:TURNS_MAX],
            "turns_more": max(0, len(current) - TURNS_MAX),
            "waves": [(wave, _of_wave(by_wave.get(wave.ordinal, []))) for wave in whole.waves],
            "evidence": _checks(visit),
            "deeds": console_deeds.for_rollout(visit.caller, whole),
            "train": train_now.mark(
                whole.status, [(turn.pop, turn.phase, turn.opens) for turn in whole.turns], touched.now
            ),
        },
    )


def _held(rollout: progress.RolloutSeen) -> list[HeldFor]:
    """What its PoPs wait for, those that ask a person first."""
    held: dict[progress.HoldSeen, list[PopId]] = {}
    for turn in rollout.turns:
        if turn.hold is not None and not rollout.is_over:
            held.setdefault(msgspec.structs.replace(turn.hold, until=None), []).append(PopId(turn.pop))
    return overview.held_for(held)


def _of_wave(turns: list[progress.TurnSeen]) -> dict[str, Any]:
    done = sum(turn.phase in ("done", "handed over") for turn in turns)
    return {
        "pops": len(turns),
        "done": done,
        "moving": sum(bool(turn.moving) for turn in turns),
        "back": sum(turn.phase in ("going back", "gone back") for turn in turns),
        "starts": min((turn.opens for turn in turns), default=None),
        "ends": max((turn.closes for turn in turns), default=None),
    }


def _checks(visit: Visit) -> dict[str, Any] | None:
    """The checks' figures, as the verdict's own page has them; None before there is a test."""
    try:
        seen = verdicts.verdict(visit.store, visit.caller, visit.name)
    except (UnknownError, RefusedError):
        return None
    return {
        "seen": seen,
        "mark": f"{seen.track.at[-1]:%Y%m%dT%H%M%S}" if seen.track.at else "",
        "heads": verdict_page.HEADS,
        "rows": [verdict_page.cells(check) for check in seen.checks],
        "notes": list(verdict_page.notes(seen)),
    }


def _fleet(visit: Visit) -> Shown:
    region = query_of(visit.request, text=("region", "state")).texts
    seen = _seen(visit)
    chosen = [
        pop
        for pop in seen.pops
        if region.get("region", pop.region) == pop.region and region.get("state", pop.state) == pop.state
    ]
    regions: dict[str, list[PopNow]] = {}
    for pop in seen.pops:
        regions.setdefault(pop.region, []).append(pop)
    return Shown(
        "fleet.html",
        {
            "seen": seen,
            "regions": [(name, len(pops), fleet_map.states(pops)) for name, pops in sorted(regions.items())],
            "pops": chosen[:PLACES_MAX],
            "more": max(0, len(chosen) - PLACES_MAX),
            "region": region.get("region", ""),
            "state": region.get("state", ""),
            "states": fleet_map.states(seen.pops),
            "map": console_pictures.mark_of_map(visit, "state"),
        },
    )


def _pop(visit: Visit) -> Shown:
    query_of(visit.request)
    store, caller, name = visit.store, visit.caller, visit.name
    part = summary.part(store, caller, pop=name)
    pop = part.fleet.pops[PopId(name)]
    place = overlook_of(visit).place(caller, pop.id)
    nodes = [
        (
            node,
            part.reported.get(node),
            next((one for one in part.cordons if one.subject == node), None),
            any(one.node == node for one in part.quarantined),
            any(one.node == node for one in part.retired),
        )
        for node in pop.nodes[:NODES_MAX]
    ]
    return Shown(
        "pop.html",
        {
            "pop": pop,
            "now": next((one for one in _seen(visit).pops if one.pop == name), None),
            "why": explain.why(store, caller, name),
            "works": place.works if place is not None else (),
            "past": place.past if place is not None else (),
            "nodes": nodes,
            "nodes_more": max(0, len(pop.nodes) - NODES_MAX),
            "sites": part.sites_of.get(name),
            "cordon": next((one for one in part.cordons if one.subject == name), None),
            "lines": journal_search.search(store, caller, {"subject": name}, limit=LINES_MAX).entries,
            "rights": _rights(visit),
        },
    )


def _node(visit: Visit) -> Shown:
    query_of(visit.request)
    store, caller, name = visit.store, visit.caller, visit.name
    return Shown(
        "node.html",
        {
            "node": node_now.seen(store, caller, name),
            "why": explain.why(store, caller, name),
            "lines": journal_search.search(store, caller, {"subject": name}, limit=LINES_MAX).entries,
            "rights": _rights(visit),
        },
    )


def _journal(visit: Visit) -> Shown:
    query = query_of(visit.request, whole=("before",), text=("text", *_SPAN, *enquire.JOURNAL_FILTERS))
    given = {name: value for name, value in query.texts.items() if value}
    found = journal_search.search(
        visit.store,
        visit.caller,
        {name: value for name, value in given.items() if name in enquire.JOURNAL_FILTERS},
        text=given.get("text", ""),
        span=Span(*(instant_of(given[name]) if name in given else None for name in _SPAN)),
        before=query.whole("before", 0) or None,
    )
    older = ""
    if found.before is not None:
        older = f"/console/journal?{urlencode({**given, 'before': str(found.before)})}"
    return Shown("journal.html", {"found": found, "given": given, "older": older})


def _share(feature: FeatureSeen) -> str:
    return f"{feature.share * 100:.3g} %"


ROUTES: Final = [
    Route("/console", page(_train)),
    Route("/console/fleet", page(_fleet)),
    Route("/console/journal", page(_journal)),
    Route("/console/rollouts/{name}", page(_rollout)),
    Route("/console/pops/{name}", page(_pop)),
    Route("/console/nodes/{name}", page(_node)),
    *console_pictures.ROUTES,
    *console_deeds.ROUTES,
]
