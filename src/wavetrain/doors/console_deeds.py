"""Console deeds: what may an operator change from the console, and what will come of it?

Each deed is two steps: a sheet that states the effect, worked out from what is so now, and then the deed itself, by the
same use case as the command. A role that may not do it is told which one may.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.routing import Route

from wavetrain.control import cordons, freezes, rollouts
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import View
from wavetrain.control.progress import RolloutSeen
from wavetrain.control.reach import Reach, Touched
from wavetrain.control.rollouts import Consent
from wavetrain.control.stops import stops_of
from wavetrain.decide.lifecycle import Cause, rollout_after
from wavetrain.decide.permit import Act, Caller, may, require
from wavetrain.doors.pages import Go, Shown, Visit, page, posted
from wavetrain.doors.query import instant_of, query_of
from wavetrain.errors import RefusedError, TransitionError, UnknownError, UnreachableError
from wavetrain.model.fleet import Cordon, Pop
from wavetrain.model.rollout import Rollout, RolloutId, Status, Turn, TurnPhase
from wavetrain.model.window import Freeze

POPS_NAMED: Final = 8
FREEZE_HOURS: Final = 24
SCOPE_MAX: Final = 50


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be done to a rollout."""

    name: str
    label: str
    act: Act
    cause: Cause | None
    is_grave: bool = False
    may: bool = False
    """Whether the one who looks may do it."""


DEEDS: Final = (
    Deed(name="pause", label="Pause", act=Act.STEER, cause=Cause.PAUSE),
    Deed(name="resume", label="Resume", act=Act.STEER, cause=Cause.RESUME),
    Deed(name="approve", label="Approve", act=Act.APPROVE, cause=None),
    Deed(name="revert", label="Take back", act=Act.STEER, cause=Cause.REVERT, is_grave=True),
    Deed(name="abort", label="Abort", act=Act.STEER, cause=Cause.ABORT, is_grave=True),
)
_USE: Final[dict[str, Callable[..., Rollout]]] = {
    "pause": rollouts.pause,
    "resume": rollouts.resume,
    "revert": rollouts.revert,
    "abort": rollouts.abort,
}


def for_rollout(caller: Caller, rollout: RolloutSeen) -> list[Deed]:
    """What may be done to it as it stands, by whomever."""
    found = []
    for deed in DEEDS:
        try:
            if deed.cause is not None:
                rollout_after(rollout.id, Status(rollout.status), deed.cause)
            elif rollout.is_over:
                continue
        except TransitionError:
            continue
        found.append(msgspec.structs.replace(deed, may=may(caller, deed.act)))
    return found


def _deed(visit: Visit) -> Deed:
    name = str(visit.request.path_params["deed"])
    found = next((deed for deed in DEEDS if deed.name == name), None)
    if found is None:
        raise UnknownError(
            f"there is no deed {name[:40]}; give one of: {', '.join(deed.name for deed in DEEDS)}"
        )
    return found


def _ask(visit: Visit) -> Shown:
    """What would come of it."""
    query_of(visit.request)
    deed, overlook = _deed(visit), visit.house.overlook
    require(visit.caller, deed.act)
    if overlook is None:
        raise UnreachableError("this process keeps no picture of the fleet; ask the control plane itself")
    reach = overlook.reach(visit.caller, visit.name)
    with visit.store.read() as view:
        rollout = rollouts.found(view, visit.name)
        turns = view.find(Turn, rollout=rollout.id)
        now = view.now
    if deed.cause is not None:
        rollout_after(rollout.id, rollout.status, deed.cause)
    return Shown(
        "deed.html",
        {
            "title": f"{deed.label} {rollout.component} {rollout.number}",
            "effect": effect(deed.name, rollout, reach, turns, now),
            "is_grave": deed.is_grave,
            "label": f"{deed.label} {rollout.number}",
            "consents": [consent.value for consent in Consent] if deed.name == "approve" else [],
            "needs_reason": deed.name != "approve",
            "back": f"/console/rollouts/{rollout.id}",
        },
    )


