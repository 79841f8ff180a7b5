"""Console: what do operators see of the train, the fleet and the journal?

Everything is read from the store as the commands read it, so that both say the same. What changes something is in
`console_deeds`; pictures are documents of their own, so that a page stays small.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import enquire, explain, forecast, journal_search, progress, summary, verdicts
from wavetrain.control.features import FeatureSeen
from wavetrain.control.journal_search import JournalFound
from wavetrain.control.overview import Overview, PopNow
from wavetrain.control.train_now import TrainNow
from wavetrain.decide.permit import PERMITS, Act, Caller
from wavetrain.doors import console_deeds, evidence_picture, fleet_map, train_sheet, verdict_page
from wavetrain.doors.house import off_loop
from wavetrain.doors.overlook import Overlook
from wavetrain.doors.pages import Shown, Visit, page, trouble, visitor_of
from wavetrain.doors.query import query_of
from wavetrain.doors.train_sheet import Bar, Look, Train
from wavetrain.errors import RefusedError, UnknownError, UnreachableError, WavetrainError
from wavetrain.model.fleet import PopId
from wavetrain.model.rollout import TurnPhase

PLACES_MAX: Final = 120
"""So many PoPs stand in a list; of a larger fleet each region has its own."""
TURNS_MAX: Final = 60
"""So many PoPs of the wave under way stand on a rollout's page."""
FREEZES_MAX: Final = 40
NODES_MAX: Final = 300
SVG: Final = "image/svg+xml"
_DONE: Final = (TurnPhase.DONE, TurnPhase.HANDED)
_LIVE: Final = "x-live"


def may(caller: Caller, act: Act) -> bool:
    """Whether one of the caller's roles may do it."""
    return not PERMITS[act].isdisjoint(caller.roles)


def overlook_of(visit: Visit) -> Overlook:
    """What the pages read."""
    found = visit.house.overlook
    if found is None:
        raise UnreachableError("this process keeps no picture of the fleet; ask the control plane itself")
    return found


def _is_live(request: Request) -> bool:
    return _LIVE in request.headers


def _seen(visit: Visit) -> Overview:
    return overlook_of(visit).overview(visit.caller, live=_is_live(visit.request))


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
                one.id: overlook_of(visit).reach(visit.caller, one.id, live=_is_live(visit.request))
                for one in under_way[:4]
            },
            "features": [(one, _share(one)) for one in seen.features],
        },
    )


def _rollout(visit: Visit) -> Shown:
    query_of(visit.request)
    seen = _seen(visit)
    house = visit.house
    whole = progress.rollout(house.store, visit.caller, visit.name, house.evidence)
    counts = next((one for one in seen.rollouts if one.id == visit.name), None)
    current = [turn for turn in whole.turns if turn.wave == whole.wave or turn.beside or turn.moving]
    current.sort(key=lambda turn: (not turn.moving, turn.phase in ("done", "waiting"), turn.opens, turn.pop))
    by_wave: dict[int, list[progress.TurnSeen]] = {}
    for turn in whole.turns:
        by_wave.setdefault(turn.wave, []).append(turn)
    return Shown(
        "rollout.html",
        {
            "rollout": whole,
            "counts": counts,
            "reach": overlook_of(visit).reach(visit.caller, visit.name, live=_is_live(visit.request)),
            "rights": _rights(visit),
            "turns": current[:TURNS_MAX],
            "turns_more": max(0, len(current) - TURNS_MAX),
            "waves": [(wave, _of_wave(by_wave.get(wave.ordinal, []))) for wave in whole.waves],
            "evidence": _checks(visit),
            "deeds": console_deeds.for_rollout(visit.caller, whole),
            "sequence": seen.sequence,
        },
    )


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
            "rights": _rights(visit),
        },
    )


