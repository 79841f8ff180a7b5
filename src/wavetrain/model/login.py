"""Login: who is at a page, since when, and by whose word?"""

from datetime import datetime
from typing import ClassVar

import msgspec

from wavetrain.model.access import Role
from wavetrain.model.record import Record


class Person(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who logs in, by whose word."""

    subject: str
    """What never changes of them: the token's id, or who they are to the identity provider."""
    name: str
    """What the journal shows."""
    roles: tuple[Role, ...]
    account: str = ""
    token: str = ""
    """The token that the login stands on, by id."""


class Login(Record, frozen=True, kw_only=True):
    """A person's session at the pages; only the SHA-256 of what its cookie holds is kept.

    Instants are on the store's own clock, which is never jumped.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("subject",)
    id: str
    """The SHA-256 of the cookie's secret, in hex."""
    subject: str
    """Who, as the identity provider names them, or the token's id."""
    name: str
    roles: tuple[Role, ...]
    account: str = ""
    token: str = ""
    """The token that it stands on, by id; ends with it."""
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
