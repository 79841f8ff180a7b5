"""Homes: a house in memory whose accounts, nodes and features are put where a test wants them."""

from collections.abc import Iterable
from datetime import timedelta

from tests.control.practice import OPERATOR, START, Practice, node_caller, pop_text

from wavetrain.control import features, fleets, poll
from wavetrain.control.poll import Latch, Report, Visitor
from wavetrain.control.standings import Standings
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId, Reported
from wavetrain.model.ledger import Ledger
from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.wire.feature_file import read_features

OLD, NEW = "2.0.0", "2.1.0"
FLEET = (
    '[[region]]\nid = "emea"\n'
    + pop_text("lis1")
    + pop_text("fra1")
    + pop_text("mad1")
    + '[[account]]\nid = "acme"\nlicences = ["premium"]\nclient = "5.4"\n[[account]]\nid = "bolt"\n'
    + '[[account]]\nid = "nomad"\n'
    + '[[site]]\nid = "s1"\naccount = "acme"\nprimary = "lis1"\nsecondary = "fra1"\n'
    + '[[site]]\nid = "s2"\naccount = "bolt"\nprimary = "fra1"\n'
)
FILE = f"""
[[feature]]
key = "tiles"
summary = "Menus as tiles"
owner = "console team"
needs = {{ releases = {{ gateway = "{NEW}" }} }}
early = {{ since = {START:%Y-%m-%dT%H:%M:%SZ} }}
ramp = {{ begins = {START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}, steps = [{{ hours = 0, percent = 100 }}] }}

[[feature]]
key = "dark-mode"
summary = "Pages for the night"
owner = "console team"
early = {{ since = {START:%Y-%m-%dT%H:%M:%SZ} }}
ramp = {{ begins = {START + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}, days = 14 }}
"""
POPS = ("lis1", "fra1", "mad1")


def nodes_of(pop: str) -> list[NodeId]:
    """The four of a PoP."""
    return [NodeId(f"{pop}-n{index + 1}") for index in range(4)]


def settle(house: Practice) -> None:
    """The fleet, the features, and an older and a newer release of the gateway; every node runs the older one."""
    fleets.apply(house.store, OPERATOR, house.fleet(FLEET))
    features.add(house.store, OPERATOR, read_features(FILE, START))
    with house.store.write() as transaction:
        transaction.put(Ledger(generation=Generation(1, 900)))
        for number in (OLD, NEW):
            transaction.put(
                Release(
                    id=ReleaseId(f"gateway@{number}"),
                    component="gateway",
                    number=number,
                    lane="pop",
                    digest="0" * 64,
                    size=1,
                    stage=Stage.GENERAL,
                    submitted_at=START,
                    submitted_by="ci",
                )
            )
    runs(house, POPS, OLD)


def runs(house: Practice, pops: Iterable[str], number: str) -> None:
    """All nodes of these PoPs run this."""
    for pop in pops:
        for node in nodes_of(pop):
            run(house, node, number)


def run(house: Practice, node: NodeId, number: str, phase: Phase = Phase.STEADY) -> None:
    """A node says that it runs this."""
    pop = PopId(node.partition("-")[0])
    with house.store.write() as transaction:
        known = transaction.get(Reported, node)
        transaction.put(
            Reported(
                node=node,
                pop=pop,
                generation=Generation(1, 1),
                release=number,
                phase=phase,
                since=transaction.now,
                version=known.version if known is not None else 0,
            )
        )


def tell(house: Practice, node: NodeId, number: str) -> None:
    """A node is told to run this."""
    pop = PopId(node.partition("-")[0])
    with house.store.write() as transaction:
        known = transaction.get(Desired, node)
        transaction.put(
            Desired(
                node=node,
                pop=pop,
                generation=Generation(1, 2),
                release=number,
                version=known.version if known is not None else 0,
            )
        )


def visit(house: Practice, account: str, pop: str, day: str, latch: Latch) -> None:
    """A node of a PoP says that an account was there."""
    node = nodes_of(pop)[0]
    with house.store.read() as view:
        said = view.get(Reported, node)
    assert said is not None
    report = Report(node=node, generation=said.generation, release=said.release, phase=said.phase)
    poll.hear(house.store, node_caller(node), report, [Visitor(account=account, day=day, sessions=1)], latch)


def has(standings: Standings, account: str) -> list[str]:
    """The features that an account has on."""
    sheet, standing = standings.look(account)
    return [one.key for one in sheet.answers(standing or standings.stranger(account)) if one.is_on]
