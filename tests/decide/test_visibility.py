"""What a wave can see: with traffic its gates decide, without it they only watch, and it names who would help."""

from math import nan

import msgspec
import numpy as np
import pytest
from tests.decide.engine import measured

from wavetrain.decide.comparison import watched
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.gate_or_watch import only_watch
from wavetrain.decide.pop_load import PopLoad, load_of, plan_of
from wavetrain.decide.sight import Role, span
from wavetrain.decide.visibility import Planned, of_waves, watched_in
from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.preperiod import Preperiod, absorb
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Kind, MetricRule, Policy

ERRORS = MetricRule(name="errors", events="failures", exposure="operations", weight=0.5, excess_max=0.002)
RARE = MetricRule(name="rare", events="crashes", exposure="operations", weight=0.5, excess_max=1e-9)

OFTEN = MetricRule(name="often", events="retries", exposure="operations", weight=0.5, excess_max=0.4)


def policy(*rules: MetricRule, **verdicts: object) -> Policy:
    whole = measured()
    return msgspec.structs.replace(
        whole, verdicts=msgspec.structs.replace(whole.verdicts, metrics=rules or (ERRORS,), **verdicts)
    )


NONE = np.zeros((0, 3))
HEAP = MetricRule(name="heap", kind=Kind.GAUGE, gauge="heap_bytes", weight=0.5, excess_max=100.0)


def load(
    pop: str,
    per_node: float = 20.0,
    nodes: int = 4,
    rates: tuple[float, ...] = (0.001,),
    noise: float | None = None,
    tau: float = 0.02,
) -> PopLoad:
    """With a gauge whose nodes have this much noise in a block of five minutes, in smallest shifts."""
    many = np.ones(len(rates))
    gauges = NONE if noise is None else np.array([[noise**2, tau**2, 300.0]])
    return PopLoad(pop, nodes, np.array(rates), many * per_node, many, many * 0.03, gauges)


def wave(*pops: str) -> list[Planned]:
    return [Planned(0, "canary", pops)]


def test_a_busy_pop_gates_and_says_when() -> None:
    sight = of_waves(policy(), wave("fra1"), {"fra1": load("fra1")})[0]
    (check,) = sight.checks
    assert (check.role, check.slowest, sight.unwatched, sight.alone) == (Role.GATE, "fra1", (), ())
    assert check.pass_s is not None
    assert 60 < check.pass_s < 3_600
    assert sight.seconds >= check.pass_s
    assert check.text.startswith("gate: a sound release passes in ")


def test_a_gate_that_traffic_cannot_decide_only_watches_and_does_not_lengthen_the_bake() -> None:
    both = {"fra1": load("fra1", rates=(0.001, 1e-6))}
    sight = of_waves(policy(ERRORS, RARE), wave("fra1"), both)[0]
    errors, rare = sight.checks
    assert (errors.role, rare.role, rare.is_asked) == (Role.GATE, Role.WATCH, True)
    assert rare.pass_s is None or rare.pass_s > policy().bake.mixed_hours_max * 3600
    assert sight.seconds == max(policy().bake.minutes * 60.0, errors.pass_s or 0.0)
    assert "watch, no gate" in rare.text
    assert "raise excess_max" in rare.text


def test_a_gate_watches_where_it_cannot_be_decided_and_gates_the_rest_of_the_wave() -> None:
    loads = {
        "fra1": load("fra1", rates=(0.001, 0.5)),
        "tiny": load("tiny", per_node=0.01, rates=(0.001, 0.5)),
    }
    errors, often = of_waves(policy(ERRORS, OFTEN), wave("fra1", "tiny"), loads)[0].checks
    assert (errors.role, errors.slowest, errors.watches) == (Role.GATE, "fra1", ("tiny",))
    assert "; only watches in tiny;" in errors.text
    assert (often.role, often.slowest, often.watches) == (Role.GATE, "tiny", ())


