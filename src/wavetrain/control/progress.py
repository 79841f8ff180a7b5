"""Progress: how far has each rollout come, wave by wave and PoP by PoP?"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active, found
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.model.hotfix import Hotfix
from wavetrain.model.plan import Hold
from wavetrain.model.rollout import Rollout, Turn, Wave

Live = Callable[[str], RolloutEvidence | None]
"""The running test of a rollout, by its id."""

ROLLOUTS_PAGE_MAX = 500
RECENT = 5
"""How many finished rollouts a status still shows."""


class HoldSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A hold for people and programs: `code` is stable, `reason` is the sentence."""

    code: str
    reason: str
    until: datetime | None
    detail: str
    asks: bool

    @property
    def text(self) -> str:
        """One line for people."""
        detail = f" ({self.detail})" if self.detail else ""
        until = f", until {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        return f"{self.reason}{detail}{until}{'; a person is asked to decide' if self.asks else ''}"


class UnitSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is being moved."""

    unit: str
    state: str
    release: str
    generation: str


class TurnSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A PoP's part, in counts."""

    pop: str
    wave: int
    beside: bool
    """A straggler, for which no other wave waits."""
    phase: str
    units: int
    exposed: int
    settled: int
    moving: tuple[UnitSeen, ...]
    quarantined: tuple[str, ...]
    previous: str
    to_go_back: int
    opens: datetime
    closes: datetime
    hold: HoldSeen | None


class WaveSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A wave of a ring."""

    ordinal: int
    ring: str
    stage: str
    status: str
    hold: HoldSeen | None


class EvidenceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The running test: it fails when `log_e` reaches `log_threshold`. By PoP that is not done, as of the last
    checkpoint: shares of load, and seconds compared."""

    log_e: float
    log_threshold: float
    failed: bool
    first_s: float
    share: dict[str, float]
    compared_s: dict[str, float]


class RolloutSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with its waves and turns; without them in lists."""

    id: str
    release: str
    number: str
    previous: str
    component: str
    lane: str
    status: str
    is_over: bool
    cause: str
    wave: int
    hold: HoldSeen | None
    departs: datetime
    created_at: datetime
    created_by: str
    over_at: datetime | None
    policy: str
    approvals: tuple[str, ...]
    residue: tuple[str, ...]
    failed_at: float
    restored_at: float
    hotfix: Hotfix
    cuts: int
    evidence: EvidenceSeen | None = None
    waves: tuple[WaveSeen, ...] = ()
    turns: tuple[TurnSeen, ...] = ()


class StatusSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What goes on now. `now` is train time, `steady` the store's own clock in seconds."""

    now: datetime
    steady: float
    sequence: int
    rollouts: tuple[RolloutSeen, ...]


def rollouts(store: Store, caller: Caller) -> list[RolloutSeen]:
    """The rollouts without their turns, the newest first."""
    require(caller, Act.READ)
    with store.read() as view:
        every = sorted(view.find(Rollout), key=lambda item: (item.created_at, item.id), reverse=True)
    return [_rollout(item) for item in every[:ROLLOUTS_PAGE_MAX]]


def rollout(store: Store, caller: Caller, rollout_id: str, live: Live | None = None) -> RolloutSeen:
    """One rollout with its waves, turns and evidence."""
    require(caller, Act.READ)
    with store.read() as view:
        return _whole(view, found(view, rollout_id), live)


def status(store: Store, caller: Caller, recent: int = RECENT, live: Live | None = None) -> StatusSeen:
    """Every rollout under way, and the last few that are over, oldest first."""
    require(caller, Act.READ)
    if not 0 <= recent <= ROLLOUTS_PAGE_MAX:
        raise RefusedError(f"{recent} finished rollouts are not possible; give 0 to {ROLLOUTS_PAGE_MAX}")
    with store.read() as view:
        over = [item for item in view.find(Rollout) if item.status in TERMINAL]
        over.sort(key=lambda item: (item.over_at or item.created_at, item.id))
        shown = [*over[len(over) - min(recent, len(over)) :], *active(view)]
        shown.sort(key=lambda item: (item.created_at, item.id))
        return StatusSeen(
            now=view.now,
            steady=view.steady,
            sequence=view.sequence,
            rollouts=tuple(_whole(view, item, live) for item in shown),
        )


