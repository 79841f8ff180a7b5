"""Account ways: by which ways is an account told, and how does it change them behind its login?

A secret is shown on the page that answers the form, this once; it never stands in an address.
"""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.routing import Route

from wavetrain.control import subscriptions
from wavetrain.control.ports import Store
from wavetrain.control.subscriptions import TOLD, WAYS_MAX, Asked, WayMade
from wavetrain.decide.permit import Act, Caller, may
from wavetrain.doors.account_pages import OTHERS, OWN, account_of, root_of
from wavetrain.doors.pages import Go, Shown, Visit, page, posted
from wavetrain.doors.query import query_of
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.subscription import Way

Use = Callable[[Store, Caller, str, str], object]
PAUSED: Final = "paused by hand"


def _ways(visit: Visit) -> Shown:
    query_of(visit.request)
    return _sheet(visit)


def _sheet(visit: Visit, amiss: str = "", made: WayMade | None = None, status: int = 200) -> Shown:
    account = account_of(visit)
    return Shown(
        "account_ways.html",
        {
            "account": account,
            "root": root_of(visit),
            "ways": subscriptions.listed(visit.store, visit.caller, account),
            "kinds": list(Way),
            "topics": TOLD,
            "most": WAYS_MAX,
            "may": may(visit.caller, Act.SUBSCRIBE),
            "filled": {} if made is not None else visit.fields,
            "amiss": amiss,
            "made": made,
        },
        status,
    )


def _add(visit: Visit) -> Shown | Go:
    try:
        asked = _asked(visit.fields)
        made = subscriptions.add(visit.store, visit.caller, account_of(visit), asked, visit.house.own_ways)
    except UnknownError:
        raise
    except RefusedError as error:
        return _sheet(visit, amiss=str(error), status=422)
    return _sheet(visit, made=made, status=201) if made.secret else Go(f"{root_of(visit)}/settings/ways")


def _asked(fields: Mapping[str, str]) -> Asked:
    kind = fields.get("way", "")
    if kind not in {way.value for way in Way}:
        raise RefusedError(f"there is no way of kind {kind[:40]}; choose one of those on the page")
    return Asked(
        name=fields.get("called", "").strip(),
        way=Way(kind),
        to=fields.get("to", "").strip(),
        on=tuple(topic for topic in TOLD if f"on-{topic.value}" in fields),
    )


def _pause(store: Store, caller: Caller, account: str, name: str) -> object:
    return subscriptions.pause(store, caller, account, name, PAUSED)


_DEEDS: Final[dict[str, Use]] = {
    "pause": _pause,
    "resume": subscriptions.resume,
    "remove": subscriptions.remove,
    "test": subscriptions.test,
    "secret": subscriptions.rotate,
}


def _change(visit: Visit) -> Shown | Go:
    name, deed = (str(visit.request.path_params[part]) for part in ("way", "deed"))
    use = _DEEDS.get(deed)
    if use is None:
        raise UnknownError(f"there is no deed {deed[:40]}; give one of: {', '.join(_DEEDS)}")
    try:
        made = use(visit.store, visit.caller, account_of(visit), name)
    except UnknownError:
        raise
    except RefusedError as error:
        return _sheet(visit, amiss=str(error), status=422)
    if isinstance(made, WayMade):
        return _sheet(visit, made=made, status=201)
    return Go(f"{root_of(visit)}/settings/ways")


ROUTES = [
    Route(f"{start}/settings/ways{path}", how, methods=[method])
    for start in (OWN, OTHERS)
    for path, how, method in (
        ("", page(_ways), "GET"),
        ("", posted(_add), "POST"),
        ("/{way}/{deed}", posted(_change), "POST"),
    )
]
PATHS = frozenset(route.path for route in ROUTES)
"""No API: docs/account.md says what they are."""
