"""Issuer: whose pipeline bears this token? As GitHub speaks OpenID Connect; every pinned claim as configured."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from wavetrain.adapters.issuer_keys import IssuerKeys, check_issuer
from wavetrain.decide.permit import Caller
from wavetrain.decide.plain_line import printable
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role

NAME_CHARACTERS_MAX: Final = 60


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens count, and which."""

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    """Every one of them has to be in the token, with this value."""
    algorithms: tuple[str, ...] = ("RS256",)
    ca_file: str = ""


class Issuer:
    """One issuer; safe under threads. `clock`: seconds since the Unix epoch; `steady`: a clock that is never set."""

    def __init__(
        self,
        pinned: Pinned,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pinned = pinned
        self._keys = IssuerKeys(pinned.issuer, pinned.algorithms, pinned.ca_file, clock, steady)

    def caller(self, token: str) -> Caller | None:
        """Who carries it; None where it is nobody's. `UnreachableError` where the issuer's keys cannot be read."""
        claims = self._keys.claims(token, self.pinned.audience)
        if claims is None:
            return None
        if any(str(claims.get(name, "")) != value for name, value in self.pinned.claims.items()):
            return None
        return Caller(_name(self.pinned.name, claims), (Role.CI,))


class Pipelines:
    """Everybody's: the issuer that a token names decides."""

    def __init__(self, issuers: tuple[Issuer, ...]) -> None:
        self._issuers = issuers

    def caller(self, token: str) -> Caller | None:
        """Whose it is, or None."""
        for issuer in self._issuers:
            found = issuer.caller(token)
            if found is not None:
                return found
        return None


def checked(pinned: Pinned) -> Pinned:
    """The same, where it can be believed; `RefusedError` with the rule and the way out."""
    check_issuer(pinned.name, pinned.issuer, pinned.algorithms)
    if not pinned.claims:
        raise RefusedError(
            f"{pinned.name} pins no claim, so every pipeline of {pinned.issuer[:80]} would count; "
            "pin repository_id at least"
        )
    return pinned


def _name(name: str, claims: Mapping[str, Any]) -> str:
    """What the journal shows: which run, of which commit."""
    run, sha = str(claims.get("run_id", "")), str(claims.get("sha", ""))[:12]
    who = f"{name} run {run}" if run else f"{name} {claims.get('sub', '')}"
    return printable(f"{who} of {sha}" if sha else who)[:NAME_CHARACTERS_MAX]