def _pop(visit: Visit) -> Shown:
    query_of(visit.request)
    store, caller, name = visit.store, visit.caller, visit.name
    part = summary.part(store, caller, pop=name)
    pop = part.fleet.pops[PopId(name)]
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
            "when": forecast.when(store, caller, name),
            "nodes": nodes,
            "nodes_more": max(0, len(pop.nodes) - NODES_MAX),
            "sites": part.sites_of.get(name),
            "cordon": next((one for one in part.cordons if one.subject == name), None),
            "lines": journal_search.search(store, caller, {"subject": name}, limit=12).entries,
            "rights": _rights(visit),
        },
    )


def _journal(visit: Visit) -> Shown:
    query = query_of(visit.request, whole=("before",), text=("text", *enquire.JOURNAL_FILTERS))
    texts = {name: value for name, value in query.texts.items() if value}
    text = texts.pop("text", "")
    before = query.whole("before", 0) or None
    found: JournalFound = journal_search.search(visit.store, visit.caller, texts, text=text, before=before)
    older = ""
    if found.before is not None:
        asked: dict[str, str] = {**texts, "before": str(found.before)} | ({"text": text} if text else {})
        older = f"/console/journal?{urlencode(asked)}"
    return Shown("journal.html", {"found": found, "text": text, "given": texts, "older": older})


def _share(feature: FeatureSeen) -> str:
    return f"{feature.share * 100:.3g} %"


def _picture(draw: Callable[[Visit], str]) -> Callable[[Request], Any]:
    """A picture for whoever is logged in."""

    async def endpoint(request: Request) -> Response:
        try:
            visitor = await visitor_of(request)
            if visitor is None:
                raise UnknownError("there is no such picture for who is not logged in; open /login")
            visit = Visit(request, visitor)
            text = await off_loop(lambda: draw(visit))
        except WavetrainError as error:
            return trouble(error, None)
        headers = {
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return Response(text, headers=headers, media_type=SVG)

    return endpoint


def _train_picture(visit: Visit) -> str:
    return train_sheet.picture(drawn(overlook_of(visit).train(visit.caller, visit.name, live=True)))


def drawn(train: TrainNow) -> Train:
    """The train, as it is drawn."""
    return Train(
        title=f"{train.component} {train.number}: {len(train.stops)} PoPs, {train.status}",
        departs=train.departs,
        days=train.days,
        rings=train.rings,
        bars=[
            Bar(
                pop=stop.pop,
                wave=stop.wave,
                planned=stop.planned,
                began=stop.began,
                ended=stop.ended or (stop.ends if stop.phase in _DONE else train.now if stop.began else None),
                look=_look(stop.phase),
                missed=stop.missed,
            )
            for stop in train.stops
        ],
        now=train.now,
    )


def _look(phase: TurnPhase | None) -> Look:
    if phase is None or phase is TurnPhase.WAITING:
        return Look.PLANNED
    if phase in (TurnPhase.BACK, TurnPhase.REVERTED):
        return Look.WENT_BACK
    return Look.DONE if phase in _DONE else Look.MOVES


def _map_picture(visit: Visit) -> str:
    by = query_of(visit.request, text=("by", "v")).texts.get("by", "state")
    pops = overlook_of(visit).overview(visit.caller, live=True).pops
    return fleet_map.picture(pops, "release" if by == "release" else "state")


def _evidence_picture(visit: Visit) -> str:
    return evidence_picture.picture(verdicts.verdict(visit.store, visit.caller, visit.name))


ROUTES: Final = [
    Route("/console", page(_train)),
    Route("/console/fleet", page(_fleet)),
    Route("/console/journal", page(_journal)),
    Route("/console/map.svg", _picture(_map_picture)),
    Route("/console/rollouts/{name}", page(_rollout)),
    Route("/console/rollouts/{name}/train.svg", _picture(_train_picture)),
    Route("/console/rollouts/{name}/evidence.svg", _picture(_evidence_picture)),
    Route("/console/pops/{name}", page(_pop)),
    *console_deeds.ROUTES,
]