def test_the_last_gate_of_a_pop_holds_it_for_a_person_and_the_plan_says_so() -> None:
    loads = {"fra1": load("fra1"), "tiny": load("tiny", per_node=1e-4)}
    assert of_waves(policy(), wave("fra1"), loads)[0].checks[0].slowest == "fra1"
    sight = of_waves(policy(), wave("fra1", "tiny"), loads)[0]
    (check,) = sight.checks
    assert (check.role, check.slowest, check.watches) == (Role.GATE, "tiny", ())
    assert "never passes in tiny, which has no other gate" in check.text
    assert "waits for a person" in check.text
    assert sight.seconds == policy().bake.mixed_hours_max * 3600.0


def test_a_wave_that_cannot_see_ten_per_cent_names_the_pops_that_would() -> None:
    rules = policy(alpha=0.01, tau_floor=0.0)
    few = {"fra1": load("fra1", per_node=100.0)} | {
        f"p{number}": load(f"p{number}", per_node=100.0 + number) for number in range(60)
    }
    loads = {pop: msgspec.structs.replace(item, taus=np.zeros(1)) for pop, item in few.items()}
    sight = of_waves(rules, wave("fra1"), loads, 0.3)[0]
    (check,) = sight.checks
    assert check.ratio == pytest.approx(1.3)
    assert check.least_ratio is not None
    assert check.least_ratio > 1.3
    assert 0 < len(check.add) < 60
    assert check.add[0] == "p59", "those that tell most come first"
    assert f"this wave cannot see 30%: {len(check.add)} more PoPs would" in check.text
    with_them = of_waves(rules, wave("fra1", *check.add), loads, 0.3)[0].checks[0]
    assert with_them.least_ratio is not None
    assert with_them.least_ratio <= 1.3 * 1.001
    assert with_them.add == ()
    one_less = of_waves(rules, wave("fra1", *check.add[:-1]), loads, 0.3)[0].checks[0]
    assert one_less.least_ratio is not None
    assert one_less.least_ratio > 1.3


def test_what_differences_between_nodes_hide_no_pop_and_no_time_would_show() -> None:
    loads = {
        pop: msgspec.structs.replace(load(pop), taus=np.array([0.5])) for pop in ("fra1", "ber1", "ham1")
    }
    check = of_waves(policy(), wave("fra1"), loads, 0.05)[0].checks[0]
    assert (check.add, check.fail_s) == ((), None)
    assert "this wave cannot see 5%: no time and none of the PoPs would" in check.text


def test_who_was_never_watched_or_has_nobody_to_compare_with_is_named() -> None:
    unknown = PopLoad("ber1", 4, *(np.array([nan]),) * 4, NONE)
    loads = {"ber1": unknown, "one": load("one", nodes=1)}
    sight = of_waves(policy(), wave("ber1", "one", "gone"), loads)[0]
    assert (sight.unwatched, sight.alone) == (("ber1", "gone"), ("one",))
    (check,) = sight.checks
    assert (check.role, check.pass_s, check.least_ratio, check.ratio) == (Role.BLIND, None, None, None)
    assert check.text.startswith("sees nothing yet")


def test_a_load_is_what_the_pre_period_saw() -> None:
    chance = np.random.default_rng(5)
    pre = Preperiod()
    drawn = [float(chance.poisson(2.0)) for _ in range(1_600)]
    for first in range(0, len(drawn), 4):
        four = drawn[first : first + 4]
        pre = absorb(
            pre, Bin(10.0, tuple(NodeCount(f"n{n}", count, 1_000.0) for n, count in enumerate(four)))
        )
    rules = policy(ERRORS, RARE)
    found = load_of("fra1", 4, PopWatch(pop="fra1", metrics={"errors": pre}), rules)
    assert found.exposures[0] == pytest.approx(100.0)
    assert found.rates[0] == pytest.approx(sum(drawn) / 1_600_000)
    assert found.phis[0] == pytest.approx(1.0, abs=0.1)
    assert found.taus[0] >= rules.verdicts.tau_floor
    assert np.isnan(found.rates[1])
    never = load_of("fra1", 4, None, rules)
    assert np.isnan(never.rates).all()


