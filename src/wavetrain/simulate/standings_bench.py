"""Standings bench: how much memory do very many accounts take, and how soon does a ramp's step reach each of them?"""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import perf_counter, time

import msgspec

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import features
from wavetrain.control.standings import Standings
from wavetrain.decide import cohort, ramp
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey, Needs, Ramp, Step, Variant
from wavetrain.model.feature_choice import FeatureChoice, Word
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Generation,
    NodeId,
    Phase,
    Pop,
    PopId,
    RegionId,
    Reported,
    Site,
    SiteId,
    Visit,
)
from wavetrain.model.record import Record
from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.model.window import WindowRule

NODES = 4
STEPS = 5
"""So many steps of ramps are waited for, those that a commit makes and those that the clock makes."""
STEP_AFTER_S = 0.7
WAIT_S = 30.0
_STEERS = Caller("bench", (Role.OPERATOR,))
_RELEASES = ("2.0.0", "2.1.0", "2.2.0")


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """How many there are."""

    accounts: int = 1_000_000
    features: int = 200
    pops: int = 4_000


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run."""

    accounts: int
    features: int
    pops: int
    load_s: float
    """Until the snapshot is made from the store, as after a restart."""
    arrays_mb: float
    """What the accounts take in arrays."""
    grown_mb: float
    """By how much the process has grown with the snapshot."""
    us_per_account: float
    """To answer all features of one account, asked in no order."""
    committed_step_visible_s: float
    """From the call that makes a ramp reach further until every account is answered by it: the longest."""
    due_step_visible_s: float
    """From the instant at which a step is due by the clock alone: the longest."""
    follow_node_ms: float
    """What a node's report costs the snapshot that makes its PoP run otherwise: the longest."""


def measure(crowd: Crowd = Crowd()) -> Measured:  # noqa: B008 (frozen)
    """Everything on one store in memory, by the machine's own clock."""
    store = MemoryStore(time, keeps_past=False, check_each=1_000)
    with store.write() as transaction:
        transaction.put_many(_records(crowd, transaction.now))
    gc.collect()
    before, began = _resident_mb(), perf_counter()
    standings = Standings(store, kept=True)
    load_s = perf_counter() - began
    gc.collect()
    grown = _resident_mb() - before
    ended = Event()
    thread = Thread(target=standings.keep, args=(ended,), name="bench")
    thread.start()
    try:
        return Measured(
            accounts=crowd.accounts,
            features=crowd.features,
            pops=crowd.pops,
            load_s=load_s,
            arrays_mb=standings.bytes_held / 1e6,
            grown_mb=grown,
            us_per_account=_ask(standings, crowd) * 1e6,
            committed_step_visible_s=max(_committed(store, standings, number) for number in range(STEPS)),
            due_step_visible_s=max(_due(store, standings, number) for number in range(STEPS)),
            follow_node_ms=max(_reported(store, standings, number) for number in range(STEPS)) * 1e3,
        )
    finally:
        ended.set()
        thread.join()
        standings.close()


def _ask(standings: Standings, crowd: Crowd) -> float:
    random = Random(1)  # noqa: S311 (no secret)
    names = [_account(random.randrange(crowd.accounts)) for _ in range(min(20_000, crowd.accounts))]
    began = perf_counter()
    for name in names:
        sheet, standing = standings.look(name)
        if standing is not None:
            sheet.answers(standing)
    return (perf_counter() - began) / len(names)


def _committed(store: MemoryStore, standings: Standings, number: int) -> float:
    """A person lets a ramp reach everybody: until the last account in its order has it."""
    key = FeatureKey(f"plain-{number}")
    last = max((_account(index) for index in range(1_000)), key=lambda name: _place(key, name))
    began = perf_counter()
    features.schedule(store, _STEERS, key, None, [Step(0.0, WHOLE_PPM)])
    return _until(standings, key, last, began)


def _due(store: MemoryStore, standings: Standings, number: int) -> float:
    """A ramp begins by the clock; from the instant on at which it does."""
    key = FeatureKey(f"later-{number}")
    begins = datetime.fromtimestamp(time() + STEP_AFTER_S, UTC)
    features.schedule(store, _STEERS, key, begins, [Step(0.0, WHOLE_PPM)])
    heard = Event()
    version = standings.version
    stop = standings.on_change(lambda now: heard.set() if now > version else None)
    began = perf_counter() + (begins.timestamp() - time())
    try:
        heard.wait(WAIT_S)  # who only listens, and never asks
        return _until(standings, key, _account(0), began)
    finally:
        stop()


