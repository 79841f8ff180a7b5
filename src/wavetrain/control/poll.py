"""Poll: what does a node say of itself, and what is it told?"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import msgspec

from wavetrain.control.bans import Banned, banned, signed
from wavetrain.control.chronicle import tell
from wavetrain.control.facts import ledger_of
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, Transaction, Trust, View
from wavetrain.decide.coverage import VISIT_DAYS
from wavetrain.decide.permit import Caller, require_own_node
from wavetrain.errors import ForbiddenError, RefusedError, StaleError, UnknownError
from wavetrain.model.feature import FeatureKey
from wavetrain.model.fleet import (
    FIRST,
    Desired,
    Generation,
    NodeId,
    Phase,
    Pop,
    PopId,
    Rebuilt,
    Reported,
    Retired,
    Visit,
)
from wavetrain.model.record import Record
from wavetrain.model.release import Release, ReleaseId
from wavetrain.model.rollout import Rollout
from wavetrain.model.standstill import Standstill

CLOCK_OFF_S = 2.0
"""A node's clock that is further than this from the store's is said to be off."""
Latch = Callable[[str, PopId], Sequence[FeatureKey]]
"""What an account has on that a PoP does not have, by their names: what a visit that begins takes none of away."""
PERMISSION_S_MIN = 1.0
"""A shorter rest of a permission is not worth a drain."""
_ENDED = (Phase.STEADY, Phase.LAPSED, Phase.REVERTED, Phase.FAILED)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself; the fields mean what they mean in `Reported`."""

    node: NodeId
    generation: Generation
    release: str
    phase: Phase
    detail: str = ""
    metrics: str = ""
    boot: str = ""
    clock: float = 0.0
    """What the node's clock shows, in seconds since the Unix epoch; 0 where it did not say."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """An account used the node's PoP on a day (UTC, `YYYY-MM-DD`), with so many sessions so far."""

    account: str
    day: str
    sessions: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a node should run. `signature` is empty where it has no permission to disturb itself."""

    generation: Generation
    release: str
    digest: str = ""
    size: int = 0
    plan: str = ""
    """The rollout and its timetable's number that it belongs to; empty where no rollout says so."""
    permitted_s: float = 0.0
    restart: bool = False
    """Whether a node that runs the release restarts it; said, and signed, until it has taken the generation up."""
    signature: str = ""
    bans: Banned | None = None
    """None where the node's component is not known."""

    @property
    def tombstones(self) -> tuple[str, ...]:
        """The withdrawn versions of the node's component, as far as it is known."""
        return self.bans.tombstones if self.bans is not None else ()


def hear(
    store: Store,
    caller: Caller,
    report: Report,
    visitors: Sequence[Visitor] = (),
    latch: Latch = lambda *_: (),
) -> None:
    """Take in a report; nothing is written when it says nothing new.

    `latch` is asked once for each account that comes to the PoP after a time. Refused: another node's report, a node
    that the fleet does not have or that is retired, an older generation than the node has reported, and one that was
    never given out.
    """
    require_own_node(caller, report.node)
    with store.read() as view:
        said = _heard(view, report, visitors, latch)
    if not said.records:
        return
    if said.before is not None:
        try:
            with store.write() as transaction:
                _take_in(transaction, caller, report, said)
            return
        except StaleError:
            pass  # somebody else wrote of this node meanwhile: look again, where nobody can
    with store.write() as transaction:
        _take_in(transaction, caller, report, _heard(transaction, report, visitors, latch))


def hear_all(store: Store, said: Iterable[tuple[Caller, Report]]) -> list[str]:
    """Take in the reports of many nodes in one commit, each under the rules of `hear`; why some were refused."""
    refused: list[str] = []
    with store.write() as transaction:
        for caller, report in said:
            try:
                require_own_node(caller, report.node)
                heard = _heard(transaction, report, (), lambda *_: ())
            except (RefusedError, ForbiddenError, UnknownError) as error:
                refused.append(str(error))
                continue
            _take_in(transaction, caller, report, heard)
    return refused


class _Heard(msgspec.Struct, frozen=True):
    """What a report makes of what was known before: the records to write, none where it says nothing new."""

    before: Reported | None
    news: Reported | None
    visits: list[Visit]

    @property
    def records(self) -> list[Record]:
        return [*([self.news] if self.news is not None else []), *self.visits]