def test_a_pre_period_without_an_event_still_has_a_rate() -> None:
    pre = absorb(Preperiod(), Bin(10.0, (NodeCount("n1", 0.0, 500.0), NodeCount("n2", 0.0, 500.0))))
    found = load_of("fra1", 2, PopWatch(pop="fra1", metrics={"errors": pre}), policy())
    assert found.rates[0] == pytest.approx(0.5 / 1_000)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(RefusedError, match="no checks"):
        of_waves(
            msgspec.structs.replace(
                policy(), verdicts=msgspec.structs.replace(policy().verdicts, metrics=())
            ),
            wave("fra1"),
            {},
        )
    with pytest.raises(RefusedError, match="worsening"):
        of_waves(policy(), wave("fra1"), {"fra1": load("fra1")}, 0.0)


def test_times_are_said_in_a_unit_that_suits_them() -> None:
    said = [span(seconds) for seconds in (None, 30.0, 600.0, 7_200.0, 259_200.0)]
    assert said == ["no time", "30 s", "10 min", "2 h", "3 days"]


def test_a_pre_period_in_a_recording_ends_where_the_first_node_of_its_pop_changes() -> None:
    def seen(pop: str, at: int, release: str) -> PopCounts:
        return PopCounts(
            pop=PopId(pop),
            ended=60.0 * at,
            seconds=60.0,
            nodes=(NodeId(f"{pop}-1"), NodeId(f"{pop}-2")),
            releases=(release, "1.0.0"),
            counters=("failures", "operations"),
            counted=np.array([[1.0, 2.0], [600.0, 600.0]]),
            sessions=np.ones(2),
        )

    times = [
        [seen("fra1", at, "2.0.0" if at > 3 else "1.0.0"), seen("ber1", at, "1.0.0")] for at in range(1, 6)
    ]
    back = [[seen("fra1", 6, "1.0.0"), seen("ber1", 6, "1.0.0")]]
    found = watched_in(policy(), times + back)
    assert {pop: watch.metrics["errors"].bins for pop, watch in found.items()} == {"fra1": 3, "ber1": 6}


def test_a_pop_of_little_traffic_only_watches_what_it_cannot_decide_but_keeps_a_gate() -> None:
    rules = policy(ERRORS, RARE)
    assert only_watch(rules, load("fra1", rates=(0.001, 1e-6))) == ("rare",)
    assert only_watch(rules, load("tiny", per_node=1e-4, rates=(0.001, 1e-6))) == (), "none would be left"
    assert only_watch(rules, load("one", nodes=1, rates=(0.001, 1e-6))) == ()
    assert only_watch(rules, load("new", rates=(0.001, nan))) == (), "of the other one nothing is known yet"
    watching = msgspec.structs.replace(RARE, gate=False)
    assert only_watch(policy(ERRORS, watching), load("fra1", rates=(0.001, 1e-6))) == ()


def test_a_histogram_is_told_of_by_its_percentiles_and_a_gauge_by_name() -> None:
    slow = MetricRule(name="slow", kind=Kind.HISTOGRAM, histogram="seconds", weight=0.3, excess_max=0.01)
    heap = MetricRule(name="heap", kind=Kind.GAUGE, gauge="heap_bytes", weight=0.2, gate=False)
    rules = policy(ERRORS, slow, heap)
    four = PopLoad(
        "fra1",
        4,
        np.array([0.001, 0.5, 0.1, 0.01]),
        np.full(4, 20.0),
        np.ones(4),
        np.full(4, 0.03),
        np.full((1, 3), nan),
    )
    checks = of_waves(rules, wave("fra1"), {"fra1": four})[0].checks
    assert [check.name for check in checks] == [
        "errors",
        "slow over p50",
        "slow over p90",
        "slow over p99",
        "heap",
    ]
    assert [check.role for check in checks[:4]] == [Role.GATE] * 4
    assert (checks[-1].role, checks[-1].least_shift) == (Role.BLIND, None)
    assert checks[-1].text.startswith("sees nothing yet")
    assert plan_of(rules, [four]).weights == pytest.approx([0.5, 0.09, 0.09, 0.12])


