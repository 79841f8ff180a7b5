"""Duty: what do the persons of a rehearsal do when the control plane asks for one, and how soon?

Every hold that asks is a question. After a while, which follows from the seed, somebody answers it: with one word, or
by seeing to nodes. A node is set up anew once; when it is the cause of a question again, it is retired.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

import msgspec

from wavetrain.control import nodes as machines
from wavetrain.control.ports import Store
from wavetrain.decide import lapses
from wavetrain.decide.alerts import STARVED_FOR
from wavetrain.errors import WavetrainError
from wavetrain.model.fleet import NodeId, PopId, Quarantine
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Progress, Rollout, Turn, Wave
from wavetrain.simulate.answers import CONSENTS, OLGA, answer
from wavetrain.simulate.crowd import Crowd
from wavetrain.simulate.ground import Ground
from wavetrain.simulate.invariants import ENDED, OVER
from wavetrain.simulate.mirror import Line
from wavetrain.simulate.mishaps import Mishaps
from wavetrain.simulate.telemetry import Telemetry

REACTION_S = (300.0, 2_700.0)
"""From the question until a person looks: evenly from this span."""
AT_NODE_S = 1_800.0
"""So much longer until a node is set up anew, or out of the fleet."""
WHY = "asked for in the rehearsal"

Key = tuple[str, ...]
"""The kind of the record that asks, and its key."""

_WORDS = frozenset(CONSENTS) | {Reason.PAUSED, Reason.NO_WINDOW, Reason.TOMBSTONED, Reason.REVERTING}
"""Answered by a word; a question about telemetry by going to see, all others by seeing to nodes."""
_STARVED = frozenset({Reason.CAPACITY, Reason.SLOT_TAKEN})
"""Of these an alert goes out after a while, whoever is asked: a person sees whether lost nodes are the cause."""
_OF_STORE = frozenset({Reason.CLOCK, Reason.NODE_CLOCK, Reason.RESTORED, Reason.NO_PLAN})
"""Nothing in a rehearsal gives a cause for these, and nobody answers them."""


class Asked(msgspec.Struct):
    """A question that stands."""

    reason: Reason
    since: float
    """On the steady clock."""


class Duty:
    """Persons at one store, beside the nodes that they see to."""

    def __init__(
        self,
        store: Store,
        ground: Ground,
        crowd: Crowd,
        telemetry: Telemetry,
        mishaps: Mishaps,
        *,
        here: bool,
    ) -> None:
        """`here`: whether anybody answers; questions are counted in any case."""
        self._store = store
        self._ground = ground
        self._crowd = crowd
        self._telemetry = telemetry
        self._mishaps = mishaps
        self._here = here
        self._open: dict[Key, Asked] = {}
        self._due: list[tuple[float, Key]] = []
        self._again: list[Key] = []
        """Answered, and to be looked at after the next tick: the question may still stand."""
        self._seen_to: dict[NodeId, int] = {}
        """How often each node was seen to."""
        self.asked: dict[str, int] = {}
        """By reason: how often a person was asked."""
        self.answered: dict[str, int] = {}
        """By what was done: how often. One answer may be several deeds."""
        self.took_s: list[float] = []
        """How long after each question its answer came."""
        self.by_itself = 0
        """Questions that had no cause any more when a person came to look."""

    @property
    def next_at(self) -> float:
        """When somebody does something next, infinite where nobody does."""
        return self._due[0][0] if self._due else float("inf")

    @property
    def unanswered(self) -> int:
        """The questions that stand."""
        return len(self._open)

    def note(self, now: float, changes: Iterable[Line]) -> None:
        """What has changed may ask, or ask no more."""
        again, self._again = self._again, []
        for key in again:
            self._look(key, now)
        for change in changes:
            record = change.record
            if type(record) is Turn or type(record) is Wave or type(record) is Rollout:
                self._look((change.kind, *record.key), now)
            elif type(record) is Quarantine and not record.serves:
                self._look((change.kind, record.node), now)

    def act(self, now: float) -> None:
        """Answer what is due."""
        while self._due and self._due[0][0] <= now:
            _, key = heappop(self._due)
            asked = self._open[key]
            until = self._cut_off(key)
            if now < until:
                self._plan(key, until + REACTION_S[0])
                continue
            try:
                deeds = self._answer(key, asked, now)
            except WavetrainError:
                self._plan(key, now + REACTION_S[1])
                continue
            del self._open[key]
            self._again.append(key)
            if deeds:
                self.took_s.append(now - asked.since)
            else:
                self.by_itself += 1
            for deed in deeds:
                self.answered[deed] = self.answered.get(deed, 0) + 1

    # Questions

    def _look(self, key: Key, now: float) -> None:
        if key in self._open:
            return
        reason = self._reason(key)
        if reason is None or reason in _OF_STORE:
            return
        name = reason.name.lower()
        count = self.asked[name] = self.asked.get(name, 0) + 1
        wait = self._mishaps.between(f"reaction to {name}", " ".join(key), REACTION_S, count)
        if reason not in _WORDS and reason is not Reason.TELEMETRY_AWAY:
            wait += AT_NODE_S
        if reason in _STARVED:
            wait += STARVED_FOR.total_seconds()
        self._open[key] = Asked(reason, now)
        if self._here:
            self._plan(key, now + wait)

    def _plan(self, key: Key, at: float) -> None:
        heappush(self._due, (at, key))

    def _reason(self, key: Key) -> Reason | None:
        """What the record asks, if it does."""
        if key[0] == "Quarantine":
            lost = self._ground.get(Quarantine, *key[1:])
            return Reason.QUARANTINED if lost is not None and not lost.serves else None
        hold = self._hold(key)
        if hold is None:
            return None
        if key[0] == "Turn" and hold.reason in _STARVED and self._ground.lost.get(PopId(key[2])):
            return hold.reason
        if not hold.asks:
            return None
        if key[0] == "Wave" and hold.reason is not Reason.APPROVAL:
            return None  # its PoPs ask themselves
        return hold.reason

    def _hold(self, key: Key) -> Hold | None:
        kinds: dict[str, type[Turn | Wave | Rollout]] = {"Turn": Turn, "Wave": Wave, "Rollout": Rollout}
        record = self._ground.get(kinds[key[0]], *key[1:])
        return record.hold if record is not None else None

    def _cut_off(self, key: Key) -> float:
        """Until when nobody gets through to the PoP in question."""
        return self._crowd.cut_off.get(key[2], 0.0) if key[0] == "Turn" else 0.0

    # Answers

    def _answer(self, key: Key, asked: Asked, now: float) -> list[str]:
        """What was done; nothing where the question has no cause any more."""
        if key[0] == "Quarantine":
            lost = self._ground.get(Quarantine, *key[1:])
            return [self._see_to(lost.node, lost.pop, now)] if lost is not None and not lost.serves else []
        rollout = self._ground.get(Rollout, key[1])
        if rollout is None or rollout.status in OVER:
            return []
        if asked.reason in _WORDS:
            hold = self._hold(key)
            if hold is None or not hold.asks or hold.reason is not asked.reason:
                return []
            said = answer(self._store, rollout, hold, WHY)
            return [said.partition(" ")[0]] if said is not None else []
        turn = self._ground.get(Turn, *key[1:])
        if turn is None:
            return []
        deeds = self._light_up(turn, now) if asked.reason is Reason.TELEMETRY_AWAY else []
        stuck = self._stuck(turn, now, wanted=asked.reason in _STARVED)
        return deeds + [self._see_to(node, turn.pop, now) for node in stuck]

    def _light_up(self, turn: Turn, now: float) -> list[str]:
        """Whoever collects the PoP's figures is set going again."""
        begins, ends = self._telemetry.dark.get(turn.pop, (now, now))
        if not begins < now < ends:
            return []
        self._telemetry.dark[turn.pop] = begins, now
        return ["telemetry mended"]

    def _stuck(self, turn: Turn, now: float, *, wanted: bool) -> list[NodeId]:
        """The nodes of a PoP that a person can set right: silent, down, lapsed too often, or serving nothing.

        With `wanted` all that went back by themselves, too, since the PoP cannot go on without them.
        """
        late: set[str] = {item.unit for item in turn.progress if self._is_silent(item, now)}
        late |= {unit for unit in turn.lapses if lapses.is_too_often(turn, unit)}
        late |= {
            unit for unit, lost in self._ground.lost.get(turn.pop, {}).items() if wanted or not lost.serves
        }
        exposed = frozenset[str](turn.exposed)
        late |= {node for node, _ in self._crowd.away(now) if node in exposed}
        return [NodeId(unit) for unit in sorted(late)]

    def _is_silent(self, item: Progress, now: float) -> bool:
        """Whether it should have come to an end by now, and has not said so."""
        said = self._ground.reported.get(item.unit)
        has_ended = said is not None and said.generation == item.generation and said.phase in ENDED
        return item.late_at < now and not has_ended

    def _see_to(self, node: NodeId, pop: PopId, now: float) -> str:
        """Set it up anew, or retire it if that has not helped."""
        times = self._seen_to[node] = self._seen_to.get(node, 0) + 1
        if times > 1:
            machines.retire(self._store, OLGA, node, WHY)
            self._crowd.retire(node)
            return "node retired"
        machines.rebuild(self._store, OLGA, node, WHY)
        self._crowd.rebuild(node, pop, now)
        return "node rebuilt"
