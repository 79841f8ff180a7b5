"""Telling: which accounts are told now of what has changed, or come near, of work and incidents at their PoPs?

Looks after the records of maintenance were written. It touches what changed and what has become due by the clock, and
only the accounts that have a way to be told; what an account has heard and the messages that carry it are one commit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush

import msgspec

from wavetrain.control import account_work, receipt_notices
from wavetrain.control.customer_notice import Item, Notice, facts_of, shortened, split
from wavetrain.control.facts import policy_in
from wavetrain.control.listeners import EVERYBODY, Listeners
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.status_picture import PlaceSeen, StatusPicture
from wavetrain.decide import customer_notices
from wavetrain.decide.customer_notices import Due, Fact
from wavetrain.errors import StaleError
from wavetrain.model.fleet import Account, PopId, Serves, Site
from wavetrain.model.journal import Entry
from wavetrain.model.maintenance import OPEN, Incident, Maintenance
from wavetrain.model.notice import Delivery
from wavetrain.model.policy import Announce, PolicyText
from wavetrain.model.receipt import Receipt
from wavetrain.model.rollout import Rollout
from wavetrain.model.subscription import Dispatch, Heard, Subscription, Topic

LATE = timedelta(days=7)
"""What was over for longer when a control plane starts is not told any more."""
WRITTEN_MAX = 500
"""So many notices are written in one commit, for the ticker not to wait long."""
_KINDS = frozenset({"Maintenance", "Incident", "Receipt", "Subscription", "Site", "Visit"})


class Train(msgspec.Struct, frozen=True):
    """What notices say of the rollout that work belongs to."""

    component: str = ""
    previous: str = ""
    announce: Announce = Announce()


class Made(msgspec.Struct, frozen=True):
    """A notice, what its account has heard by it, and what it rests on: nothing of that may have changed meanwhile."""

    notice: Notice
    heard: Sequence[Heard]
    stands: Sequence[Maintenance | Incident | Receipt]


class Teller:
    """Makes notices. Holds nothing that the store cannot make again. One thread uses it."""

    def __init__(self, store: Store, picture: Callable[[], StatusPicture]) -> None:
        self._store, self._picture = store, picture
        self._sequence = -1
        self._listeners = Listeners()
        self._due: list[tuple[datetime, str]] = []
        """When work, or an incident, is to be looked at by the clock alone, the next first."""
        self._trains: dict[str, Train] = {}

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
            facts: dict[str, dict[str, Fact]] = {}
            others: list[Made] = []
            if self._listeners.known:
                facts = self._facts(view, picture, dirty)
                self._along(view, picture, facts)
                others = [*self._of_incidents(view, picture, dirty), *self._of_receipts(view, dirty)]
        accounts = sorted(facts)
        count = len(others)
        for start in range(0, len(others), WRITTEN_MAX):
            self._write(others[start : start + WRITTEN_MAX])
        for start in range(0, len(accounts), WRITTEN_MAX):
            # Some at a time: all the notices of a great train need not be in memory at once.
            with self._store.read() as view:
                some = {account: facts[account] for account in accounts[start : start + WRITTEN_MAX]}
                made = list(self._notices(view, picture, some))
            self._write(made)
            count += len(made)
        self._sequence = sequence
        return count

    def _dirty(self, view: View, picture: StatusPicture) -> set[str]:
        """What is to be looked at; at first, and after a gap, everything."""
        if self._sequence < 0:
            return self._everything(view)
        try:
            changes = [one for one in view.changes(self._sequence) if one.kind in _KINDS]
        except StaleError:
            return self._everything(view)
        if any(one.kind == "Site" and one.record is None for one in changes):
            return self._everything(view)
        dirty = {one.key[0] for one in changes if one.kind in ("Maintenance", "Incident")}
        dirty |= {receipt_notices.name_of(one.record) for one in changes if isinstance(one.record, Receipt)}
        for account in self._listeners.follow(view, changes):
            dirty |= {work.id for work in self._works(account, picture)}
        return dirty

    def _everything(self, view: View) -> set[str]:
        self._due, self._trains = [], {}
        self._listeners.load(view)
        if not self._listeners.known:
            return set()
        oldest = view.now - LATE
        works = (
            one.id for one in view.find(Maintenance) if one.state in OPEN or (one.over_at or oldest) > oldest
        )
        faults = (one.id for one in view.find(Incident) if (one.over_at or view.now) > oldest)
        receipts = (receipt_notices.name_of(one) for one in view.find(Receipt) if one.made_at > oldest)
        return {*works, *faults, *receipts}

    def _works(self, account: str, picture: StatusPicture) -> Sequence[Maintenance]:
        """What is not over, and touches an account."""
        if account == EVERYBODY:
            return picture.works
        return picture.of_pops([*self._listeners.known[account].pops, *picture.consoles])

    def _facts(self, view: View, picture: StatusPicture, dirty: Iterable[str]) -> dict[str, dict[str, Fact]]:
        """By account and stretch of work: what it is told now. What is due later is remembered."""
        found: dict[str, dict[str, Fact]] = {}
        for name in sorted(dirty):
            work = view.get(Maintenance, name)
            accounts = self._listeners.at(work.pop, picture) if work is not None else ()
            if work is None or not accounts:
                continue
            heard: dict[str, Heard] = {one.account: one for one in view.find(Heard, maintenance=name)}
            later: datetime | None = None
            for account in accounts:
                due = self._next(view, work, heard.get(account), account)
                if due is None:
                    continue
                if due.at <= view.now:
                    found.setdefault(account, {})[name] = Fact(due.topic, work, heard.get(account))
                elif later is None or due.at < later:
                    later = due.at
            if later is not None:
                heappush(self._due, (later, name))
        return found

    def _along(self, view: View, picture: StatusPicture, facts: Mapping[str, dict[str, Fact]]) -> None:
        """Announce along what would be announced soon: a train is not told PoP by PoP, night after night."""
        soon = view.now + customer_notices.ALONG
        for account, works in facts.items():
            trains = {fact.work.rollout for fact in works.values() if fact.topic is Topic.ANNOUNCED}
            if not trains:
                continue
            for work in self._works(account, picture):
                if work.rollout not in trains or work.id in works:
                    continue
                due = self._next(view, work, view.get(Heard, work.id, account), account)
                if due is not None and due.topic is Topic.ANNOUNCED and due.at <= soon:
                    works[work.id] = Fact(Topic.ANNOUNCED, work, None)

    def _next(self, view: View, work: Maintenance, heard: Heard | None, account: str) -> Due | None:
        announce = self._train(view, work.rollout).announce
        return customer_notices.coming(work, heard, announce, self._listeners.known[account].since)

    def _train(self, view: View, name: str) -> Train:
        known = self._trains.get(name)
        if known is None:
            rollout = view.get(Rollout, name)
            text = view.get(PolicyText, rollout.policy) if rollout is not None else None
            announce = policy_in(text, text.digest).announce if text is not None else Announce()
            known = Train(rollout.component, rollout.previous, announce) if rollout is not None else Train()
            self._trains[name] = known
        return known

    def _of_receipts(self, view: View, dirty: Iterable[str]) -> list[Made]:
        now, later = receipt_notices.due(view, self._listeners, dirty)
        for entry in later:
            heappush(self._due, entry)
        return [Made(notice, [heard], [receipt]) for notice, heard, receipt in now]

    def _notices(
        self, view: View, picture: StatusPicture, facts: Mapping[str, Mapping[str, Fact]]
    ) -> Iterator[Made]:
        for account in sorted(facts):
            sites = view.find(Site, account=account)[: account_work.SITES_MAX] if account else []
            inspection = account_work.inspection_of(view, sites, picture)
            for same in customer_notices.together(facts[account].values()):
                items = []
                for fact in same:
                    place = picture.places.get(fact.work.pop) or _unknown(fact.work.pop)
                    told = account_work.work_for(fact.work, place, sites, inspection)
                    train = self._train(view, fact.work.rollout)
                    is_moved = fact.heard is not None and fact.heard.starts != fact.work.starts
                    before = fact.heard if is_moved or fact.topic is Topic.MOVED else None
                    items.append(
                        Item(
                            work=shortened(told),
                            was_starts=before.starts if before is not None else None,
                            was_ends=before.ends if before is not None else None,
                            component=train.component,
                            previous=train.previous,
                        )
                    )
                notice = Notice(
                    id=customer_notices.id_of(account, same),
                    account=account,
                    name=_name(view, account),
                    topic=same[0].topic,
                    at=view.now,
                    items=tuple(items),
                )
                heard = [customer_notices.heard_of(fact, account, view.now) for fact in same]
                yield Made(notice, heard, [fact.work for fact in same])

    def _of_incidents(self, view: View, picture: StatusPicture, dirty: Iterable[str]) -> Iterator[Made]:
        for name in sorted(dirty):
            incident = view.get(Incident, name)
            if incident is None:
                continue
            accounts = {one for pop in incident.pops for one in self._listeners.at(pop, picture)}
            if EVERYBODY in self._listeners.known:
                accounts.add(EVERYBODY)
            for account in sorted(accounts):
                heard = view.get(Heard, name, account)
                if heard is None and incident.changed_at < self._listeners.known[account].since:
                    continue
                at = customer_notices.incident_due(incident, heard)
                if at is None:
                    continue
                if at > view.now:
                    heappush(self._due, (at, name))
                    continue
                notice = Notice(
                    id=customer_notices.id_of_incident(account, incident),
                    account=account,
                    name=_name(view, account),
                    topic=Topic.INCIDENT,
                    at=view.now,
                    incident=incident,
                )
                yield Made(
                    notice,
                    [customer_notices.heard_of_incident(incident, heard, account, view.now)],
                    [incident],
                )

    def _write(self, made: Sequence[Made]) -> None:
        """What was heard, and what carries it, in one act; what changed since it was read is left to the next look."""
        told: dict[Topic, int] = {}
        with self._store.write() as transaction:
            for one in made:
                if not _stands(transaction, one):
                    continue
                for heard in one.heard:
                    transaction.put(heard)
                listener = self._listeners.known[one.notice.account]
                count = post(transaction, one.notice, listener.ways.values())
                told[one.notice.topic] = told.get(one.notice.topic, 0) + count
            for topic, count in told.items():
                _note(transaction, topic, count)
            now = transaction.now
        for name in {one.id for each in made for one in each.stands if not isinstance(one, Receipt)}:
            heappush(self._due, (now, name))  # what is next of it, is found at the next look


def post(transaction: Transaction, notice: Notice, ways: Iterable[Subscription]) -> int:
    """Put a notice into the outbox for those of an account's ways that want it, in the caller's transaction."""
    made = 0
    for way in ways:
        if way.paused or (notice.topic is not Topic.TEST and notice.topic not in way.on):
            continue
        for part in split(notice, way.way):
            if transaction.get(Dispatch, part.id, way.account, way.name) is not None:
                continue
            made += 1
            transaction.put(
                Dispatch(
                    id=part.id,
                    account=way.account,
                    name=way.name,
                    state=Delivery.WAITING,
                    topic=part.topic,
                    facts=facts_of(part),
                    made_at=transaction.now,
                    queued_at=transaction.steady,
                    due_at=transaction.steady,
                )
            )
    return made


def _stands(view: View, made: Made) -> bool:
    """Whether all is as it was read: the records by their versions, and what the account had heard."""
    for one in made.stands:
        known = view.get(type(one), *one.key)
        if known is None or known.version != one.version:
            return False
    for heard in made.heard:
        before = view.get(Heard, *heard.key)
        if (before.version if before is not None else 0) != heard.version:
            return False
    return True


def _name(view: View, account: str) -> str:
    known = view.get(Account, account) if account else None
    return known.name if known is not None and known.name else account


def _unknown(pop: PopId) -> PlaceSeen:
    """A PoP that the fleet no longer has."""
    return PlaceSeen(pop, str(pop), "", "UTC", Serves.EDGE)  # type: ignore[arg-type]


def _note(transaction: Transaction, topic: Topic, count: int) -> None:
    if count:
        text = f"customers are told by {count} message{'s' if count != 1 else ''}: {topic.value}"
        entry = Entry(at=transaction.now, who="notices", kind="notice", subject=topic.value, text=text)
        transaction.note([entry])
