"""Feature verb: what may be said of a feature for an account?"""

from enum import StrEnum


class Verb(StrEnum):
    """The words, as persons and programs write them."""

    EARLY = "early"
    """Have it before its turn, on its terms."""
    LEAVE = "leave"
    """Have it when its turn comes after all."""
    DEFER = "defer"
    """Not before a date."""
    GIVE_BACK = "give-back"
    """Not at all, until it is taken."""
    TAKE = "take"
    """As the ramp says: ends a deferral and a giving back."""
    HOLD = "hold"
    """The operator keeps it from the account."""
    RELEASE = "release"
    """The operator does so no more."""
