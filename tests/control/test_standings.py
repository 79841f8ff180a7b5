"""The snapshot follows every commit and the clock, and says what an account has as if all were worked out anew."""

from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from tests.control.homes import NEW, OLD, POPS, has, nodes_of, run, runs, settle, tell, visit
from tests.control.practice import OPERATOR, START, Practice

from wavetrain.control import features
from wavetrain.control.standings import STEP_BITS, Standings
from wavetrain.decide.activation import Why
from wavetrain.model.feature import FeatureKey
from wavetrain.model.feature_choice import FeatureChoice, Word
from wavetrain.model.fleet import AccountId, Phase, PopId, Quarantine, Retired, Visit
from wavetrain.model.rollout import RolloutId

DAY = 86_400
TILES, DARK = FeatureKey("tiles"), FeatureKey("dark-mode")


@pytest.fixture
def settled(house: Practice) -> Practice:
    settle(house)
    return house


@pytest.fixture
def standings(settled: Practice) -> Standings:
    return Standings(settled.store)


def put_choice(house: Practice, account: str, feature: FeatureKey, **fields: object) -> None:
    with house.store.write() as transaction:
        known = transaction.get(FeatureChoice, account, feature)
        made = known or FeatureChoice(account=AccountId(account), feature=feature)
        transaction.put(made.changed(**fields))


def test_a_pop_has_a_feature_when_every_node_runs_it_and_is_to_run_it(
    settled: Practice, standings: Standings
) -> None:
    settled.seconds += 2 * DAY
    assert has(standings, "acme") == []
    runs(settled, ["lis1"], NEW)
    assert has(standings, "acme") == []  # its secondary PoP does not have it yet
    runs(settled, ["fra1"], NEW)
    assert has(standings, "acme") == ["tiles"] == has(standings, "bolt")
    tell(settled, nodes_of("lis1")[3], OLD)  # the turn back itself, before any node has done anything
    assert has(standings, "acme") == []
    assert has(standings, "bolt") == ["tiles"]
    sheet, standing = standings.look("acme")
    assert standing is not None
    assert sheet.why(standing, sheet.places[TILES]) is Why.UNCOVERED


@pytest.mark.parametrize("why", ["retired", "quarantined", "failed", "never heard of"])
def test_a_node_that_is_not_in_service_does_not_count(
    settled: Practice, standings: Standings, why: str
) -> None:
    settled.seconds += 2 * DAY
    *others, last = nodes_of("fra1")
    for node in others:
        run(settled, node, NEW)
    assert has(standings, "bolt") == []
    with settled.store.write() as transaction:
        if why == "retired":
            transaction.put(Retired(node=last, by="olga", since=START))
        if why == "quarantined":
            lost = Quarantine(
                node=last,
                pop=PopId("fra1"),
                rollout=RolloutId("r"),
                since=START,
                reason="crashed",
                serves=False,
            )
            transaction.put(lost)
    if why == "failed":
        run(settled, last, OLD, Phase.FAILED)
    if why == "never heard of":
        run(settled, last, "")
    assert has(standings, "bolt") == ["tiles"]


def test_a_quarantined_node_that_serves_on_the_older_release_counts(
    settled: Practice, standings: Standings
) -> None:
    settled.seconds += 2 * DAY
    *others, last = nodes_of("fra1")
    for node in others:
        run(settled, node, NEW)
    lost = Quarantine(
        node=last, pop=PopId("fra1"), rollout=RolloutId("r"), since=START, reason="crashed", serves=True
    )
    with settled.store.write() as transaction:
        transaction.put(lost)
    assert has(standings, "bolt") == []


def test_a_visit_to_a_pop_without_a_feature_takes_nothing_away_and_gives_nothing(
    settled: Practice, standings: Standings
) -> None:
    settled.seconds += 2 * DAY
    runs(settled, ["lis1", "fra1"], NEW)
    assert has(standings, "acme") == ["tiles"] == has(standings, "bolt")
    visit(settled, "acme", "mad1", "2026-11-03", standings.latched)
    visit(settled, "acme", "mad1", "2026-11-04", standings.latched)
    assert has(standings, "acme") == ["tiles"]
    with settled.store.read() as view:
        assert [one.had for one in view.find(Visit, account="acme")] == [("tiles",)] * 2

    tell(settled, nodes_of("fra1")[0], OLD)
    visit(settled, "bolt", "mad1", "2026-11-03", standings.latched)  # it does not have it, so nothing is kept
    tell(settled, nodes_of("fra1")[0], NEW)
    assert (has(standings, "acme"), has(standings, "bolt")) == (["tiles"], [])
    settled.seconds += 16 * DAY  # the visit was too long ago to count
    assert has(standings, "bolt") == ["tiles"] or TILES in has(standings, "bolt")


