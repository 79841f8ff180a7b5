"""Evidence of a feature: harmless ones are left alone, harmful ones found; a release's fault is no feature's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import log

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from wavetrain.decide import feature_blame, feature_evidence, ramp
from wavetrain.decide.feature_blame import Slot
from wavetrain.decide.feature_evidence import FeatureEvidence, begun, observed, ruling, total_log_e
from wavetrain.evidence.account_arms import ArmSums, account_tau, added, log_e
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey, Killed, Ramp, Variant
from wavetrain.model.feature_check import FeatureCheck, Side
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts, Verdict, labelled
from wavetrain.model.policy import Direction, Policy
from wavetrain.wire.policy_file import read_policy

START = datetime(2026, 1, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
NODES = 4
LOOK_H = 6
RAMPS = 200


def side(variant: str) -> Side:
    labels = {"feature": "menu", "variant": variant}
    return Side(events=labelled("errors_total", labels), exposure=labelled("requests_total", labels))


CHECK = FeatureCheck(name="errors", on=side("on"), off=side("off"))


def feature(**more: object) -> Feature:
    made = Feature(
        id=FeatureKey("menu"),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary="Menus as tiles",
        owner="team",
        announced_at=START,
        ramp=Ramp(begins=START, steps=ramp.even()),
        checks=(CHECK,),
    )
    return made.changed(**more)


class World:
    """Accounts that differ in how much they do and how often it fails, each at home on one node."""

    def __init__(self, rng: Generator, accounts: int = 400, spread: float = 1.0, burst: float = 0.0) -> None:
        width = np.sqrt(np.log1p(spread**2))
        self.rng, self.accounts, self.burst = rng, accounts, burst
        self.rates = 2e-3 * np.exp(rng.normal(-(width**2) / 2, width, accounts))
        self.traffic = np.exp(rng.normal(-0.5, 1.0, accounts)) * 4_000 / accounts * NODES
        self.homes = rng.integers(0, NODES, accounts)
        self.turns = rng.permutation(accounts)

    def counts(
        self,
        hours: float,
        effect: float = 1.0,
        worse: Callable[[np.ndarray], np.ndarray] | None = None,
        releases: tuple[str, ...] = ("1",) * NODES,
    ) -> PopCounts:
        """What is counted in one look at a ramp of so many hours; `worse` multiplies rates by node."""
        have = np.zeros(self.accounts, bool)
        share = ramp.share_ppm(Ramp(begins=START, steps=ramp.even()), START + hours * HOUR)
        have[self.turns[: self.accounts * share // WHOLE_PPM]] = True
        means = self.rates * self.traffic * np.where(have, effect, 1.0)
        if worse is not None:
            means = means * worse(self.homes)
        if self.burst:
            means = means * self.rng.gamma(1 / self.burst**2, self.burst**2, NODES)[self.homes]
        failed = self.rng.poisson(means)
        rows = [
            np.bincount(self.homes[who], what[who], NODES).astype(float)
            for who in (have, ~have)
            for what in (failed, self.traffic)
        ]
        return PopCounts(
            pop=PopId("lis1"),
            ended=hours * 3_600,
            seconds=LOOK_H * 3_600,
            nodes=tuple(NodeId(f"n{place}") for place in range(NODES)),
            releases=releases,
            counters=(CHECK.on.events, CHECK.on.exposure, CHECK.off.events, CHECK.off.exposure),
            counted=np.array(rows),
            sessions=np.ones(NODES),
        )


def ramped(world: World, **how: object) -> tuple[float, FeatureEvidence]:
    """The highest log e of a whole ramp, and its end."""
    kept, top = begun(feature(), None), -np.inf
    for hours in range(LOOK_H, 13 * 24, LOOK_H):
        at = START + hours * HOUR
        share = ramp.share_ppm(Ramp(begins=START, steps=ramp.even()), at)
        kept = observed(kept, [world.counts(hours, **how)], world.accounts, share, at)  # type: ignore[arg-type]
        top = max(top, total_log_e(kept))
    return top, kept


@pytest.mark.parametrize(
    "kind", [{}, {"accounts": 60}, {"burst": 1.0}], ids=["many accounts", "few accounts", "bursts"]
)
def test_a_harmless_feature_is_stopped_no_more_often_than_promised(kind: Mapping[str, float]) -> None:
    """At an alpha of 1/20, which so few ramps can tell something of; at 1/1,000 none is to be expected."""
    rng = default_rng(7)
    tops = [ramped(World(rng, **kind))[0] for _ in range(RAMPS // (1 if not kind else 2))]  # type: ignore[arg-type]
    assert sum(top >= log(20) for top in tops) <= 0.05 * len(tops)
    assert not any(top >= log(1_000) for top in tops)


def test_without_regard_to_how_accounts_differ_harmless_features_would_be_stopped() -> None:
    """The planted bug that the null law is there for: without the spread of accounts it stops too many."""
    rng = default_rng(7)
    stopped = 0
    for _ in range(30):
        world, sums = World(rng, accounts=60), ArmSums()
        for hours in range(LOOK_H, 13 * 24, LOOK_H):
            on, more, off, rest = world.counts(hours).counted * 50
            sums = added(sums, (on, more), (off, rest), 0.0)
        stopped += log_e(sums, 0.0) >= log(20)
    assert stopped > 0.2 * 30


def test_a_harmful_feature_is_found() -> None:
    rng = default_rng(8)
    tops = [ramped(World(rng), effect=3.0)[0] for _ in range(20)]
    assert sum(top >= log(1_000) for top in tops) >= 19


def test_a_release_that_is_worse_for_everybody_on_its_nodes_is_no_fault_of_the_feature() -> None:
    """Half of the nodes get a release in mid-ramp on which ten times as much fails."""
    rng = default_rng(9)
    for _ in range(20):
        world, kept = World(rng), begun(feature(), None)
        for hours in range(LOOK_H, 13 * 24, LOOK_H):
            is_new = hours > 72

            def worse(homes: np.ndarray, is_new: bool = is_new) -> np.ndarray:
                return np.where(is_new & (homes < 2), 10.0, 1.0)

            at = START + hours * HOUR
            share = ramp.share_ppm(Ramp(begins=START, steps=ramp.even()), at)
            kept = observed(kept, [world.counts(hours, worse=worse)], 400, share, at)
            assert total_log_e(kept) < log(1_000)


def slots_of(world: World, effect: float, fault: float) -> tuple[FeatureEvidence, list[Slot]]:
    """A ramp during which release 2 comes to half of the nodes; with so much worse a feature, and a release."""
    kept, slots = begun(feature(), None), []
    for hours in range(LOOK_H, 9 * 24, LOOK_H):
        is_new = hours > 48
        numbers = ("2", "2", "1", "1") if is_new else ("1",) * NODES

        def worse(homes: np.ndarray, is_new: bool = is_new) -> np.ndarray:
            return np.where(is_new & (homes < 2), fault, 1.0)

        seen = world.counts(hours, effect, worse, numbers)
        at = START + hours * HOUR
        share = ramp.share_ppm(Ramp(begins=START, steps=ramp.even()), at)
        kept = observed(kept, [seen], world.accounts, share, at)
        slots.append(
            Slot(
                ended=seen.ended,
                pop="lis1",
                nodes=tuple(map(str, seen.nodes)),
                releases=numbers,
                figures=seen.counted[None],
            )
        )
    return kept, slots


@pytest.mark.parametrize(
    ("effect", "fault", "blamed"), [(4.0, 1.0, "feature menu"), (1.0, 10.0, "release 2"), (1.0, 1.0, None)]
)
def test_the_effect_is_shared_out_to_the_one_that_has_it(
    effect: float, fault: float, blamed: str | None
) -> None:
    kept, slots = slots_of(World(default_rng(10)), effect, fault)
    found = feature_blame.shared(kept, slots, ["2"])
    assert found is not None
    assert found.blame.blamed == blamed, found.text


def counting(events: str) -> Policy:
    text = 'lane = "pop"\n[[ring]]\nname = "world"\nstage = "general"\nrest = true\n[[verdicts.metric]]\n'
    return read_policy(
        f'{text}name = "errors"\nevents = "{events}"\nexposure = "requests_total"\nweight = 1.0\n'
    )


def test_a_release_is_shadowed_by_a_feature_only_where_it_is_not_worse_itself() -> None:
    mine, slots = slots_of(World(default_rng(10)), 4.0, 1.0)
    found = feature_blame.shared(mine, slots, ["2"])
    assert feature_blame.suspect(mine)
    said = feature_blame.shadow(mine, counting("errors_total"), found, "2")
    assert said.startswith("feature menu does harm on the same nodes")
    assert feature_blame.shadow(mine, counting("crashes_total"), found, "2") == "", "it counts something else"
    assert feature_blame.shadow(mine, counting("errors_total"), found, "3") == "", "it is not on these nodes"
    both, slots = slots_of(World(default_rng(10)), 4.0, 10.0)
    found = feature_blame.shared(both, slots, ["2"])
    assert feature_blame.shadow(both, counting("errors_total"), found, "2") == "", "it is worse by itself"


def fed(
    kept: FeatureEvidence, on: tuple[float, float], off: tuple[float, float], looks: int = 1
) -> FeatureEvidence:
    counted = np.array([[on[0]], [on[1]], [off[0]], [off[1]]])
    for look in range(looks):
        seen = PopCounts(
            pop=PopId("lis1"),
            ended=60.0 * look,
            seconds=60.0,
            nodes=(NodeId("n0"),),
            releases=("1",),
            counters=(CHECK.on.events, CHECK.on.exposure, CHECK.off.events, CHECK.off.exposure),
            counted=counted,
            sessions=np.ones(1),
        )
        kept = observed(kept, [seen], 10_000, 500_000, START + look * timedelta(minutes=1))
    return kept


def test_the_verdict_goes_from_inconclusive_to_pass() -> None:
    kept = fed(begun(feature(), None), (1, 400), (1, 400))
    assert ruling(kept, feature(), START).verdict is Verdict.INCONCLUSIVE
    assert "exposure 400 of 1,000" in ruling(kept, feature(), START).text
    kept = fed(kept, (2, 1_000), (2, 1_000), 3)
    assert ruling(kept, feature(), START).text == "errors: a doubling is not refuted yet"
    kept = fed(kept, (20, 10_000), (20, 10_000), 60)
    assert ruling(kept, feature(), START + HOUR).verdict is Verdict.PASS


def test_what_is_not_measured_neither_passes_nor_fails() -> None:
    good = fed(begun(feature(), None), (20, 10_000), (20, 10_000), 60)
    away = START + 2 * HOUR
    assert ruling(good, feature(), away).verdict is Verdict.ERRORED
    never = begun(feature(), None)
    assert ruling(never, feature(), START + HOUR).verdict is Verdict.ERRORED
    assert ruling(never, feature(), START).verdict is Verdict.INCONCLUSIVE
    nan = (float("nan"), float("nan"))
    assert fed(never, (1.0, 100.0), nan) is never, "one side alone is no comparison"
    assert fed(never, (0.0, 0.0), (1.0, 100.0)) is never
    over = feature(ramp=Ramp(begins=START - 20 * 24 * HOUR, steps=ramp.even()))
    assert ruling(begun(over, None), over, away).verdict is Verdict.INCONCLUSIVE, "nothing is left to measure"


def test_errors_that_never_came_are_none_where_the_exposure_was_told() -> None:
    """A counter of errors is served from its first one on; a side without any must not hide the other."""
    kept = fed(begun(feature(), None), (10.0, 1_000.0), (float("nan"), 1_000.0), 30)
    assert ruling(kept, feature(), START).verdict is Verdict.FAIL


def test_a_fall_of_what_should_not_fall_is_found_too() -> None:
    falling = feature(
        checks=(FeatureCheck(name="logins", on=side("on"), off=side("off"), direction=Direction.DOWN),)
    )
    kept = fed(begun(falling, None), (100, 1_000), (300, 1_000), 30)
    assert ruling(kept, falling, START).verdict is Verdict.FAIL
    assert (
        ruling(fed(begun(falling, None), (300, 1_000), (100, 1_000), 30), falling, START).verdict
        is Verdict.PASS
    )


def test_a_margin_is_no_harm() -> None:
    wide = feature(checks=(FeatureCheck(name="errors", on=side("on"), off=side("off"), margin_ratio=1.0),))
    assert (
        ruling(fed(begun(wide, None), (150, 1_000), (100, 1_000), 60), wide, START).verdict
        is not Verdict.FAIL
    )
    assert (
        ruling(fed(begun(feature(), None), (150, 1_000), (100, 1_000), 60), feature(), START).verdict
        is Verdict.FAIL
    )


def test_another_ramp_or_another_check_begins_anew_and_what_fell_stays_fallen() -> None:
    kept = fed(begun(feature(), None), (100, 1_000), (10, 1_000), 30).changed(fell_at=START, text="it fell")
    assert begun(feature(), kept) is kept
    assert ruling(kept, feature(), START + 5 * HOUR).text == "it fell"
    other = feature(ramp=Ramp(begins=START + HOUR, steps=ramp.even()))
    assert begun(other, kept).fell_at is None
    assert begun(feature(checks=()), kept).sums == ()
    assert not feature_evidence.under_test(feature(killed=Killed(at=START, by="olga", reason="r")), START)


def test_the_fewer_accounts_the_more_they_may_differ() -> None:
    assert account_tau(1.0, 10, 1_000) > account_tau(1.0, 100, 1_000) > account_tau(1.0, 1_000, 1_000)
    assert account_tau(1.0, 0, 0) < 2