def _heard(view: View, report: Report, visitors: Sequence[Visitor], latch: Latch) -> _Heard:
    pop = _home(view, report.node)
    visits = _visits(view, pop, visitors, latch)
    return _Heard(view.get(Reported, report.node), _news(view, pop, report), visits)


def _take_in(transaction: Transaction, caller: Caller, report: Report, said: _Heard) -> None:
    """Write it down; `StaleError` where one of the records is not any more as it was read."""
    for record in said.records:
        transaction.put(record)
    before, news = said.before, said.news
    if news is not None and (before is None or before.since != news.since or _differs(before, news)):
        text = f"{report.phase.value} on {report.release or 'nothing'}, generation {report.generation}"
        told = f"{text}: {report.detail}" if report.detail else text
        tell(transaction, caller, "report", report.node, told)


def order(store: Store, trust: Trust, node: NodeId) -> Order:
    """What the node should run now; a node that was never told anything should run what it runs."""
    with store.read() as view:
        desired, said = view.get(Desired, node), view.get(Reported, node)
        if desired is None:
            generation, release = (said.generation, said.release) if said is not None else (FIRST, "")
            bans = _bans(view, _of_number(view, release))
            return Order(generation=generation, release=release, bans=_signed(bans, trust))
        component = _component(view, desired)
        known = view.get(Release, ReleaseId(f"{component}@{desired.release}"))
        digest, size = (known.digest, known.size) if known is not None else ("", 0)
        bans, plan = _bans(view, component), _plan(view, desired)
        permitted_s = 0.0 if view.find(Standstill) else _permitted_s(desired, said, bans, view.steady)
    restart, signature = desired.restart and (said is None or said.generation < desired.generation), ""
    if permitted_s > 0:
        signature = trust.sign(node, desired.generation, digest, plan, permitted_s, restart=restart)
    return Order(
        generation=desired.generation,
        release=desired.release,
        digest=digest,
        size=size,
        plan=plan,
        permitted_s=permitted_s,
        restart=restart,
        signature=signature,
        bans=_signed(bans, trust),
    )


def may_fetch(store: Store, caller: Caller, digest: str) -> None:
    """A node fetches only what it is told to run; `ForbiddenError` otherwise."""
    require_own_node(caller, caller.name)
    with store.read() as view:
        desired = view.get(Desired, caller.name)
        known = (
            view.get(Release, f"{_component(view, desired)}@{desired.release}")
            if desired is not None
            else None
        )
    if known is None or known.digest != digest:
        raise ForbiddenError(
            f"node {caller.name} is not told to run {digest[:12]}; it may fetch only the release that it was told"
        )


def _permitted_s(desired: Desired, said: Reported | None, bans: Banned | None, steady: float) -> float:
    """What is left of the permission, in seconds.

    None once the node has come to an end with this generation, nor onto a release that is banned. A permission
    ages from when it was given, not from when it is fetched: after an outage nobody disturbs itself on an old one.
    """
    left = desired.permitted_s - max(0.0, steady - desired.permitted_at)
    if left < PERMISSION_S_MIN:
        return 0.0
    if said is None:
        return left
    has_ended = said.generation == desired.generation and said.phase in _ENDED
    is_banned = bans is not None and bans.has(desired.release) and said.release != desired.release
    return 0.0 if has_ended or is_banned else left


def _component(view: View, desired: Desired) -> str:
    """Of the release that the node is told; by its rollout, else by the only release of that number."""
    rollout = view.get(Rollout, desired.rollout) if desired.rollout else None
    if rollout is not None:
        return rollout.component
    return _of_number(view, desired.release)


def _of_number(view: View, number: str) -> str:
    """The only component that has a release of this number; empty where none or several have."""
    components = {item.component for item in view.find(Release) if item.number == number}
    return components.pop() if len(components) == 1 else ""


def _plan(view: View, desired: Desired) -> str:
    rollout = view.get(Rollout, desired.rollout) if desired.rollout else None
    return f"{rollout.id}/{rollout.timetable}" if rollout is not None else ""


def _bans(view: View, component: str) -> Banned | None:
    return banned(view, component) if component else None


def _signed(bans: Banned | None, trust: Trust) -> Banned | None:
    return signed(bans, trust) if bans is not None else None


