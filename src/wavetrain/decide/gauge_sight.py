"""Gauge sight: what does a wave see by its gauges, in the time that it takes?"""

from collections.abc import Mapping, Sequence
from math import inf

import msgspec
import numpy as np

from wavetrain.decide.levels import gauges_of
from wavetrain.decide.pop_load import PopLoad, gauge_plan_of
from wavetrain.decide.sight import CheckSight, Role, fewest, finite, is_seen, passing, said
from wavetrain.evidence import gauge_power
from wavetrain.model.policy import Policy


class GaugeSight:
    """The gauges of one wave, over those of its PoPs in which there is somebody to compare with."""

    def __init__(
        self, policy: Policy, compared: Sequence[PopLoad], watching: Mapping[str, Sequence[str]]
    ) -> None:
        """`watching` are the gates that only watch, by PoP."""
        self._policy, self._compared = policy, compared
        self._rules = gauges_of(policy)
        self._plan = gauge_plan_of(policy, compared)
        self._longest = policy.bake.mixed_hours_max * 3600.0
        passes = gauge_power.seconds_to_pass(self._plan, policy.verdicts.beta)
        passes = np.where(self._plan.known, passes, -inf)
        pops = [load.pop for load in compared]
        self._shown = [
            passing(rule, passes[row].tolist(), pops, {pop for pop in pops if rule.name in watching[pop]})
            for row, rule in enumerate(self._rules)
        ]

    @property
    def gates_s(self) -> list[float]:
        """How long each gauge that gates takes: until a sound release has passed everywhere, or its time is over."""
        return [min(one.seconds, self._longest) for one in self._shown if one.role is Role.GATE]

    def checks(self, seconds: float, spare: Sequence[PopLoad]) -> list[CheckSight]:
        """What is seen by each in so many seconds; `spare` are the PoPs that could be added to the wave."""
        alpha, many = self._policy.verdicts.alpha, len(self._rules)
        one = np.ones(many)
        leasts = gauge_power.least_shifts(self._plan, one * seconds, alpha)
        fails = gauge_power.seconds_to_fail(self._plan, one, alpha)
        made = []
        for place, rule in enumerate(self._rules):
            shown, rho = self._shown[place], rule.excess_max
            is_enough = shown.role is Role.BLIND or is_seen(float(leasts[place]), 1.0)
            sight = CheckSight(
                name=rule.name,
                role=shown.role,
                is_asked=rule.gate,
                pass_s=finite(shown.seconds),
                slowest=shown.slowest,
                watches=shown.watches,
                least_ratio=None,
                ratio=None,
                least_shift=finite(float(leasts[place]) * rho),
                shift=rho,
                fail_s=finite(float(fails[place])),
                add=() if is_enough else self._added(spare, place, seconds),
                text="",
            )
            made.append(msgspec.structs.replace(sight, text=said(sight, seconds, self._longest)))
        return made

    def _added(self, spare: Sequence[PopLoad], place: int, seconds: float) -> tuple[str, ...]:
        """The fewest PoPs, the quietest first, that would let the wave see the shift; none where all are too few."""
        known = [load for load in spare if np.isfinite(load.gauges[place, 0])]
        best = sorted(known, key=lambda load: (float(load.gauges[place, 0]), load.pop))

        def is_enough(count: int) -> bool:
            plan = gauge_plan_of(self._policy, [*self._compared, *best[:count]])
            at, asked = np.full(len(self._rules), seconds), np.ones(len(self._rules))
            alpha = self._policy.verdicts.alpha
            return bool(gauge_power.is_failed(plan, asked, at, alpha)[place])

        return tuple(load.pop for load in best[: fewest(len(best), is_enough)])
