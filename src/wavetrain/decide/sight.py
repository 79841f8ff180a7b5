"""Sight: what does a wave see by one check, and how is that said?"""

from collections.abc import Callable, Sequence, Set
from enum import StrEnum
from math import inf, isfinite
from typing import Final

import msgspec

from wavetrain.model.policy import MetricRule

NAMED_MAX: Final = 5


class Role(StrEnum):
    """What a check can do for a wave."""

    GATE = "gate"
    WATCH = "watch"
    BLIND = "blind"
    """None of the wave's PoPs was watched by it: nothing is known of what it will see."""


class CheckSight(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave sees by one check. Times are those by which 80 % of such releases are decided; None for never."""

    name: str
    role: Role
    is_asked: bool
    """Whether the policy asks for a gate."""
    pass_s: float | None
    """Until a sound release has passed in the slowest PoP, of a gate in the slowest of those that it gates."""
    slowest: str
    watches: tuple[str, ...] = ()
    """The wave's PoPs in which a gate only watches (`decide.gate_or_watch`)."""
    least_ratio: float | None
    """The least worsening that fails a release in the wave's time; None where none does."""
    ratio: float | None
    """The worsening that should be seen: as asked, or that of the check's `excess_max`."""
    least_shift: float | None = None
    """Of a gauge, in its unit, the least shift that fails a release in the wave's time."""
    shift: float | None = None
    """Of a gauge the shift that should be seen: its `excess_max`, whatever is asked of ratios."""
    fail_s: float | None
    """Until a release that is worse by `ratio`, or `shift`, has failed, by all the wave's PoPs together."""
    add: tuple[str, ...] = ()
    """PoPs that, added to the wave, would let it see `ratio` in its time; the fewest first."""
    text: str


class Passing(msgspec.Struct, frozen=True):
    """What a check can do for a wave, when a sound release has passed it, in which PoP last, and where it watches."""

    role: Role
    seconds: float
    slowest: str
    watches: tuple[str, ...]


def passing(rule: MetricRule, seconds: Sequence[float], pops: Sequence[str], watches: Set[str]) -> Passing:
    """Of the seconds until a sound release has passed in each of the wave's PoPs; -inf for one that was not watched."""
    known = {pop: float(at) for pop, at in zip(pops, seconds, strict=True) if at != -inf}
    gated = {pop: at for pop, at in known.items() if rule.gate and pop not in watches}
    if not known:
        return Passing(Role.BLIND, -inf, "", ())
    asked = gated or known
    slowest = max(asked, key=asked.__getitem__)
    role = Role.GATE if gated else Role.WATCH
    return Passing(
        role, asked[slowest], slowest, tuple(pop for pop in known if rule.gate and pop not in gated)
    )


def finite(value: float) -> float | None:
    """None for never."""
    return float(value) if isfinite(value) else None


def said(sight: CheckSight, seconds: float, longest_s: float) -> str:
    """One check of a wave in a sentence, with its way out."""
    if sight.role is Role.BLIND:
        return "sees nothing yet: no PoP of the wave was watched by it; record or wait for a pre-period"
    parts = []
    passes = f"takes {span(sight.pass_s)}" if sight.pass_s is not None else "never passes"
    if sight.role is Role.GATE and (sight.pass_s is None or sight.pass_s > longest_s):
        parts.append(
            f"gate: a sound release {passes} in {sight.slowest}, which has no other gate and may run two releases for "
            f"{span(longest_s)}: it waits for a person; raise excess_max, or canaries"
        )
    elif sight.role is Role.GATE:
        parts.append(f"gate: a sound release passes in {span(sight.pass_s)}, in {sight.slowest} last")
    elif sight.is_asked:
        parts.append(
            f"watch, no gate: a sound release {passes} in its slowest PoP, which may run two releases for "
            f"{span(longest_s)}; raise excess_max, or canaries"
        )
    else:
        parts.append("watch")
    if sight.role is Role.GATE and sight.watches:
        more = f" and {len(sight.watches) - NAMED_MAX} more" if len(sight.watches) > NAMED_MAX else ""
        parts.append(f"only watches in {', '.join(sight.watches[:NAMED_MAX])}{more}")
    least, most = (
        (sight.least_ratio, sight.ratio) if sight.shift is None else (sight.least_shift, sight.shift)
    )
    if least is None:
        parts.append(f"in {span(seconds)} it cannot fail a release, however bad")
    else:
        parts.append(f"in {span(seconds)} it sees {_worse(sight, least)} and more")
    if most is not None and not is_seen(least, most):
        parts.append(_unseen(sight, most))
    return "; ".join(parts)


def is_seen(least: float | None, asked: float) -> bool:
    """Whether what should be seen is no less than the least that is."""
    return least is not None and least <= asked * (1 + 1e-6)


def _unseen(sight: CheckSight, asked: float) -> str:
    """What a wave cannot see, and what would let it."""
    more = f"{len(sight.add)} more PoPs would" if len(sight.add) > 1 else f"{' '.join(sight.add)} added would"
    ways = [more] if sight.add else []
    if sight.fail_s is not None:
        ways.append(f"{span(sight.fail_s)} would")
    if not ways:
        ways = ["no time and none of the PoPs would: differences between nodes hide so little"]
    return f"this wave cannot see {_worse(sight, asked)}: {', or '.join(ways)}"


def _worse(sight: CheckSight, least: float) -> str:
    """A ratio or a shift as people say it."""
    if sight.shift is not None:
        return f"a shift of {least:.3g}"
    ratio = least
    return f"{ratio - 1:.0%}" if ratio < 2 else f"{ratio:.3g} times"


def span(seconds: float | None) -> str:
    """A time in one unit that suits it."""
    if seconds is None:
        return "no time"
    for size, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def fewest(most: int, is_enough: Callable[[int], bool]) -> int:
    """How many are enough, where more of them are never less; 0 where even the most are not."""
    if not most or not is_enough(most):
        return 0
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
