"""Readiness: which sites would the coming windows hurt?"""

from datetime import datetime

import msgspec

from wavetrain.control.facts import fleet_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active, found
from wavetrain.control.stops import stops_of
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.decide.readiness import LISTED_MAX, SKIP_MAX, Inspection, Survey
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import Account, Pop, Site
from wavetrain.model.rollout import Rollout, Stop, Turn

LISTED = 100
"""How many sites an answer lists when nobody says otherwise."""


class ReadinessSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The survey, and what it was made of: the rollouts whose timetables were looked at."""

    now: datetime
    rollouts: tuple[str, ...]
    survey: Survey


def readiness(
    store: Store,
    caller: Caller,
    *,
    account: str = "",
    pop: str = "",
    rollout: str = "",
    skip: int = 0,
    limit: int = LISTED,
) -> ReadinessSeen:
    """The sites that would be hurt, in counts and as a page of at most `limit`, the worst first.

    `account`: only its sites. `pop`: only sites whose primary it is. `rollout`: only sites whose primary PoP it has
    still to do, and only what its lane does to them; without one the timetables of all rollouts under way count.
    """
    require(caller, Act.READ)
    if not 0 < limit <= LISTED_MAX or skip > SKIP_MAX:
        raise RefusedError(
            f"{limit} sites after {skip} are not possible; give a limit from 1 to {LISTED_MAX} and a skip to {SKIP_MAX}"
        )
    with store.read() as view:
        asked = [found(view, rollout)] if rollout else active(view)
        stops = [stop for item in asked for stop in _stops(view, item)]
        sites = _sites(view, account, pop)
        if rollout:
            still = {stop.pop for stop in stops}
            sites = [site for site in sites if site.primary in still]
        lane = asked[0].lane if rollout else ""
        inspection = Inspection(fleet_of(view), stops, lane)
        return ReadinessSeen(
            now=view.now,
            rollouts=tuple(item.id for item in asked),
            survey=inspection.survey(sites, skip, limit),
        )


def _stops(view: View, rollout: Rollout) -> list[Stop]:
    """Where the rollout still has to stop."""
    if rollout.status in TERMINAL or not rollout.timetable:
        return []
    done = {turn.pop for turn in view.find(Turn, rollout=rollout.id) if turn.at_end}
    return [stop for stop in stops_of(view, rollout) if stop.pop not in done]


def _sites(view: View, account: str, pop: str) -> list[Site]:
    if pop and view.get(Pop, pop) is None:
        raise UnknownError(f"there is no PoP {pop[:120]}; see: wavetrain fleet show")
    if not account:
        return view.find(Site, primary=pop) if pop else view.find(Site)
    ours = view.find(Site, account=account)
    if not ours and view.get(Account, account) is None:
        raise UnknownError(f"there is no account {account[:120]}; see the fleet file's [[account]]")
    return [site for site in ours if site.primary == pop] if pop else ours
