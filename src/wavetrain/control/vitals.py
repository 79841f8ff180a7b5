"""Vitals: how is the control plane itself, by what its ticker remembers?"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from wavetrain.control.ports import Store, View
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.decide.lifecycle import ACTIVE
from wavetrain.model.fleet import Cordon, Phase, Pop, Quarantine, Reported, Retired
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.notice import Channel, Delivery, Outgoing
from wavetrain.model.plan import Hold
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, Wave
from wavetrain.model.standstill import Standstill

PICTURE_EVERY_S = 5.0
"""A picture of the fleet is at most this fresh, however often somebody asks for it."""
PICTURE_SHARE_MAX = 0.05
"""The greatest share of the ticker's time that pictures may take: in a great fleet they come less often."""
RELEASES_SHOWN_MAX = 20
ROLLOUTS_SHOWN_MAX = 50
OTHERS = "others"
"""What the rest is counted under, where a name is shown only for the most frequent ones."""
SILENT = "never reported"

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the spans of time that are counted together, in seconds."""

Live = Callable[[str], RolloutEvidence | None]


class Spans(msgspec.Struct, frozen=True):
    """How often something took how long: by bound (each alone, the last one beyond all bounds), and in sum."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    seconds: float = 0.0

    def with_one(self, seconds: float) -> "Spans":
        """One more."""
        place = bisect_left(BOUNDS_S, seconds)
        counts = tuple(count + (index == place) for index, count in enumerate(self.counts))
        return Spans(counts, self.seconds + seconds)


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the whole house, gathered in one view. Every mapping has a bounded number of keys."""

    sequence: int = 0
    steady: float = 0.0
    jumped_s: float = 0.0
    rollouts: Mapping[str, int] = {}
    """By status."""
    holds: Mapping[tuple[str, bool], int] = {}
    """Of rollouts under way, by the reason's code and whether it asks a person."""
    nodes: Mapping[str, int] = {}
    """By phase; `SILENT` for those of the fleet that have never reported."""
    releases: Mapping[str, int] = {}
    """Nodes by the release that they report."""
    set_aside: Mapping[str, int] = {}
    """How much is quarantined, retired or cordoned."""
    slots: int = 0
    alerts: Mapping[tuple[str, str], int] = {}
    """In the outbox, by channel and state: those that wait, and those that are given up."""
    standstills: Mapping[str, int] = {}
    """By cause: 1 while it lasts."""
    evidence: Mapping[str, float] = {}
    """By rollout under way: its evidence against the release, as a share of what makes it fail."""


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What the ticker did so far. Instants are seconds on the clock that the ticker's beats are given in."""

    begun_at: float | None = None
    """Of the tick that runs now."""
    ended_at: float | None = None
    """Of the last one."""
    error: str = ""
    """What the last one ended with; empty when it ended well."""
    ticks: int = 0
    failed: int = 0
    stale: int = 0
    commits: int = 0
    took: Spans = Spans()
    written: Spans = Spans()
    """Commits of this process, by the time from asking for a transaction to its end."""


