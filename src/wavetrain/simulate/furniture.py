"""Furniture: what does the store of a rehearsal hold before its release comes?"""

from bisect import bisect_left
from collections.abc import Mapping

from wavetrain.control import policies
from wavetrain.control.ports import Store
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.permit import Caller
from wavetrain.evidence import preperiod
from wavetrain.evidence.bins import NodeCount
from wavetrain.model.access import Role
from wavetrain.model.fleet import FIRST, Fleet, Phase, Reported
from wavetrain.model.policy import Policy
from wavetrain.simulate.telemetry import BASE_RATE, EXPOSURE_PER_S

BIN_S = 300.0
ADMIN = Caller("rehearsal", (Role.APPROVER, Role.OPERATOR))
BATCH = 500
"""PoPs whose nodes are written in one commit."""


def furnish(store: Store, fleet: Fleet, policy: Policy, metrics: Mapping[str, str], baseline: str) -> None:
    """Fleet and policy as applied; every node has reported the baseline. `metrics` says by PoP where it is measured."""
    with store.write() as transaction:
        for record in (*fleet.regions.values(), *fleet.pops.values()):
            transaction.put(record)
        for record in (*fleet.groups.values(), *fleet.accounts.values()):
            transaction.put(record)
    pops = list(fleet.pops.values())
    for first in range(0, len(pops), BATCH):
        with store.write() as transaction:
            now = transaction.now
            for pop in pops[first : first + BATCH]:
                for node in pop.nodes:
                    transaction.put(
                        Reported(
                            node=node,
                            pop=pop.id,
                            generation=FIRST,
                            release=baseline,
                            phase=Phase.STEADY,
                            since=now,
                            metrics=metrics[pop.id],
                        )
                    )
        store.trim(keep_changes=1, keep_journal=1)
    policies.apply(store, ADMIN, policy)
    _watched(store, fleet, policy)


def _watched(store: Store, fleet: Fleet, policy: Policy) -> None:
    """The pre-period of every PoP, as its sufficient statistics: all nodes alike, as long as the policy asks for.

    The metrics of a PoP share one object; what chance would have added to each is left out.
    """
    verdicts = policy.verdicts
    if not verdicts.metrics:
        return
    bins = max(1, round(verdicts.pre_period_s / BIN_S))
    exposure = EXPOSURE_PER_S * verdicts.pre_period_s
    usual = EXPOSURE_PER_S * BIN_S * BASE_RATE
    with store.write() as transaction:
        for pop in fleet.pops.values():
            nodes = sorted(pop.nodes)
            histogram = [0] * (len(preperiod.EDGES) + 1)
            histogram[bisect_left(preperiod.EDGES, usual)] = bins * len(nodes)
            known = preperiod.Preperiod(
                bins=bins,
                seconds=verdicts.pre_period_s,
                totals=tuple(NodeCount(node, exposure * BASE_RATE, exposure) for node in nodes),
                histogram=tuple(histogram),
            )
            transaction.put(PopWatch(pop=pop.id, metrics={rule.name: known for rule in verdicts.metrics}))
    store.trim(keep_changes=1, keep_journal=1)
