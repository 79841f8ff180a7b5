"""Telling: which accounts are told now of what has changed, or come near, of work at their PoPs?

Looks after the records of maintenance were written. It touches what changed and what has become due by the clock, and
only the accounts that have a way to be told; what an account has heard and the messages that carry it are one commit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush

import msgspec

from wavetrain.control import account_features, account_work
from wavetrain.control.customer_notice import Item, Notice, facts_of, shortened
from wavetrain.control.facts import policy_in
from wavetrain.control.ports import Change, Store, Transaction, View
from wavetrain.control.status_picture import PlaceSeen, StatusPicture
from wavetrain.decide import customer_notices
from wavetrain.decide.customer_notices import Due, Fact
from wavetrain.errors import StaleError
from wavetrain.model.fleet import Account, PopId, Serves, Site, Visit
from wavetrain.model.journal import Entry
from wavetrain.model.maintenance import OPEN, Maintenance
from wavetrain.model.notice import Delivery
from wavetrain.model.policy import Announce, PolicyText
from wavetrain.model.rollout import Rollout
from wavetrain.model.subscription import Dispatch, Heard, Subscription, Topic

EVERYBODY = ""
"""The account of the operator's own ways."""
LATE = timedelta(days=7)
"""What was over for longer when a control plane starts is not told any more."""
WRITTEN_MAX = 500
"""So many notices are written in one commit, for the ticker not to wait long."""
_KINDS = frozenset({"Maintenance", "Subscription", "Site", "Visit"})


class Listener(msgspec.Struct):
    """An account that has a way to be told."""

    ways: dict[str, Subscription]
    pops: frozenset[PopId] = frozenset()

    @property
    def since(self) -> datetime:
        """From when on it is told."""
        return min(way.since for way in self.ways.values())


