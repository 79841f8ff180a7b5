"""Cohorts are held to frozen vectors, to evenness, to independence and to growth without reshuffling."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide.cohort import BUCKETS, bucket, buckets, in_share, rank, unit_key, unit_keys


class Vector(NamedTuple):
    unit: str
    salt: str
    key: str
    bucket: int


VECTORS = tuple(
    Vector(**vector)
    for vector in json.loads(Path(__file__).with_name("cohort_vectors.json").read_text("utf-8"))["vectors"]
)
IDS = [f"acct-{number:06d}" for number in range(100_000)]
KEYS = unit_keys(IDS)

units = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
shares = st.integers(0, BUCKETS)


def chi_square(observed: np.ndarray, expected: np.ndarray | float) -> float:
    return float(((observed - expected) ** 2 / expected).sum())


def in_plain_words(unit: str, salt: str) -> int:
    """The recipe of the decision record, written out again with nothing of the code under test."""
    keyed = {"digest_size": 8, "key": b"wavetrain cohort 1"}
    first = hashlib.blake2b(unit.encode(), person=b"wavetrain/unit", **keyed).digest()  # type: ignore[arg-type]
    second = hashlib.blake2b(salt.encode(), person=b"wavetrain/salt", **keyed).digest()  # type: ignore[arg-type]
    value = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    value = value ^ value >> 31
    return value // 2**20 * 1_000_000 // 2**44


def test_there_are_enough_frozen_vectors_and_some_are_strange() -> None:
    assert len(VECTORS) >= 40
    assert {vector.unit for vector in VECTORS} >= {"", " ", "münchen", "mu\u0308nchen", "東京1", "🚆"}
    assert len({vector.salt for vector in VECTORS}) >= 4


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_a_frozen_vector_never_changes(vector: Vector) -> None:
    key = unit_key(vector.unit)
    assert f"{key:016x}" == vector.key
    assert bucket(key, vector.salt) == vector.bucket
    assert in_plain_words(vector.unit, vector.salt) == vector.bucket
    assert in_share(vector.unit, vector.salt, vector.bucket + 1)
    assert not in_share(vector.unit, vector.salt, vector.bucket)


def test_the_vectorised_form_gives_the_frozen_vectors_too() -> None:
    keys = unit_keys(vector.unit for vector in VECTORS)
    assert [f"{key:016x}" for key in keys.tolist()] == [vector.key for vector in VECTORS]
    for salt in {vector.salt for vector in VECTORS}:
        here = [index for index, vector in enumerate(VECTORS) if vector.salt == salt]
        assert buckets(keys[here], salt).tolist() == [VECTORS[index].bucket for index in here]


@given(st.lists(units, max_size=20), units)
def test_scalar_and_vectorised_forms_agree(ids: list[str], salt: str) -> None:
    keys = unit_keys(ids)
    assert keys.dtype == np.uint64
    assert keys.tolist() == [unit_key(unit) for unit in ids]
    assert buckets(keys, salt).tolist() == [bucket(unit_key(unit), salt) for unit in ids]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20), units)
def test_the_forms_agree_on_any_key_and_leave_the_keys_alone(numbers: list[int], salt: str) -> None:
    keys = np.array(numbers, dtype=np.uint64)
    got = buckets(keys, salt)
    assert keys.tolist() == numbers
    assert got.tolist() == [bucket(number, salt) for number in numbers]
    assert int(got.max()) < BUCKETS


@given(units, units, shares, shares)
def test_who_is_in_a_share_is_in_every_greater_one(unit: str, salt: str, one: int, other: int) -> None:
    small, great = sorted((one, other))
    if in_share(unit, salt, small):
        assert in_share(unit, salt, great)


@given(units, units)
def test_nobody_is_in_nothing_and_everybody_in_all(unit: str, salt: str) -> None:
    assert not in_share(unit, salt, 0)
    assert in_share(unit, salt, BUCKETS)


@pytest.mark.parametrize("share", [-1, BUCKETS + 1])
def test_an_impossible_share_is_refused(share: int) -> None:
    with pytest.raises(ValueError, match=f"share_ppm is {share}; give millionths"):
        in_share("a", "s", share)


@pytest.mark.parametrize("salt", ["", "rollout-1", "rollout-2", "feature:dark-mode"])
def test_buckets_are_even(salt: str) -> None:
    # 1,000 cells of 100 expected each: chi-square has mean 999 and deviation 44.7; five deviations either way.
    counts = np.bincount((buckets(KEYS, salt) // np.uint64(1000)).astype(np.int64), minlength=1000)
    assert 999 - 5 * 44.7 < chi_square(counts, 100.0) < 999 + 5 * 44.7


@pytest.mark.parametrize("share_ppm", [1_000, 10_000, 50_000, 100_000, 350_000, 500_000])
def test_a_share_takes_its_part(share_ppm: int) -> None:
    share = share_ppm / BUCKETS
    taken = np.mean([(buckets(KEYS, f"salt-{n}") < share_ppm).mean() for n in range(20)])
    deviation = (share * (1 - share) / (20 * len(IDS))) ** 0.5
    assert abs(taken - share) < 5 * deviation


def test_salts_are_independent_of_each_other() -> None:
    # A 10 x 10 table of deciles under two salts has 81 degrees of freedom: mean 81, deviation 12.7.
    figures = []
    for n in range(40):
        one, other = (buckets(KEYS, f"s-{n}-{side}") // np.uint64(100_000) for side in "ab")
        table = np.bincount((one * np.uint64(10) + other).astype(np.int64), minlength=100).reshape(10, 10)
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / len(IDS)
        figures.append(chi_square(table, expected))
    assert max(figures) < 81 + 6 * 12.7
    assert abs(float(np.mean(figures)) - 81) < 5 * 12.7 / 40**0.5


def test_the_early_of_one_rollout_are_not_the_early_of_the_next() -> None:
    early = buckets(KEYS, "rollout-1") < 100_000
    again = (buckets(KEYS, "rollout-2") < 100_000)[early].mean()
    assert abs(again - 0.1) < 5 * (0.09 / early.sum()) ** 0.5


def test_ids_that_differ_in_one_letter_part_ways() -> None:
    one = buckets(unit_keys(f"fra1-n{n:05d}" for n in range(20_000)), "s").astype(np.float64)
    other = buckets(unit_keys(f"fra2-n{n:05d}" for n in range(20_000)), "s").astype(np.float64)
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 5 / 20_000**0.5
    assert abs(float(np.corrcoef(one[:-1], one[1:])[0, 1])) < 5 / 20_000**0.5


@given(st.lists(units, unique=True, max_size=30), units)
def test_a_rank_does_not_depend_on_the_order_given(ids: list[str], salt: str) -> None:
    ranked = rank(ids, salt)
    assert sorted(ranked) == sorted(ids)
    assert rank(sorted(ids), salt) == rank(ids[::-1], salt) == ranked


@given(st.lists(units, unique=True, max_size=30), units)
def test_buckets_never_fall_along_a_rank(ids: list[str], salt: str) -> None:
    along = [bucket(unit_key(unit), salt) for unit in rank(ids, salt)]
    assert along == sorted(along)


@given(st.lists(units, unique=True, min_size=1, max_size=30), units, st.data())
def test_who_leaves_moves_no_other_past_another(ids: list[str], salt: str, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(ids))
    assert rank([unit for unit in ids if unit != gone], salt) == tuple(
        unit for unit in rank(ids, salt) if unit != gone
    )


def test_another_salt_ranks_otherwise() -> None:
    pops = [f"pop{n}" for n in range(50)]
    assert rank(pops, "rollout-1") != rank(pops, "rollout-2")


def test_nobody_has_no_keys_and_no_rank() -> None:
    assert unit_keys([]).shape == (0,)
    assert rank([], "s") == ()