def effect(name: str, rollout: Rollout, reach: Reach, turns: Sequence[Turn], now: datetime) -> list[str]:
    """Sentences: what comes of a deed, as things stand."""
    waiting = sorted(
        (turn for turn in turns if turn.phase is TurnPhase.WAITING), key=lambda turn: (turn.opens, turn.pop)
    )
    due = [turn for turn in waiting if turn.opens <= now + timedelta(hours=24)]
    match name:
        case "pause":
            said = [
                f"{_nodes(reach.moving)} on their way just now come to their end; no further node is told to move",
                f"{_pops(len(waiting))} that have not begun wait until somebody resumes",
            ]
            if due:
                names = ", ".join(turn.pop for turn in due[:POPS_NAMED])
                more = f" and {len(due) - POPS_NAMED} more" if len(due) > POPS_NAMED else ""
                said.append(
                    f"within 24 hours the windows open of {names}{more}; one that passes meanwhile is missed, and its "
                    "PoP gets a later one"
                )
            return [
                *said,
                "what runs the release keeps it, and is watched as before; nobody else has to approve",
            ]
        case "resume":
            said = [f"{_pops(len(waiting))} go on in their windows, as the timetable has them"]
            if due:
                said.append(
                    f"{_pops(len(due))} may begin within 24 hours, the first at {due[0].opens:%Y-%m-%d %H:%M} UTC"
                )
            return said
        case "abort":
            return [
                f"the rollout ends for good: {_pops(reach.exposed.pops)} keep {rollout.number} where it runs, "
                f"{_pops(reach.left)} keep what they have",
                f"{_nodes(reach.moving)} on their way just now come to their end",
                "the mix stays until another release, or a person, ends it",
            ]
        case "revert":
            return [
                f"{_nodes(reach.exposed)} go back to what they ran before ({rollout.previous or 'each its own'}), "
                f"in {_pops(reach.exposed.pops)}, past windows and freezes",
                f"customers whose primary PoP is one of these: {_customers(reach.exposed)}",
                f"the PoP that takes longest is back in about {-(-reach.exposed.undo_s // 60)} min",
                f"{_pops(reach.left)} that have not begun never get it; nobody else has to approve",
            ]
        case _:
            given = ", ".join(f"{one.kind} by {one.by}" for one in rollout.approvals) or "nothing yet"
            return [
                f"general: the step from early to general availability; {_pops(len(waiting))} wait, with "
                f"{_customers(reach.next)} in the next wave",
                "inconclusive: to go on although the evidence stayed inconclusive",
                "forward: to go forward although capacity is lost, where the older release is what is broken",
                "hotfix, cut: to the way in of a hotfix, and to cutting one more bake short",
                f"consented to so far: {given}; nobody approves their own request",
            ]


def _act(visit: Visit) -> Go:
    deed = _deed(visit)
    if deed.name == "approve":
        try:
            consent = Consent(visit.field("consent"))
        except ValueError:
            raise RefusedError(f"there is no such consent; give one of: {', '.join(Consent)}") from None
        rollouts.approve(visit.store, visit.caller, visit.name, consent)
    else:
        default = "resumed" if deed.name == "resume" else None
        reason = visit.field("reason", default) or (default or "")
        _USE[deed.name](visit.store, visit.caller, visit.name, reason)
    return Go(f"/console/rollouts/{RolloutId(visit.name)}")


def _ask_cordon(visit: Visit) -> Shown:
    query_of(visit.request)
    require(visit.caller, Act.CORDON)
    name = visit.name
    with visit.store.read() as view:
        cordons.check_known(view, name)
        known = view.get(Cordon, name)
        said, home = _of_cordon(view, name, known), _home(view, name)
    return Shown(
        "deed.html",
        {
            "title": f"{'Uncordon' if known is not None else 'Cordon'} {name}",
            "effect": said,
            "is_grave": False,
            "label": f"{'Uncordon' if known is not None else 'Cordon'} {name}",
            "consents": [],
            "needs_reason": known is None,
            "back": home,
        },
    )


def _of_cordon(view: View, name: str, known: Cordon | None) -> list[str]:
    pop = view.get(Pop, name)
    what = f"{len(pop.nodes)} nodes" if pop is not None else "this node"
    if known is not None:
        return [
            f"{known.by} cordoned it on {known.since:%Y-%m-%d %H:%M} UTC: {known.reason}",
            f"{what} may be given work again, from the next decision on",
        ]
    said = [
        f"nothing new starts on {what}; what is under way there comes to its end, and a release may still go back",
        "sessions stay where they are: a cordon moves nobody",
    ]
    for rollout in rollouts.active(view):
        turn = view.get(Turn, rollout.id, name)
        if turn is not None and turn.phase is TurnPhase.WAITING:
            said.append(
                f"its turn in {rollout.id} at {turn.opens:%Y-%m-%d %H:%M} UTC is missed if the cordon stands then"
            )
    return said


def _act_cordon(visit: Visit) -> Go:
    with visit.store.read() as view:
        known, home = view.get(Cordon, visit.name), _home(view, visit.name)
    if known is None:
        cordons.cordon(visit.store, visit.caller, visit.name, visit.field("reason"))
    else:
        cordons.uncordon(visit.store, visit.caller, visit.name)
    return Go(home)


def _home(view: View, name: str) -> str:
    """The page of the PoP or node."""
    if view.get(Pop, name) is not None:
        return f"/console/pops/{quote(name, safe='')}"
    return f"/console/nodes/{quote(name, safe='')}" if home_of(view, name) is not None else "/console/fleet"


