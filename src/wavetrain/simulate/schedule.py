"""Schedule: which releases come in one history, and what goes wrong when?"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from wavetrain.model.fleet import PopId
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.model.rollout import Rollout
from wavetrain.simulate.clock import STARTS
from wavetrain.simulate.nature import ClockStep, Kind, Nature, Span, Wire
from wavetrain.simulate.nodes import SimNode

HOUR_S = 3_600.0
DAYLIGHT = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 16, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
)
"""When clocks change in New York, in Lisbon, in Sydney, and back."""
PLACEBO_SHARE = 0.25
"""Of the histories: those whose policy asks for placebo waves."""
COLD_SHARE = 0.3
"""Of those: the ones in which a PoP's nodes fail more for a while after each start."""
COMPONENTS = {"pop": "gateway", "content": "rules", "feature": "portal"}


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is still to be submitted. `waits`: for the end of the one before it in its lane."""

    lane: str
    number: str
    kind: Kind
    fixes: str = ""
    waits: bool = True
    gates: bool = True
    hotfix: Hotfix = Hotfix()

    @property
    def rollout(self) -> str:
        """The id of the rollout that it will get."""
        return f"{COMPONENTS[self.lane]}-{self.number}"

    def release(self, clock_now: object) -> Release:
        """As CI submits it."""
        component = COMPONENTS[self.lane]
        passed = {"build": True, "tests": True}
        return Release(
            id=ReleaseId(f"{component}@{self.number}"),
            component=component,
            number=self.number,
            lane=self.lane,
            digest="0" * 64,
            size=1,
            stage=Stage.CANDIDATE,
            submitted_at=clock_now,  # type: ignore[arg-type]
            submitted_by="ci",
            gates=passed if self.gates else {"build": True},
            fixes=self.fixes,
            hotfix=self.hotfix,
        )


def releases(random: Random) -> list[Coming]:
    """Two to four of the pop lane, with fixes for the bad ones, one or two contents, a feature."""
    coming: list[Coming] = []
    for minor in range(random.randint(2, 3)):
        kind = random.choices((Kind.GOOD, Kind.DEGRADED, Kind.NEVER_HEALTHY), weights=(5, 3, 1))[0]
        number = f"2.{minor}.0"
        waits = random.random() < 0.75
        coming.append(Coming(lane="pop", number=number, kind=kind, waits=waits, gates=random.random() < 0.9))
        if kind is not Kind.GOOD:
            coming.append(Coming(lane="pop", number=f"2.{minor}.1", kind=Kind.GOOD, fixes=number, waits=True))
    for index in range(random.randint(1, 2)):
        kind = random.choice((Kind.GOOD, Kind.GOOD, Kind.NEVER_HEALTHY))
        coming.append(Coming(lane="content", number=f"c{index}", kind=kind, waits=random.random() < 0.7))
    coming.append(Coming(lane="feature", number="f1", kind=Kind.GOOD))
    return coming


def hotfix(random: Random, base: Rollout, pops: Sequence[PopId], count: int) -> Coming:
    """A sound release that enters while the one that it fixes is under way, in any of the ways that there are."""
    how = random.choice((How.SUPERSEDE, How.BEHIND, How.RESTART, How.AFFECTED, How.AFFECTED))
    wave = random.randint(1, 2) if how is How.RESTART else 0
    some = random.sample(pops, k=random.randint(0, min(2, len(pops)))) if how is How.AFFECTED else []
    named = tuple(some)
    return Coming(
        lane="pop",
        number=f"{base.number}-hotfix{count}",
        kind=Kind.GOOD,
        fixes=base.number,
        hotfix=Hotfix(how=how, wave=wave, pops=named),
    )


def daylight(nature: Nature) -> float:
    """For how many seconds a history begins later than usual: now and then just before clocks change somewhere."""
    random = nature.stream("daylight")
    at = random.choice(DAYLIGHT)
    if random.random() < 0.7 or not nature.lets("daylight"):
        return 0.0
    return (at - timedelta(days=random.uniform(1, 6)) - STARTS).total_seconds()


def cut(coming: list[Coming], nature: Nature) -> list[Coming]:
    """The releases that are let come; a bad one that is not let be bad is a good one."""
    kept = [item for item in coming if nature.lets(f"release-{item.rollout}")]
    return [
        item
        if item.kind is Kind.GOOD or nature.lets(f"bad-{item.rollout}")
        else msgspec.structs.replace(item, kind=Kind.GOOD)
        for item in kept
    ]


def asks_for_placebos(nature: Nature, pops: Iterable[str]) -> bool:
    """Whether the policy asks for placebo waves; then a PoP may be one where a restart alone makes nodes fail more."""
    random = nature.stream("placebos asked")
    if random.random() >= PLACEBO_SHARE or not nature.lets("placebo-waves"):
        return False
    if random.random() < COLD_SHARE and nature.lets("cold"):
        nature.cold_starts.add(random.choice(sorted(pops)))
    return True


def faults(random: Random, nature: Nature, nodes: list[SimNode], begins: float, coming: list[Coming]) -> None:
    """Draw what goes wrong, and write it into the nature of things, save what is cut."""
    nature.kinds = {item.number: item.kind for item in coming}
    numbers = [item.number for item in coming if item.lane == "pop"] or ["none"]
    if random.random() < 0.3:
        pair = (random.choice(nodes).node, random.choice(numbers))
        if nature.lets("sick"):
            nature.sick.add(pair)
    if random.random() < 0.15:
        pair = (random.choice(nodes).node, random.choice(numbers))
        if nature.lets("wrong"):
            nature.wrong.add(pair)
    if random.random() < 0.2:
        pairs = {(random.choice(nodes).node, number) for number in numbers}
        if nature.lets("garbled"):
            nature.garbled |= pairs
    for _ in range(random.choice((0, 0, 1, 2))):
        node = random.choice(nodes)
        at = begins + random.uniform(0, 200) * HOUR_S
        lasts = random.choice((60.0, 600.0, 5 * HOUR_S, 1e12))
        if nature.lets(nature.next_of("dead")):
            nature.dead.setdefault(node.node, []).append(Span(at, at + lasts))
    if random.random() < 0.3 and nature.lets("missing"):
        nature.missing_chance = 0.02
    if random.choice((False, True)):
        nature.wire = Wire(**{name: 0.1 for name in _OLD_WIRE if nature.lets(f"wire-{name}")})
    restart_chance = random.choice((0.0, 0.0, 0.03))
    if restart_chance and nature.lets("restart"):
        nature.restart_chance = restart_chance
    _more_faults(nature, nodes, begins)


def freezes(nature: Nature) -> list[int]:
    """The ticks at which the ticker's process stops in the middle of its work."""
    random = nature.stream("freezes")
    ticks = sorted(random.randint(5, 120) for _ in range(random.choice((0, 0, 1, 2))))
    return [tick for tick in ticks if nature.lets(nature.next_of("frozen"))]


