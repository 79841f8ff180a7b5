"""Incidents: what went wrong that customers may have felt, in words for them?"""

from collections.abc import Collection
from datetime import datetime

from wavetrain.decide.work import spared
from wavetrain.model.fleet import Pop, PopId
from wavetrain.model.maintenance import Incident, Told
from wavetrain.model.rollout import Rollout, Status
from wavetrain.model.standstill import Standstill

IDENTIFIED, MONITORING, RESOLVED = "identified", "monitoring", "resolved"
CAPACITY, STANDSTILL = "capacity.", "standstill."
"""How the ids begin of what no rollout has caused."""
TOLD_MAX = 50
"""So many things are said of one incident; then only how it ended."""
_BACK = (Status.REVERTING, Status.REVERTED, Status.PARTLY_REVERTED)


def of_rollout(
    rollout: Rollout, exposed: Collection[PopId], known: Incident | None, now: datetime
) -> Incident | None:
    """A release that is taken back from PoPs that had it. None: nothing new is to be said."""
    if rollout.status not in _BACK or not (exposed or known):
        return None
    pops = tuple(sorted({*exposed, *(known.pops if known is not None else ())}))
    begun = _begun(
        known,
        id=f"{rollout.id}.back",
        title=f"{rollout.component} {rollout.number} is taken back",
        impact="minor",
        pops=pops,
        rollout=rollout.id,
        now=now,
    )
    if rollout.status is Status.REVERTING:
        cause = cause_of(rollout).capitalize()
        return _said(begun, known, IDENTIFIED, f"{cause}. We take it back to {rollout.previous}.", now)
    if rollout.status is Status.REVERTED:
        return _said(begun, known, RESOLVED, f"Every node that had it runs {rollout.previous} again.", now)
    left = len(rollout.residue)
    text = f"All nodes but {left} run {rollout.previous} again; those left are out of service."
    return _said(begun, known, RESOLVED, text, now)


def cause_of(rollout: Rollout) -> str:
    """Why a release is taken back, as strangers are told: the journal has the check and its figures."""
    return "our checks found a fault in it" if rollout.failed_at else "one of us decided so"


def of_capacity(
    pop: Pop, out: int, headroom: float, known: Incident | None, now: datetime
) -> Incident | None:
    """A PoP of which so many nodes are out for good that what is left may not carry its load."""
    is_short = out > spared(len(pop.nodes), pop.load, headroom)
    if not is_short and (known is None or known.state == RESOLVED):
        return None
    if known is not None and known.state == RESOLVED:
        known = None
    begun = _begun(
        known,
        id=f"{CAPACITY}{pop.id}.{now:%Y%m%dT%H%M%S}",
        title=f"{pop.place or pop.id} has less capacity",
        impact="minor" if out < len(pop.nodes) else "major",
        pops=(pop.id,),
        rollout="",
        now=now,
    )
    if not is_short:
        return _said(begun, known, RESOLVED, "Enough nodes are in service again.", now)
    text = f"{out} of {len(pop.nodes)} nodes are out of service; no more work is begun there."
    return _said(begun, known, IDENTIFIED, text, now)


def of_standstill(standing: Standstill | None, known: Incident | None, now: datetime) -> Incident | None:
    """Nothing moves anywhere: no customer feels it, but windows will pass unused."""
    if standing is None:
        if known is None or known.state == RESOLVED:
            return None
        return _said(known, known, RESOLVED, "Work goes on as planned.", now)
    begun = _begun(
        known,
        id=f"{STANDSTILL}{standing.cause.value}.{standing.since:%Y%m%dT%H%M%S}",
        title="Planned work stands still",
        impact="none",
        pops=(),
        rollout="",
        now=now,
    )
    return _said(begun, known, IDENTIFIED, "No planned work begins until we have looked at it.", now)


def _begun(known: Incident | None, *, now: datetime, **fields: object) -> Incident:
    if known is not None:
        return known.changed(pops=fields["pops"], impact=fields["impact"])
    return Incident(state="investigating", since=now, changed_at=now, **fields)  # type: ignore[arg-type]


def _said(
    incident: Incident, known: Incident | None, state: str, text: str, now: datetime
) -> Incident | None:
    """With one more thing said, where it was not said already."""
    is_same = known is not None and known.state == state and known.told and known.told[-1].text == text
    if is_same and known == incident:
        return None
    told = (
        incident.told if is_same else (*incident.told[-TOLD_MAX + 1 :], Told(at=now, state=state, text=text))
    )
    return incident.changed(
        state=state, told=told, changed_at=now, over_at=now if state == RESOLVED else None
    )
