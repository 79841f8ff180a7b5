"""Issuer: who signed this token of a pipeline, and what does it say of it? OpenID Connect, as GitHub speaks it.

Keys come from the issuer's own discovery document. A token counts only by an algorithm that is configured, for our
audience, within its time, and with every pinned claim as configured.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from wavetrain.decide.permit import Caller
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.access import Role

ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
"""What may be configured: signatures by a key that the issuer alone has."""
TOKEN_CHARACTERS_MAX: Final = 16_384
ANSWER_BYTES_MAX: Final = 256 * 1024
TIMEOUT_S: Final = 5.0
KEPT_S: Final = 3_600.0
"""Keys that are older are read anew."""
AGAIN_S: Final = 60.0
"""A key that nobody knows has them read anew at most so often."""
LEEWAY_S: Final = 30
"""So far the issuer's clock may be off."""
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
        self._clock, self._steady = clock, steady
        self._guard = threading.Lock()
        self._keys: KeySet | None = None
        self._read_at = float("-inf")

    def caller(self, token: str) -> Caller | None:
        """Who carries it; None where it is nobody's. `UnreachableError` where the issuer's keys cannot be read."""
        if len(token) > TOKEN_CHARACTERS_MAX or token.count(".") != 2:
            return None
        try:
            return self._checked(token)
        except (JoseError, ValueError, TypeError, RecursionError):
            return None

    def _checked(self, token: str) -> Caller | None:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in self.pinned.algorithms:
            return None
        kid = header.get("kid")
        if not isinstance(kid, str) or not kid:
            return None
        key = next((one for one in self._known(kid).keys if one.kid == kid), None)
        if key is None:
            return None
        read = jwt.decode(token, key, algorithms=list(self.pinned.algorithms))
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.pinned.issuer},
            aud={"essential": True, "value": self.pinned.audience},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(read.claims)
        for name, value in self.pinned.claims.items():
            if str(read.claims.get(name, "")) != value:
                return None
        return Caller(_name(self.pinned.name, read.claims), (Role.CI,))

    def _known(self, kid: str) -> KeySet:
        """The issuer's keys, with this one among them where it has it."""
        with self._guard:
            now = self._steady()
            is_known = self._keys is not None and any(key.kid == kid for key in self._keys.keys)
            age = now - self._read_at
            if self._keys is None or age > KEPT_S or (not is_known and age > AGAIN_S):
                if self._keys is None and age < AGAIN_S / 60:
                    raise UnreachableError(
                        f"the keys of {self.pinned.issuer} could not be read; try again in a second"
                    )
                self._read_at = now
                self._keys = self._fetched()
            return self._keys

    def _fetched(self) -> KeySet:
        issuer = self.pinned.issuer.rstrip("/")
        trust = ssl.create_default_context(cafile=self.pinned.ca_file or None)
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, verify=trust, follow_redirects=False) as client:
            told = _read(client, f"{issuer}/.well-known/openid-configuration")
            where = told.get("jwks_uri")
            if told.get("issuer") != self.pinned.issuer or not isinstance(where, str):
                raise UnreachableError(
                    f"{issuer} calls itself {str(told.get('issuer'))[:120]}; correct issuer"
                )
            if urlsplit(where).scheme != "https":
                raise UnreachableError(f"{issuer} keeps its keys at {where[:120]}, which is not https")
            keys = _read(client, where).get("keys")
        usable = [one for one in keys if _is_usable(one)] if isinstance(keys, list) else []
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise UnreachableError(f"the keys of {issuer} cannot be read: {error}") from None


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
    if urlsplit(pinned.issuer).scheme != "https":
        raise RefusedError(f"issuer {pinned.issuer[:120]} is not https; give the issuer's own address")
    strange = sorted(set(pinned.algorithms) - ALGORITHMS)
    if strange or not pinned.algorithms:
        raise RefusedError(
            f"algorithm {', '.join(strange) or 'none'} of {pinned.name} is not taken; give one of: "
            f"{', '.join(sorted(ALGORITHMS))}"
        )
    if not pinned.claims:
        raise RefusedError(
            f"{pinned.name} pins no claim, so every pipeline of {pinned.issuer[:80]} would count; "
            "pin repository_id at least"
        )
    return pinned


def _is_usable(key: object) -> bool:
    """A public key with a name, for signatures; what else an issuer may list is left out."""
    return (
        isinstance(key, dict)
        and isinstance(key.get("kid"), str)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
        and "d" not in key
    )


def _read(client: httpx.Client, url: str) -> dict[str, Any]:
    try:
        with client.stream("GET", url) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise UnreachableError(f"{url} has more than {ANSWER_BYTES_MAX} bytes")
            if answer.status_code != httpx.codes.OK:
                raise UnreachableError(f"{url} answers {answer.status_code}")
        found = msgspec.json.decode(body)
    except (httpx.HTTPError, msgspec.DecodeError, RecursionError) as error:
        raise UnreachableError(f"{url} cannot be read: {type(error).__name__}: {error}") from None
    if not isinstance(found, dict):
        raise UnreachableError(f"{url} has no JSON object")
    return found


def _name(name: str, claims: Mapping[str, Any]) -> str:
    """What the journal shows: which run, of which commit."""
    run, sha = str(claims.get("run_id", "")), str(claims.get("sha", ""))[:12]
    who = f"{name} run {run}" if run else f"{name} {claims.get('sub', '')}"
    text = f"{who} of {sha}" if sha else who
    return "".join(sign if sign.isprintable() else " " for sign in text)[:NAME_CHARACTERS_MAX]
