"""Forecast: when is this PoP, node, site or account disturbed next?"""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from wavetrain.control.facts import policy_of
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.control.progress import HoldSeen, hold_seen
from wavetrain.control.rollouts import active
from wavetrain.decide import calendar, forecast, stillness, timetable
from wavetrain.decide.forecast import Outlook, Prospect, Range
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import Account, Cordon, Pop, PopId, Quarantine, Retired, Site
from wavetrain.model.lane import LANES, POP
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.rollout import Rollout, RolloutId, Status, Turn, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

PLACES_MAX = 50
"""An account's answer lists so many PoPs at most, the next disturbed first."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One PoP's next disturbance. Both times are None where nothing is planned; `latest` alone where it is open.

    `role`: what the PoP is to the subject: `itself`, `primary` or `secondary`. `sites`: how many sites use it so.
    """

    pop: str
    role: str
    sites: int
    earliest: datetime | None
    latest: datetime | None
    rollout: str
    waits: HoldSeen | None
    open: HoldSeen | None
    departs: datetime | None
    """Where nothing is planned: from when on the next train could come here; None without a policy."""


class When(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in a sentence, and the PoPs that it rests on: primaries first, the next disturbed before others."""

    subject: str
    kind: str
    now: datetime
    answer: str
    places: tuple[Place, ...]
    left_off: int


def when(store: Store, caller: Caller, subject: str) -> When:
    """The next disturbance of a PoP, node, site or account: a range, its reason, and what keeps the end open."""
    require(caller, Act.READ)
    with store.read() as view:
        kind, uses, node = _uses(view, subject)
        found = ranges(view, {pop for pop, _ in uses}, node)
        lost = view.get(Retired, node) or view.get(Quarantine, node) if node else None
        places = [
            _place(view, pop, role, sites, None if lost else found.get(pop))
            for (pop, role), sites in uses.items()
        ]
        ordered = sorted(places, key=_order)
        return When(
            subject=subject,
            kind=kind,
            now=view.now,
            answer=_answer(subject, ordered[0], lost=lost is not None) if ordered else _no_sites(subject),
            places=tuple(ordered[:PLACES_MAX]),
            left_off=max(0, len(ordered) - PLACES_MAX),
        )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The range of one PoP or node over all rollouts, and the rollout whose turn comes first."""

    range: Range
    rollout: RolloutId


def ranges(view: View, pops: Collection[PopId], node: str = "") -> dict[PopId, Found]:
    """The next disturbance of each of these PoPs that any rollout under way will still disturb; or of one `node`."""
    made: dict[PopId, dict[str, Found]] = {}
    for rollout in active(view):
        prospect = prospect_of(view, rollout)
        outlooks = forecast.of_rollout(prospect, pops)
        turns = {turn.pop: turn for turn in prospect.turns}
        for pop in pops:
            found = _range(prospect, turns.get(pop), outlooks.get(pop), node)
            if found is None:
                continue
            of_pop = made.setdefault(pop, {})
            older = of_pop.get(rollout.component)
            of_pop[rollout.component] = (
                Found(range=found, rollout=rollout.id) if older is None else _joined(older, found, prospect)
            )
    return {pop: _beside(of_pop.values()) for pop, of_pop in made.items()}


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A release on its way to a PoP, and when all of the PoP runs it; `latest` is None where that is open, as said."""

    pop: PopId
    rollout: RolloutId
    component: str
    number: str
    earliest: datetime
    latest: datetime | None
    open: str = ""


def coming(view: View, pops: Collection[PopId]) -> list[Coming]:
    """What rollouts under way bring to these PoPs; one that goes back brings nothing."""
    made: list[Coming] = []
    for rollout in active(view):
        if rollout.status is Status.REVERTING:
            continue
        prospect = prospect_of(view, rollout)
        turns = {turn.pop: turn for turn in prospect.turns}
        for pop, outlook in forecast.of_rollout(prospect, pops).items():
            made.append(coming_to(prospect, turns.get(pop), pop, outlook))
    return made


def coming_to(prospect: Prospect, turn: Turn | None, pop: PopId, outlook: Outlook) -> Coming:
    """What one rollout brings to one PoP."""
    held = hold_seen(outlook.rest.open)
    latest = forecast.last_of(prospect, turn, outlook) if turn is not None else outlook.rest.latest
    return Coming(
        pop=pop,
        rollout=prospect.rollout.id,
        component=prospect.rollout.component,
        number=prospect.rollout.number,
        earliest=outlook.rest.earliest,
        latest=latest,
        open="" if latest is not None else held.text if held is not None else "the end is open",
    )


def _range(prospect: Prospect, turn: Turn | None, outlook: Outlook | None, node: str) -> Range | None:
    if node and turn is not None:
        return forecast.of_node(prospect, turn, outlook, node)
    return outlook.first if outlook is not None else None


def _joined(older: Found, newer: Range, prospect: Prospect) -> Found:
    opens = [turn.opens for turn in prospect.turns if turn.wave == 0]
    departs = min(opens, default=prospect.rollout.departs)
    both = forecast.joined(older.range, newer, departs)
    is_older = older.range.earliest <= newer.earliest
    return Found(range=both, rollout=older.rollout if is_older else prospect.rollout.id)


def _beside(of_pop: Iterable[Found]) -> Found:
    first, *others = sorted(of_pop, key=lambda item: item.range.earliest)
    whole = first.range
    for other in others:
        whole = forecast.beside(whole, other.range)
    return Found(range=whole, rollout=first.rollout)


def prospect_of(view: View, rollout: Rollout) -> Prospect:
    """What a forecast for one rollout looks at."""
    standing = [stillness.hold_of(item) for item in view.find(Standstill)]
    return Prospect(
        now=view.now,
        lane=LANES[rollout.lane],
        policy=policy_of(view, rollout.policy),
        rollout=rollout,
        waves=tuple(view.find(Wave, rollout=rollout.id)),
        turns=tuple(view.find(Turn, rollout=rollout.id)),
        pops={pop.id: pop for pop in view.find(Pop)},
        freezes=tuple(view.find(Freeze)),
        cordoned=frozenset(item.subject for item in view.find(Cordon)),
        standstill=standing[0] if standing else None,
    )


def _uses(view: View, subject: str) -> tuple[str, dict[tuple[PopId, str], int], str]:
    """What the subject is, which PoPs it uses as what and by how many sites, and the node if it is one."""
    if (pop := view.get(Pop, subject)) is not None:
        return "pop", {(pop.id, "itself"): 0}, ""
    if (pop := home_of(view, subject)) is not None:
        return "node", {(pop.id, "itself"): 0}, subject
    if (site := view.get(Site, subject)) is not None:
        return "site", _of_sites([site]), ""
    sites = view.find(Site, account=subject)
    if sites or view.get(Account, subject) is not None:
        return "account", _of_sites(sites), ""
    raise UnknownError(f"there is no PoP, node, site or account {subject[:120]}; see: wavetrain fleet show")


def _of_sites(sites: Iterable[Site]) -> dict[tuple[PopId, str], int]:
    uses: dict[tuple[PopId, str], int] = {}
    for site in sites:
        for pop, role in ((site.primary, "primary"), (site.secondary, "secondary")):
            if pop:
                uses[pop, role] = uses.get((pop, role), 0) + 1
    return uses


def _place(view: View, pop: PopId, role: str, sites: int, found: Found | None) -> Place:
    if found is not None:
        return Place(
            pop=pop,
            role=role,
            sites=sites,
            earliest=found.range.earliest,
            latest=found.range.latest,
            rollout=found.rollout,
            waits=hold_seen(found.range.reason),
            open=hold_seen(found.range.open),
            departs=None,
        )
    return Place(
        pop=pop,
        role=role,
        sites=sites,
        earliest=None,
        latest=None,
        rollout="",
        waits=None,
        open=None,
        departs=_next_train(view, pop),
    )


def _next_train(view: View, pop: PopId) -> datetime | None:
    """The first instant at which a train that is not even planned could disturb the PoP."""
    place, current = view.get(Pop, pop), view.get(CurrentPolicy, POP.name)
    if place is None or current is None:
        return None
    policy = policy_of(view, current.digest)
    leaves = timetable.departure(policy, POP, view.now)
    scope = (place.id, place.region, POP.name)
    freezes = view.find(Freeze)
    return calendar.may_start(place.window, freezes, leaves, policy.timing.with_undo, scope).opens_again


def _order(place: Place) -> tuple[bool, bool, str, str]:
    """Primaries before secondaries, since work at a secondary is felt by no site; then the next disturbed first."""
    first = place.earliest or place.departs
    return (
        place.role == "secondary",
        place.earliest is None,
        first.isoformat() if first else "~",
        place.pop,
    )


def _answer(subject: str, place: Place, *, lost: bool) -> str:
    where = "" if place.role == "itself" else f" at its {place.role} {place.pop}"
    if lost:
        return f"{subject} is out of service and gets nothing until a person brings it back"
    if place.earliest is None:
        train = (
            f"; the next train could come there from {calendar.shown(place.departs)} on"
            if place.departs
            else ""
        )
        return f"{subject}: no disturbance is planned{where}{train}"
    said = f"{subject} is disturbed next{where} by {place.rollout}"
    waits = f"; until then: {place.waits.reason}" if place.waits is not None else ""
    if place.latest is None:
        why = f": {place.open.text}" if place.open is not None else ""
        return f"{said}, not before {calendar.shown(place.earliest)}; the end is open{why}"
    return f"{said}, between {calendar.shown(place.earliest)} and {calendar.shown(place.latest)}{waits}"


def _no_sites(subject: str) -> str:
    return f"{subject} has no sites, so nothing disturbs it"