def test_a_gauge_gates_where_its_noise_lets_it_and_says_when_and_what_it_sees() -> None:
    sight = of_waves(policy(HEAP), wave("fra1"), {"fra1": load("fra1", rates=(), noise=0.6)})[0]
    (heap,) = sight.checks
    assert (heap.role, heap.slowest, heap.shift, sight.unwatched) == (Role.GATE, "fra1", 100.0, ())
    assert heap.pass_s is not None
    assert heap.least_shift is not None
    assert heap.pass_s == pytest.approx(round(heap.pass_s / 300) * 300, rel=1e-3), "blocks are whole ones"
    assert sight.seconds == pytest.approx(heap.pass_s)
    assert 0 < heap.least_shift < 300
    assert f"sees a shift of {heap.least_shift:.3g} and more" in heap.text
    louder = of_waves(policy(HEAP), wave("fra1"), {"fra1": load("fra1", rates=(), noise=1.2)})[0].checks[0]
    assert louder.pass_s is not None
    assert louder.pass_s > 2 * heap.pass_s


def test_a_gauge_that_cannot_be_decided_in_time_watches_and_names_who_would_help_to_see() -> None:
    both = policy(ERRORS, HEAP)
    loads = {"fra1": load("fra1", noise=30.0)}
    loads |= {f"p{number}": load(f"p{number}", noise=0.3 + number / 20) for number in range(6)}
    sight = of_waves(both, wave("fra1"), loads)[0]
    errors, heap = sight.checks
    assert (heap.role, heap.is_asked, heap.watches) == (Role.WATCH, True, ("fra1",))
    assert heap.add == ("p0", "p1", "p2", "p3")
    assert sight.seconds == max(both.bake.minutes * 60.0, errors.pass_s or 0.0)
    assert "watch, no gate" in heap.text
    assert "cannot see a shift of 100: 4 more PoPs would" in heap.text
    joined = of_waves(both, wave("fra1", *heap.add), loads)[0].checks[1]
    assert "cannot see" not in joined.text
    assert joined.least_shift is not None
    assert joined.least_shift <= 100.0


def test_a_gauge_too_may_only_watch_but_not_as_the_last_gate_nor_where_nothing_is_known() -> None:
    both = policy(ERRORS, HEAP)
    assert only_watch(both, load("fra1", noise=30.0)) == ("heap",)
    assert only_watch(both, load("fra1", noise=0.5)) == ()
    assert only_watch(both, load("fra1", per_node=1e-4, noise=0.5)) == ("errors",), "the gauge is left"
    assert only_watch(both, load("fra1", per_node=1e-4, noise=30.0)) == ()
    assert only_watch(both, load("fra1", noise=nan)) == (), "it may turn out to be quiet"
    assert only_watch(policy(HEAP), load("fra1", rates=(), noise=30.0)) == ()


def test_a_pre_period_of_a_gauge_is_the_load_that_its_nodes_noise_makes() -> None:
    rng = np.random.default_rng(5)
    watch = None
    for at in range(600):
        bin_ = PopCounts(
            pop=PopId("fra1"),
            ended=30.0 * at,
            seconds=30.0,
            nodes=tuple(NodeId(f"n{number}") for number in range(4)),
            releases=("1.0.0",) * 4,
            counters=(),
            counted=np.zeros((0, 4)),
            sessions=np.ones(4),
            gauges=("heap_bytes",),
            levels=1000.0 + 200.0 * rng.normal(size=(1, 4)),
        )
        watch = watched(watch or PopWatch(pop="fra1"), bin_, policy(HEAP))
    found = load_of("fra1", 4, watch, policy(HEAP)).gauges
    assert found[0, 2] == 300.0
    assert 0.2 < found[0, 0] * 10 < 3 * 4.0, "ten bins of variance 4 in squares of the smallest shift"
    short = load_of("fra1", 4, PopWatch(pop="fra1"), policy(HEAP)).gauges
    assert np.isnan(short).all()


def test_a_policy_of_gauges_alone_of_which_nothing_is_known_is_blind() -> None:
    nothing = np.zeros(0)
    unknown = PopLoad("fra1", 4, nothing, nothing, nothing, nothing, np.full((1, 3), nan))
    sight = of_waves(policy(HEAP), wave("fra1"), {"fra1": unknown})[0]
    assert [check.role for check in sight.checks] == [Role.BLIND]
    assert sight.unwatched == ("fra1",)
    assert sight.seconds == policy(HEAP).bake.minutes * 60.0
