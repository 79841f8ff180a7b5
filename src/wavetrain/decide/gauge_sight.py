"""Gauge sight: what does a wave see by its gauges, in the time that it takes?"""

from collections.abc import Sequence
from math import inf, isfinite

import msgspec
import numpy as np

from wavetrain.decide.levels import gauges_of
from wavetrain.decide.pop_load import PopLoad, gauge_plan_of
from wavetrain.decide.sight import CheckSight, Role, fewest, finite, is_seen, role_of, said
from wavetrain.evidence import gauge_power
from wavetrain.model.policy import Policy


class GaugeSight:
    """The gauges of one wave, over those of its PoPs in which there is somebody to compare with."""

    def __init__(self, policy: Policy, compared: Sequence[PopLoad]) -> None:
        self._policy, self._compared = policy, compared
        self._rules = gauges_of(policy)
        self._plan = gauge_plan_of(policy, compared)
        self._longest = policy.bake.mixed_hours_max * 3600.0
        passes = gauge_power.seconds_to_pass(self._plan, policy.verdicts.beta)
        self._passes = np.where(self._plan.known, passes, -inf)
        self._slowest = self._passes.max(axis=1, initial=-inf).tolist()
        self._roles = [
            role_of(rule, slow, self._longest) for rule, slow in zip(self._rules, self._slowest, strict=True)
        ]

    @property
    def gates_s(self) -> list[float]:
        """When a sound release has passed each gauge that gates, in the slowest PoP."""
        return [slow for role, slow in zip(self._roles, self._slowest, strict=True) if role is Role.GATE]

    def checks(self, seconds: float, spare: Sequence[PopLoad]) -> list[CheckSight]:
        """What is seen by each in so many seconds; `spare` are the PoPs that could be added to the wave."""
        alpha, many = self._policy.verdicts.alpha, len(self._rules)
        one = np.ones(many)
        leasts = gauge_power.least_shifts(self._plan, one * seconds, alpha)
        fails = gauge_power.seconds_to_fail(self._plan, one, alpha)
        made = []
        for place, rule in enumerate(self._rules):
            role, slow, rho = self._roles[place], self._slowest[place], rule.excess_max
            is_enough = role is Role.BLIND or is_seen(float(leasts[place]), 1.0)
            sight = CheckSight(
                name=rule.name,
                role=role,
                is_asked=rule.gate,
                pass_s=finite(slow),
                slowest=self._compared[int(self._passes[place].argmax())].pop if isfinite(slow) else "",
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
