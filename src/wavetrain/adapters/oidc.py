"""OIDC: who does an identity provider say that this person is?

OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636, S256); the redirect address is always the one that
is configured.
"""

import time
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import quote_plus

import httpx
import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.client import OAuth2Client

from wavetrain.adapters.issuer_keys import TIMEOUT_S, IssuerKeys, check_issuer
from wavetrain.decide.plain_line import printable
from wavetrain.errors import ForbiddenError, RefusedError, UnreachableError
from wavetrain.model.access import Role
from wavetrain.model.login import Person

NAME_CHARACTERS_MAX: Final = 100
CODE_CHARACTERS_MAX: Final = 4_096
GROUPS_MAX: Final = 1_000
ARRIVED: Final = "/login/arrived"
"""Where the provider sends people back to, below our own address."""
_PERSONS: Final = frozenset(role.value for role in (Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN))


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider is believed, and what its claims mean here."""

    issuer: str
    client_id: str
    address: str
    """Ours, as people's browsers reach it: `https://HOST`."""
    secret: str = ""
    """Empty for a public client: PKCE alone then shows that who left comes back."""
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("RS256",)
    name_claim: str = "sub"
    roles_claim: str = "groups"
    roles: Mapping[str, tuple[Role, ...]] = {}
    """By a value of the claim for roles."""
    account_claim: str = ""
    """Names a customer's account; empty where customers do not come by this provider."""
    ca_file: str = ""


class Oidc:
    """One provider; safe under threads."""

    def __init__(self, known: Known, clock: Callable[[], float] = time.time) -> None:
        self._known = known
        self._keys = IssuerKeys(known.issuer, known.algorithms, known.ca_file, clock)

    def leave(self, state: str, nonce: str, verifier: str) -> str:
        """The address at which a person shows who they are. `UnreachableError`."""
        with httpx.Client() as session:
            client = self._client(session)
            where, _ = client.create_authorization_url(
                self._keys.endpoint("authorization_endpoint"), state, verifier, nonce=nonce
            )
        return str(where)

    def arrive(self, code: str, nonce: str, verifier: str) -> Person:
        """Who came back with this code.

        `RefusedError` where what the provider says of them does not count, `ForbiddenError` where they may do nothing
        here, `UnreachableError` where the provider cannot be asked.
        """
        if not code or len(code) > CODE_CHARACTERS_MAX:
            raise RefusedError("the identity provider sent no code; log in again")
        claims = self._keys.claims(self._token(code, verifier), self._known.client_id)
        if claims is None or not compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise RefusedError("what the identity provider signed does not count here; log in again")
        authorized = claims.get("azp")
        if authorized is not None and authorized != self._known.client_id:
            raise RefusedError("the identity provider speaks to another program; log in again")
        return person(claims, self._known)

    def _token(self, code: str, verifier: str) -> str:
        known, where = self._known, self._keys.endpoint("token_endpoint")
        # RFC 6749, 2.3.1: both are form-encoded first.
        secret = httpx.BasicAuth(quote_plus(known.client_id), quote_plus(known.secret))
        auth = secret if known.secret else httpx.Auth()
        own = {} if known.secret else {"client_id": known.client_id}
        try:
            with httpx.Client(
                timeout=TIMEOUT_S, trust_env=False, verify=self._keys.trust, follow_redirects=False
            ) as session:
                told: Mapping[str, Any] = self._client(session).fetch_token(
                    where,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=known.address + ARRIVED,
                    auth=auth,
                    **own,
                )
        except AuthlibBaseError as error:
            raise RefusedError(
                f"the identity provider takes no such code ({printable(str(error.error))[:80]}); log in again"
            ) from None
        except (httpx.HTTPError, ValueError, RecursionError, AttributeError, TypeError) as error:
            raise UnreachableError(f"{where} gave no token: {type(error).__name__}; try again") from None
        token = told.get("id_token") if isinstance(told, Mapping) else None
        if not isinstance(token, str):
            raise UnreachableError(
                f"{where} gave no token of identity; let {known.client_id} ask for the scope openid"
            )
        return token

    def _client(self, session: httpx.Client) -> OAuth2Client:
        known = self._known
        return OAuth2Client(
            session,
            client_id=known.client_id,
            scope=" ".join(known.scopes),
            redirect_uri=known.address + ARRIVED,
            code_challenge_method="S256",
        )


def person(claims: Mapping[str, Any], known: Known) -> Person:
    """What the claims make of somebody here; `RefusedError`, or `ForbiddenError` where they have no role."""
    subject = claims.get("sub")
    name = claims.get(known.name_claim)
    if not isinstance(subject, str) or not subject or not isinstance(name, str) or not name.strip():
        raise RefusedError(
            f"the identity provider names nobody in sub and {known.name_claim}; correct them there"
        )
    if known.name_claim == "email" and claims.get("email_verified") is not True:
        raise RefusedError("the identity provider has not verified this e-mail address; let it do so")
    name = printable(name)[:NAME_CHARACTERS_MAX].strip()
    given = claims.get(known.roles_claim)
    groups = given[:GROUPS_MAX] if isinstance(given, list) else [given]
    found = [role for group in groups if isinstance(group, str) for role in known.roles.get(group, ())]
    who = f"{known.issuer} {subject}"
    if found:
        return Person(subject=who, name=name, roles=tuple(dict.fromkeys(found)))
    account = claims.get(known.account_claim) if known.account_claim else None
    if isinstance(account, str) and account:
        return Person(subject=who, name=name, roles=(Role.ACCOUNT,), account=account[:NAME_CHARACTERS_MAX])
    raise ForbiddenError(
        f"{name} may do nothing here: no value of {known.roles_claim} has a role; ask an admin for a group that has one"
    )


def checked(known: Known) -> Known:
    """The same, where it can be believed; `RefusedError` with the rule and the way out."""
    check_issuer("[oidc]", known.issuer, known.algorithms)
    if "openid" not in known.scopes:
        raise RefusedError("scopes of [oidc] lack openid, without which nobody is named; add it")
    strange = sorted({role.value for roles in known.roles.values() for role in roles} - _PERSONS)
    if strange:
        raise RefusedError(
            f"[oidc.roles] gives {', '.join(strange)}, which is no person's role; give of: "
            f"{', '.join(sorted(_PERSONS))}"
        )
    if not known.roles and not known.account_claim:
        raise RefusedError("[oidc] gives nobody a role; give [oidc.roles], or account_claim for customers")
    return known
