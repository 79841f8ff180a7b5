"""Reconnects: what do sessions report of having come back, and whose work was it?

Taken in one commit for each report of a node, beside the tick. What is kept is bounded for each account, PoP and day:
the last reconnects in full, and of all of them the sums by maintenance.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import msgspec

from wavetrain.control import account_features
from wavetrain.control.facts import ledger_of
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active
from wavetrain.decide import receipt, reconnecting
from wavetrain.decide.permit import Act, Caller, require_account, require_own_node
from wavetrain.decide.reconnecting import Said
from wavetrain.model.fleet import Account, AccountId, NodeId, Pop, PopId, Reported
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.receipt import Code, Reconnect, Reconnects
from wavetrain.model.rollout import Turn

ROWS_MAX: Final = 200
SESSIONS_MAX: Final = 2_000
"""So many sites of an account at a PoP are told one by one."""
HEARD_MAX: Final = 400
AGE_S_MAX: Final = 86_400.0
LOST_S_MAX: Final = 86_400.0
FRESH: Final = timedelta(seconds=120)
"""So long before and after a node says that it is done, sessions are believed to end by its update."""
LISTED_MAX: Final = 500
DAYS_MAX: Final = 31


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A session that came to a node, as its own side told the node's program."""

    n: int
    program: str
    session: str
    account: str
    is_user: bool
    before: str
    was: str = ""
    """The release that served it there; empty where nobody says."""
    lost_s: float
    reason: str
    ago_s: float


class ReconnectSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to "was this drop your maintenance?"."""

    at: datetime
    session: str
    pop: PopId
    lost_s: float
    code: Code
    work: str
    answer: str


class ReconnectsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The last ones first; `dropped` more came than are kept in full."""

    account: str
    reconnects: tuple[ReconnectSeen, ...]
    dropped: int


def take(store: Store, caller: Caller, node: str, came: Sequence[Came]) -> int:
    """Take a node's own report in; how many of it count. What is no account's here, or no time, counts not."""
    require_own_node(caller, node)
    good = [one for one in came if _is_sound(one)]
    if not good:
        return 0
    with store.write() as transaction:
        pop = home_of(transaction, node)
        if pop is None:
            return 0
        scene = _Scene(transaction, pop)
        kept: dict[tuple[str, str], Reconnects] = {}
        counted = 0
        for one in sorted(good, key=lambda item: (item.program, item.n)):
            if not scene.knows(one.account):
                continue
            at = scene.then(one.ago_s)
            key = (one.account, f"{at:%Y-%m-%d}")
            record = kept.get(key) or transaction.get(Reconnects, *key, pop.id)
            record = record or Reconnects(account=AccountId(one.account), day=key[1], pop=pop.id)
            start = f"{node} {one.program}"
            if record.heard.get(start, -1) >= one.n:
                continue
            kept[key] = _with(record, scene.told(node, one, at), start, one.n)
            counted += 1
        transaction.put_many(kept.values())
    return counted


