"""Explain: why does a PoP, node, site, account, rollout or release wait? Reads, and decides nothing."""

import msgspec

from wavetrain.control import joiners
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.control.progress import HoldSeen, hold_seen
from wavetrain.control.rollouts import active
from wavetrain.control.stops import why_moved
from wavetrain.decide import lapses, stillness
from wavetrain.decide.comparison import EXPOSED
from wavetrain.decide.desired import is_joining
from wavetrain.decide.evidence_kept import PopEvidence
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import Account, Cordon, Desired, Pop, Quarantine, Reported, Retired, Site, UnitId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.release import Release, Tombstone
from wavetrain.model.rollout import Rollout, Turn, TurnPhase, Wave
from wavetrain.model.standstill import Standstill

ACCOUNT_POPS_MAX = 20
"""So many of an account's PoPs are explained at most."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One level on the way up: what stands there, and the hold that was written there, if any."""

    level: str
    subject: str
    state: str
    hold: HoldSeen | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in a sentence, the hold it rests on, and the levels from the most specific up."""

    subject: str
    kind: str
    answer: str
    hold: HoldSeen | None
    steps: tuple[Step, ...]


def why(store: Store, caller: Caller, subject: str) -> Why:
    """The first hold found from the subject upwards: node, turn, wave, rollout."""
    require(caller, Act.READ)
    with store.read() as view:
        kind, steps = _steps(view, subject)
        steps += [
            Step(
                level="everything",
                subject=item.cause.value,
                state="stands still",
                hold=hold_seen(stillness.hold_of(item)),
            )
            for item in view.find(Standstill)
        ]
    hold = next((step.hold for step in steps if step.hold is not None), None)
    if hold is not None:
        answer = f"{subject} waits: {hold.text}"
    else:
        states = "; ".join(f"{step.level} {step.subject}: {step.state}" for step in steps if step.state)
        answer = f"{subject} waits for nothing; {states}"
    return Why(subject=subject, kind=kind, answer=answer, hold=hold, steps=tuple(steps))


def _steps(view: View, subject: str) -> tuple[str, list[Step]]:
    rollout = view.get(Rollout, subject)
    if rollout is not None:
        return "rollout", _of_rollout(view, rollout)
    release = view.get(Release, subject)
    if release is not None:
        return "release", _of_release(view, release)
    pop = view.get(Pop, subject)
    if pop is not None:
        return "pop", _of_pop(view, pop)
    pop = home_of(view, subject)
    if pop is not None:
        return "node", [*_of_node(view, subject), *_of_pop(view, pop, subject)]
    site = view.get(Site, subject)
    if site is not None:
        return "site", _of_site(view, site)
    sites = view.find(Site, account=subject)
    if sites or view.get(Account, subject) is not None:
        return "account", _of_account(view, subject, sites)
    raise UnknownError(
        f"there is no PoP, node, site, account, rollout or release {subject[:120]}; "
        "see: wavetrain fleet show, wavetrain rollout list"
    )


def _of_site(view: View, site: Site) -> list[Step]:
    """A site waits for what its primary PoP waits for."""
    second = f", secondary {site.secondary}" if site.secondary else ", no secondary"
    own = Step(level="site", subject=site.id, state=f"primary {site.primary}{second}")
    pop = view.get(Pop, site.primary)
    return [own, *(_of_pop(view, pop) if pop is not None else [])]


def _of_account(view: View, account: str, sites: list[Site]) -> list[Step]:
    """What its sites' primary PoPs wait for, those with the most sites first."""
    counts: dict[str, int] = {}
    for site in sites:
        counts[site.primary] = counts.get(site.primary, 0) + 1
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    state = f"{len(sites)} sites at {len(ordered)} PoPs"
    if len(ordered) > ACCOUNT_POPS_MAX:
        state = f"{state}; the {ACCOUNT_POPS_MAX} with the most sites"
    steps = [Step(level="account", subject=account, state=state)]
    pops = [pop for name in ordered[:ACCOUNT_POPS_MAX] if (pop := view.get(Pop, name)) is not None]
    return steps + list(dict.fromkeys(step for pop in pops for step in _of_pop(view, pop)))


def _of_rollout(view: View, rollout: Rollout) -> list[Step]:
    """Its own hold first; without one, that of the wave under way and then of its turns."""
    steps = [_rollout_step(rollout)]
    wave = view.get(Wave, rollout.id, str(rollout.wave))
    if wave is not None and rollout.status not in TERMINAL:
        steps.append(_wave_step(wave))
        turns = [turn for turn in view.find(Turn, rollout=rollout.id) if turn.wave == wave.ordinal]
        steps += [_turn_step(view, turn) for turn in turns]
    return steps


def _of_release(view: View, release: Release) -> list[Step]:
    tombstone = view.get(Tombstone, release.id)
    hold = None
    if tombstone is not None:
        hold = Hold(Reason.TOMBSTONED, detail=f"{tombstone.by}: {tombstone.reason}")
    steps = [Step(level="release", subject=release.id, state=release.stage.value, hold=hold_seen(hold))]
    for rollout in view.find(Rollout, lane=release.lane):
        if rollout.release == release.id:
            steps += _of_rollout(view, rollout)
    return steps


