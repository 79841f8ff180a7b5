"""Logins: who is at the pages, until when?

A login is a secret in a browser's cookie, of which only the SHA-256 is kept. It ends by itself, when nobody looked for
a while, when its person logs out, and with the token that it stands on. Instants are on the store's own clock.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec

from wavetrain.control import store_clock, tokens
from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.decide.permit import Act, Caller, may, require
from wavetrain.errors import WavetrainError
from wavetrain.model.access import Token
from wavetrain.model.login import Login, Person

LASTS: Final = timedelta(hours=12)
"""A login ends then at the latest."""
IDLE: Final = timedelta(hours=2)
"""Without a look at a page it ends so long after the last."""
SEEN_EVERY: Final = timedelta(minutes=5)
"""A look is written down so often at most."""
OF_ONE_MAX: Final = 20
"""So many logins one person has at most; a further one ends the oldest."""
_FORM: Final = b"wavetrain form "


class Visitor(msgspec.Struct, frozen=True):
    """Who looks at a page."""

    caller: Caller
    form: str
    """What each form of this login carries back, that no other page could know."""
    login: str
    """The login, by id."""
    ends_at: datetime


def person_of(store: Store, secret: str) -> Person | None:
    """Who shows a token's secret; None where it is nobody's, or one that is not for people."""
    token = tokens.known(store, secret)
    if token is None or not may(Caller(token.name, token.roles), Act.VISIT):
        return None
    return Person(subject=token.id, name=token.name, roles=token.roles, account=token.account, token=token.id)


def begin(store: Store, person: Person, by: str) -> str:
    """A new login; the secret for its cookie, always a fresh one. `by`: how they showed who they are."""
    require(Caller(person.name, person.roles), Act.VISIT)
    secret = secrets.token_urlsafe(32)
    with store.write() as transaction:
        clock = store_clock.shown(transaction)
        _make_room(transaction, person.subject, clock)
        login = Login(
            id=tokens.hashed(secret),
            subject=person.subject,
            name=person.name,
            roles=person.roles,
            account=person.account,
            token=person.token,
            began_at=clock,
            seen_at=clock,
            ends_at=clock + LASTS,
        )
        transaction.put(login)
        said = ", ".join(role.value for role in person.roles)
        tell(transaction, _caller(login), "login", person.subject, f"logged in by {by}: {said}")
    return secret


def visitor(store: Store, secret: str) -> Visitor | None:
    """Who has this cookie; None where the login is over. A look is written down now and then."""
    if not secret or len(secret) > tokens.SECRET_CHARACTERS_MAX:
        return None
    with store.read() as view:
        clock = store_clock.shown(view)
        login = view.get(Login, tokens.hashed(secret))
        if login is None or not _lasts(view, login, clock):
            return None
    if clock - login.seen_at >= SEEN_EVERY:
        _see(store, login.id, clock)
    return Visitor(_caller(login), form_of(secret), login.id, login.ends_at)


def end(store: Store, login: str) -> None:
    """Nobody is here by this login any more; a second time changes nothing."""
    with store.write() as transaction:
        known = transaction.get(Login, login)
        if known is not None:
            transaction.remove(known)
            tell(transaction, _caller(known), "login", known.subject, "logged out")


def form_of(secret: str) -> str:
    """What the forms of a login carry; nobody can tell the secret from it."""
    return hashlib.sha256(_FORM + secret.encode()).hexdigest()[:40]


def _lasts(view: View, login: Login, clock: datetime) -> bool:
    if clock >= login.ends_at or clock - login.seen_at >= IDLE:
        return False
    if not login.token:
        return True
    token = view.get(Token, login.token)
    return token is not None and tokens.is_good(token, clock)


def _see(store: Store, login: str, clock: datetime) -> None:
    """What cannot be written now is no reason to turn somebody away."""
    try:
        with store.write() as transaction:
            known = transaction.get(Login, login)
            if known is not None:
                transaction.put(known.changed(seen_at=max(clock, known.seen_at)))
    except WavetrainError:
        return


def _make_room(transaction: Transaction, subject: str, clock: datetime) -> None:
    """Forget what is over, of everybody; of this person also the oldest where there are too many."""
    own = []
    for login in transaction.find(Login):
        if not _lasts(transaction, login, clock):
            transaction.remove(login)
        elif login.subject == subject:
            own.append(login)
    for login in sorted(own, key=lambda one: one.began_at)[: max(0, len(own) - OF_ONE_MAX + 1)]:
        transaction.remove(login)


def _caller(login: Login) -> Caller:
    return Caller(login.name, login.roles, login.account)