def seen(
    store: Store, caller: Caller, account: str, days: int = 7, limit: int = LISTED_MAX
) -> ReconnectsSeen:
    """An account's, of the last days; another one's token learns not even whether there is one."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    days, limit = max(1, min(days, DAYS_MAX)), max(1, min(limit, LISTED_MAX))
    with store.read() as view:
        account_features.require_known(view, account)
        first = f"{view.now - timedelta(days=days):%Y-%m-%d}"
        records = [one for one in view.find(Reconnects, account=account) if one.day >= first]
    rows = sorted(
        ((row, record.pop) for record in records for row in record.rows),
        key=lambda pair: (pair[0].at, pair[0].id),
        reverse=True,
    )
    return ReconnectsSeen(
        account=account,
        reconnects=tuple(_seen(row, pop) for row, pop in rows[:limit]),
        dropped=sum(record.dropped for record in records) + max(0, len(rows) - limit),
    )


def _seen(row: Reconnect, pop: PopId) -> ReconnectSeen:
    yes = f"yes, work {row.work}" if row.work else "no"
    return ReconnectSeen(
        at=row.at,
        session=row.session,
        pop=pop,
        lost_s=row.lost_s,
        code=row.code,
        work=row.work,
        answer=f"{yes}: {row.why}",
    )


class _Scene:
    """What is known of a PoP while one report is taken in."""

    def __init__(self, view: View, pop: Pop) -> None:
        self._view, self._pop = view, pop
        self._works = [one for one in view.find(Maintenance, pop=pop.id) if one.began_at is not None]
        self._jumps = ledger_of(view).jumps
        self._accounts: dict[str, bool] = {}

    @cached_property
    def _turns(self) -> list[Turn]:
        """Of the rollouts that have worked here; asked for only where a session has ended."""
        works = [work.rollout for work in self._works]
        rollouts = dict.fromkeys([*works, *(one.id for one in active(self._view))])
        found = [self._view.get(Turn, rollout, self._pop.id) for rollout in rollouts]
        return [turn for turn in found if turn is not None]

    def then(self, ago_s: float) -> datetime:
        """Train time so long ago, as it was before it was moved ahead meanwhile."""
        was = self._view.steady - ago_s
        jumped_s = sum(jump.by_s for jump in self._jumps if jump.at > was)
        return self._view.now - timedelta(seconds=ago_s + jumped_s)

    def knows(self, account: str) -> bool:
        known = self._accounts.get(account)
        if known is None:
            known = self._accounts[account] = self._view.get(Account, account) is not None
        return known

    def told(self, node: str, one: Came, at: datetime) -> Reconnect:
        said = Said(before=one.before, at=at, reason=one.reason)
        moved = (
            {one.before}
            if one.reason == "lost" and self._was_moved(one, at - timedelta(seconds=one.lost_s))
            else set()
        )
        found = reconnecting.attributed(said, self._works, moved)
        return Reconnect(
            id=f"{node} {one.program} {one.n}",
            session=one.session,
            is_user=one.is_user,
            node=node,
            before=one.before,
            at=at,
            lost_s=one.lost_s,
            code=found.code,
            work=found.work,
            why=found.why,
        )

    def _was_moved(self, one: Came, at: datetime) -> bool:
        """Whether the session's end at its node was that of the program which an update has ended.

        Such a program may serve on for a while when the node says already that it is done: who was served by another
        release than the node has now was served by it. Where nobody says by which, the end came before that word.
        """
        for turn in self._turns:
            if any(unit.unit == one.before for unit in turn.progress):
                return True
            if one.before in turn.exposed or one.before in turn.order[: turn.cursor]:
                said = self._view.get(Reported, NodeId(one.before))
                if said is None or not said.since - FRESH <= at <= said.since + FRESH:
                    continue
                if one.was != said.release if one.was else at <= said.since:
                    return True
        return False


def _with(record: Reconnects, came: Reconnect, start: str, n: int) -> Reconnects:
    rows = (*record.rows, came)
    heard = {**record.heard, start: n}
    while len(heard) > HEARD_MAX:
        heard.pop(next(iter(heard)))
    costs = receipt.added(record.costs, came, SESSIONS_MAX) if came.work else record.costs
    return record.changed(
        rows=rows[-ROWS_MAX:],
        dropped=record.dropped + max(0, len(rows) - ROWS_MAX),
        costs=costs,
        heard=heard,
    )


def _is_sound(one: Came) -> bool:
    return (
        one.n >= 0
        and math.isfinite(one.lost_s)
        and math.isfinite(one.ago_s)
        and 0 <= one.lost_s <= LOST_S_MAX
        and 0 <= one.ago_s <= AGE_S_MAX
        and bool(one.session)
        and one.session.isprintable()
        and one.before.isprintable()
    )
