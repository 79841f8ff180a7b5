"""Train now: what of a train is done, under way and still to come, PoP by PoP?"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from wavetrain.control.ports import Store
from wavetrain.control.rollouts import found
from wavetrain.control.stops import stops_of
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.model.fleet import PopId
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.rollout import Rollout, Stop, Turn, TurnPhase, Wave

STEP_S: Final = 900
"""In train time: a picture by days, in which only so little has passed, is as good as new."""
MARK_CHARACTERS: Final = 12


class TrainStop(msgspec.Struct, frozen=True, kw_only=True):
    """One PoP's part."""

    pop: PopId
    wave: int
    ring: str
    planned: datetime
    ends: datetime | None
    began: datetime | None
    ended: datetime | None
    phase: TurnPhase | None
    missed: bool


class TrainNow(msgspec.Struct, frozen=True, kw_only=True):
    """A train as it is; `now` is train time."""

    rollout: str
    component: str
    number: str
    status: str
    departs: datetime
    now: datetime
    rings: dict[int, str]
    stops: tuple[TrainStop, ...]

    @property
    def days(self) -> float:
        """From the departure to the last that is planned, or was done; at least one."""
        last = max((one.ended or one.ends or one.planned for one in self.stops), default=self.departs)
        return max(1.0, -((self.departs - last) // timedelta(days=1)))


def seen(store: Store, caller: Caller, rollout_id: str) -> TrainNow:
    """A rollout's train; one without a timetable has its turns alone."""
    require(caller, Act.READ)
    with store.read() as view:
        item = found(view, rollout_id)
        turns = {turn.pop: turn for turn in view.find(Turn, rollout=item.id)}
        stops = {stop.pop: stop for stop in stops_of(view, item)}
        first = {stop.pop: stop for stop in stops_of(view, item, 1)} if item.timetable > 1 else stops
        works: dict[PopId, Maintenance] = {}
        for work in view.find(Maintenance, rollout=item.id):
            if work.began_at is not None and (
                work.pop not in works or work.began_at > (works[work.pop].began_at or work.began_at)
            ):
                works[work.pop] = work
        rings = {wave.ordinal: wave.ring for wave in view.find(Wave, rollout=item.id)}
        return TrainNow(
            rollout=item.id,
            component=item.component,
            number=item.number,
            status=item.status.value,
            departs=item.departs,
            now=view.now,
            rings=rings or {0: "-"},
            stops=tuple(
                _stop(item, pop, turns.get(pop), stops.get(pop), first.get(pop), works.get(pop))
                for pop in {**stops, **turns}
            ),
        )


def mark(status: str, parts: Iterable[tuple[str, str, datetime]], now: datetime) -> str:
    """Another one for each other train, from what is at hand without it: PoPs, phases, and when windows open.

    Time alone makes another train of it after each `STEP_S`.
    """
    body = msgspec.json.encode((status, list(parts), int(now.timestamp() / STEP_S)))
    return hashlib.sha256(body).hexdigest()[:MARK_CHARACTERS]


def _stop(
    item: Rollout,
    pop: PopId,
    turn: Turn | None,
    stop: Stop | None,
    first: Stop | None,
    work: Maintenance | None,
) -> TrainStop:
    planned = stop.opens if stop is not None else turn.opens if turn is not None else item.departs
    began = turn.started_at if turn is not None else None
    if began is None and work is not None:
        began = work.began_at
    return TrainStop(
        pop=pop,
        wave=turn.wave if turn is not None else stop.wave if stop is not None else 0,
        ring=stop.ring if stop is not None else "",
        planned=planned,
        ends=stop.ends if stop is not None else None,
        began=began,
        ended=work.over_at if work is not None else None,
        phase=turn.phase if turn is not None else None,
        missed=first is not None and stop is not None and stop.opens > first.opens,
    )