def _reported(store: MemoryStore, standings: Standings, number: int) -> float:
    """A node goes back to an older release: what the commit takes longer by it."""
    with store.read() as view:
        said = view.get(Reported, _node(number, 0))
    assert said is not None
    began = perf_counter()
    with store.write() as transaction:
        transaction.put(said.changed(release="1.9.0"))
    took = perf_counter() - began
    assert not standings.has(said.pop, FeatureKey("needy-0")), "the PoP has it still"
    return took


def _until(standings: Standings, key: FeatureKey, account: str, began: float) -> float:
    while perf_counter() - began < WAIT_S:
        sheet, standing = standings.look(account)
        if standing is not None and sheet.answer(standing, sheet.places[key]).is_on:
            return max(0.0, perf_counter() - began)
    raise AssertionError(f"{key} did not reach {account} in {WAIT_S:g} s")


def _place(key: FeatureKey, account: str) -> int:
    return ramp.bucket(key, cohort.unit_key(account))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096 / 1e6


def _account(index: int) -> AccountId:
    return AccountId(f"account-{index:07}")


def _node(pop: int, index: int) -> NodeId:
    return NodeId(f"p{pop}-n{index}")


def _records(crowd: Crowd, now: datetime) -> Iterator[Record]:
    """A fleet in mid-train: PoPs on three releases, accounts of two or three PoPs, licences, choices and visits."""
    random = Random(7)  # noqa: S311 (no secret)
    window = WindowRule(rule="FREQ=DAILY", starts="01:00", minutes=240, zone="UTC")
    for number in _RELEASES:
        yield Release(
            id=ReleaseId(f"gateway@{number}"),
            component="gateway",
            number=number,
            lane="pop",
            digest="0" * 64,
            size=1,
            stage=Stage.GENERAL,
            submitted_at=now,
            submitted_by="ci",
        )
    for place in range(crowd.pops):
        pop, number = PopId(f"p{place}"), random.choices(_RELEASES, (1, 3, 16))[0]
        nodes = tuple(_node(place, index) for index in range(NODES))
        yield Pop(id=pop, region=RegionId("r"), place="x", zone="UTC", window=window, nodes=nodes)
        for node in nodes:
            yield Reported(
                node=node,
                pop=pop,
                generation=Generation(1, 1),
                release=number,
                phase=Phase.STEADY,
                since=now,
            )
    yield from _features(crowd, now)
    for index in range(crowd.accounts):
        yield from _of_account(crowd, index, random, now)


def _features(crowd: Crowd, now: datetime) -> Iterator[Record]:
    on_off = (Variant("on", True), Variant("off", False))
    for index in range(crowd.features):
        plain, later = index < STEPS, STEPS <= index < 2 * STEPS
        key = (
            f"plain-{index}" if plain else f"later-{index - STEPS}" if later else f"needy-{index - 2 * STEPS}"
        )
        needs = Needs() if plain or later else Needs(releases={"gateway": _RELEASES[index % 2 * 2]})
        first = Step(0.0, 0 if plain else WHOLE_PPM * (index % 15) // 15)
        yield Feature(
            id=FeatureKey(key),
            variants=on_off,
            on="on",
            off="off",
            summary=key,
            owner="bench",
            needs=needs,
            announced_at=now,
            ramp=None
            if later
            else Ramp(begins=now - timedelta(hours=1), steps=(first, Step(24.0 * 14, WHOLE_PPM))),
        )


def _of_account(crowd: Crowd, index: int, random: Random, now: datetime) -> Iterator[Record]:
    name = _account(index)
    yield Account(id=name, licences=("standard", "premium")[: 1 + index % 2], client=f"5.{index % 4}")
    first, second, third = (PopId(f"p{random.randrange(crowd.pops)}") for _ in range(3))
    yield Site(
        id=SiteId(f"s{index}"),
        account=name,
        primary=first,
        secondary=second if second != first else PopId(""),
    )
    if index % 10 == 0:
        yield Visit(account=name, pop=third, day=f"{now:%Y-%m-%d}", sessions=1)
    if index % 50 == 0:
        yield FeatureChoice(account=name, feature=FeatureKey("plain-0"), early=Word(at=now, by="a"))
