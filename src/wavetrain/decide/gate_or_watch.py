"""Gate or watch: which gates could no sound release pass in a PoP in time, so that there they can only watch?

Decided once, when the PoP's calibration is fixed, and kept with it. What only watches does not hold the PoP; it fails a
release as before.
"""

from datetime import datetime

import numpy as np

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, PopWatch
from wavetrain.decide.levels import gauges_of
from wavetrain.decide.pop_load import PopLoad, gauge_plan_of, load_by, plan_of, rules_of
from wavetrain.evidence import gauge_power, power
from wavetrain.model.journal import Entry
from wavetrain.model.policy import Policy


def only_watch(policy: Policy, load: PopLoad) -> tuple[str, ...]:
    """The gates that a sound release could not pass in a PoP in time, so that there they can only watch.

    Rows of `decide.rows` and gauges, by name, in the policy's order. None where that would leave the PoP no gate: what
    nothing decides is held for a person, never let through. A gate of which nothing is known yet stays one.
    """
    if load.nodes <= policy.bake.canaries:
        return ()
    rules, gauges = rules_of(policy), gauges_of(policy)
    longest, beta = policy.bake.mixed_hours_max * 3600.0, policy.verdicts.beta
    plan, levels = plan_of(policy, [load]), gauge_plan_of(policy, [load])
    least = np.full(len(rules), policy.bake.exposure_min)
    excess = np.array([rule.excess_max for rule in rules])
    passed = power.passed(plan, excess, least, beta, np.full(plan.rates.shape, longest))
    level = gauge_power.passed(levels, beta, np.full(levels.noises.shape, longest))
    late = [*(plan.new > 0) & ~passed, *levels.known & ~level]
    gates = [
        (rule.name, bool(is_late[0]))
        for rule, is_late in zip((*rules, *gauges), late, strict=True)
        if rule.gate
    ]
    watching = tuple(name for name, is_late in gates if is_late)
    return watching if len(watching) < len(gates) else ()


def fixed(rollout: str, pop: str, nodes: int, watch: PopWatch | None, policy: Policy) -> PopCalibration:
    """The calibration of a PoP of so many nodes for a rollout, with the gates that only watch there."""
    fits = comparison.fitted(pop, watch, policy)
    known = comparison.calibrated_by(rollout, fits, policy)
    return known.changed(only_watch=only_watch(policy, load_by(nodes, fits, policy)))


def told(only_watch: tuple[str, ...], policy: Policy) -> str:
    """What only watches in a PoP, in words."""
    hours = policy.bake.mixed_hours_max
    return f"{', '.join(only_watch)} only watched, as no sound release could pass in {hours:g} h"


def entry(kept: PopEvidence, policy: Policy, now: datetime) -> Entry:
    """The line of the journal that says what only watches in a PoP."""
    return Entry(
        at=now,
        who="tick",
        kind="turn",
        subject=kept.pop,
        text=f"{kept.pop}: {told(kept.only_watch, policy)}; against the release it counts",
        rollout=kept.rollout,
        body={"only_watch": list(kept.only_watch)},
    )
