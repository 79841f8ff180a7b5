"""Tokens: who carries which credential?"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.access import Role, Token

NAME_CHARACTERS_MAX = 100
DAYS_MAX = 3_650
SECRET_CHARACTERS_MAX = 200
PERSON = (Role.VIEWER, Role.CI, Role.OPERATOR, Role.APPROVER, Role.ADMIN)

HOUSE = Caller("wavetrain", (Role.ADMIN,))
"""Who the control plane is when it makes tokens for itself, e.g. the first one."""


class TokenSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it may be shown: everything but its secret."""

    id: str
    name: str
    roles: tuple[Role, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked: bool


def create(
    store: Store, caller: Caller, name: str, roles: Sequence[Role], days: int | None = None
) -> tuple[TokenSeen, str]:
    """A new token and its secret, which is shown this once; only its SHA-256 is kept.

    Lifetimes count on the store's own clock, which is never jumped. A node's token bears the node's id.
    """
    require(caller, Act.ADMIT)
    _check_asked(name, roles, days)
    secret = f"wt_{secrets.token_urlsafe(32)}"
    with store.write() as transaction:
        if Role.NODE in roles and home_of(transaction, name) is None:
            raise UnknownError(
                f"there is no node {name} in the fleet; apply a fleet that has it, or correct the name"
            )
        made_at = _clock(transaction)
        token = Token(
            id=f"t-{secrets.token_hex(6)}",
            name=name,
            roles=tuple(dict.fromkeys(roles)),
            secret_sha256=_hash(secret),
            created_at=made_at,
            created_by=caller.name,
            expires_at=made_at + timedelta(days=days) if days is not None else None,
        )
        transaction.put(token)
        said = ", ".join(role.value for role in token.roles)
        tell(transaction, caller, "token", token.id, f"made for {name}: {said}")
    return _seen(token), secret


def ensure_first(store: Store, name: str = "admin") -> str | None:
    """The secret of a first token with every person's role, or None when a token is there already."""
    with store.read() as view:
        if view.find(Token):
            return None
    return create(store, HOUSE, name, PERSON)[1]


def seen(store: Store, caller: Caller) -> list[TokenSeen]:
    """Every token, without its secret."""
    require(caller, Act.ADMIT)
    with store.read() as view:
        return [_seen(token) for token in sorted(view.find(Token), key=lambda item: item.created_at)]


def revoke(store: Store, caller: Caller, token_id: str) -> TokenSeen:
    """Never accept the token again; a second time changes nothing."""
    require(caller, Act.ADMIT)
    with store.write() as transaction:
        token = transaction.get(Token, token_id)
        if token is None:
            raise UnknownError(f"there is no token {token_id[:120]}; see: wavetrain token list")
        if token.revoked:
            return _seen(token)
        _check_admin_left(transaction, token)
        token = token.changed(revoked=True)
        transaction.put(token)
        tell(transaction, caller, "token", token.id, f"revoked; it was {token.name}'s")
    return _seen(token)


def authenticate(store: Store, secret: str) -> Caller | None:
    """Whose secret this is, or None when it is nobody's, revoked or expired. Compares in constant time."""
    if not secret or len(secret) > SECRET_CHARACTERS_MAX:
        return None
    hashed = _hash(secret)
    with store.read() as view:
        clock = _clock(view)
        for token in view.find(Token, secret_sha256=hashed):
            if hmac.compare_digest(token.secret_sha256, hashed) and _is_good(token, clock):
                return Caller(token.name, token.roles)
    return None


def _is_good(token: Token, clock: datetime) -> bool:
    return not token.revoked and (token.expires_at is None or clock < token.expires_at)


def _check_asked(name: str, roles: Sequence[Role], days: int | None) -> None:
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise RefusedError(
            f"a token's name has 1 to {NAME_CHARACTERS_MAX} printable characters; give such a name"
        )
    if not roles:
        raise RefusedError(f"token {name} has no role; give one of: {', '.join(role.value for role in Role)}")
    if Role.NODE in roles and len(set(roles)) > 1:
        raise RefusedError(f"token {name} is a node's and a person's; make one token for each")
    if days is not None and not 0 < days <= DAYS_MAX:
        raise RefusedError(f"token {name} would live {days} days; give 1 to {DAYS_MAX}, or none for no end")


def _check_admin_left(view: View, token: Token) -> None:
    clock = _clock(view)
    if Role.ADMIN not in token.roles:
        return
    others = [
        item
        for item in view.find(Token)
        if item.id != token.id and Role.ADMIN in item.roles and _is_good(item, clock)
    ]
    if not others:
        raise RefusedError(
            f"token {token.id} is the last that may make tokens; make another admin's token first"
        )


def _seen(token: Token) -> TokenSeen:
    return TokenSeen(
        id=token.id,
        name=token.name,
        roles=token.roles,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        revoked=token.revoked,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _clock(view: View) -> datetime:
    return datetime.fromtimestamp(view.steady, UTC)
