"""Subscription messages: what is said at the doors of how an account is told?"""

from typing import Annotated

import msgspec

from wavetrain.control.subscriptions import NAME, TO_CHARACTERS_MAX, TOLD, Asked
from wavetrain.model.subscription import Topic, Way


class AddWay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more way: `to` is a url, or with `mail` an address."""

    name: Annotated[str, msgspec.Meta(pattern=f"^{NAME.pattern}$")]
    way: Way
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=TO_CHARACTERS_MAX)]
    on: Annotated[tuple[Topic, ...], msgspec.Meta(max_length=len(Topic))] = TOLD


def asked_of(message: AddWay) -> Asked:
    """The way, as the use case takes it."""
    return Asked(name=message.name, way=message.way, to=message.to, on=message.on)
