"""A fleet file is read strictly, and every fault comes with its place, the rule and the way out."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import wavetrain.lab
from wavetrain.errors import RefusedError
from wavetrain.wire.fleet_file import read_fleet

NOW = datetime(2026, 11, 1, tzinfo=UTC)

GOOD = """
[[region]]
id = "emea"
name = "Europe"

[[pop]]
id = "lis1"
region = "emea"
place = "Lisbon"
zone = "Europe/Lisbon"
load = 0.4
nodes = [
  "lis1-n1",
  "lis1-n2",
]
  [pop.window]
  rule = "FREQ=DAILY"
  starts = "02:00"
  hours = 4

[[pop]]
id = "fra1"
region = "emea"
place = "Frankfurt"
zone = "Europe/Berlin"
nodes = ["fra1-n1"]
  [pop.window]
  rule = "FREQ=WEEKLY;BYDAY=SU"
  starts = "01:00"
  minutes = 90

[[group]]
id = "pair"
members = ["lis1", "fra1"]

[[account]]
id = "acme"
name = "Acme"
"""


def test_a_good_file_is_the_fleet_it_says() -> None:
    fleet = read_fleet(GOOD, NOW)
    lisbon = fleet.pops["lis1"]  # type: ignore[index]
    assert (lisbon.nodes, lisbon.load, lisbon.window.minutes, lisbon.window.zone) == (
        ("lis1-n1", "lis1-n2"),
        0.4,
        240,
        "Europe/Lisbon",
    )
    assert [pop.window.minutes for pop in fleet.pops.values()] == [240, 90]
    assert (list(fleet.groups), list(fleet.accounts), list(fleet.regions)) == (["pair"], ["acme"], ["emea"])


def test_the_fleet_of_the_lab_is_good() -> None:
    text = (Path(wavetrain.lab.__file__).parent / "fleet.toml").read_text()
    assert len(read_fleet(text, NOW).pops) == 3


BAD = {
    "an unknown field": (
        "load = 0.4",
        "laod = 0.4",
        "line 11, pop[0].laod: there is no key `laod`; did you mean `load`?",
    ),
    "a wrong type": ("load = 0.4", 'load = "0.4"', "line 11, pop[0].load: it is text; give a number"),
    "a flag for a number": ("load = 0.4", "load = true", "pop[0].load: it is true or false; give a number"),
    "a number out of range": (
        "load = 0.4",
        "load = 1.5",
        "pop[0].load: 1.5 is out of range; give a number from 0 to 1",
    ),
    "no number at all": ("load = 0.4", "load = nan", "pop[0].load: nan is out of range"),
    "an unknown zone": ("Europe/Lisbon", "Europe/Lisboa", "pop[0].window: "),
    "a rule that never opens": (
        "FREQ=DAILY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "names no day that ever comes; choose days",
    ),
    "a rule that is none": ("FREQ=DAILY", "every day", "pop[0].window"),
    "a start that is none": ("02:00", "2 am", "line 16, pop[0].window: "),
    "a PoP twice": ('id = "fra1"', 'id = "lis1"', "line 22, pop[1].id: PoP lis1 is there twice"),
    "a node twice in a PoP": (
        '"lis1-n2"',
        '"lis1-n1"',
        "line 12, pop[0].nodes: node lis1-n1 is in PoP lis1 already",
    ),
    "a node in two PoPs": ('["fra1-n1"]', '["lis1-n1"]', "pop[1].nodes: node lis1-n1 is in PoP lis1 already"),
    "no nodes": ('["fra1-n1"]', "[]", "pop[1].nodes: PoP fra1 has no nodes; name at least one"),
    "an unknown region": (
        'region = "emea"\nplace = "Lisbon"',
        'region = "apac"\nplace = "Lisbon"',
        "there is no region apac",
    ),
    "a group that names nothing": (
        '["lis1", "fra1"]',
        '["lis1", "par1"]',
        "group[0].members: there is no PoP par1",
    ),
    "a group of one": (
        '["lis1", "fra1"]',
        '["lis1"]',
        "group[0].members: group pair has fewer than two members",
    ),
    "hours and minutes": ("hours = 4", "hours = 4\n  minutes = 5", "give one of them"),
    "neither hours nor minutes": ("  hours = 4\n", "", "pop[0].window.minutes: `minutes` is missing"),
    "an id that is none": ('id = "acme"', 'id = "a c"', "account[0].id: `a c` is not an id"),
    "an unknown table": ("[[account]]", "[[customer]]", "customer: there is no key `customer`"),
    "a table for a list of tables": ("[[group]]", "[group]", "group: it is a table; give tables: [[group]]"),
    "no PoP": (GOOD[GOOD.index("[[pop]]") :], "", "pop: the fleet has no PoP"),
    "what is no TOML": ("load = 0.4", "load = ", "is not TOML"),
}


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD.keys())
def test_a_fault_is_refused_with_its_place_and_the_way_out(old: str, new: str, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_fleet(GOOD.replace(old, new, 1), NOW)
    assert said in str(caught.value)


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    bad = GOOD.replace('members = ["lis1", "fra1"]', 'members = ["nix"]').replace("load = 0.4", 'load = "x"')
    with pytest.raises(RefusedError) as caught:
        read_fleet(bad, NOW, "fleet.toml")
    head, *faults = str(caught.value).splitlines()
    assert head == "fleet.toml has 3 faults:"
    assert "line 11" in faults[0]
    assert all("group[0].members" in fault for fault in faults[1:])


def test_a_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(RefusedError, match="larger than"):
        read_fleet("#" * (16 * 1024 * 1024 + 1), NOW)