def hold_seen(hold: Hold | None) -> HoldSeen | None:
    """The hold as it is shown."""
    if hold is None:
        return None
    return HoldSeen(
        code=hold.reason.name.lower(),
        reason=hold.reason.value,
        until=hold.until,
        detail=hold.detail,
        asks=hold.asks,
    )


def _whole(view: View, item: Rollout, live: Live | None) -> RolloutSeen:
    turns = sorted(view.find(Turn, rollout=item.id), key=lambda turn: (turn.wave, turn.opens, turn.pop))
    waves = sorted(view.find(Wave, rollout=item.id), key=lambda wave: wave.ordinal)
    above = {wave.ordinal: wave.hold for wave in waves if wave.ordinal > item.wave}
    return msgspec.structs.replace(
        _rollout(item),
        evidence=_evidence(
            (live(item.id) if live is not None else None) or view.get(RolloutEvidence, item.id),
            view.find(PopEvidence, rollout=item.id, live=1),
        ),
        waves=tuple(map(_wave, waves)),
        turns=tuple(_turn(turn, inherited(turn, above.get(turn.wave), view.now)) for turn in turns),
    )


def _evidence(kept: RolloutEvidence | None, pops: list[PopEvidence]) -> EvidenceSeen | None:
    if kept is None:
        return None
    return EvidenceSeen(
        log_e=kept.log_e,
        log_threshold=kept.log_threshold,
        failed=kept.failed,
        first_s=kept.first_s,
        share={item.pop: item.share for item in pops if item.share is not None},
        compared_s={item.pop: item.compared_s for item in pops if item.compared_s},
    )


def _rollout(item: Rollout) -> RolloutSeen:
    return RolloutSeen(
        id=item.id,
        release=item.release,
        number=item.number,
        previous=item.previous,
        component=item.component,
        lane=item.lane,
        status=item.status.value,
        is_over=item.status in TERMINAL,
        cause=item.cause,
        wave=item.wave,
        hold=hold_seen(item.hold),
        departs=item.departs,
        created_at=item.created_at,
        created_by=item.created_by,
        over_at=item.over_at,
        policy=item.policy,
        approvals=tuple(f"{given.kind} by {given.by}" for given in item.approvals),
        residue=item.residue,
        failed_at=item.failed_at,
        restored_at=item.restored_at,
        hotfix=item.hotfix,
        cuts=item.cuts,
    )


def _wave(wave: Wave) -> WaveSeen:
    return WaveSeen(
        ordinal=wave.ordinal,
        ring=wave.ring,
        stage=wave.stage.value,
        status=wave.status.value,
        hold=hold_seen(wave.hold),
    )


def inherited(turn: Turn, above: Hold | None, now: datetime) -> Hold | None:
    """What a PoP waits for: by itself, or with its wave, then until the timetable's hour for it."""
    if turn.hold is not None or above is None:
        return turn.hold
    return Hold(above.reason, until=turn.opens if turn.opens > now else None, detail=above.detail)


def _turn(turn: Turn, hold: Hold | None) -> TurnSeen:
    moving = tuple(
        UnitSeen(
            unit=item.unit, state=item.state.value, release=item.release, generation=str(item.generation)
        )
        for item in turn.progress
    )
    return TurnSeen(
        pop=turn.pop,
        wave=turn.wave,
        beside=turn.beside,
        phase=turn.phase.value,
        units=len(turn.order),
        exposed=len(turn.exposed),
        settled=len(turn.settled),
        moving=moving,
        quarantined=turn.quarantined,
        previous=turn.previous,
        to_go_back=len(turn.back),
        opens=turn.opens,
        closes=turn.closes,
        hold=hold_seen(hold),
    )
