"""Feature bench: how long does a feature's evaluation take, in this process, and until all have heard of a change?"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import features
from wavetrain.control.standings import Standings
from wavetrain.decide import cohort, ramp
from wavetrain.decide.activation import Sheet, Standing, bits_of
from wavetrain.decide.permit import Caller
from wavetrain.lab.feature_peer import FLAGS, is_covered, needed, share
from wavetrain.model.access import Role
from wavetrain.model.feature import Feature, FeatureKey, Needs, Ramp, Step, Variant
from wavetrain.model.fleet import Account, AccountId, NodeId, Pop, PopId, RegionId, Site, SiteId
from wavetrain.model.window import WindowRule

OPERATOR = Caller("bench", (Role.OPERATOR,))
POPS = 400
BATCH = 50_000


def announced(many: int, now: datetime) -> tuple[Feature, ...]:
    """Features with shares, needs and coverage as the peers have them."""
    return tuple(_feature(number, now) for number in range(many))


def ours_ns(rounds: int, fresh: Iterator[int], now: datetime) -> float:
    """Nanoseconds a flag: variant, value, reason, of all flags of accounts that were never seen before."""
    made = {one.id: one for one in announced(FLAGS, now)}
    sheet = Sheet(made, now)
    covered = ~bits_of(sheet, [f"flag-{number}" for number in range(FLAGS) if is_covered(number)])
    names = [f"account-{next(fresh)}" for _ in range(rounds)]
    begun = time.perf_counter()
    told = 0
    for name in names:
        told += len(sheet.answers(Standing(cohort.unit_key(name), covered=covered)))
    return (time.perf_counter() - begun) / told * 1e9


def ramp_step_s(accounts: int, many: int, now: datetime, rounds: int) -> list[float]:
    """Seconds from asking for a ramp's next step until answers show it, of a fleet of so many accounts."""
    store = MemoryStore(time.time)
    with store.write() as transaction:
        transaction.put_many(_pop(number) for number in range(POPS))
    for first in range(0, accounts, BATCH):
        numbers = range(first, min(first + BATCH, accounts))
        with store.write() as transaction:
            transaction.put_many(Account(id=AccountId(f"account-{number}")) for number in numbers)
            transaction.put_many(_site(number) for number in numbers)
    features.add(store, OPERATOR, announced(many, now))
    standings = Standings(store, kept=True)
    plain = (number for number in range(many) if needed(number) is None and not is_covered(number))
    growing = [number for number in plain if share(number) < 100]
    return [_step(store, standings, number, accounts) for number in growing[:rounds]]


def _step(store: MemoryStore, standings: Standings, number: int, accounts: int) -> float:
    """A step to everybody of a feature whose ramp has not reached a certain account yet."""
    key = FeatureKey(f"flag-{number}")
    late = next(
        name
        for name in (f"account-{place}" for place in count())
        if ramp.bucket(key, cohort.unit_key(name)) >= 10_000 * max(1, share(number))
    )
    assert int(late.partition("-")[2]) < accounts
    begun = time.perf_counter()
    features.schedule(store, OPERATOR, key, None, (ramp.step(0, 100),))
    while True:
        sheet, standing = standings.look(late)
        if standing is not None and sheet.answer(standing, sheet.places[key]).is_on:
            return time.perf_counter() - begun


def _feature(number: int, now: datetime) -> Feature:
    before = needed(number)
    percent = share(number)
    steps: Sequence[Step] = (
        (ramp.step(0, 100),) if percent >= 100 else (ramp.step(0, percent), ramp.step(1_000, 100))
    )
    return Feature(
        id=FeatureKey(f"flag-{number}"),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary=f"flag {number}",
        owner="bench",
        announced_at=now,
        needs=Needs(
            features=(FeatureKey(f"flag-{before}"),) if before is not None else (),
            releases={"gateway": "2.0.0"} if is_covered(number) else {},
        ),
        ramp=Ramp(begins=now - timedelta(hours=1), steps=tuple(steps)),
    )


def _pop(number: int) -> Pop:
    window = WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=240, zone="UTC")
    return Pop(
        id=PopId(f"pop{number}"),
        region=RegionId("bench"),
        place="bench",
        zone="UTC",
        nodes=(NodeId(f"pop{number}-n1"),),
        window=window,
    )


def _site(number: int) -> Site:
    return Site(
        id=SiteId(f"site-{number}"),
        account=AccountId(f"account-{number}"),
        primary=PopId(f"pop{number % POPS}"),
        secondary=PopId(f"pop{(number + 7) % POPS}"),
    )
