"""All features of an account at once are what each is by itself, and every answer has its reason."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide import cohort, ramp
from wavetrain.decide.activation import Sheet, Standing, Why, bits_of
from wavetrain.errors import RefusedError
from wavetrain.model.feature import (
    WHOLE_PPM,
    Early,
    Feature,
    FeatureKey,
    Killed,
    Needs,
    Ramp,
    Step,
    Variant,
)

NOW = datetime(2026, 1, 11, tzinfo=UTC)
VARIANTS = (Variant("on", True), Variant("off", False))


def feature(name: str, share: int | None = None, needs: tuple[str, ...] = (), **more: object) -> Feature:
    """One whose ramp has reached a share; None: it has no ramp."""
    steps = (Step(0, share or 0), Step(100, WHOLE_PPM)) if share != WHOLE_PPM else (Step(0, WHOLE_PPM),)
    return Feature(
        id=FeatureKey(name),
        variants=VARIANTS,
        on="on",
        off="off",
        summary=name,
        owner="a team",
        announced_at=NOW,
        needs=Needs(features=tuple(map(FeatureKey, needs))),
        ramp=Ramp(begins=NOW - timedelta(hours=1), steps=steps) if share is not None else None,
    ).changed(**more)


def sheet(*features: Feature) -> Sheet:
    return Sheet({one.id: one for one in features}, NOW)


def account(name: str = "acme", /, **sets: int) -> Standing:
    return Standing(cohort.unit_key(name), **sets)


def has(made: Sheet, who: Standing) -> set[str]:
    return {str(one.key) for one in made.answers(who) if one.is_on}


shares = st.one_of(st.none(), st.just(0), st.just(WHOLE_PPM), st.integers(1, WHOLE_PPM - 1))
fleets = st.lists(
    st.tuples(shares, st.booleans(), st.booleans(), st.sets(st.integers(0, 19), max_size=3)),
    min_size=1,
    max_size=20,
)


@given(fleets, st.integers(0, 50), *[st.integers(0, (1 << 20) - 1)] * 4)
def test_all_at_once_are_what_each_is_by_itself(
    drawn: list[tuple[int | None, bool, bool, set[int]]],
    who: int,
    early: int,
    held: int,
    covered: int,
    licensed: int,
) -> None:
    made = [
        feature(
            f"f{place:02}",
            share,
            tuple(f"f{needed:02}" for needed in needs if needed < place),
            killed=Killed(at=NOW, by="ada", reason="x") if dead else None,
            early=Early(since=NOW - timedelta(days=1)) if opens else None,
        )
        for place, (share, dead, opens, needs) in enumerate(drawn)
    ]
    whole = sheet(*made)
    standing = account(f"acme-{who}", early=early, held=held, covered=covered, licensed=licensed)
    expected: dict[str, bool] = {}
    for one in whole.features:
        bit = 1 << whole.places[one.id]
        turned = one.ramp is not None and ramp.bucket(one.id, standing.key) < ramp.share_ppm(one.ramp, NOW)
        wanted = turned or (bool(early & bit) and one.early is not None)
        may = one.killed is None and not held & bit and covered & bit and licensed & bit
        expected[one.id] = bool(wanted and may and all(expected[needed] for needed in one.needs.features))
    assert {str(one.key): one.is_on for one in whole.answers(standing)} == expected
    for key, is_on in expected.items():
        place = whole.places[FeatureKey(key)]
        assert whole.answer(standing, place).is_on is is_on
        assert (whole.why(standing, place) in (Why.EARLY, Why.ITS_TURN, Why.EVERYWHERE)) is is_on


def test_every_answer_has_its_reason() -> None:
    half = next(
        name for name in map(str, range(99)) if ramp.bucket(FeatureKey(name), account().key) < 300_000
    )
    late = next(
        name for name in map(str, range(99)) if ramp.bucket(FeatureKey(name), account().key) > 700_000
    )
    made = sheet(
        feature(half, 500_000),
        feature(late, 500_000, early=Early(since=NOW)),
        feature("whole", WHOLE_PPM),
        feature("dead", WHOLE_PPM, killed=Killed(at=NOW, by="ada", reason="it blinks")),
        feature("new"),
        feature("after", WHOLE_PPM, (late,)),
    )

    def why(name: str, **sets: int) -> Why:
        return made.why(account(**sets), made.places[FeatureKey(name)])

    assert why(half) is Why.ITS_TURN
    assert why("whole") is Why.EVERYWHERE
    assert why(late) is Why.NOT_YET
    assert why(late, early=bits_of(made, [late, "unheard-of"])) is Why.EARLY
    assert why("dead") is Why.OFF
    assert why("new") is Why.ANNOUNCED
    assert why("after") is Why.WAITS
    assert why("whole", held=bits_of(made, ["whole"])) is Why.HELD
    assert why("whole", covered=0) is Why.UNCOVERED
    assert why("whole", licensed=0) is Why.NOT_LICENSED


def test_nobody_who_has_a_feature_loses_it_because_its_ramp_grew() -> None:
    shares = (1, 10_000, 300_000, 300_001, 999_999, WHOLE_PPM)
    before: set[str] = set()
    for share in shares:
        made = sheet(feature("menu", share))
        now = {name for name in (f"acme-{number}" for number in range(3_000)) if has(made, account(name))}
        assert before <= now
        before = now
    assert len(before) == 3_000


def test_a_sheet_without_features_has_no_answers_and_a_circle_is_refused() -> None:
    assert sheet().answers(account()) == []
    with pytest.raises(RefusedError, match="wait for each other"):
        sheet(feature("a", 1, ("b",)), feature("b", 1, ("a",)))
