"""Planned: a fleet of some size with its plan, for tests of what is made of plans."""

from datetime import UTC, datetime, timedelta

import msgspec
from tests.decide.big_fleet import big_fleet, rules

from wavetrain.decide import layout, timetable, timetable_check
from wavetrain.decide.demand import summed
from wavetrain.decide.layout import Asked, Layout
from wavetrain.decide.timetable import Plan
from wavetrain.decide.timetable_check import Case, Proof
from wavetrain.model.fleet import Fleet
from wavetrain.model.lane import POP
from wavetrain.model.policy import Pace, Policy
from wavetrain.model.rollout import Fairness
from wavetrain.model.window import Freeze

DEPARTS = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = DEPARTS - timedelta(days=3)


def asked_for(where: Fleet, policy: Policy, freezes: tuple[Freeze, ...] = ()) -> Asked:
    """The train of 1 March, asked for three days before."""
    first = DEPARTS.date() - timedelta(days=1)
    return Asked(
        lane=POP,
        policy=policy,
        fleet=where,
        freezes=freezes,
        departs=DEPARTS,
        now=BEFORE,
        demand=summed(where, first, first + timedelta(days=20), policy.wishes.blackout_days),
        fairness=Fairness(lane="pop"),
    )


def laid(asked: Asked) -> Layout:
    """The train as it is laid."""
    made = layout.lay(asked)
    assert isinstance(made, Layout), made
    return made


def small(
    count: int = 60, seed: int = 1, pace: Pace = Pace.COMPACT, sites: int = 600
) -> tuple[Asked, Layout, Plan]:
    """A fleet in six regions, laid and planned."""
    asked = asked_for(big_fleet(count, sites, seed, regions=6), rules(pace))
    made = laid(asked)
    return asked, made, timetable.plan_of(made)


def proof_of(asked: Asked, plan: Plan, **changes: object) -> Proof:
    """What the checker says of it."""
    case = Case(
        lane=asked.lane,
        policy=asked.policy,
        fleet=asked.fleet,
        freezes=asked.freezes,
        departs=asked.departs,
        now=asked.now,
        rings=tuple(wave.ring.name for wave in plan.waves),
    )
    return timetable_check.check(msgspec.structs.replace(case, **changes), plan.stops)
