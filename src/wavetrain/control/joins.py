"""Joins: how does a node become known by a certificate, and stay so?"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import msgspec

from wavetrain.control import store_clock
from wavetrain.control.chronicle import tell
from wavetrain.control.nodes import disown, home_of
from wavetrain.control.ports import Authority, Issued, Store, Transaction, View
from wavetrain.control.rollouts import check_reason
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Certificate, Join, Role
from wavetrain.model.fleet import NodeId, Retired
from wavetrain.model.standstill import Cause, Standstill

MINUTES, MINUTES_MAX = 60, 24 * 60
SECRET_CHARACTERS_MAX = 200
CERTIFICATES_MAX = 8
"""A node has no more good certificates than this at once; with a further one the oldest ends."""


class JoinMade(msgspec.Struct, frozen=True, kw_only=True):
    """A join token. The secret is shown this once; the node pins the authority by its digest."""

    node: str
    secret: str
    expires_at: datetime
    authority_sha256: str


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What a node had, and has no more."""

    node: str
    certificates: int
    joins: int


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What a client certificate of the authority says, as the handshake has proven it."""

    node: NodeId
    serial: str
    not_before: datetime
    not_after: datetime


def make(store: Store, authority: Authority, caller: Caller, node: str, minutes: int = MINUTES) -> JoinMade:
    """A token with which this node may ask for its first certificate, once; older unused ones of it end.

    Its lifetime counts on the store's own clock, which is never jumped.
    """
    require(caller, Act.ENROL)
    if not 0 < minutes <= MINUTES_MAX:
        raise RefusedError(
            f"a join token for {node[:120]} would live {minutes} minutes; give 1 to {MINUTES_MAX}"
        )
    secret = f"wj_{secrets.token_urlsafe(32)}"
    with store.write() as transaction:
        _check_may_join(transaction, node)
        made_at = store_clock.shown(transaction)
        for older in transaction.find(Join, node=node):
            if older.expires_at <= made_at:
                transaction.remove(older)
            elif older.used_at is None and not older.revoked:
                transaction.put(older.changed(revoked=True))
        join = Join(
            id=f"j-{secrets.token_hex(6)}",
            node=NodeId(node),
            secret_sha256=_hash(secret),
            created_at=made_at,
            created_by=caller.name,
            expires_at=made_at + timedelta(minutes=minutes),
        )
        transaction.put(join)
        text = f"join token {join.id} made, good until {join.expires_at:%Y-%m-%d %H:%M} UTC"
        tell(transaction, caller, "join", node, text, join=join.id)
    return JoinMade(
        node=node,
        secret=secret,
        expires_at=join.expires_at,
        authority_sha256=authority.fingerprint(),
    )


def joined(store: Store, authority: Authority, secret: str, csr: str) -> Issued:
    """The first certificate of the node that the join token is for; a token counts once.

    A bad signing request leaves the token as it was. A second use is refused, and stands in the journal: somebody
    else may have the secret.
    """
    with store.read() as view:
        join = _known(view, secret)
        _check_good(view, join)
        issued = authority.issue(join.node, csr, store_clock.shown(view))
    with store.write() as transaction:
        join = _known(transaction, secret)
        is_second = join.used_at is not None
        if is_second:
            text = f"join token {join.id} was shown a second time, and refused; its secret may be known to others"
            tell(transaction, _speaker(join.node), "join", join.node, text, join=join.id)
        else:
            _check_good(transaction, join)
            transaction.put(join.changed(used_at=store_clock.shown(transaction)))
            _keep(transaction, join.node, issued, join.id)
            text = f"joined with token {join.id}, made by {join.created_by}; certificate {issued.serial}"
            tell(transaction, _speaker(join.node), "join", join.node, text, serial=issued.serial)
    if is_second:
        raise _used(join)
    return issued


def renewed(store: Store, authority: Authority, caller: Caller, serial: str, csr: str) -> Issued:
    """The next certificate of a node that asks with a good one; the older stays good until its end."""
    require(caller, Act.POLL)
    with store.read() as view:
        _check_may_renew(view, caller, serial)
        issued = authority.issue(NodeId(caller.name), csr, store_clock.shown(view))
    with store.write() as transaction:
        _check_may_renew(transaction, caller, serial)
        _keep(transaction, NodeId(caller.name), issued, serial)
        text = f"certificate {issued.serial} follows {serial}"
        tell(transaction, caller, "certificate", caller.name, text, serial=issued.serial)
    return issued


def revoke(store: Store, caller: Caller, node: str, reason: str) -> Revoked:
    """Nobody is this node any more, until it joins anew; a second time changes nothing."""
    require(caller, Act.ENROL)
    check_reason("revoke", reason)
    with store.write() as transaction:
        if home_of(transaction, node) is None and not transaction.find(Certificate, node=node):
            raise UnknownError(f"there is no node {node[:120]} in the fleet; see: wavetrain fleet show")
        certificates, joins = disown(transaction, node)
        if certificates or joins:
            text = f"revoked, {certificates} certificates and {joins} join tokens: {reason}"
            tell(transaction, caller, "certificate", node, text, certificates=certificates, joins=joins)
    return Revoked(node=node, certificates=certificates, joins=joins)


def recognised(store: Store, peer: Peer) -> Caller | None:
    """The node whose certificate this is, or None: it is not kept, was revoked, or is over by the store's clock.

    A store that came from a backup does not know what was given out since. While it waits for a person, what the
    authority has signed is taken over; else no node could say what it runs.
    """
    with store.read() as view:
        known = view.get(Certificate, peer.serial)
        clock = store_clock.shown(view)
        is_restored = view.get(Standstill, Cause.RESTORE.value) is not None
    if not clock < peer.not_after:
        return None
    if known is not None:
        return _speaker(peer.node) if known.node == peer.node and not known.revoked else None
    return _speaker(peer.node) if is_restored and _taken_over(store, peer) else None


def _taken_over(store: Store, peer: Peer) -> bool:
    with store.write() as transaction:
        if (
            transaction.get(Standstill, Cause.RESTORE.value) is None
            or home_of(transaction, peer.node) is None
        ):
            return False
        if transaction.get(Retired, peer.node) is not None:
            return False
        known = transaction.get(Certificate, peer.serial)
        if known is not None:  # by another request of the same node
            return not known.revoked
        _keep(transaction, peer.node, peer, "restore")
        text = f"certificate {peer.serial} was given out after the backup was taken; it counts"
        tell(transaction, _speaker(peer.node), "certificate", peer.node, text, serial=peer.serial)
    return True


def _keep(transaction: Transaction, node: NodeId, issued: "Issued | Peer", by: str) -> None:
    """Write it down; certificates of the node that are over, and those beyond its number, are forgotten."""
    clock = store_clock.shown(transaction)
    known = sorted(transaction.find(Certificate, node=node), key=lambda item: item.not_before, reverse=True)
    good = [item for item in known if item.not_after > clock and not item.revoked]
    surplus = [item for item in good if item.serial != by][CERTIFICATES_MAX - 2 :]
    for item in [*(item for item in known if item.not_after <= clock), *surplus]:
        transaction.remove(item)
    transaction.put(
        Certificate(
            serial=issued.serial,
            node=node,
            not_before=issued.not_before,
            not_after=issued.not_after,
            by=by,
        )
    )


def _known(view: View, secret: str) -> Join:
    hashed = _hash(secret)
    if 0 < len(secret) <= SECRET_CHARACTERS_MAX:
        for join in view.find(Join, secret_sha256=hashed):
            if hmac.compare_digest(join.secret_sha256, hashed):
                return join
    raise ForbiddenError(
        "the join token is unknown or long over; ask an admin for another: wavetrain node join NODE"
    )


def _check_good(view: View, join: Join) -> None:
    if join.used_at is not None:
        return  # the transaction says so, and writes it down
    if join.revoked or not store_clock.shown(view) < join.expires_at:
        what = "was revoked" if join.revoked else f"ended at {join.expires_at:%Y-%m-%d %H:%M} UTC"
        raise ForbiddenError(f"join token {join.id} {what}; {_another(join.node)}")
    _check_may_join(view, join.node)


def _check_may_join(view: View, node: str) -> None:
    if home_of(view, node) is None:
        raise UnknownError(
            f"there is no node {node[:120]} in the fleet; apply a fleet that has it, or correct its id"
        )
    retired = view.get(Retired, node)
    if retired is not None:
        raise ForbiddenError(
            f"node {node} was retired by {retired.by} ({retired.reason}); "
            f"to use it again run: wavetrain node rebuild {node} --reason TEXT"
        )


def _check_may_renew(view: View, caller: Caller, serial: str) -> None:
    known = view.get(Certificate, serial)
    if known is None or known.node != caller.name or known.revoked:
        raise ForbiddenError(
            f"node {caller.name} asks for a certificate without a good one of its own; {_another(caller.name)}"
        )
    _check_may_join(view, caller.name)


def _used(join: Join) -> ForbiddenError:
    return ForbiddenError(
        f"join token {join.id} of node {join.node} was used already at {join.used_at:%Y-%m-%d %H:%M} UTC; if that "
        f"was not this node, run: wavetrain node revoke {join.node}; then {_another(join.node)}"
    )


def _another(node: str) -> str:
    return f"make another: wavetrain node join {node}"


def _speaker(node: NodeId) -> Caller:
    return Caller(node, (Role.NODE,))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
