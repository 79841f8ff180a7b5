"""Tokens: who carries which credential?"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.control import store_clock
from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.access import Role, Token
from wavetrain.model.fleet import Account

NAME_CHARACTERS_MAX = 100
DAYS, DAYS_MAX = 90, 3_650
SECRET_CHARACTERS_MAX = 200
_SECRET = re.compile(r"wt_[A-Za-z0-9_-]{43}")
PERSON = (Role.VIEWER, Role.CI, Role.OPERATOR, Role.APPROVER, Role.ADMIN)
GIVEN = (*PERSON, Role.ACCOUNT, Role.CALENDAR, Role.EVALUATOR)
"""What a token may carry."""
_STREAM = b"wavetrain event stream "

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
    account: str = ""


def create(
    store: Store, caller: Caller, name: str, roles: Sequence[Role], days: int | None = None, account: str = ""
) -> tuple[TokenSeen, str]:
    """A new token and its secret, which is shown this once; only its SHA-256 is kept.

    `account` is the one that it speaks for, with the role of that name alone. Without `days` it ends after `DAYS`.
    Lifetimes count on the store's own clock, which is never jumped.
    """
    require(caller, Act.ADMIT)
    _check_asked(name, roles, days)
    _check_account(store, name, roles, account)
    secret = new_secret()
    return _made(store, caller, name, roles, secret, DAYS if days is None else days, account), secret


def new_secret() -> str:
    """One that nobody can guess."""
    return f"wt_{secrets.token_urlsafe(32)}"


def _made(
    store: Store,
    caller: Caller,
    name: str,
    roles: Sequence[Role],
    secret: str,
    days: int | None,
    account: str = "",
) -> TokenSeen:
    """`days` is None for a token without an end."""
    with store.write() as transaction:
        made_at = store_clock.shown(transaction)
        token = Token(
            id=f"t-{secrets.token_hex(6)}",
            name=name,
            roles=tuple(dict.fromkeys(roles)),
            secret_sha256=hashed(secret),
            created_at=made_at,
            created_by=caller.name,
            expires_at=made_at + timedelta(days=days) if days is not None else None,
            account=account,
        )
        transaction.put(token)
        said = ", ".join(role.value for role in token.roles)
        end = f", until {token.expires_at:%Y-%m-%d}" if token.expires_at is not None else ""
        whose = f" of account {account}" if account else ""
        tell(transaction, caller, "token", token.id, f"made for {name}: {said}{whose}{end}")
    return _seen(token)


def has_admin(store: Store) -> bool:
    """Whether anybody may make tokens."""
    with store.read() as view:
        clock = store_clock.shown(view)
        return any(Role.ADMIN in token.roles and is_good(token, clock) for token in view.find(Token))


def first_secret(store: Store, handed_out: str = "") -> str | None:
    """The secret that a first token should get, to be handed out before `ensure_first`; None where none is needed.

    `handed_out` is what an earlier start may have left when it was cut short: it stays, unless it was a token's before.
    """
    if has_admin(store):
        return None
    with store.read() as view:
        is_new = is_secret(handed_out) and not view.find(Token, secret_sha256=hashed(handed_out))
    return handed_out if is_new else new_secret()


def ensure_first(store: Store, secret: str = "", name: str = "admin") -> str | None:
    """Where nobody may make tokens, the secret of a token with every person's role and without an end; else None.

    Who gives the secret has handed it out before: else a crash in between leaves a token that nobody knows.
    """
    if has_admin(store):
        return None
    if secret and not is_secret(secret):
        raise RefusedError("the first token's secret was not made for it; let the control plane make one")
    secret = secret or new_secret()
    _made(store, HOUSE, name, PERSON, secret, None)
    return secret


def is_secret(text: str) -> bool:
    """Whether the text may be a token's secret."""
    return _SECRET.fullmatch(text) is not None


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
    token = known(store, secret)
    return Caller(token.name, token.roles, token.account) if token is not None else None


def known(store: Store, secret: str) -> Token | None:
    """The token of this secret, where it is good."""
    if not secret or len(secret) > SECRET_CHARACTERS_MAX:
        return None
    digest = hashed(secret)
    with store.read() as view:
        clock = store_clock.shown(view)
        for token in view.find(Token, secret_sha256=digest):
            if hmac.compare_digest(token.secret_sha256, digest) and is_good(token, clock):
                return token
    return None


def ticket_of(secret: str) -> str:
    """What stands in an address in place of a secret, where no header can be sent: it opens event streams alone.

    Always the same for the same token, and good for as long; nobody can tell the secret from it.
    """
    return _ticket(hashed(secret))


def by_ticket(store: Store, ticket: str) -> Caller | None:
    """Whose ticket this is, or None as of `authenticate`."""
    with store.read() as view:
        clock = store_clock.shown(view)
        for token in view.find(Token):
            if hmac.compare_digest(_ticket(token.secret_sha256).encode(), ticket.encode()) and is_good(
                token, clock
            ):
                return Caller(token.name, token.roles, token.account)
    return None


def _ticket(digest: str) -> str:
    return hashlib.sha256(_STREAM + digest.encode()).hexdigest()[:40]


def is_good(token: Token, clock: datetime) -> bool:
    """Whether it counts now.

    A node is known by its certificate: a token that says otherwise is from older times, and counts no more.
    """
    is_over = token.expires_at is not None and clock >= token.expires_at
    return not token.revoked and not is_over and Role.NODE not in token.roles


def _check_asked(name: str, roles: Sequence[Role], days: int | None) -> None:
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise RefusedError(
            f"a token's name has 1 to {NAME_CHARACTERS_MAX} printable characters; give such a name"
        )
    if not roles:
        raise RefusedError(
            f"token {name} has no role; give one of: {', '.join(role.value for role in GIVEN)}"
        )
    if Role.NODE in roles:
        raise RefusedError(f"nodes have certificates and no tokens; run: wavetrain node join {name}")
    if days is not None and not 0 < days <= DAYS_MAX:
        raise RefusedError(f"token {name} would live {days} days; give 1 to {DAYS_MAX}")


def _check_account(store: Store, name: str, roles: Sequence[Role], account: str) -> None:
    own = {Role.ACCOUNT, Role.CALENDAR}.intersection(roles)
    if not own:
        if account:
            raise RefusedError(
                f"token {name} names account {account[:120]} without the role account; give it that role"
            )
        return
    if len(set(roles)) != 1:
        raise RefusedError(
            f"token {name} speaks for an account, and for nothing else; make another for other roles"
        )
    if not account:
        raise RefusedError(
            f"token {name} has the role {own.pop().value}, and names no account; say which: --account ACCOUNT"
        )
    with store.read() as view:
        if view.get(Account, account) is None:
            raise RefusedError(f"there is no account {account[:120]} in the fleet; apply a fleet that has it")


def _check_admin_left(view: View, token: Token) -> None:
    clock = store_clock.shown(view)
    if Role.ADMIN not in token.roles:
        return
    others = [
        item
        for item in view.find(Token)
        if item.id != token.id and Role.ADMIN in item.roles and is_good(item, clock)
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
        account=token.account,
    )


def hashed(secret: str) -> str:
    """What is kept in place of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
