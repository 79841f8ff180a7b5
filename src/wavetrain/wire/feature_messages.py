"""Feature messages: what persons say of a feature at the operators' door."""

from typing import Annotated

import msgspec

from wavetrain.control.choices import Asked
from wavetrain.decide import ramp
from wavetrain.decide.choosing import REASON_CHARACTERS_MAX
from wavetrain.errors import RefusedError
from wavetrain.model.feature import STEPS_MAX, Step
from wavetrain.model.feature_verb import Verb
from wavetrain.wire.messages import Instant, utc_of


class StepAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From so many hours after the ramp's beginning on, so many percent of the accounts."""

    hours: Annotated[float, msgspec.Meta(ge=0, le=ramp.HOURS_MAX)]
    percent: Annotated[float, msgspec.Meta(ge=0, le=100)]


class ScheduleRamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give a feature its ramp: a step a day for so many days, or the steps themselves."""

    begins: Instant | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=STEPS_MAX)] | None = None
    steps: Annotated[tuple[StepAsked, ...], msgspec.Meta(max_length=STEPS_MAX)] = ()


class Choose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A word on a feature for an account; `until` goes with defer, and hold needs a reason."""

    word: Verb
    until: Instant | None = None
    reason: Annotated[str, msgspec.Meta(max_length=REASON_CHARACTERS_MAX)] = ""


def asked_of(message: Choose) -> Asked:
    """The word, as the use case takes it."""
    until = utc_of(message.until, "until") if message.until is not None else None
    return Asked(verb=message.word, until=until, reason=message.reason)


def steps_of(asked: ScheduleRamp) -> tuple[Step, ...]:
    """The schedule that a message asks for. Raises RefusedError for one that says it twice."""
    if asked.steps and asked.days is not None:
        raise RefusedError("the ramp has `days` and `steps`; give one of them")
    if not asked.steps:
        return ramp.even(asked.days or ramp.DAYS)
    return tuple(ramp.step(one.hours, one.percent) for one in asked.steps)
