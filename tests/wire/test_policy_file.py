"""A policy file is read strictly and checked against the fleet."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import wavetrain.lab
from wavetrain.errors import RefusedError
from wavetrain.model.policy import Bake, PlaceboLock, Timing
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.policy_file import read_policy

LAB = Path(wavetrain.lab.__file__).parent
FLEET = read_fleet((LAB / "fleet.toml").read_text(), datetime(2026, 11, 1, tzinfo=UTC))
GOOD = """
lane = "pop"

[[ring]]
name = "pilot"
stage = "early"
pops = ["lis1"]
soak_minutes = 720

[[ring]]
name = "tenth"
stage = "general"
share_percent = 10

[[ring]]
name = "world"
stage = "general"
rest = true

[bake]
minutes = 45

[verdicts]
[[verdicts.metric]]
name = "failed"
events = "failed_total"
exposure = "all_total"
"""


def test_what_is_left_out_takes_its_default() -> None:
    policy = read_policy(GOOD, FLEET)
    assert policy.bake.minutes == 45
    assert policy.bake.exposure_min == Bake().exposure_min
    assert policy.timing == Timing()
    assert [ring.name for ring in policy.rings] == ["pilot", "tenth", "world"]
    assert policy.verdicts.metrics[0].gate


@pytest.mark.parametrize("lock", list(PlaceboLock))
def test_the_lock_is_strict_unless_the_policy_says_otherwise(lock: PlaceboLock) -> None:
    said = GOOD.replace("[verdicts]\n", f'[verdicts]\nlock = "{lock.value}"\n')
    assert read_policy(said, FLEET).verdicts.lock is lock
    assert read_policy(GOOD, FLEET).verdicts.lock is PlaceboLock.STRICT


def test_nobody_is_restarted_as_a_placebo_unless_the_policy_says_so() -> None:
    said = GOOD.replace("[verdicts]\n", "[verdicts]\nplacebo_waves = true\n")
    assert read_policy(said, FLEET).verdicts.placebo_waves
    assert not read_policy(GOOD, FLEET).verdicts.placebo_waves


def test_the_policy_of_the_lab_fits_its_fleet() -> None:
    assert read_policy((LAB / "policy.toml").read_text(), FLEET).lane == "pop"


BAD = {
    "an unknown PoP": ('["lis1"]', '["lis2"]', "line 7, ring[0].pops: the fleet has no PoP lis2"),
    "a lock that there is not": (
        "[verdicts]\n",
        '[verdicts]\nlock = "loose"\n',
        "verdicts.lock: ",
    ),
    "a placebo that is no word": (
        "[verdicts]\n",
        '[verdicts]\nplacebo_waves = "often"\n',
        "verdicts.placebo_waves: ",
    ),
    "a ring that names nothing": (
        'pops = ["lis1"]\n',
        "",
        "line 4, ring[0]: ring pilot names nothing; give one of",
    ),
    "an empty ring": ('["lis1"]', "[]", "ring[0]: ring pilot names nothing"),
    "a ring that says it twice": (
        'pops = ["lis1"]',
        'pops = ["lis1"]\nshare_percent = 5',
        "says twice who is in it",
    ),
    "a PoP in two rings": (
        "share_percent = 10",
        'pops = ["lis1"]',
        "ring[1].pops: PoP lis1 is in ring pilot already",
    ),
    "the rest too early": ("share_percent = 10", "rest = true", "ring[1].rest: ring tenth takes the rest"),
    "early after general": (
        '"general"\nrest',
        '"early"\nrest',
        "ring[2].stage: early ring world follows general ring",
    ),
    "a ring's name twice": ('name = "tenth"', 'name = "pilot"', "ring[1].name: ring pilot is there twice"),
    "an unknown lane": (
        'lane = "pop"',
        'lane = "pops"',
        "line 2, lane: `pops` is not known here; did you mean `pop`?",
    ),
    "an unknown section's key": ("minutes = 45", "minuets = 45", "line 21, bake.minuets: there is no key"),
    "a wrong type": ("minutes = 45", "minutes = 45.5", "bake.minutes: it is a number; give a whole number"),
    "a share out of range": (
        "share_percent = 10",
        "share_percent = 0",
        "ring[1].share_percent: 0 is out of range",
    ),
    "no rings": (GOOD[GOOD.index("[[ring]]") : GOOD.index("[bake]")], "", "ring: the policy has no rings"),
    "a plan beyond its train": ("[bake]", "[timing]\nplanned_to_day = 20\n[bake]", "timing.planned_to_day"),
}


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD.keys())
def test_a_fault_is_refused_with_its_place_and_the_way_out(old: str, new: str, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_policy(GOOD.replace(old, new, 1), FLEET)
    assert said in str(caught.value)


def test_rings_of_accounts_name_no_pops() -> None:
    with pytest.raises(RefusedError, match="moves accounts"):
        read_policy(GOOD.replace('"pop"', '"feature"', 1), FLEET)