def _ask_freeze(visit: Visit) -> Shown:
    """Asks for the span first; with one, says what it would hold up."""
    given = query_of(visit.request, text=("starts", "ends", "scope")).texts
    require(visit.caller, Act.FREEZE)
    with visit.store.read() as view:
        now = view.now
        values: dict[str, Any] = {
            "starts": given.get("starts", f"{now:%Y-%m-%dT%H:%M}"),
            "ends": given.get("ends", f"{now + timedelta(hours=FREEZE_HOURS):%Y-%m-%dT%H:%M}"),
            "scope": given.get("scope", ""),
            "effect": [],
        }
        if given:
            starts, ends, scope = (
                instant_of(values["starts"]),
                instant_of(values["ends"]),
                _scope(values["scope"]),
            )
            freezes.check_scope(view, scope, "the scope")
            values["effect"] = _of_freeze(view, starts, ends, scope)
    return Shown("freeze.html", values)


def _of_freeze(view: View, starts: datetime, ends: datetime, scope: Sequence[str]) -> list[str]:
    if ends <= starts:
        raise RefusedError("a freeze ends after it starts; give a later end")
    regions = {pop.id: str(pop.region) for pop in view.find(Pop)}
    held: dict[str, int] = {}
    for rollout in rollouts.active(view):
        hit = sum(
            stop.opens < ends and (stop.ends or stop.closes) > starts
            for stop in stops_of(view, rollout)
            if not scope or {stop.pop, regions.get(stop.pop, ""), rollout.lane} & set(scope)
        )
        if hit:
            held[rollout.id] = hit
    said = [
        f"{name}: {_pops(count)} have their window in it, and get a later one" for name, count in held.items()
    ]
    return [
        f"{', '.join(scope) or 'everything'} stands still from {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC",
        *(said or ["no window of a train under way lies in it"]),
        "a release that turns out bad goes back all the same; lifting the freeze early takes an approver",
    ]


def _act_freeze(visit: Visit) -> Go:
    freezes.add(
        visit.store,
        visit.caller,
        starts=instant_of(visit.field("starts")),
        ends=instant_of(visit.field("ends")),
        reason=visit.field("reason"),
        scope=_scope(visit.field("scope", "")),
    )
    return Go("/console")


def _ask_thaw(visit: Visit) -> Shown:
    query_of(visit.request)
    require(visit.caller, Act.THAW)
    with visit.store.read() as view:
        freeze = view.get(Freeze, visit.name)
    if freeze is None:
        raise UnknownError(f"there is no freeze {visit.name[:80]}; see /console")
    return Shown(
        "deed.html",
        {
            "title": f"Lift freeze {freeze.id}",
            "effect": [
                f"{', '.join(freeze.scope) or 'everything'} may move again from now on; it was frozen until "
                f"{freeze.ends:%Y-%m-%d %H:%M} UTC by {freeze.by}: {freeze.reason}",
                "PoPs that got a later window because of it keep that one",
            ],
            "is_grave": True,
            "label": f"Lift {freeze.id}",
            "consents": [],
            "needs_reason": False,
            "back": "/console",
        },
    )


def _act_thaw(visit: Visit) -> Go:
    freezes.remove(visit.store, visit.caller, visit.name)
    return Go("/console")


def _scope(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) > SCOPE_MAX:
        raise RefusedError(f"the scope names {len(names)} things; give {SCOPE_MAX} at most")
    return names


def _pops(count: int) -> str:
    return f"{count} PoP{'s' if count != 1 else ''}"


def _nodes(touched: Touched) -> str:
    return f"{touched.nodes} node{'s' if touched.nodes != 1 else ''}"


def _customers(touched: Touched) -> str:
    uses = touched.uses
    sites, accounts, users = (
        f"{number} {what}{'' if number == 1 else 's'}"
        for number, what in ((uses.sites, "site"), (uses.accounts, "account"), (uses.users, "user"))
    )
    return f"{sites} of {accounts}, with {users}"


ROUTES: Final = [
    Route("/console/rollouts/{name}/{deed}", page(_ask)),
    Route("/console/rollouts/{name}/{deed}", posted(_act), methods=["POST"]),
    Route("/console/pops/{name}/cordon", page(_ask_cordon)),
    Route("/console/pops/{name}/cordon", posted(_act_cordon), methods=["POST"]),
    Route("/console/nodes/{name}/cordon", page(_ask_cordon)),
    Route("/console/nodes/{name}/cordon", posted(_act_cordon), methods=["POST"]),
    Route("/console/freezes", page(_ask_freeze)),
    Route("/console/freezes", posted(_act_freeze), methods=["POST"]),
    Route("/console/freezes/{name}/lift", page(_ask_thaw)),
    Route("/console/freezes/{name}/lift", posted(_act_thaw), methods=["POST"]),
]
