"""Which version is older: numbers count as numbers, and what is not a number comes before."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.model.release import is_older

IN_ORDER = (
    "0.9",
    "1",
    "1.2-rc9",
    "1.2-rc10",
    "1.2.0",
    "1.2.1",
    "1.9",
    "1.10.0-alpha",
    "1.10.0-alpha.1",
    "1.10.0-beta",
    "1.10",
    "2.0rc1",
    "2",
    "2.0.0.1",
    "20261101",
    "99999999999999999999999999999999999999.1",
)


@pytest.mark.parametrize(("older", "newer"), list(combinations(IN_ORDER, 2)))
def test_an_older_version_comes_before_a_newer_one(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2", "2.0.0"), ("2.0", "2.0"), ("1.2.0+a", "1.2+b"), ("01.2", "1.2"), ("1.2-rc1", "1.2_rc.1")],
)
def test_versions_that_mean_the_same_are_not_older_than_each_other(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


NUMBERS = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,20}", fullmatch=True)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_any_versions_can_be_put_in_one_order(one: str, two: str, three: str) -> None:
    assert not (is_older(one, two) and is_older(two, one))
    if is_older(one, two) and is_older(two, three):
        assert is_older(one, three)
    if not is_older(one, two) and not is_older(two, three):
        assert not is_older(one, three)
