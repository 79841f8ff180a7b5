"""Targets: by which metrics is a node measured?"""

from collections.abc import Collection, Sequence

import msgspec

from wavetrain.model.policy import Policy


class Target(msgspec.Struct, frozen=True, gc=False):
    """A node to be measured: its PoP, where its metrics are, which of them matter, and the gauge of its load."""

    pop: str
    url: str
    counters: tuple[str, ...]
    sessions: str
    histograms: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()


Asked = tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]
"""Names of metrics: counters, the sessions, histograms, gauges; as a `Target` has them."""


def asked_of(policies: Sequence[Policy], more: Collection[str] = ()) -> Asked:
    """What nodes are measured by under these policies, and by these counters besides."""
    rules = [rule for policy in policies for rule in policy.verdicts.metrics]
    counters = {name for rule in rules for name in (rule.events, rule.exposure) if name}
    gauges = {rule.gauge for rule in rules if rule.gauge}
    rising = {
        name for name in gauges if name.endswith("_total")
    }  # a counter: its growth per second is the level
    return (
        tuple(sorted(counters | rising | set(more))),
        policies[0].verdicts.sessions if policies else "",
        tuple(sorted({rule.histogram for rule in rules if rule.histogram})),
        tuple(sorted(gauges - rising)),
    )
