"""Hotfix: how does a release enter while an older one of its component is under way?"""

from enum import StrEnum

import msgspec

from wavetrain.model.fleet import PopId

HOTFIX_POPS_MAX = 1_000
"""So many PoPs may be named; more is a train."""


class How(StrEnum):
    """The way in."""

    TRAIN = "train"
    """With the next train; who is unfinished then joins it."""
    SUPERSEDE = "supersede"
    """In the next windows, instead of the train under way; every PoP goes on to it."""
    BEHIND = "behind"
    """When the train under way has ended, without waiting for the next one."""
    RESTART = "restart"
    """Like `supersede`, but where the train under way has come to: what it has passed counts, and goes last."""
    AFFECTED = "affected"
    """Only for some PoPs; the others carry on with the train under way."""


class Hotfix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The way in with its particulars."""

    how: How = How.TRAIN
    wave: int = 0
    """With `restart`: the wave of the train under way to begin with."""
    pops: tuple[PopId, ...] = ()
    """With `affected`: which; none named are those that run the release that is fixed."""
