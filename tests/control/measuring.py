"""Measuring: a PoP whose canary bakes, with real ticks over a store in memory; its nodes say what they are told to."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec
from tests.control.practice import APPROVER, OPERATOR, ROLLOUT, START, Practice

from wavetrain.control import fleets, policies
from wavetrain.control.ports import Target
from wavetrain.control.tick import Ticker
from wavetrain.model.fleet import FIRST, Fleet, NodeId, Phase, Pop, PopId, Reported, UnitId
from wavetrain.model.health import Observed, PopBin, Sample
from wavetrain.model.journal import Entry
from wavetrain.model.policy import CurrentPolicy, MetricRule, PlaceboLock
from wavetrain.model.rollout import Rollout, Turn, TurnPhase

OLD, NEW = "1.9.0", "2.0.0"
POP = PopId("lis1")
BIN_S = 30.0

ERRORS = MetricRule(name="errors", events="failures", exposure="operations", weight=0.5, excess_max=0.004)

Said = Callable[[str, bool, int], Mapping[str, float]]
"""What a node says in a bin: of its name, whether it is new, the bin's number."""


def sound(node: str, is_new: bool, number: int) -> Mapping[str, float]:
    """The same of all nodes: two of a thousand operations fail."""
    return {"operations": 3000.0, "failures": 6.0}


class Measuring:
    """A house with one PoP of some nodes and a policy of these checks; the rollout begins when it is told to."""

    def __init__(
        self,
        house: Practice,
        *rules: MetricRule,
        nodes: int = 4,
        canaries: int = 1,
        hardware: Mapping[str, tuple[str, ...]] | None = None,
        gauge_block_s: float = 300.0,
    ) -> None:
        self.house, self.canaries = house, canaries
        self.nodes = tuple(NodeId(f"lis1-n{number + 1}") for number in range(nodes))
        self.fault = ""
        self.bins: tuple[PopBin, ...] = ()
        self.number = 0
        self.age = 0.0
        fleet = Practice.fleet(
            f'[[region]]\nid = "emea"\n[[pop]]\nid = "lis1"\nregion = "emea"\nplace = "lis1"\n'
            f'zone = "Europe/Lisbon"\nnodes = {[*map(str, self.nodes)]}\n'.replace("'", '"')
            + '[pop.window]\nrule = "FREQ=DAILY"\nstarts = "00:00"\nhours = 24\n'
        )
        if hardware is not None:
            named = {name: tuple(map(NodeId, members)) for name, members in hardware.items()}
            pops: dict[PopId, Pop] = {POP: fleet.pops[POP].changed(hardware=named)}
            fleet = Fleet(regions=fleet.regions, pops=pops)
        fleets.apply(house.store, OPERATOR, fleet)
        policy = Practice.policy('lane = "pop"\n[[ring]]\nname = "world"\nstage = "general"\nrest = true\n')
        self.policy = msgspec.structs.replace(
            policy,
            verdicts=msgspec.structs.replace(
                policy.verdicts,
                lock=PlaceboLock.TRUST,
                metrics=rules,
                pre_period_s=60.0,
                sessions="load",
                gauge_block_s=gauge_block_s,
            ),
            bake=msgspec.structs.replace(policy.bake, canaries=canaries, exposure_min=1000.0),
        )
        policies.apply(house.store, APPROVER, self.policy)
        for node in self.nodes:
            self.report(node, OLD)
        self.ticker = Ticker(house.store, self)

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """All are measured."""

    def observe(self) -> Observed:
        said, self.bins = self.bins, ()
        return Observed(bins=said, last_seen=dict.fromkeys(self.nodes, self.age), fault=self.fault)

    def report(self, node: NodeId, release: str) -> None:
        with self.house.store.write() as transaction:
            known = transaction.get(Reported, node)
            transaction.put(
                Reported(
                    node=node,
                    pop=POP,
                    generation=FIRST,
                    release=release,
                    phase=Phase.STEADY,
                    since=START,
                    metrics="http://127.0.0.1/",
                    version=known.version if known is not None else 0,
                )
            )

    def begin(self) -> None:
        """The canaries run the new release, and their PoP says so."""
        rollout = self.house.rolling()
        with self.house.store.write() as transaction:
            digest = transaction.find(CurrentPolicy)[0].digest
            stored = transaction.get(Rollout, rollout.id)
            turn = transaction.get(Turn, rollout.id, POP)
            assert stored is not None
            assert turn is not None
            transaction.put(stored.changed(policy=digest))
            transaction.put(
                turn.changed(
                    order=tuple(UnitId(node) for node in self.nodes),
                    canaries=self.canaries,
                    cursor=self.canaries,
                    progress=(),
                    closes=START + timedelta(days=2),
                )
            )
        for node in self.nodes[: self.canaries]:
            self.report(node, NEW)
        self.ticker.tick()

    def run(
        self, bins: int, said: Said = sound, gauge: Callable[[str, bool, int], float] | None = None
    ) -> None:
        """So many bins, each with a tick; `gauge` is the level that nodes have."""
        turn = self.turn()
        exposed = {NodeId(unit) for unit in turn.exposed} if turn is not None else set()
        for _ in range(bins):
            self.house.seconds += BIN_S
            self.number += 1
            samples = tuple(
                Sample(
                    node=node,
                    release=NEW if node in exposed else OLD,
                    increments=dict(said(node, node in exposed, self.number)),
                    sessions=50.0,
                    levels={} if gauge is None else {"heap": gauge(node, node in exposed, self.number)},
                )
                for node in self.nodes
            )
            self.bins = (PopBin(pop=POP, ended=self.house.seconds, seconds=BIN_S, samples=samples),)
            self.ticker.tick()

    def restart(self) -> None:
        """Another process goes on from what the store has."""
        self.ticker = Ticker(self.house.store, self)

    def turn(self) -> Turn | None:
        with self.house.store.read() as view:
            return view.get(Turn, ROLLOUT, POP)

    @property
    def phase(self) -> TurnPhase | None:
        found = self.turn()
        return found.phase if found is not None else None

    def journal(self) -> list[Entry]:
        with self.house.store.read() as view:
            return view.journal(limit=1000, rollout=ROLLOUT)
