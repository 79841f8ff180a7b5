"""Which sites would be hurt, for how long, and what would help them: exactly one worst finding for each."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.decide.readiness import ADVICE, Case, Finding, Inspection, Survey
from wavetrain.model.fleet import (
    AccountId,
    Fleet,
    Group,
    GroupId,
    NodeId,
    Pop,
    PopId,
    RegionId,
    Site,
    SiteId,
    SiteKind,
)
from wavetrain.model.rollout import Stop
from wavetrain.model.window import WindowRule

AT = datetime(2026, 11, 8, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACES = {"fra1": (50.11, 8.68), "fra2": (50.05, 8.55), "lis1": (38.72, -9.14), "jnb1": (-26.2, 28.05)}


def pop(name: str, nodes: int = 4, where: tuple[float, float] | None = None, dedicated: str = "") -> Pop:
    at = where or PLACES.get(name)
    return Pop(
        id=PopId(name),
        region=RegionId("emea"),
        place=name,
        zone="UTC",
        window=WindowRule("FREQ=DAILY", "02:00", 240, "UTC"),
        nodes=tuple(NodeId(f"{name}-n{index}") for index in range(nodes)),
        latitude=at[0] if at else None,
        longitude=at[1] if at else None,
        dedicated=AccountId(dedicated),
    )


def fleet(*pops: Pop, group: tuple[str, ...] = ()) -> Fleet:
    groups = {GroupId("g"): Group(id=GroupId("g"), members=tuple(map(PopId, group)))} if group else {}
    return Fleet(pops={item.id: item for item in pops}, groups=groups)


EMEA = (pop("fra1"), pop("fra2"), pop("lis1"), pop("jnb1"))


def site(primary: str = "fra1", secondary: str = "", name: str = "s1", **fields: object) -> Site:
    values: dict[str, object] = {"kind": SiteKind.IPSEC, **fields}
    return Site(
        id=SiteId(name),
        account=AccountId("acme"),
        primary=PopId(primary),
        secondary=PopId(secondary),
        **values,  # type: ignore[arg-type]
    )


def stop(name: str, opens: datetime, hours: float = 4) -> Stop:
    return Stop(pop=PopId(name), wave=0, ring="all", opens=opens, closes=opens + hours * HOUR)


def found(
    one: Site, whole: Fleet, stops: tuple[Stop, ...] = (), lane: str = ""
) -> list[tuple[str, float, float]]:
    cases = Inspection(whole, stops, lane).cases(one)
    return [(case.finding.name, case.least_s, case.most_s) for case in cases]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (site(), [("SINGLE_POP", 90, 300), ("SLOW_TIMERS", 90, 166)]),
        (site(secondary="lis1"), [("SLOW_TIMERS", 90, 166)]),
        (site(secondary="lis1", detection_s=5.0), []),
        (site(secondary="lis1", detection_s=400.0), [("SLOW_TIMERS", 400, 410)]),
        (site(detection_s=400.0), [("SINGLE_POP", 400, 410), ("SLOW_TIMERS", 400, 410)]),
        (site(secondary="lis1", kind=SiteKind.INTERCONNECT), [("SLOW_TIMERS", 60, 100)]),
        (site(secondary="mars", detection_s=5.0), [("SECONDARY_UNKNOWN", 5, 300)]),
        (site("mars", "lis1", detection_s=5.0), [("PRIMARY_UNKNOWN", 5, 300)]),
        (site(secondary="fra2", detection_s=5.0), [("SAME_GROUP", 5, 300)]),
        (site(secondary="lis1", kind=SiteKind.APPLIANCE, ha=True), []),
        (site(secondary="lis1", kind=SiteKind.APPLIANCE), [("NO_HA", 120, 300)]),
        (site(kind=SiteKind.APPLIANCE, ha=True), [("SINGLE_POP", 0, 30)]),
        (
            site(secondary="fra2", kind=SiteKind.APPLIANCE, ha=True, detection_s=60.0),
            [("SAME_GROUP", 0, 70), ("SLOW_TIMERS", 0, 70)],
        ),
        (site("solo", kind=SiteKind.APPLIANCE, ha=True), [("SINGLE_POP", 0, 300)]),
    ],
)
def test_each_finding_comes_with_its_seconds(one: Site, expected: list[tuple[str, float, float]]) -> None:
    whole = fleet(*EMEA, pop("solo", nodes=1), group=("fra1", "fra2"))
    assert found(one, whole) == expected


@pytest.mark.parametrize(
    ("apart", "overlaps"),
    [
        (timedelta(0), True),
        (4 * HOUR, True),
        (5 * HOUR - timedelta(seconds=1), True),
        (5 * HOUR, False),
        (-5 * HOUR, False),
        (-4.5 * HOUR, True),
    ],
)
def test_two_windows_overlap_until_an_hour_lies_between_them(apart: timedelta, overlaps: bool) -> None:
    stops = (stop("fra1", AT), stop("lis1", AT + apart))
    one = site(secondary="lis1", detection_s=5.0)
    assert found(one, fleet(*EMEA), stops) == ([("OVERLAP", 5, 300)] if overlaps else [])


def test_a_lane_asks_only_for_what_its_updates_do() -> None:
    appliance = site(kind=SiteKind.APPLIANCE)
    assert [name for name, *_ in found(appliance, fleet(*EMEA), lane="pop")] == ["SINGLE_POP"]
    assert [name for name, *_ in found(appliance, fleet(*EMEA), lane="appliance")] == ["NO_HA"]
    assert found(appliance, fleet(*EMEA), lane="content") == []


def advice(one: Site, whole: Fleet, stops: tuple[Stop, ...] = ()) -> str:
    return Inspection(whole, stops).survey([one]).listed[0].advice


def test_the_nearest_pop_offers_itself() -> None:
    assert advice(site(detection_s=5.0), fleet(*EMEA)) == (
        "configure a second tunnel to a different PoP: fra2 is 11 km away"
    )


def test_a_pop_of_the_same_group_or_of_somebody_else_or_at_the_same_time_does_not() -> None:
    grouped = fleet(*EMEA, group=("fra1", "fra2"))
    assert "lis1 is 18" in advice(site(detection_s=5.0), grouped)
    owned = fleet(pop("fra1"), pop("fra2", dedicated="other"), pop("lis1"))
    assert "lis1 is 18" in advice(site(detection_s=5.0), owned)
    ours = fleet(pop("fra1"), pop("fra2", dedicated="acme"), pop("lis1"))
    assert "fra2 is 11" in advice(site(detection_s=5.0), ours)
    stops = (stop("fra1", AT), stop("fra2", AT))
    assert "lis1 is 18" in advice(site(detection_s=5.0), fleet(*EMEA), stops)


@pytest.mark.parametrize("where", ["nobody has coordinates", "there is no other"])
def test_without_a_pop_to_offer_the_advice_stands_alone(where: str) -> None:
    blank = pop("x1", where=None), pop("x2", where=None)
    whole = fleet(*blank) if where.startswith("nobody") else fleet(pop("x1", where=(0.0, 0.0)))
    assert advice(site("x1", detection_s=5.0), whole) == ADVICE[Finding.SINGLE_POP]


def test_every_finding_has_its_advice() -> None:
    assert set(ADVICE) == set(Finding)


def everything(survey: Survey) -> list[str]:
    return [item.site for item in survey.listed]


def test_the_worst_come_first_and_pages_do_not_overlap() -> None:
    sites = [site(name=f"s{index}", users=index % 3) for index in range(7)]
    inspection = Inspection(fleet(*EMEA))
    whole = everything(inspection.survey(sites))
    assert whole == ["s2", "s5", "s1", "s4", "s0", "s3", "s6"]
    pages = [inspection.survey(sites, skip, 3) for skip in (0, 3, 6, 9)]
    assert [name for page in pages for name in everything(page)] == whole
    assert [page.left_off for page in pages] == [4, 1, 0, 0]


@pytest.mark.parametrize(("skip", "limit"), [(0, 0), (0, 1_001), (-1, 1), (1_000_001, 1)])
def test_a_page_has_limits_that_are_named(skip: int, limit: int) -> None:
    with pytest.raises(ValueError, match="give a limit from 1 to 1000"):
        Inspection(fleet(*EMEA)).survey([], skip, limit)


sites = st.lists(
    st.builds(
        lambda one, other, kind, ha, detection, users: Site(
            id=SiteId("s"),
            account=AccountId("a"),
            primary=PopId(one),
            secondary=PopId(other if other != one else ""),
            kind=kind,
            ha=ha,
            detection_s=detection,
            users=users,
        ),
        st.sampled_from([*PLACES, "mars"]),
        st.sampled_from([*PLACES, "mars", ""]),
        st.sampled_from(list(SiteKind)),
        st.booleans(),
        st.sampled_from([0.0, 1.0, 30.0, 156.0, 900.0]),
        st.integers(0, 9),
    ),
    max_size=30,
)


@settings(max_examples=100)
@given(sites, st.booleans())
def test_every_hurt_site_has_one_worst_finding_and_the_sums_agree(chosen: list[Site], planned: bool) -> None:
    stops = (stop("fra1", AT), stop("lis1", AT + HOUR)) if planned else ()
    inspection = Inspection(fleet(*EMEA, group=("fra1", "fra2")), stops)
    survey = inspection.survey(chosen)
    every = [cases for one in chosen if (cases := inspection.cases(one))]
    assert survey.hurt == len(every) == sum(count.worst for count in survey.counts)
    assert survey.most_s == pytest.approx(sum(cases[0].most_s for cases in every))
    for cases in every:
        assert cases[0].most_s == max(case.most_s for case in cases)
        assert len({case.finding for case in cases}) == len(cases)
        assert all(_is_range(case) for case in cases)
    for count in survey.counts:
        assert count.worst <= count.sites <= len(every)


def _is_range(case: Case) -> bool:
    return 0 <= case.least_s <= case.most_s


def test_two_hundred_thousand_sites_are_looked_at_within_seconds() -> None:
    names = [f"p{index}" for index in range(1_000)]
    whole = fleet(
        *(pop(name, where=(index % 120 - 60, index % 360 - 180)) for index, name in enumerate(names))
    )
    many = [
        site(names[index % 1_000], names[(index * 7 + 1) % 1_000], name=f"s{index}", users=index % 50)
        for index in range(200_000)
        if index % 1_000 != (index * 7 + 1) % 1_000
    ]
    begun = time.process_time()
    survey = Inspection(whole).survey(many)
    assert time.process_time() - begun < 5.0
    assert survey.sites == len(many)
