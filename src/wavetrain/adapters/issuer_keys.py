"""Issuer's keys: who signed this token? OpenID Connect Discovery 1.0, JSON Web Key Sets (RFC 7517).

Keys come from the issuer's own discovery document. A token counts only by an algorithm that is configured, from this
issuer, for our audience, and within its time.
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

from wavetrain.errors import RefusedError, UnreachableError

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


class IssuerKeys:
    """One issuer's; safe under threads. `clock`: seconds since the Unix epoch; `steady`: a clock that is never set."""

    def __init__(
        self,
        issuer: str,
        algorithms: tuple[str, ...],
        ca_file: str = "",
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer, self.algorithms = issuer, algorithms
        self.trust = ssl.create_default_context(cafile=ca_file or None)
        self._clock, self._steady = clock, steady
        self._guard = threading.Lock()
        self._keys: KeySet | None = None
        self._told: dict[str, Any] = {}
        self._read_at = float("-inf")

    def endpoint(self, name: str) -> str:
        """An address that the issuer tells of itself, e.g. `token_endpoint`. `UnreachableError`."""
        with self._guard:
            if not self._told or self._steady() - self._read_at > KEPT_S:
                self._fetch()
            where = self._told.get(name)
        if not isinstance(where, str) or urlsplit(where).scheme != "https":
            raise UnreachableError(f"{self.issuer} tells of no {name} that is https; correct issuer")
        return where

    def claims(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """What the token says, where it counts; else None. `UnreachableError` where the keys cannot be read."""
        if len(token) > TOKEN_CHARACTERS_MAX or token.count(".") != 2:
            return None
        try:
            return self._checked(token, audience)
        except (JoseError, ValueError, TypeError, RecursionError):
            return None

    def _checked(self, token: str, audience: str) -> Mapping[str, Any] | None:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in self.algorithms:
            return None
        kid = header.get("kid")
        if not isinstance(kid, str) or not kid:
            return None
        key = next((one for one in self._known(kid).keys if one.kid == kid), None)
        if key is None:
            return None
        read = jwt.decode(token, key, algorithms=list(self.algorithms))
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(read.claims)
        return read.claims

    def _known(self, kid: str) -> KeySet:
        """The issuer's keys, with this one among them where it has it."""
        with self._guard:
            is_known = self._keys is not None and any(key.kid == kid for key in self._keys.keys)
            age = self._steady() - self._read_at
            if self._keys is None or age > KEPT_S or (not is_known and age > AGAIN_S):
                self._fetch()
            assert self._keys is not None
            return self._keys

    def _fetch(self) -> None:
        now = self._steady()
        if self._keys is None and now - self._read_at < AGAIN_S / 60:
            raise UnreachableError(f"the keys of {self.issuer} could not be read; try again in a second")
        self._read_at = now
        issuer = self.issuer.rstrip("/")
        with httpx.Client(
            timeout=TIMEOUT_S, trust_env=False, verify=self.trust, follow_redirects=False
        ) as client:
            told = _read(client, f"{issuer}/.well-known/openid-configuration")
            where = told.get("jwks_uri")
            if told.get("issuer") != self.issuer or not isinstance(where, str):
                raise UnreachableError(
                    f"{issuer} calls itself {str(told.get('issuer'))[:120]}; correct issuer"
                )
            if urlsplit(where).scheme != "https":
                raise UnreachableError(f"{issuer} keeps its keys at {where[:120]}, which is not https")
            keys = _read(client, where).get("keys")
        usable = [one for one in keys if _is_usable(one)] if isinstance(keys, list) else []
        try:
            self._keys = KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise UnreachableError(f"the keys of {issuer} cannot be read: {error}") from None
        self._told = told


def check_issuer(name: str, issuer: str, algorithms: tuple[str, ...]) -> None:
    """`RefusedError` with the rule and the way out where what they sign could not be believed."""
    if urlsplit(issuer).scheme != "https":
        raise RefusedError(f"issuer {issuer[:120]} is not https; give the issuer's own address")
    strange = sorted(set(algorithms) - ALGORITHMS)
    if strange or not algorithms:
        raise RefusedError(
            f"algorithm {', '.join(strange) or 'none'} of {name} is not taken; give one of: "
            f"{', '.join(sorted(ALGORITHMS))}"
        )


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