_OLD_WIRE = ("lost", "answer_lost", "doubled", "delayed")


def _more_faults(nature: Nature, nodes: list[SimNode], begins: float) -> None:
    """Faults with a stream of their own, so that a seed keeps the course that it had without them."""
    random = nature.stream("faults2")
    answers = random.random() < 0.3
    late, doubled = random.random() < 0.2, random.random() < 0.2
    steps = [
        ClockStep(begins + random.uniform(0, 300) * HOUR_S, random.choice((-HOUR_S, HOUR_S)), whose)
        for whose in ("", random.choice(nodes).node)
    ]
    home = random.choice(nodes)
    members = [node for node in nodes if node.pop == home.pop]
    breaks_at, lost = begins + random.uniform(0, 60) * HOUR_S, _most_of(random, len(members))
    if random.random() < 0.25 and len(members) > 1 and nature.lets("old-breaks"):
        nature.breaking = {node.node: breaks_at for node in members[-lost:]}
    if answers:
        doubled_answers = 0.1 if nature.lets("wire-answer_doubled") else 0.0
        delayed_answers = 0.1 if nature.lets("wire-answer_delayed") else 0.0
        nature.wire = msgspec.structs.replace(
            nature.wire, answer_doubled=doubled_answers, answer_delayed=delayed_answers
        )
    if late and nature.lets("telemetry-late"):
        nature.late_bin_chance = 0.1
    if doubled and nature.lets("telemetry-doubled"):
        nature.doubled_bin_chance = 0.1
    if nature.cut.clock_steps:
        nature.clock_steps = [step for step in steps if nature.lets(f"clock-{step.whose or 'control-plane'}")]


def _most_of(random: Random, size: int) -> int:
    """At least half of them, and never all."""
    return random.randint(max(1, size // 2), max(1, size - 1))
