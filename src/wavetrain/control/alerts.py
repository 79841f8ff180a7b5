"""Alerts: which facts have become worth telling, and to whom?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from wavetrain.control.outbox import post
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.tick import due
from wavetrain.decide import alerts
from wavetrain.decide.alerts import Answer, Key, Scene
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.decide.feature_evidence import FeatureEvidence
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import Quarantine
from wavetrain.model.journal import Entry
from wavetrain.model.notice import WRITER, Alert, AlertKind, Channel, Concern, Delivery, Outgoing, Tenure
from wavetrain.model.rollout import Rollout, Slot, Turn, Wave
from wavetrain.model.standstill import Standstill

PASS_EVERY_S = 1.0
"""Changes come in swarms; between two passes is this much time at least."""
KEEP_AFTER = timedelta(minutes=1)
"""What lasts shorter and is told to nobody yet is only remembered, and not written down."""
KEPT_FOR_S = 7 * 86_400.0
KEPT_MAX = 10_000
"""Messages of one channel that are delivered or dead; the oldest go first."""


class Alerts:
    """Looks for facts after ticks. Holds nothing that the facts cannot make again."""

    def __init__(
        self,
        store: Store,
        channels: Sequence[tuple[str, str, tuple[AlertKind, ...]]],
        decide: Callable[[Scene, Mapping[Key, datetime]], Answer] = alerts.answer,
        every_s: float = PASS_EVERY_S,
    ) -> None:
        """`channels`: the name, the kind, and what each of them tells. `decide` is what chooses the facts."""
        self._store = store
        self._decide = decide
        self._every_s = every_s
        self._configured = channels
        self._seen: dict[Key, datetime] = {}
        self._sequence = -1
        self._looked_at = float("-inf")
        self._next_at: datetime | None = None

    def begin(self, holder: str) -> int:
        """This process writes from now on: the channels are as configured, and a lost predecessor is told."""
        with self._store.write() as transaction:
            self._set_up(transaction)
            before = transaction.get(Tenure, WRITER)
            told = alerts.of_lease(before, holder, transaction.now) if before is not None else None
            made = _post(transaction, Answer(lasting=(told,))) if told is not None else 0
            version = before.version if before is not None else 0
            transaction.put(Tenure(holder=holder, since=transaction.now, version=version))
        return made

    def end(self, holder: str) -> None:
        """This process gives its place up itself."""
        with self._store.write() as transaction:
            mine = transaction.get(Tenure, WRITER)
            if mine is not None and mine.holder == holder:
                transaction.put(mine.changed(ended=True))

    def look(self) -> int:
        """How many messages were made. Reads nothing where nothing changed and no time has come."""
        with self._store.read() as view:
            if not self._is_due(view):
                return 0
            answer = self._answer(view)
            is_news = _is_news(view, answer)
        made = 0
        if is_news:
            with self._store.write() as transaction:
                answer = self._answer(transaction)
                made = _write(transaction, answer)
        # Only now: had the store failed above, the next look begins where this one began.
        self._sequence, self._looked_at, self._next_at = view.sequence, view.steady, answer.next_at
        self._seen = dict(answer.standing)
        return made

    def forget(self, kept_max: int = KEPT_MAX) -> int:
        """Let go of old messages that were delivered or given up, never of one whose fact could make it again."""
        with self._store.read() as view:
            answer = self._answer(view)
            current = {alert.id for alert in (*answer.lasting, *answer.moments)}
            old = [item for name in _names(view) for item in _old(view, name, current, kept_max)]
        if old:
            with self._store.write() as transaction:
                for item in old:
                    transaction.remove(item)
        return len(old)

    def _is_due(self, view: View) -> bool:
        if self._next_at is not None and view.now >= self._next_at:
            return True
        return view.sequence != self._sequence and abs(view.steady - self._looked_at) >= self._every_s

    def _answer(self, view: View) -> Answer:
        known = {key: item.since for key, item in _concerns(view).items()}
        return self._decide(scene(view), {**self._seen, **known})

    def _set_up(self, transaction: Transaction) -> None:
        """The store's channels are those of the configuration; what waits for one that is gone is given up."""
        kept = {item.name: item for item in transaction.find(Channel)}
        for name, kind, on in self._configured:
            before = kept.pop(name, None)
            if before is None:
                transaction.put(Channel(name=name, kind=kind, on=on, since=transaction.now))
            elif (before.kind, before.on) != (kind, on):
                transaction.put(before.changed(kind=kind, on=on))
        for gone in kept.values():
            transaction.remove(gone)
            for item in transaction.find(Outgoing, channel=gone.name, state=Delivery.WAITING.value):
                why = f"channel {gone.name} is not configured any more"
                transaction.put(item.changed(state=Delivery.DEAD, answer=why, settled_at=transaction.steady))
                transaction.note([_entry(transaction, item.id, f"{item.alert.title}: not told: {why}")])


