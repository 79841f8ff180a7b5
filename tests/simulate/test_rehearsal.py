"""Rehearsals of whole trains on small fleets: they complete, stop, repeat themselves, refuse what makes no sense."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from wavetrain.doors.train_sheet import LEFT, TOP, WIDTH, legend
from wavetrain.errors import RefusedError
from wavetrain.model.policy import Policy, Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Turn
from wavetrain.model.window import Freeze
from wavetrain.simulate import made_up
from wavetrain.simulate.mishaps import CALM, ROUGH, Chances, Mishaps, read_fault
from wavetrain.simulate.outcome import Outcome, outcome
from wavetrain.simulate.rehearsal import Plan, Rehearsal
from wavetrain.simulate.rehearsal_text import lines
from wavetrain.simulate.run_rehearsal import play
from wavetrain.simulate.train_picture import picture

ROUGHER = msgspec.structs.replace(
    ROUGH,
    node_sick=0.003,
    node_dead=0.02,
    report_lost=0.05,
    report_doubled=0.05,
    report_late=0.05,
    pop_dark=0.2,
)


def plan(
    pops: int = 16,
    nodes: int = 6,
    *,
    seed: int = 1,
    chances: Chances = CALM,
    metrics: int = 2,
    days: float = 14.0,
) -> Plan:
    fleet = made_up.fleet(pops, nodes, pops * 10, seed)
    return Plan(
        fleet=fleet,
        policy=made_up.policy(fleet, metrics),
        mishaps=Mishaps(seed, chances),
        days=days,
        sweep_each=50,
    )


def ended(of: Plan) -> tuple[Rehearsal, Outcome]:
    run = Rehearsal(of)
    for _ in run.play():
        pass
    return run, outcome(run, 0.0, 0.0, 0)


def test_a_sound_release_gets_everywhere_and_nothing_is_left_open() -> None:
    run, said = ended(plan())
    assert (said.status, said.guards_violated, said.pops_done) == ("completed", 0, 16)
    assert all(run.crowd.runs[node] == "2.0.0" for pop in run.plan.fleet.pops.values() for node in pop.nodes)
    assert run.ground.owners == {}
    assert sum(wave.reach.pops for wave in said.waves) == 16
    assert said.waves[-1].so_far.sites == 160
    assert said.waves[-1].so_far.accounts <= len(run.plan.fleet.accounts)
    assert sum(sum(night.waves.values()) for night in said.nights) == said.pop_windows
    assert said.nights[-1].so_far == said.waves[-1].so_far
    assert said.nights[-1].undo_s == said.undo_max_s
    assert said.waiting == ()


@pytest.mark.parametrize("seed", range(4))
def test_mishaps_delay_a_train_and_break_no_guard(seed: int) -> None:
    run, said = ended(plan(seed=seed, chances=ROUGHER))
    assert said.broken == ()
    assert said.sweeps >= 2
    assert run.crowd.down or run.crowd.rebuilt, "nobody went down: this shows nothing"
    assert said.pops_done >= 8


def test_the_same_seed_gives_the_same_train_and_another_one_another() -> None:
    first, again, other = (ended(plan(seed=seed, chances=ROUGHER))[1] for seed in (3, 3, 4))
    assert first == again
    assert first.changes_checked != other.changes_checked


def test_a_degraded_release_stops_at_the_first_canary_and_goes_back() -> None:
    played = play(plan(chances=ROUGHER), [read_fault("x10", ())])
    bad = played.faulty[0]
    assert (bad.status, played.violated) == ("reverted", 0)
    assert bad.fault is not None
    assert (bad.fault.at_stop.nodes, bad.fault.at_stop.pops) == (1, 1)
    assert bad.fault.restored_s is not None
    assert bad.pops_back == 1
    assert bad.pops_done == 0


def test_a_fault_that_begins_late_exposes_what_had_it_by_then_and_is_undone_in_the_time_that_was_said() -> (
    None
):
    of = plan(pops=24, nodes=20)
    rings = tuple(ring.name for ring in of.policy.rings)
    late = play(of, [read_fault("crash@35%", rings)]).faulty[0]
    assert (late.status, late.guards_violated) == ("reverted", 0)
    assert late.fault is not None
    assert late.fault.at_start.nodes > 20
    assert late.fault.at_stop.nodes > late.fault.at_start.nodes
    assert late.fault.restored_s is not None
    assert late.fault.restored_s <= late.undo_max_s + 300.0


def test_a_fault_too_small_to_see_is_said_not_to_have_been_stopped() -> None:
    said = ended(msgspec.structs.replace(plan(), fault=read_fault("x1.01", ())))[1]
    assert said.fault is not None
    assert not said.fault.stopped
    assert any("NOT stopped" in line for line in lines(said))


def test_a_fleet_without_telemetry_is_rehearsed_by_time_alone() -> None:
    run, said = ended(plan(metrics=0))
    assert (said.status, said.guards_violated) == ("completed", 0)
    assert run.telemetry.bins == 0


def test_a_train_that_is_longer_than_the_rehearsal_says_who_waits() -> None:
    said = ended(plan(days=3.0))[1]
    assert said.status == "rolling"
    assert 0 < said.pops_waiting == sum(wait.pops for wait in said.waiting) < 16
    assert all(wait.reason != "nothing is said" for wait in said.waiting)


@pytest.mark.parametrize(
    ("pops", "nodes", "sites", "rule"), [(0, 1, 0, "--pops"), (1, 0, 0, "--nodes"), (1, 1, -1, "--sites")]
)
def test_a_fleet_of_no_size_is_refused(pops: int, nodes: int, sites: int, rule: str) -> None:
    with pytest.raises(RefusedError, match=rule):
        made_up.fleet(pops, nodes, sites, 1)


def with_rings(of: Plan, *rings: Ring) -> Plan:
    policy: Policy = msgspec.structs.replace(of.policy, rings=rings)
    return msgspec.structs.replace(of, policy=policy)


def test_a_ring_that_nobody_is_left_for_is_refused() -> None:
    of = plan()
    names = tuple(sorted(of.fleet.pops))
    rings = with_rings(
        of,
        Ring(name="lab", stage=Stage.EARLY, pops=names[:1]),
        Ring(name="again", stage=Stage.EARLY, pops=names[:1]),
        Ring(name="all", stage=Stage.GENERAL, rest=True),
    )
    with pytest.raises(RefusedError, match="ring again is empty"):
        list(Rehearsal(rings).play())


def test_a_ring_that_names_an_unknown_pop_is_refused() -> None:
    rings = with_rings(plan(), Ring(name="lab", stage=Stage.EARLY, pops=("nowhere",)))
    with pytest.raises(RefusedError, match="nowhere"):
        Rehearsal(rings)


def test_a_freeze_over_the_whole_train_is_refused_by_its_name() -> None:
    starts = datetime(2026, 1, 1, tzinfo=UTC)
    freeze = Freeze(id="winter", starts=starts, ends=starts + timedelta(days=60), reason="winter", by="ada")
    with pytest.raises(RefusedError, match="winter"):
        list(Rehearsal(msgspec.structs.replace(plan(), freezes=(freeze,))).play())


def test_a_freeze_in_mid_train_is_waited_for() -> None:
    starts = datetime(2026, 1, 20, tzinfo=UTC)
    freeze = Freeze(id="sale", starts=starts, ends=starts + timedelta(days=2), reason="sale", by="ada")
    _, said = ended(msgspec.structs.replace(plan(), freezes=(freeze,)))
    assert said.guards_violated == 0
    assert not any(night.day.isoformat() in ("2026-01-20", "2026-01-21") for night in said.nights)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "cannot be read"),
        ("x", "cannot be read"),
        ("y10", "cannot be read"),
        ("x10@nowhere", "which the policy does not have"),
        ("x0", "more than 0"),
        ("x9999999", "at most"),
        ("crash@", "cannot be read"),
    ],
)
def test_a_fault_that_says_nothing_is_refused(text: str, rule: str) -> None:
    with pytest.raises(RefusedError, match=rule):
        read_fault(text, ("lab", "all"))


@pytest.mark.parametrize("days", [14.0, 60.0])
def test_the_days_of_a_picture_are_named_apart_and_with_their_month(days: float) -> None:
    run = Rehearsal(plan(pops=4, nodes=2, metrics=0, days=days))
    next(run.play())
    named = re.findall(
        r'<text x="([0-9.]+)" y="[0-9.]+">([A-Z][a-z]{2} \d\d(?: [A-Z][a-z]{2})?)</text>', picture(run)
    )
    assert len(named) >= 12
    assert named[0][1].count(" ") == 2, "the first has its month"
    ends = [(float(x), float(x) + 6.6 * len(text)) for x, text in named]
    assert all(end <= begins for (_, end), (begins, _) in pairwise(ends))


@pytest.mark.parametrize("rings", [1, 6, 20])
def test_the_legend_of_a_picture_stays_on_the_sheet(rings: int) -> None:
    shown = legend([f"a ring with a name {number}" for number in range(rings)])
    assert len(shown) == rings + 4
    boxes = [(y, x, x + 15 + 6.5 * len(text)) for x, y, _, text in shown]
    assert all(end <= LEFT + WIDTH for _, _, end in boxes)
    assert all(y < later or end <= begins for (y, _, end), (later, begins, _) in pairwise(boxes))


def test_a_picture_shows_each_pop_and_stays_small_for_thousands() -> None:
    small, _ = ended(plan())
    drawn = picture(small)
    assert drawn.count("<rect") >= 16
    assert drawn.startswith("<svg")
    bars = re.findall(r'<rect x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)" height="[0-9.]+" fill', drawn)
    of_pops = [(float(x), float(width)) for x, y, width in bars if float(y) >= TOP]
    assert len(of_pops) == 16
    assert all(x >= LEFT and x + width <= LEFT + WIDTH for x, width in of_pops), (
        "a Sunday east of UTC is on it"
    )
    large = Rehearsal(plan(pops=4_000, nodes=1, metrics=0))
    next(large.play())
    assert 10_000 < len(picture(large)) < 1_500_000


def test_the_lines_tell_nights_waves_and_the_sum() -> None:
    _, said = ended(plan())
    told = list(lines(said))
    assert told[0].startswith("gateway-2.0.0 departs Sun 2026-01-18 00:00")
    assert any(line.startswith("0 lab") for line in told)
    for night in said.nights:
        line = next(line for line in told if line.startswith(f"{night.day:%a %d %b}"))
        assert f" {night.so_far.pops} " in line.partition("|")[2]
    assert told[-2].startswith("completed: 16 of 16 PoPs done")
    assert told[-1].startswith("0 guards violated")


@pytest.mark.parametrize("chances", [CALM, ROUGHER], ids=["calm", "rougher"])
def test_a_train_with_placebo_waves_restarts_one_node_of_each_pop_before_its_canary(chances: Chances) -> None:
    base = plan(pops=12, chances=chances)
    verdicts = msgspec.structs.replace(base.policy.verdicts, placebo_waves=True)
    policy = msgspec.structs.replace(base.policy, verdicts=verdicts)
    run, said = ended(msgspec.structs.replace(base, policy=policy))
    assert run.broken == []
    assert said.guards_violated == 0
    turns = run.ground.all(Turn)
    assert turns
    if chances is CALM:
        assert said.status == "completed"
        assert all(len(turn.restarted) == 1 for turn in turns)


def test_a_bad_release_is_stopped_also_where_its_control_was_restarted() -> None:
    base = plan(pops=12)
    verdicts = msgspec.structs.replace(base.policy.verdicts, placebo_waves=True)
    policy = msgspec.structs.replace(base.policy, verdicts=verdicts)
    _, said = ended(msgspec.structs.replace(base, policy=policy, fault=read_fault("x10", ("lab",))))
    assert (said.status, said.guards_violated) == ("reverted", 0)
