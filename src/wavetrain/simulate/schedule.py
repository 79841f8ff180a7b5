"""Schedule: which releases come in one history, and what goes wrong when?"""

from random import Random

import msgspec

from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.simulate.nature import Kind, Nature, Span, Wire
from wavetrain.simulate.nodes import SimNode

HOUR_S = 3_600.0
COMPONENTS = {"pop": "gateway", "content": "rules", "feature": "portal"}


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is still to be submitted. `waits`: for the end of the one before it in its lane."""

    lane: str
    number: str
    kind: Kind
    fixes: str = ""
    waits: bool = True
    gates: bool = True

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


def faults(random: Random, nature: Nature, nodes: list[SimNode], begins: float, coming: list[Coming]) -> None:
    """Draw what goes wrong, and write it into the nature of things."""
    nature.kinds = {item.number: item.kind for item in coming}
    numbers = [item.number for item in coming if item.lane == "pop"]
    if random.random() < 0.3:
        nature.sick.add((random.choice(nodes).node, random.choice(numbers)))
    if random.random() < 0.15:
        nature.wrong.add((random.choice(nodes).node, random.choice(numbers)))
    if random.random() < 0.2:
        nature.garbled |= {(random.choice(nodes).node, number) for number in numbers}
    for _ in range(random.choice((0, 0, 1, 2))):
        node = random.choice(nodes)
        at = begins + random.uniform(0, 200) * HOUR_S
        lasts = random.choice((60.0, 600.0, 5 * HOUR_S, 1e12))
        nature.dead.setdefault(node.node, []).append(Span(at, at + lasts))
    if random.random() < 0.3:
        nature.missing_chance = 0.02
    nature.wire = random.choice((Wire(), Wire(0.1, 0.1, 0.1, 0.1)))
    nature.restart_chance = random.choice((0.0, 0.0, 0.03))
