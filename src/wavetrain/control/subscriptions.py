"""Subscriptions: by which ways is an account told, and how do they fare?"""

import base64
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from wavetrain.control import account_features
from wavetrain.control.chronicle import tell
from wavetrain.control.customer_notice import Notice
from wavetrain.control.ports import Outside, Store, Transaction, View
from wavetrain.control.telling import post
from wavetrain.decide import redelivery
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.errors import RefusedError, TransitionError, UnknownError
from wavetrain.model.fleet import AccountId
from wavetrain.model.notice import Delivery
from wavetrain.model.subscription import Dispatch, Subscription, Topic, Way

WAYS_MAX = 20
"""Of one account."""
MESSAGES_MAX = 500
"""So many messages are listed, the latest first."""
TO_CHARACTERS_MAX = 2_000
REASON_CHARACTERS_MAX = 300
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
TOLD = tuple(topic for topic in Topic if topic is not Topic.TEST)
"""What a way tells that does not say what."""


class Ways(msgspec.Struct, frozen=True):
    """What this control plane can speak to."""

    outside: Outside
    checked_url: Callable[[str], str]
    """A url that may be spoken to as such; `RefusedError`."""
    mails: bool = False
    """Whether a mail server is configured."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A way that an account would be told by."""

    name: str
    way: Way
    to: str
    on: tuple[Topic, ...] = TOLD


class WaySeen(msgspec.Struct, frozen=True, kw_only=True):
    """A way as it may be shown: without its secret, and without the path of its url, which may be one itself."""

    account: str
    name: str
    way: Way
    to: str
    on: tuple[Topic, ...]
    since: datetime
    by: str
    paused: str
    waiting: int
    dead: int


class WayMade(msgspec.Struct, frozen=True, kw_only=True):
    """A way that was just made, or whose secret was: with the secret, which is shown this once."""

    way: WaySeen
    secret: str
    """What its messages are signed with; empty for mail."""


class MessageSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One message by one way."""

    id: str
    account: str
    name: str
    topic: Topic
    state: Delivery
    made_at: datetime
    tries: int
    answer: str
    about: tuple[str, ...]
    """The stretches of work, by id."""
    due_in_s: float | None
    """Seconds until the next try; None when there will be none."""


def listed(store: Store, caller: Caller, account: str) -> list[WaySeen]:
    """Every way of an account, or with no account the operator's own."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    with store.read() as view:
        _require_known(view, account)
        return [_seen(view, way) for way in view.find(Subscription, account=account)]


def add(store: Store, caller: Caller, account: str, asked: Asked, ways: Ways) -> WayMade:
    """One more way. Nothing private may be its end, unless the operator allows its network."""
    require_account(caller, account, Act.SUBSCRIBE)
    _check(asked, ways)
    with store.write() as transaction:
        _require_known(transaction, account)
        if transaction.get(Subscription, account, asked.name) is not None:
            raise TransitionError(
                f"there is a way {asked.name} already; give another name, or remove it first"
            )
        if len(transaction.find(Subscription, account=account)) >= WAYS_MAX:
            raise RefusedError(
                f"there are {WAYS_MAX} ways already, which is all there may be; remove one first"
            )
        way = transaction.put(
            Subscription(
                account=AccountId(account),
                name=asked.name,
                way=asked.way,
                to=asked.to,
                on=tuple(dict.fromkeys(asked.on)),
                secret="" if asked.way is Way.MAIL else new_secret(),
                since=transaction.now,
                by=caller.name,
            )
        )
        _tell(transaction, caller, way, f"added: {way.way.value} to {_shown(way.to)}")
        return WayMade(way=_seen(transaction, way), secret=way.secret)


def pause(store: Store, caller: Caller, account: str, name: str, reason: str) -> WaySeen:
    """Send nothing by it; what happens meanwhile is not told by it later."""
    require_account(caller, account, Act.SUBSCRIBE)
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise RefusedError(f"a pause needs a reason of 1 to {REASON_CHARACTERS_MAX} characters; say why")
    with store.write() as transaction:
        way = _found(transaction, account, name)
        made = transaction.put(way.changed(paused=reason))
        _tell(transaction, caller, way, f"paused: {reason}")
        return _seen(transaction, made)


def resume(store: Store, caller: Caller, account: str, name: str) -> WaySeen:
    """Send by it again, what still waits first."""
    require_account(caller, account, Act.SUBSCRIBE)
    with store.write() as transaction:
        way = _found(transaction, account, name)
        if not way.paused:
            raise TransitionError(f"way {name} is not paused")
        made = transaction.put(way.changed(paused=""))
        _tell(transaction, caller, way, "resumed")
        return _seen(transaction, made)


def remove(store: Store, caller: Caller, account: str, name: str) -> WaySeen:
    """Never send by it again; what waits for it is given up."""
    require_account(caller, account, Act.SUBSCRIBE)
    with store.write() as transaction:
        way = _found(transaction, account, name)
        transaction.remove(way)
        for item in transaction.find(Dispatch, account=account, name=name, state=Delivery.WAITING.value):
            transaction.put(redelivery.given_up(item, "its way was removed", transaction.steady))
        _tell(transaction, caller, way, "removed")
        return _seen(transaction, way)


def rotate(store: Store, caller: Caller, account: str, name: str) -> WayMade:
    """A new secret. The one before signs as well, until the next change: the receiver has time to learn the new one."""
    require_account(caller, account, Act.SUBSCRIBE)
    with store.write() as transaction:
        way = _found(transaction, account, name)
        if not way.secret:
            raise RefusedError(
                f"way {name} is {way.way.value}, which is not signed; there is no secret to change"
            )
        made = transaction.put(way.changed(secret=new_secret(), secret_before=way.secret))
        _tell(
            transaction, caller, way, "has a new secret; the one before signs as well until the next change"
        )
        return WayMade(way=_seen(transaction, made), secret=made.secret)


