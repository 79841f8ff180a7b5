"""Cohort: who, by stable hash?

The functions of this module may never give another answer: cohorts would reshuffle in mid-rollout.
`tests/decide/cohort_vectors.json` holds them to it, `docs/decisions/0001-cohort-hash.md` says why they are so.

    unit key = BLAKE2b-64(UTF-8 of the unit's id, key=KEY, person=PERSON_UNIT), read little-endian
    salt key = BLAKE2b-64(UTF-8 of the salt, key=KEY, person=PERSON_SALT), read little-endian
    hash     = mix64(unit key xor salt key)
    bucket   = (hash >> 20) x 1,000,000 >> 44

Ids and salts are hashed as they are written: case counts, and no Unicode normalisation is done. `KEY` is public:
it sets these hashes apart from any other use of BLAKE2b and keeps nothing secret.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1_000_000
"""Buckets are parts per million; multiply-shift over 44 bits makes them even to within 6e-8 of their size."""
UNITS_MAX = 10_000_000
KEY = b"wavetrain cohort 1"
PERSON_UNIT = b"wavetrain/unit"
PERSON_SALT = b"wavetrain/salt"

_MASK = (1 << 64) - 1
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# Arrays of one number: of short vectors, half the time goes into turning a number into one.
_SHIFTS = tuple(np.array([bits], dtype=np.uint64) for bits in (30, 27, 31))
_FACTORS = tuple(np.array([factor], dtype=np.uint64) for factor in (_FIRST, _SECOND))


def unit_key(unit_id: str) -> int:
    """The 64-bit key of a unit, worth keeping: every salt starts from it."""
    return int.from_bytes(_digest(unit_id, PERSON_UNIT), "little")


def unit_keys(unit_ids: Iterable[str]) -> NDArray[np.uint64]:
    """The keys of many units, shape (units,), in their order. Raises ValueError above `UNITS_MAX` units."""
    digests = [
        _digest(unit_id, PERSON_UNIT) for _, unit_id in zip(range(UNITS_MAX + 1), unit_ids, strict=False)
    ]
    if len(digests) > UNITS_MAX:
        raise ValueError(f"more than {UNITS_MAX} units were given; hash them in parts")
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def bucket(key: int, salt: str) -> int:
    """The bucket, 0 to 999,999, of a unit (by its `unit_key`) under a salt."""
    return ((_mix64(key ^ salt_key(salt)) >> 20) * BUCKETS) >> 44


def buckets(keys: NDArray[np.uint64], salt: str) -> NDArray[np.uint64]:
    """The buckets of many units by their `unit_keys`, in the same shape; the same numbers as `bucket`."""
    return ((_mixed(keys, salt) >> np.uint64(20)) * np.uint64(BUCKETS)) >> np.uint64(44)


def bound(share_ppm: int) -> int:
    """Of hashes without their lowest 20 bits: whose are below it are in the first `share_ppm` millionths."""
    return -(-(share_ppm << 44) // BUCKETS)


def in_share(unit_id: str, salt: str, share_ppm: int) -> bool:
    """Whether a unit is in the first `share_ppm` millionths; who is in a share is in every greater one.

    Raises ValueError for a share outside 0 to 1,000,000.
    """
    if not 0 <= share_ppm <= BUCKETS:
        raise ValueError(f"share_ppm is {share_ppm}; give millionths, 0 to {BUCKETS}")
    return bucket(unit_key(unit_id), salt) < share_ppm


def rank(unit_ids: Sequence[str], salt: str) -> tuple[str, ...]:
    """The units in the order of their hashes (equal ones by id), whatever order they come in.

    Buckets never fall along it. Taking the first n gives exactly n units, and every greater n keeps them; who
    joins or leaves moves no unit past another.
    """
    hashes = _mixed(unit_keys(unit_ids), salt).tolist()
    return tuple(unit_id for _, unit_id in sorted(zip(hashes, unit_ids, strict=True)))


def _digest(text: str, person: bytes) -> bytes:
    return blake2b(text.encode(), digest_size=8, key=KEY, person=person).digest()


@lru_cache(maxsize=4_096)
def salt_key(salt: str) -> int:
    """The 64-bit key of a salt."""
    return int.from_bytes(_digest(salt, PERSON_SALT), "little")


def _mix64(value: int) -> int:
    """The finaliser of SplitMix64, David Stafford's variant 13 of MurmurHash3's: a bijection of 64 bits.

    Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def _mixed(keys: NDArray[np.uint64], salt: str) -> NDArray[np.uint64]:
    """`_mix64` of keys xor the salt's key; arithmetic of uint64 arrays wraps, which is what is wanted."""
    return finished(keys ^ np.uint64(salt_key(salt)))


def finished(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hashes of unit keys xor salt keys, element by element; the array is used up."""
    value ^= value >> _SHIFTS[0]
    value *= _FACTORS[0]
    value ^= value >> _SHIFTS[1]
    value *= _FACTORS[1]
    value ^= value >> _SHIFTS[2]
    return value
