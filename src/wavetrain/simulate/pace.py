"""Pace: how much time passes until something may happen?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from wavetrain.control import joiners
from wavetrain.control.leap import leap
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Turn
from wavetrain.simulate.house import House
from wavetrain.simulate.mirror import Mirror
from wavetrain.simulate.nature import Span

PATIENCE = 60
"""Steps of a minute for which evidence is waited for; then longer ones."""
_EXPOSING = frozenset(
    {Reason.EVIDENCE, Reason.PRE_PERIOD, Reason.CANARY_SHARE, Reason.TELEMETRY_AWAY, Reason.NOT_REPORTING}
)


class Pace:
    """Lets the time of one house pass."""

    def __init__(self, house: House, mirror: Mirror, pops: Iterable[str]) -> None:
        self._house = house
        self._mirror = mirror
        self._pops = sorted(pops)
        self._exposing = 0
        self._random = house.nature.stream("time")

    def is_lively(self) -> bool:
        """Whether a node is doing something, or has something to say."""
        now = self._house.clock()
        return any(
            (node.memory.update is not None or node.spoken() != node.heard)
            and not self._house.nature.is_dead(node.node, now)
            for node in self._house.nodes.values()
        )

    def pass_time(self, holds: list[Hold]) -> None:
        """Until something may have happened; `holds` is what the rollouts under way wait for."""
        clock, steady = self._house.clock, self._house.steady()
        late = [item.late_at for turn in self._mirror.all(Turn) for item in turn.progress]
        young = [at for at in late if at > steady]
        if self.is_lively() or self._has_joiners() or any(at - steady > 60 for at in late):
            clock.advance(self._random.choice((5.0, 10.0, 20.0)))
        elif young:
            clock.advance(min(young) - steady + 1.0)
        elif any(hold.reason in _EXPOSING for hold in holds):
            self._exposing += 1
            clock.advance(self._random.choice((30.0, 60.0)) if self._exposing < PATIENCE else 1_800.0)
            self._darken(900.0)
        else:
            self._exposing = 0
            self._skip(holds)

    def _has_joiners(self) -> bool:
        """Whether a node that joins was just told to move: its permission is a matter of minutes."""
        with self._house.store.read() as view:
            return joiners.is_busy(view)

    def _darken(self, longest_s: float) -> None:
        """Telemetry goes away most hurtfully while evidence is waited for, or a bake comes to its end."""
        nature, now = self._house.nature, self._house.clock()
        random = nature.stream("dark")
        if random.random() < 0.01:
            pop = random.choice(self._pops)
            span = Span(now, now + random.uniform(30, longest_s))
            if nature.lets(nature.next_of("dark")):
                self._house.told(f"telemetry of {pop} is away for {span.ends - now:.0f} s")
                nature.dark.setdefault(pop, []).append(span)

    def _skip(self, holds: list[Hold]) -> None:
        """Everything waits: jump, where the house allows it, or let the time pass."""
        self._darken(7_200.0)
        store = self._house.store
        if self._random.random() < 0.4:
            jumped: list[datetime | None] = []
            self._house.survive(lambda: jumped.append(leap(store)))
            if jumped and jumped[0] is not None:
                return
        with self._house.store.read() as view:
            now = view.now
        ends = [hold.until for hold in holds if hold.until is not None and hold.until > now]
        wait = min(ends) - now if ends else timedelta(hours=6)
        more = self._random.choice((0.0, 0.0, 400.0))
        self._house.clock.advance(min(wait.total_seconds(), 86_400.0) + more)