class Vitals:
    """Written by the ticker's thread, read by the doors: each read gets a whole picture, and never the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pulse = Pulse()
        self._picture: Picture | None = None
        self._due_at = float("-inf")

    @property
    def pulse(self) -> Pulse:
        """As of the last beat."""
        return self._pulse

    @property
    def picture(self) -> Picture | None:
        """The last one; None before the first."""
        return self._picture

    def begins(self, at: float) -> None:
        """A tick begins."""
        self._change(begun_at=at)

    def ends(self, at: float, *, commits: int = 0, stale: int = 0, error: str = "") -> None:
        """The tick that began last has ended."""
        pulse = self._pulse
        began = pulse.begun_at if pulse.begun_at is not None else at
        self._change(
            begun_at=None,
            ended_at=at,
            error=error,
            ticks=pulse.ticks + 1,
            failed=pulse.failed + bool(error),
            stale=pulse.stale + stale,
            commits=pulse.commits + commits,
            took=pulse.took.with_one(max(0.0, at - began)),
        )

    def wrote(self, seconds: float) -> None:
        """A transaction was committed, by whichever thread."""
        with self._lock:
            self._pulse = msgspec.structs.replace(self._pulse, written=self._pulse.written.with_one(seconds))

    def look(self, store: Store, live: Live, clock: Callable[[], float]) -> bool:
        """Take a new picture if one is due; whether it was."""
        began = clock()
        if began < self._due_at:
            return False
        self._due_at = began + PICTURE_EVERY_S
        with store.read() as view:
            self._picture = taken(view, live)
        ended = clock()
        self._due_at = ended + max(PICTURE_EVERY_S, (ended - began) / PICTURE_SHARE_MAX)
        return True

    def _change(self, **fields: object) -> None:
        with self._lock:
            self._pulse = msgspec.structs.replace(self._pulse, **fields)


def taken(view: View, live: Live) -> Picture:
    """The figures of one view, with the evidence that the ticker knows better than the store."""
    statuses = Counter(item.status.value for item in view.find(Rollout))
    moving = [item for status in ACTIVE for item in view.find(Rollout, status=status.value)]
    reported = view.find(Reported)
    homes = {node for pop in view.find(Pop) for node in pop.nodes}
    phases = Counter(item.phase.value for item in reported)
    phases[SILENT] = len(homes - {item.node for item in reported})
    ledger = view.get(Ledger, LEDGER)
    return Picture(
        sequence=view.sequence,
        steady=view.steady,
        jumped_s=ledger.jumped_s if ledger is not None else 0.0,
        rollouts={status.value: statuses[status.value] for status in Status},
        holds=Counter(_holds(view, moving)),
        nodes={name: phases[name] for name in (*(phase.value for phase in Phase), SILENT)},
        releases=shortened(Counter(item.release for item in reported if item.release)),
        set_aside={
            "quarantined": len(view.find(Quarantine)),
            "retired": len(view.find(Retired)),
            "cordoned": len(view.find(Cordon)),
        },
        slots=len(view.find(Slot)),
        alerts=_alerts(view),
        standstills={item.cause.value: 1 for item in view.find(Standstill)},
        evidence=_evidence(moving, live),
    )


def shortened(counts: Mapping[str, int], most: int = RELEASES_SHOWN_MAX) -> dict[str, int]:
    """The most frequent names; the others are counted together."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ranked[:most])
    rest = sum(count for _, count in ranked[most:])
    return {**shown, OTHERS: shown.get(OTHERS, 0) + rest} if rest else shown


def _holds(view: View, moving: Iterable[Rollout]) -> Iterable[tuple[str, bool]]:
    for rollout in moving:
        waves, turns = view.find(Wave, rollout=rollout.id), view.find(Turn, rollout=rollout.id)
        shown: list[Hold | None] = [rollout.hold]
        shown += [wave.hold for wave in waves] + [turn.hold for turn in turns]
        yield from ((hold.reason.name.lower(), hold.asks) for hold in shown if hold is not None)


def _alerts(view: View) -> dict[tuple[str, str], int]:
    undelivered = (Delivery.WAITING, Delivery.DEAD)
    counts = {(item.name, state.value): 0 for item in view.find(Channel) for state in undelivered}
    for state in undelivered:
        for item in view.find(Outgoing, state=state.value):
            place = (item.channel, state.value)
            counts[place] = counts.get(place, 0) + 1
    return counts


def _evidence(moving: Iterable[Rollout], live: Live) -> dict[str, float]:
    newest = sorted(moving, key=lambda item: item.created_at, reverse=True)[:ROLLOUTS_SHOWN_MAX]
    known = {item.id: live(item.id) for item in newest}
    return {
        name: kept.log_e / kept.log_threshold
        for name, kept in known.items()
        if kept is not None and kept.log_threshold > 0
    }