def _of_pop(view: View, pop: Pop, unit: str = "") -> list[Step]:
    """By the oldest rollout under way that has a turn there; when there is none, by the last that had."""
    steps = []
    cordon = view.get(Cordon, pop.id)
    if cordon is not None:
        hold = hold_seen(Hold(Reason.CORDONED, detail=f"{cordon.by}: {cordon.reason}"))
        steps.append(Step(level="pop", subject=pop.id, state="cordoned", hold=hold))
    for rollout in active(view):
        turn = view.get(Turn, rollout.id, pop.id)
        if turn is not None:
            wave = view.get(Wave, rollout.id, str(turn.wave))
            steps.append(_moved(view, rollout, _turn_step(view, turn, unit), turn))
            if _is_through(turn, unit) or turn.phase is TurnPhase.HANDED:
                continue
            steps += [_wave_step(wave)] if wave is not None else []
            steps.append(_rollout_step(rollout))
        elif not rollout.waves:
            steps.append(_rollout_step(rollout))
    return steps or [
        *_last(view, pop, unit),
        Step(level="pop", subject=pop.id, state="no rollout is under way"),
    ]


def _moved(view: View, rollout: Rollout, step: Step, turn: Turn) -> Step:
    """A PoP that has not begun says why it goes later than it was planned to."""
    why = why_moved(view, rollout, turn.pop) if not turn.cursor else ""
    return msgspec.structs.replace(step, state=f"{step.state}; moved, since {why}") if why else step


def _last(view: View, pop: Pop, unit: str) -> list[Step]:
    over = [item for item in view.find(Rollout) if item.status in TERMINAL]
    for rollout in sorted(over, key=lambda item: item.over_at or item.created_at, reverse=True):
        turn = view.get(Turn, rollout.id, pop.id)
        if turn is not None:
            return [_turn_step(view, turn, unit), _rollout_step(rollout)]
    return []


def _of_node(view: View, node: str) -> list[Step]:
    """What was written about the node itself, by persons, by the planner and by itself."""
    said = view.get(Reported, node)
    state = (
        f"{said.phase.value} on {said.release}, generation {said.generation}" if said else "has not reported"
    )
    detail = f": {said.detail}" if said is not None and said.detail else ""
    hold = None
    retired, lost = view.get(Retired, node), view.get(Quarantine, node)
    cordon = view.get(Cordon, node)
    if retired is not None:
        hold = Hold(Reason.RETIRED, detail=f"{retired.by}: {retired.reason}")
    elif lost is not None:
        hold = Hold(Reason.QUARANTINED, detail=lost.reason, asks=True)
    elif cordon is not None:
        hold = Hold(Reason.CORDONED, detail=f"{cordon.by}: {cordon.reason}")
    order = view.get(Desired, node)
    if order is not None and is_joining(order, said):
        state = f"{state}; joins and was told {order.release}"
        hold = hold or joiners.hold_of(view, order)
    return [Step(level="node", subject=node, state=f"{state}{detail}", hold=hold_seen(hold))]


def _is_through(turn: Turn, unit: str) -> bool:
    return unit in turn.settled and not turn.back


def _turn_step(view: View, turn: Turn, unit: str = "") -> Step:
    """A unit that is through does not wait for what its PoP waits for."""
    state = f"{turn.phase.value}, {len(turn.settled)} of {len(turn.order)} settled"
    if _is_through(turn, unit):
        return Step(
            level="turn", subject=f"{turn.rollout}/{turn.pop}", state=f"{state}; {unit} has the release"
        )
    if unit in lapses.left_behind(turn):
        said = view.get(Reported, unit)
        hold = lapses.hold_of(turn, UnitId(unit), said.detail if said is not None else "")
        state = f"{state}; {unit} was passed over"
        return Step(level="turn", subject=f"{turn.rollout}/{turn.pop}", state=state, hold=hold_seen(hold))
    kept = view.get(PopEvidence, turn.rollout, turn.pop) if turn.phase in EXPOSED else None
    if kept is not None and kept.only_watch:
        state = f"{state}; {', '.join(kept.only_watch)} only watched"
    moving = next((item for item in turn.progress if item.unit == unit), None)
    if moving is not None:
        way = "to restart on" if moving.restart else "going to"
        state = f"{state}; {unit} is {moving.state.value}, {way} {moving.release}"
    return Step(level="turn", subject=f"{turn.rollout}/{turn.pop}", state=state, hold=hold_seen(turn.hold))


def _wave_step(wave: Wave) -> Step:
    return Step(
        level="wave",
        subject=f"{wave.rollout}/{wave.ordinal}",
        state=f"{wave.status.value} (ring {wave.ring})",
        hold=hold_seen(wave.hold),
    )


def _rollout_step(rollout: Rollout) -> Step:
    cause = f": {rollout.cause}" if rollout.cause else ""
    return Step(
        level="rollout",
        subject=rollout.id,
        state=f"{rollout.status.value}{cause}",
        hold=hold_seen(rollout.hold),
    )
