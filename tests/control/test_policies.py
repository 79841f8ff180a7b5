"""A policy's name is made of what it says, and of nothing that came to policies later and is left out."""

import hashlib

import msgspec
from tests.control.practice import POLICY, Practice

from wavetrain.control.policies import digest_of


def test_a_policy_that_says_nothing_of_notices_is_called_as_before_there_were_any() -> None:
    policy = Practice.policy(POLICY)
    before = msgspec.json.encode(policy, order="deterministic")
    start = before.index(b',"announce":')
    said = before[:start] + before[before.index(b"}", start) + 1 :]
    assert digest_of(policy) == hashlib.sha256(said).hexdigest()


def test_what_it_says_of_notices_counts() -> None:
    names = {digest_of(Practice.policy(f"{POLICY}\n[announce]\ndays_ahead = {days}\n")) for days in (3, 5, 7)}
    assert len(names) == 3
    assert digest_of(Practice.policy(POLICY)) in names, "7 days are what it means where it says nothing"
