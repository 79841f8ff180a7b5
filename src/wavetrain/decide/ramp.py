"""Ramp: which share of the accounts has a feature at an instant, and when is an account's turn?

A pure function of schedule, pauses and clock, with no memory: nothing has to run for a ramp to grow. An account's place
is its bucket under a salt of the feature's own (`cohort`), so that no two features grow over the accounts in the same
order, and whoever has a feature keeps it while its ramp grows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from wavetrain.decide import cohort
from wavetrain.errors import RefusedError
from wavetrain.model.feature import PAUSES_MAX, STEPS_MAX, WHOLE_PPM, FeatureKey, Pause, Ramp, Step

DAYS = 14
HOURS_MAX = 24 * 366
YEARS = range(2000, 2101)
"""In which a ramp may begin."""


def even(days: int = DAYS) -> tuple[Step, ...]:
    """A step a day, all alike, the first one at once."""
    return tuple(Step(24.0 * day, WHOLE_PPM * (day + 1) // days) for day in range(days))


def step(hours: float, percents: float) -> Step:
    """A step as people say it: from so many hours on, so many percent."""
    return Step(hours, round(percents * WHOLE_PPM / 100))


def check(steps: Sequence[Step]) -> None:
    """Refuse a schedule that falls, that does not begin at 0 h, or that never reaches everybody."""
    if not steps or len(steps) > STEPS_MAX:
        raise RefusedError(f"a ramp of {len(steps)} steps; give 1 to {STEPS_MAX}")
    if steps[0].hours != 0 or steps[-1].hours > HOURS_MAX:
        raise RefusedError(
            f"a ramp goes from hour 0 to at most {HOURS_MAX}; this one from {steps[0].hours:g} on"
        )
    for before, after in pairwise(steps):
        if after.hours <= before.hours:
            raise RefusedError(
                f"the step at hour {after.hours:g} comes after the one at {before.hours:g}; put in order"
            )
        if after.share_ppm < before.share_ppm:
            raise RefusedError(
                f"a ramp never goes down: at hour {after.hours:g} it has {percent(after.share_ppm)} after "
                f"{percent(before.share_ppm)}; pause it, or switch the feature off"
            )
    if steps[0].share_ppm < 0 or steps[-1].share_ppm != WHOLE_PPM:
        raise RefusedError(
            f"a ramp ends with everybody, this one with {percent(steps[-1].share_ppm)}; add a step of 100 %"
        )


def percent(share_ppm: int) -> str:
    """For people."""
    return f"{share_ppm / 10_000:g} %"


def running(ramp: Ramp, now: datetime) -> timedelta:
    """For how long it has grown: the time since it began, without its pauses."""
    stood = timedelta(0)
    for pause in ramp.pauses:
        since, until = max(pause.since, ramp.begins), min(pause.until or now, now)
        stood += max(timedelta(0), until - since)
    return max(timedelta(0), now - ramp.begins - stood)


def share_ppm(ramp: Ramp, now: datetime) -> int:
    """Millionths of the accounts that have it at an instant; 0 before it begins."""
    if now < ramp.begins:
        return 0
    hours = running(ramp, now) / timedelta(hours=1)
    return max((step.share_ppm for step in ramp.steps if step.hours <= hours), default=0)


def salt(feature: FeatureKey) -> str:
    """Of the buckets of a feature's accounts."""
    return f"feature/{feature}"


def bucket(feature: FeatureKey, account_key: int) -> int:
    """An account's place in a feature's ramp, 0 to 999,999; `account_key` is its `cohort.unit_key`."""
    return cohort.bucket(account_key, salt(feature))


def turn(ramp: Ramp, place: int, now: datetime) -> datetime:
    """When an account at this place has its turn, as far as is known at `now`: as if an open pause ended then."""
    step = next(step for step in ramp.steps if step.share_ppm > place)
    at = ramp.begins + timedelta(hours=step.hours)
    for pause in ramp.pauses:
        if pause.since < at:
            at += max(timedelta(0), (pause.until or max(now, pause.since)) - max(pause.since, ramp.begins))
    return at


def next_step(ramp: Ramp, now: datetime) -> datetime | None:
    """When its share grows next by the clock alone; None while it stands still, or has reached everybody."""
    if now < ramp.begins:
        return ramp.begins
    if is_paused(ramp):
        return None
    ran = running(ramp, now)
    return min(
        (now + timedelta(hours=one.hours) - ran for one in ramp.steps if timedelta(hours=one.hours) > ran),
        default=None,
    )


def is_paused(ramp: Ramp) -> bool:
    """Whether it stands still."""
    return bool(ramp.pauses) and ramp.pauses[-1].until is None


def paused(ramp: Ramp, now: datetime, by: str, reason: str) -> Ramp:
    """The ramp, standing still from now on."""
    if is_paused(ramp):
        raise RefusedError("it is paused already; see who paused it: wavetrain feature show KEY")
    if len(ramp.pauses) >= PAUSES_MAX:
        raise RefusedError(f"it was paused {PAUSES_MAX} times, which is the most; give it a new schedule")
    return msgspec.structs.replace(ramp, pauses=(*ramp.pauses, Pause(since=now, by=by, reason=reason)))


def resumed(ramp: Ramp, now: datetime) -> Ramp:
    """The ramp, growing on from where it stands."""
    if not is_paused(ramp):
        raise RefusedError("it is not paused; nothing to resume")
    *before, last = ramp.pauses
    return msgspec.structs.replace(ramp, pauses=(*before, msgspec.structs.replace(last, until=now)))


def rescheduled(ramp: Ramp, steps: Sequence[Step], now: datetime) -> Ramp:
    """The ramp with another schedule, under which nobody loses what they have."""
    check(steps)
    made = msgspec.structs.replace(ramp, steps=tuple(steps))
    if share_ppm(made, now) < share_ppm(ramp, now):
        raise RefusedError(
            f"a ramp never goes down: {percent(share_ppm(ramp, now))} have the feature now, and by this schedule "
            f"{percent(share_ppm(made, now))} would; give steps that reach as many by now"
        )
    return made