class Teller:
    """Makes notices. Holds nothing that the store cannot make again. One thread uses it."""

    def __init__(self, store: Store, picture: Callable[[], StatusPicture]) -> None:
        self._store, self._picture = store, picture
        self._sequence = -1
        self._listeners: dict[str, Listener] = {}
        self._at: dict[PopId, set[str]] = {}
        """By PoP: the accounts that use it and listen."""
        self._due: list[tuple[datetime, str]] = []
        """When a stretch of work is to be looked at by the clock alone, the next first."""
        self._announce: dict[str, Announce] = {}
        """By rollout."""

    def look(self) -> int:
        """Make what has become due; how many notices. Raises what the store raises; then it begins anew."""
        try:
            return self._looked()
        except Exception:
            self._sequence = -1
            raise

    def _looked(self) -> int:
        picture = self._picture()
        with self._store.read() as view:
            dirty, sequence = self._dirty(view, picture), view.sequence
            while self._due and self._due[0][0] <= view.now:
                dirty.add(heappop(self._due)[1])
            facts = self._facts(view, picture, dirty)
            self._along(view, picture, facts)
            notices = list(self._notices(view, picture, facts))
            now = view.now
        for start in range(0, len(notices), WRITTEN_MAX):
            self._write(notices[start : start + WRITTEN_MAX])
        for works in facts.values():
            for name in works:
                heappush(self._due, (now, name))  # what is next of it, is found at the next look
        self._sequence = sequence
        return len(notices)

    def _dirty(self, view: View, picture: StatusPicture) -> set[str]:
        """The stretches of work to look at; at first, and after a gap, all of them."""
        if self._sequence < 0:
            return self._everything(view)
        try:
            changes = [one for one in view.changes(self._sequence) if one.kind in _KINDS]
        except StaleError:
            return self._everything(view)
        if any(one.kind == "Site" and one.record is None for one in changes):
            return self._everything(view)
        dirty = {one.key[0] for one in changes if one.kind == "Maintenance"}
        for account in self._touched(changes):
            dirty |= self._placed(view, picture, account)
        return dirty

    def _touched(self, changes: Iterable[Change]) -> set[str]:
        """The listening accounts whose ways or PoPs have changed."""
        found: set[str] = set()
        for change in changes:
            record = change.record
            if change.kind == "Subscription":
                account, name = change.key
                listener = self._listeners.setdefault(account, Listener({}))
                if isinstance(record, Subscription):
                    listener.ways[name] = record
                else:
                    listener.ways.pop(name, None)
                found.add(account)
            elif isinstance(record, Site | Visit) and record.account in self._listeners:
                found.add(record.account)
        return found

    def _placed(self, view: View, picture: StatusPicture, account: str) -> set[str]:
        """Know where an account listens; the work there, which it may not have heard of."""
        listener = self._listeners[account]
        for pop in listener.pops:
            self._at[pop].discard(account)
        if not listener.ways:
            del self._listeners[account]
            return set()
        if account == EVERYBODY:
            return {work.id for work in picture.works}
        homes, visits = account_features.pops_of(view, account)
        listener.pops = frozenset([*homes, *visits])
        for pop in listener.pops:
            self._at.setdefault(pop, set()).add(account)
        return {work.id for work in picture.of_pops([*listener.pops, *picture.consoles])}

    def _everything(self, view: View) -> set[str]:
        self._listeners, self._at, self._due, self._announce = {}, {}, [], {}
        for way in view.find(Subscription):
            self._listeners.setdefault(way.account, Listener({})).ways[way.name] = way
        for pop, account in _uses(view, self._listeners):
            self._at.setdefault(pop, set()).add(account)
        for pop, accounts in self._at.items():
            for account in accounts:
                self._listeners[account].pops |= {pop}
        if not self._listeners:
            return set()
        oldest = view.now - LATE
        return {
            one.id for one in view.find(Maintenance) if one.state in OPEN or (one.over_at or oldest) > oldest
        }

    def _facts(self, view: View, picture: StatusPicture, dirty: Iterable[str]) -> dict[str, dict[str, Fact]]:
        """By account and stretch of work: what it is told now. What is due later is remembered."""
        found: dict[str, dict[str, Fact]] = {}
        if not self._listeners:
            return found
        for name in sorted(dirty):
            work = view.get(Maintenance, name)
            accounts = self._accounts(work.pop, picture) if work is not None else ()
            if work is None or not accounts:
                continue
            heard = {one.account: one for one in view.find(Heard, maintenance=name)}
            later: datetime | None = None
            for account in accounts:
                due = self._next(view, work, heard.get(account), account)  # type: ignore[call-overload]
                if due is None:
                    continue
                if due.at <= view.now:
                    fact = Fact(due.topic, work, heard.get(account))  # type: ignore[call-overload]
                    found.setdefault(account, {})[name] = fact
                elif later is None or due.at < later:
                    later = due.at
            if later is not None:
                heappush(self._due, (later, name))
        return found

    def _along(self, view: View, picture: StatusPicture, facts: Mapping[str, dict[str, Fact]]) -> None:
        """Announce along what would be announced soon: a train is not told PoP by PoP, night after night."""
        for account, works in facts.items():
            trains = {fact.work.rollout for fact in works.values() if fact.topic is Topic.ANNOUNCED}
            if not trains:
                continue
            listener = self._listeners[account]
            there = picture.works if account == EVERYBODY else picture.of_pops(listener.pops)
            for work in there:
                if work.rollout not in trains or work.id in works:
                    continue
                due = self._next(view, work, view.get(Heard, work.id, account), account)
                is_soon = due is not None and due.at <= view.now + customer_notices.ALONG
                if is_soon and due is not None and due.topic is Topic.ANNOUNCED:
                    works[work.id] = Fact(Topic.ANNOUNCED, work, None)

    def _accounts(self, pop: PopId, picture: StatusPicture) -> Iterable[str]:
        if pop in picture.consoles:
            return self._listeners
        here = self._at.get(pop, set())
        return here | {EVERYBODY} if EVERYBODY in self._listeners else here

    def _next(self, view: View, work: Maintenance, heard: Heard | None, account: str) -> Due | None:
        announce = self._announce.get(work.rollout)
        if announce is None:
            rollout = view.get(Rollout, work.rollout)
            text = view.get(PolicyText, rollout.policy) if rollout is not None else None
            announce = policy_in(text, text.digest).announce if text is not None else Announce()
            self._announce[work.rollout] = announce
        return customer_notices.coming(work, heard, announce, self._listeners[account].since)

    def _notices(
        self, view: View, picture: StatusPicture, facts: Mapping[str, Mapping[str, Fact]]
    ) -> Iterator[tuple[Notice, list[Fact]]]:
        for account in sorted(facts):
            known = view.get(Account, account) if account else None
            sites = view.find(Site, account=account)[: account_work.SITES_MAX] if account else []
            inspection = account_work.inspection_of(view, sites, picture)
            for same in customer_notices.together(facts[account].values()):
                items = []
                for fact in same:
                    place = picture.places.get(fact.work.pop) or _unknown(fact.work.pop)
                    told = shortened(account_work.work_for(fact.work, place, sites, inspection))
                    is_moved = fact.heard is not None and fact.heard.starts != fact.work.starts
                    before = fact.heard if is_moved or fact.topic is Topic.MOVED else None
                    items.append(
                        Item(
                            work=told,
                            was_starts=before.starts if before is not None else None,
                            was_ends=before.ends if before is not None else None,
                        )
                    )
                yield (
                    Notice(
                        id=customer_notices.id_of(account, same),
                        account=account,
                        name=known.name if known is not None and known.name else account,
                        topic=same[0].topic,
                        at=view.now,
                        items=tuple(items),
                    ),
                    list(same),
                )

    def _write(self, notices: Iterable[tuple[Notice, list[Fact]]]) -> None:
        """What was heard, and what carries it, in one act; what changed since it was read is left to the next look."""
        told: dict[Topic, int] = {}
        with self._store.write() as transaction:
            for notice, facts in notices:
                if not all(_stands(transaction, fact, notice.account) for fact in facts):
                    continue
                for fact in facts:
                    transaction.put(customer_notices.heard_of(fact, notice.account, transaction.now))
                ways = self._listeners[notice.account].ways.values()
                made = post(transaction, notice, ways)
                told[notice.topic] = told.get(notice.topic, 0) + made
            for topic, count in told.items():
                _note(transaction, topic, count)


