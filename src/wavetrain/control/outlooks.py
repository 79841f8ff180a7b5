"""Outlooks: between which instants is each stretch of planned work expected, and why then?

One thread looks ahead for all accounts at once, by the planner's own chain; readers take what it found last, which is
never changed. Looking ahead costs what a train is long, so the looker rests for longer than it took.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from wavetrain.control import forecast as forecast_now
from wavetrain.control.forecast import Coming, coming_to, prospect_of
from wavetrain.control.ports import Store, View
from wavetrain.control.progress import hold_seen
from wavetrain.control.rollouts import active
from wavetrain.control.stops import stops_of
from wavetrain.decide import forecast
from wavetrain.decide.forecast import Outlook, Prospect
from wavetrain.decide.ungranted import RingSpan
from wavetrain.model.fleet import Pop, PopId, RegionId, Serves
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Rollout, RolloutId, Status, Turn, Wave

REST_S, REST_TIMES = 2.0, 20.0
"""After a look it rests for at least so long, and for so many times as long as the look took."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """When one PoP is disturbed next by one rollout. `latest` is None while that is open, and `open` says why."""

    earliest: datetime
    latest: datetime | None
    waits: str
    """What the earliest instant waits for; empty where it may be now."""
    open: str
    wave: int
    """Counted from 1, of `waves`."""
    waves: int
    ring: RingSpan
    planned: str
    """Why the timetable has it where it has; empty where its ring and wave say all."""

    @property
    def why(self) -> str:
        """In a sentence for the account."""
        said = [f"wave {self.wave} of {self.waves}, ring {self.ring.ring}"]
        said += [part for part in (self.planned, self.waits and f"it waits: {self.waits}") if part]
        return "; ".join(said)


Key = tuple[RolloutId, PopId]


class RegionAhead(msgspec.Struct, frozen=True):
    """The windows in which PoPs of a region are to be worked on, and how many PoPs it has."""

    busy: Sequence[tuple[PopId, datetime, datetime]]
    pops: int


class Found(msgspec.Struct, frozen=True):
    """What one look found."""

    expected: Mapping[Key, Expected]
    coming: Mapping[PopId, Sequence[Coming]]
    regions: Mapping[RegionId, RegionAhead]


class Outlooks:
    """Keeps what is expected. Reading takes no lock and asks no store. `clock`: seconds, never set."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._sequence, self._now = -1, datetime.min.replace(tzinfo=UTC)
        self._rests_until = float("-inf")
        self._found: Found | None = None

    def of(self, rollout: str, pop: str) -> Expected | None:
        """What is expected of a rollout at a PoP; None where nothing is, or nobody has looked yet."""
        found = self._found
        return found.expected.get((RolloutId(rollout), PopId(pop))) if found is not None else None

    def region(self, name: RegionId) -> RegionAhead:
        """Which PoPs of a region are to be worked on when."""
        found = self._found
        return (found.regions.get(name) if found is not None else None) or RegionAhead((), 0)

    def coming(self, view: View, pops: Collection[PopId]) -> list[Coming]:
        """What rollouts under way bring to these PoPs, as `forecast.coming` says it, by the last look."""
        found = self._found
        if found is None:
            return forecast_now.coming(view, pops)
        return [one for pop in pops for one in found.coming.get(pop, ())]

    def look(self) -> bool:
        """Look ahead anew, unless nothing has changed or it rests; whether it did."""
        began = self._clock()
        if began < self._rests_until:
            return False
        with self._store.read() as view:
            if view.sequence == self._sequence and (view.now - self._now).total_seconds() < REST_S * 10:
                return False
            self._found = ahead(view)
            self._sequence, self._now = view.sequence, view.now
        ended = self._clock()
        self._rests_until = ended + max(REST_S, REST_TIMES * (ended - began))
        return True


def ahead(view: View) -> Found:
    """Everything that rollouts under way will still disturb, or bring."""
    made: dict[Key, Expected] = {}
    brings: dict[PopId, list[Coming]] = {}
    pops = {pop.id: pop for pop in view.find(Pop) if pop.serves is Serves.EDGE}
    busy: dict[RegionId, list[tuple[PopId, datetime, datetime]]] = {pop.region: [] for pop in pops.values()}
    for rollout in active(view):
        prospect = prospect_of(view, rollout)
        turns = {turn.pop: turn for turn in prospect.turns}
        found = forecast.of_rollout(prospect, turns.keys() or pops.keys())
        if rollout.status is not Status.REVERTING:
            for pop, outlook in found.items():
                brings.setdefault(pop, []).append(coming_to(prospect, turns.get(pop), pop, outlook))
        if not turns:
            continue
        whys = {stop.pop: stop.why for stop in stops_of(view, rollout)}
        spans = _spans(prospect.waves, prospect.turns)
        for pop, outlook in found.items():
            if pop in pops:
                busy[pops[pop].region].append((pop, turns[pop].opens, turns[pop].closes))
            made[rollout.id, pop] = _expected(
                rollout, prospect, turns[pop], outlook, whys.get(pop, ""), spans
            )
    sizes = Counter(pop.region for pop in pops.values())
    return Found(made, brings, {region: RegionAhead(spans, sizes[region]) for region, spans in busy.items()})


def _spans(waves: Sequence[Wave], turns: Sequence[Turn]) -> dict[int, RingSpan]:
    """By wave, the span of its ring."""
    of = {wave.ordinal: wave for wave in waves}
    made: dict[str, RingSpan] = {}
    for turn in turns:
        wave = of.get(turn.wave)
        if wave is None:
            continue
        known = made.get(wave.ring)
        made[wave.ring] = RingSpan(
            ring=wave.ring,
            is_early=wave.stage is Stage.EARLY,
            opens=min(known.opens, turn.opens) if known is not None else turn.opens,
            closes=max(known.closes, turn.closes) if known is not None else turn.closes,
            first_wave=min(known.first_wave, wave.ordinal) if known is not None else wave.ordinal,
        )
    return {ordinal: made[wave.ring] for ordinal, wave in of.items() if wave.ring in made}


def _expected(
    rollout: Rollout,
    prospect: Prospect,
    turn: Turn,
    outlook: Outlook,
    why: str,
    spans: Mapping[int, RingSpan],
) -> Expected:
    first = outlook.first
    waits, opened = hold_seen(first.reason), hold_seen(first.open)
    return Expected(
        earliest=first.earliest,
        latest=first.latest,
        waits=waits.text if waits is not None and first.earliest > prospect.now else "",
        open=opened.text if opened is not None else "",
        wave=turn.wave + 1,
        waves=rollout.waves,
        ring=spans[turn.wave],
        planned=why,
    )