def _concerns(view: View) -> dict[Key, Concern]:
    return {(item.kind.value, item.subject, item.reason): item for item in view.find(Concern)}


def _is_news(view: View, answer: Answer) -> bool:
    """Whether there is anything to write down."""
    kept = _concerns(view).keys()
    if kept - answer.standing.keys() or _to_keep(answer, view.now) - kept:
        return True
    return any(True for _ in _unknown(view, answer))


def _write(transaction: Transaction, answer: Answer) -> int:
    """What lasts, and what is told of it, in one act: an alert's id rests on the moment that is kept with it."""
    kept = _concerns(transaction)
    for key, item in kept.items():
        if key not in answer.standing:
            transaction.remove(item)
    for key in sorted(_to_keep(answer, transaction.now) - kept.keys()):
        kind, subject, reason = key
        since = answer.standing[key]
        transaction.put(Concern(kind=AlertKind(kind), subject=subject, reason=reason, since=since))
    return _post(transaction, answer)


def _post(transaction: Transaction, answer: Answer) -> int:
    """Put what is new into the outbox, for each channel that tells it."""
    channels: dict[str, list[str]] = {}
    for channel, alert in _unknown(transaction, answer):
        channels.setdefault(alert.id, []).append(channel)
    new = {alert.id: alert for alert in (*answer.lasting, *answer.moments) if alert.id in channels}
    return sum(post(transaction, alert, channels[alert.id], "alerts") for alert in new.values())


def scene(view: View) -> Scene:
    """What the store holds that may be worth an alert."""
    moving = {item.id: item for item in due(view)}
    recent = [
        item
        for item in view.find(Rollout)
        if item.id not in moving and item.over_at is not None and view.now - item.over_at < alerts.MOMENT_KEPT
    ]
    names = list(moving)
    return Scene(
        now=view.now,
        steady=view.steady,
        rollouts=(*moving.values(), *recent),
        waves=[wave for name in names for wave in view.find(Wave, rollout=name)],
        turns=[turn for name in names for turn in view.find(Turn, rollout=name)],
        slots=view.find(Slot),
        quarantined={item.node: item for item in view.find(Quarantine)},
        features=[(one, view.get(FeatureEvidence, one.id)) for one in view.find(Feature) if one.checks],
        standstills=view.find(Standstill),
        failing=frozenset(
            name for name in names if (kept := view.get(RolloutEvidence, name)) is not None and kept.failed
        ),
    )


def _unknown(view: View, answer: Answer) -> Iterator[tuple[str, Alert]]:
    """Each alert that a channel tells and that was never put into its outbox."""
    for channel in view.find(Channel):
        for alert in alerts.wanted(channel, answer):
            if view.get(Outgoing, alert.id, channel.name) is None:
                yield channel.name, alert


def _to_keep(answer: Answer, now: datetime) -> set[Key]:
    """What is told, or has lasted a while: a restart must not begin to count anew."""
    return {key for key, since in answer.standing.items() if key in answer.told or now - since >= KEEP_AFTER}


def _names(view: View) -> list[str]:
    """Every channel that ever had a message."""
    return sorted({item.channel for item in view.find(Outgoing)})


def _old(view: View, channel: str, current: set[str], kept_max: int) -> list[Outgoing]:
    settled = [
        item
        for state in (Delivery.DELIVERED, Delivery.DEAD)
        for item in view.find(Outgoing, channel=channel, state=state.value)
        if item.id not in current
    ]
    settled.sort(key=lambda item: (item.settled_at, item.id))
    spare = max(0, len(settled) - kept_max)
    return [
        item
        for index, item in enumerate(settled)
        if index < spare or view.steady - item.settled_at >= KEPT_FOR_S
    ]


def _entry(view: View, subject: str, text: str) -> Entry:
    return Entry(at=view.now, who="alerts", kind="alert", subject=subject, text=text)