def _home(view: View, node: str) -> Pop:
    pop = home_of(view, node)
    if pop is None:
        raise UnknownError(
            f"there is no node {node[:120]} in the fleet; apply a fleet that has it, or correct its id"
        )
    retired = view.get(Retired, node)
    if retired is not None:
        raise ForbiddenError(
            f"node {node} was retired by {retired.by} ({retired.reason}); "
            f"to use it again run: wavetrain node rebuild {node} --reason TEXT"
        )
    return pop


def _news(view: View, pop: Pop, report: Report) -> Reported | None:
    """The record that the report makes, or None when the store has it already."""
    known = view.get(Reported, report.node)
    if known is not None and report.generation < known.generation:
        raise RefusedError(
            f"node {report.node} reports generation {report.generation} after {known.generation}; they only grow; "
            f"if the node was set up anew, run: wavetrain node rebuild {report.node} --reason TEXT"
        )
    if known is None or (known.boot, known.generation) != (report.boot, report.generation):
        _require_this_machine(view, report)
    last = ledger_of(view).generation
    if report.generation > last:
        raise RefusedError(
            f"node {report.node} reports generation {report.generation}, but the last one given out is {last}; "
            "the control plane has lost its store: restore its backup under a higher era, or set the node up anew"
        )
    made = Reported(
        node=report.node,
        pop=pop.id,
        generation=report.generation,
        release=report.release,
        phase=report.phase,
        since=view.now,
        detail=report.detail,
        metrics=report.metrics,
        boot=report.boot,
        clock_off_s=_clock_off_s(view, report, known),
        version=known.version if known is not None else 0,
    )
    if known is None:
        return made
    if not _differs(known, made):
        made = made.changed(since=known.since)
    return made if made != known else None


def _require_this_machine(view: View, report: Report) -> None:
    """What the machine of before says comes late, and would be taken for what the new one does."""
    parted = view.get(Rebuilt, report.node)
    if parted is None or report.boot != parted.boot:
        return
    if FIRST < report.generation <= parted.generation:
        raise RefusedError(
            f"node {report.node} reports generation {report.generation} from before it was rebuilt on "
            f"{parted.at:%Y-%m-%d %H:%M} UTC; empty its agent's folder, or start its machine anew"
        )


def _clock_off_s(view: View, report: Report, known: Reported | None) -> float:
    """Whole seconds that the node's clock is ahead; what is known stays while it changes by less than a step."""
    off = report.clock - view.steady if report.clock else 0.0
    off = float(round(off)) if abs(off) > CLOCK_OFF_S else 0.0
    before = known.clock_off_s if known is not None else 0.0
    return before if before and off and abs(off - before) <= CLOCK_OFF_S else off


def _differs(before: Reported, after: Reported) -> bool:
    """Whether the node does something else, rather than only saying more about it."""
    return (before.generation, before.release, before.phase) != (after.generation, after.release, after.phase)


def _visits(view: View, pop: Pop, visitors: Sequence[Visitor], latch: Latch) -> list[Visit]:
    """The visits that are new, or have more sessions than were known; saying one twice counts once."""
    found: dict[tuple[str, str], Visit] = {}
    for visitor in visitors:
        known = found.get((visitor.account, visitor.day)) or view.get(
            Visit, visitor.account, pop.id, visitor.day
        )
        if known is not None and known.sessions >= visitor.sessions:
            continue
        found[visitor.account, visitor.day] = Visit(
            account=visitor.account,
            pop=pop.id,
            day=visitor.day,
            sessions=visitor.sessions,
            had=known.had if known is not None else _had(view, pop, visitor, latch),
            version=known.version if known is not None else 0,
        )
    return list(found.values())


def _had(view: View, pop: Pop, visitor: Visitor, latch: Latch) -> tuple[str, ...]:
    """As it was said on an earlier day of the same stay; of a new one, what its account has on that is not here."""
    oldest = (date.fromisoformat(visitor.day) - timedelta(days=VISIT_DAYS)).isoformat()
    before = [
        item
        for item in view.find(Visit, account=visitor.account, pop=pop.id)
        if oldest < item.day <= visitor.day
    ]
    if before:
        return max(before, key=lambda item: item.day).had
    return tuple(latch(visitor.account, pop.id))