def post(transaction: Transaction, notice: Notice, ways: Iterable[Subscription]) -> int:
    """Put a notice into the outbox for those of an account's ways that want it, in the caller's transaction."""
    made = 0
    for way in ways:
        if way.paused or (notice.topic is not Topic.TEST and notice.topic not in way.on):
            continue
        if transaction.get(Dispatch, notice.id, way.account, way.name) is not None:
            continue
        made += 1
        transaction.put(
            Dispatch(
                id=notice.id,
                account=way.account,
                name=way.name,
                state=Delivery.WAITING,
                topic=notice.topic,
                facts=facts_of(notice),
                made_at=transaction.now,
                queued_at=transaction.steady,
                due_at=transaction.steady,
            )
        )
    return made


def _uses(view: View, listeners: Mapping[str, Listener]) -> Iterator[tuple[PopId, str]]:
    """Which listening account uses which PoP: all sites are read once, not once for each account."""
    if not listeners.keys() - {EVERYBODY}:
        return
    for site in view.find(Site):
        if site.account in listeners:
            for pop in (site.primary, site.secondary):
                if pop:
                    yield pop, site.account
    for account in {visit.account for visit in view.find(Visit)} & listeners.keys():
        for pop in account_features.pops_of(view, account)[1]:
            yield pop, account


def _stands(view: View, fact: Fact, account: str) -> bool:
    work = view.get(Maintenance, fact.work.id)
    heard = view.get(Heard, fact.work.id, account)
    versions = (work.version if work is not None else -1, heard.version if heard is not None else 0)
    return versions == (fact.work.version, fact.heard.version if fact.heard is not None else 0)


def _unknown(pop: PopId) -> PlaceSeen:
    """A PoP that the fleet no longer has."""
    return PlaceSeen(pop, str(pop), "", "UTC", Serves.EDGE)  # type: ignore[arg-type]


def _note(transaction: Transaction, topic: Topic, count: int) -> None:
    if count:
        text = (
            f"customers are told by {count} message{'s' if count != 1 else ''} of work that is {topic.value}"
        )
        entry = Entry(at=transaction.now, who="notices", kind="notice", subject=topic.value, text=text)
        transaction.note([entry])