def test_without_the_latch_a_visit_would_take_a_feature_away(settled: Practice, standings: Standings) -> None:
    settled.seconds += 2 * DAY
    runs(settled, ["lis1", "fra1"], NEW)
    visit(settled, "acme", "mad1", "2026-11-03", lambda *_: ())
    assert has(standings, "acme") == []


def test_who_uses_no_pop_has_what_all_pops_have(settled: Practice, standings: Standings) -> None:
    settled.seconds += 2 * DAY
    runs(settled, ["lis1", "fra1"], NEW)
    assert (has(standings, "nomad"), has(standings, "nobody")) == ([], [])
    assert standings.standing("nobody") is None
    runs(settled, ["mad1"], NEW)
    assert (has(standings, "nomad"), has(standings, "nobody")) == (["tiles"], [])


def test_words_of_an_account_and_their_ends(settled: Practice, standings: Standings) -> None:
    said = Word(at=START, by="ann")
    put_choice(settled, "bolt", DARK, early=said)
    assert has(standings, "bolt") == ["dark-mode"]
    put_choice(settled, "bolt", DARK, deferred_until=START + timedelta(days=1))
    assert has(standings, "bolt") == []
    before = standings.version
    settled.seconds += DAY
    assert has(standings, "bolt") == ["dark-mode"]  # nothing was committed: the clock alone
    assert standings.version > before
    put_choice(settled, "bolt", DARK, held=said)
    assert has(standings, "bolt") == []
    put_choice(settled, "bolt", DARK, held=None, given_back=said)
    assert has(standings, "bolt") == []


def test_the_version_grows_by_what_alters_answers_alone(settled: Practice, standings: Standings) -> None:
    heard: list[int] = []
    stop = standings.on_change(heard.append)
    before = standings.version
    run(settled, nodes_of("mad1")[0], OLD)  # as it was
    assert (standings.version, heard) == (before, [])
    features.off(settled.store, OPERATOR, "dark-mode", "it blinks")
    assert heard == [standings.version]
    with settled.store.read() as view:
        assert standings.version == standings.version_of(view.sequence) == view.sequence << STEP_BITS
    assert standings.wait(before, 0.0) == standings.version
    settled.seconds += 2 * DAY
    standings.follow()
    assert len(heard) == 2
    stop()
    features.resume(settled.store, OPERATOR, "dark-mode", "it was the probe")
    assert len(heard) == 2


def test_a_restart_and_lost_changes_give_the_same(settled: Practice, standings: Standings) -> None:
    settled.seconds += 5 * DAY
    runs(settled, POPS, NEW)
    visit(settled, "bolt", "mad1", "2026-11-05", standings.latched)
    put_choice(settled, "acme", DARK, early=Word(at=START, by="ann"))
    standings.close()
    tell(settled, nodes_of("fra1")[2], OLD)
    put_choice(settled, "acme", DARK, early=None)
    settled.store.trim(keep_changes=1)
    standings.follow()  # the changes in between are gone
    again = Standings(settled.store)
    for account in ("acme", "bolt", "nomad"):
        assert standings.look(account)[1] == again.look(account)[1]
    assert has(again, "bolt") == has(standings, "bolt")


def test_a_thread_follows_the_clock_and_wakes_who_waits(settled: Practice, standings: Standings) -> None:
    ended = Event()
    thread = Thread(target=standings.keep, args=(ended,))
    thread.start()
    try:
        before = standings.version
        settled.seconds += 2 * DAY
        assert standings.wait(before, 5.0) > before
    finally:
        ended.set()
        thread.join()


def test_sites_accounts_and_pops_of_another_fleet(
    settled: Practice, standings: Standings, tmp_path: Path
) -> None:
    from tests.control.homes import FLEET

    from wavetrain.control import fleets

    settled.seconds += 2 * DAY
    runs(settled, ["fra1"], NEW)
    assert has(standings, "bolt") == ["tiles"]
    moved = FLEET.replace('account = "bolt"\nprimary = "fra1"', 'account = "nomad"\nprimary = "fra1"')
    fleets.apply(settled.store, OPERATOR, settled.fleet(moved))
    assert (has(standings, "bolt"), has(standings, "nomad")) == ([], ["tiles"])
