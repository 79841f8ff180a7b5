"""Console pictures: which documents do the console's pages show beside their words?

Each is drawn once for all who look. A page names a picture by its mark, so that one that is as before is not sent
again.
"""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import verdicts
from wavetrain.control.train_now import TrainNow
from wavetrain.doors import evidence_picture, fleet_map, train_sheet
from wavetrain.doors.house import off_loop
from wavetrain.doors.overlook import Overlook, mark_of
from wavetrain.doors.pages import Endpoint, Visit, in_words, visitor_of
from wavetrain.doors.query import query_of
from wavetrain.doors.train_sheet import Bar, Look, Train
from wavetrain.errors import UnknownError, UnreachableError
from wavetrain.model.rollout import TurnPhase

SVG: Final = "image/svg+xml"
_DONE: Final = (TurnPhase.DONE, TurnPhase.HANDED)


def overlook_of(visit: Visit) -> Overlook:
    """What the pages read."""
    found = visit.house.overlook
    if found is None:
        raise UnreachableError("this process keeps no picture of the fleet; ask the control plane itself")
    return found


def is_live(visit: Visit) -> bool:
    """Whether a page asks that follows by itself."""
    return "x-live" in visit.request.headers


def mark_of_map(visit: Visit, by: fleet_map.By) -> str:
    """Under which mark the map is asked for."""
    overlook, caller, live = overlook_of(visit), visit.caller, is_live(visit)

    def shown() -> object:
        pops = overlook.overview(caller, live=live).pops
        return [(pop.pop, pop.name, pop.release, pop.state if by == "state" else "") for pop in pops]

    return overlook.mark(caller, f"map {by}", shown, live=live)


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


def _picture(draw: Callable[[Visit], str]) -> Endpoint:
    """A picture for whoever is logged in."""

    async def endpoint(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is None:
            raise UnknownError("there is no such picture for who is not logged in; open /login")
        visit = Visit(request, visitor)
        text = await off_loop(lambda: draw(visit))
        headers = {
            "Cache-Control": "private, no-cache",
            "ETag": f'"{mark_of(text.encode())}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type=SVG)

    return in_words(endpoint)


def _map(visit: Visit) -> str:
    given = query_of(visit.request, text=("by", "v")).texts.get("by", "state")
    by: fleet_map.By = "release" if given == "release" else "state"
    overlook, caller = overlook_of(visit), visit.caller
    return overlook.drawn(
        caller,
        f"map {by}",
        lambda: fleet_map.picture(overlook.overview(caller, live=True).pops, by),
        live=True,
    )


def _train(visit: Visit) -> str:
    query_of(visit.request, text=("v",))
    overlook, caller, name = overlook_of(visit), visit.caller, visit.name
    return overlook.drawn(
        caller,
        f"train {name}",
        lambda: train_sheet.picture(drawn(overlook.train(caller, name, live=True))),
        live=True,
    )


def _evidence(visit: Visit) -> str:
    query_of(visit.request, text=("v",))
    return evidence_picture.picture(verdicts.verdict(visit.store, visit.caller, visit.name))


ROUTES: Final = [
    Route("/console/map.svg", _picture(_map)),
    Route("/console/rollouts/{name}/train.svg", _picture(_train)),
    Route("/console/rollouts/{name}/evidence.svg", _picture(_evidence)),
]