def test(store: Store, caller: Caller, account: str, name: str) -> MessageSeen:
    """Send a message that says nothing but that the way works; it goes the way of all, once."""
    require_account(caller, account, Act.SUBSCRIBE)
    with store.write() as transaction:
        way = _found(transaction, account, name)
        if way.paused:
            raise TransitionError(f"way {name} is paused: {way.paused}; resume it first")
        notice = Notice(
            id=f"notice-test-{secrets.token_hex(8)}",
            account=account,
            name=account,
            topic=Topic.TEST,
            at=transaction.now,
            note=f"{caller.name} asked for it; nothing is wrong",
        )
        post(transaction, notice, [way])
        made = transaction.get(Dispatch, notice.id, account, name)
        assert made is not None
        return _message(made, transaction.steady)


def messages(store: Store, caller: Caller, account: str, state: str = "") -> list[MessageSeen]:
    """The last messages to an account, the newest first; of one state, where it is given."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    if state and state not in set(Delivery):
        known = ", ".join(item.value for item in Delivery)
        raise RefusedError(f"no message is ever `{state[:40]}`; give one of {known}")
    with store.read() as view:
        _require_known(view, account)
        asked = {"state": state} if state else {}
        found, steady = view.find(Dispatch, account=account, **asked), view.steady
    found.sort(key=lambda item: (item.queued_at, item.id, item.name), reverse=True)
    return [_message(item, steady) for item in found[:MESSAGES_MAX]]


def message(store: Store, caller: Caller, account: str, notice: str) -> list[MessageSeen]:
    """One notice, by each of its ways."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    with store.read() as view:
        found, steady = view.find(Dispatch, id=notice, account=account), view.steady
    if not found:
        raise UnknownError(f"there is no message {notice[:80]}; see: wavetrain subscription sent")
    return [_message(item, steady) for item in found]


def retry(store: Store, caller: Caller, account: str) -> list[MessageSeen]:
    """Try everything again at once that was given up, with all its tries before it, where its way still is."""
    require_account(caller, account, Act.SUBSCRIBE)
    with store.write() as transaction:
        _require_known(transaction, account)
        names = {way.name for way in transaction.find(Subscription, account=account) if not way.paused}
        dead = [
            item
            for item in transaction.find(Dispatch, account=account, state=Delivery.DEAD.value)
            if item.name in names
        ][:MESSAGES_MAX]
        steady = transaction.steady
        made = [transaction.put(redelivery.again(item, steady)) for item in dead]
        if made:
            tell(
                transaction, caller, "notice", account or "operators", f"{len(made)} messages are tried again"
            )
        return [_message(item, steady) for item in made]


def new_secret() -> str:
    """Of a webhook, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _check(asked: Asked, ways: Ways) -> None:
    if not NAME.fullmatch(asked.name):
        raise RefusedError(
            f"{asked.name[:80]!r} is no name for a way; give letters, digits, dots, dashes, underscores, 63 at most"
        )
    if not asked.on or Topic.TEST in asked.on:
        raise RefusedError(f"name what way {asked.name} tells; give some of: {', '.join(TOLD)}")
    if len(asked.to) > TO_CHARACTERS_MAX:
        raise RefusedError(f"the address has more than {TO_CHARACTERS_MAX} characters; give a shorter one")
    if asked.way is Way.MAIL:
        if not ways.mails:
            raise RefusedError(
                "no mail can be sent from here; configure [notices.mail] in wavetrain.toml, or take a webhook"
            )
        if not ADDRESS.fullmatch(asked.to):
            raise RefusedError(
                f"{asked.to[:80]!r} is no mail address; give one like noc@example.net, without a name"
            )
        return
    ways.checked_url(asked.to)
    parts = urlsplit(asked.to)
    ways.outside.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _found(view: View, account: str, name: str) -> Subscription:
    way = view.get(Subscription, account, name)
    if way is None:
        names = ", ".join(one.name for one in view.find(Subscription, account=account)) or "none"
        raise UnknownError(f"there is no way {name[:80]}; there are: {names}")
    return way


def _require_known(view: View, account: str) -> None:
    if account:
        account_features.require_known(view, account)


def _seen(view: View, way: Subscription) -> WaySeen:
    def count(state: Delivery) -> int:
        return len(view.find(Dispatch, account=way.account, name=way.name, state=state.value))

    return WaySeen(
        account=way.account,
        name=way.name,
        way=way.way,
        to=_shown(way.to),
        on=way.on,
        since=way.since,
        by=way.by,
        paused=way.paused,
        waiting=count(Delivery.WAITING),
        dead=count(Delivery.DEAD),
    )


def _shown(to: str) -> str:
    if "://" not in to:
        return to
    parts = urlsplit(to)
    return f"{parts.scheme}://{parts.netloc}" + ("/..." if parts.path.strip("/") or parts.query else "")


def _message(item: Dispatch, steady: float) -> MessageSeen:
    items: Sequence[dict[str, dict[str, dict[str, str]]]] = item.facts.get("items", ())
    return MessageSeen(
        id=item.id,
        account=item.account,
        name=item.name,
        topic=item.topic,
        state=item.state,
        made_at=item.made_at,
        tries=item.tries,
        answer=item.answer,
        about=tuple(one["work"]["work"]["id"] for one in items),
        due_in_s=redelivery.due_in_s(item, steady),
    )


def _tell(transaction: Transaction, caller: Caller, way: Subscription, what: str) -> None:
    whose = f" of account {way.account}" if way.account else ""
    tell(transaction, caller, "notice", way.account or way.name, f"way {way.name}{whose} {what}")
