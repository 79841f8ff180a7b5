"""A fleet stands in TOML or in JSON lines, read by the same rules, and reads back as it was written."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from tests.wire.fleets import fleets

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import AccountId, Blackout, Fleet, PopId, SiteId
from wavetrain.wire.faults import FAULTS_KEPT_MAX
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.fleet_lines import LINE_BYTES_MAX, LINES_BYTES_MAX, LINES_MAX, read_lines
from wavetrain.wire.fleet_parts import LIMITS
from wavetrain.wire.fleet_write import fleet_lines, fleet_toml

NOW = datetime(2026, 11, 1, tzinfo=UTC)

LINES = """
{"site": {"id": "s1", "account": "acme", "primary": "lis1", "secondary": "fra1", "kind": "ipsec", "users": 12}}
{"region": {"id": "emea", "name": "Europe"}}
{"pop": {"id": "lis1", "region": "emea", "place": "Lisbon", "zone": "Europe/Lisbon", "load": 0.4, "capacity": 40,
 "window": {"rule": "FREQ=DAILY", "starts": "02:00", "hours": 4}, "nodes": ["lis1-n1", "lis1-n2"],
 "hardware": {"big": ["lis1-n1"], "small": ["lis1-n2"]}, "latitude": 38.7, "longitude": -9.1}}
{"pop": {"id": "fra1", "region": "emea", "place": "Frankfurt", "zone": "Europe/Berlin", "dedicated": "acme",
 "window": {"rule": "FREQ=DAILY", "starts": "01:00", "minutes": 90}, "nodes": ["fra1-n1"]}}
{"group": {"id": "pair", "members": ["lis1", "fra1"], "kind": "egress"}}
{"account": {"id": "acme", "early": true, "blackouts": [{"first": "2026-12-24", "last": "2026-12-26"}]}}
""".replace("\n ", " ")
"""One object a line, in no order; blank lines say nothing."""


def read(text: str) -> Fleet:
    return read_lines([text.encode()], NOW)


def refused(text: str) -> str:
    with pytest.raises(RefusedError) as caught:
        read(text)
    return str(caught.value)


def test_json_lines_are_the_fleet_that_they_say_in_any_order() -> None:
    fleet = read(LINES)
    lisbon, site, account = (
        fleet.pops[PopId("lis1")],
        fleet.sites[SiteId("s1")],
        fleet.accounts[AccountId("acme")],
    )
    assert (lisbon.window.minutes, lisbon.latitude, lisbon.hardware["big"]) == (240, 38.7, ("lis1-n1",))
    assert (site.secondary, site.zone) == ("fra1", "Europe/Lisbon"), (
        "a site without a zone is in its primary PoP's"
    )
    assert account.blackouts == (Blackout(first=date(2026, 12, 24), last=date(2026, 12, 26)),)
    assert fleet.pops[PopId("fra1")].dedicated == "acme"


@settings(max_examples=30, deadline=None)
@given(fleets())
def test_any_fleet_reads_back_as_it_was_written_in_both_forms(fleet: Fleet) -> None:
    assert read_lines(fleet_lines(fleet), NOW) == fleet
    assert read_fleet(fleet_toml(fleet), NOW) == fleet


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_it_does_not_matter_where_the_stream_is_cut(size: int) -> None:
    content = LINES.encode()
    assert read_lines((content[at : at + size] for at in range(0, len(content), size)), NOW) == read(LINES)


SITE = '"primary": "lis1", "secondary": "fra1"'
BAD = {
    "an unknown key": ('"load"', '"laod"', "line 4, pop.laod: there is no key `laod`; did you mean `load`?"),
    "a wrong type": ('"load": 0.4', '"load": "x"', "line 4, pop.load: it is text; give a number"),
    "null": ('"load": 0.4', '"load": null', "line 4, pop.load: it is null; give a number"),
    "a PoP twice": (
        '"id": "fra1"',
        '"id": "lis1"',
        "line 5, pop.id: PoP lis1 is there twice; give each PoP its own",
    ),
    "a node in two PoPs": (
        '["fra1-n1"]',
        '["lis1-n1"]',
        "line 5, pop.nodes: node lis1-n1 is in PoP lis1 already",
    ),
    "an unknown region": (
        '"region": "emea", "place": "Lisbon"',
        '"region": "apac", "place": "Lisbon"',
        'line 4, pop.region: there is no region apac; add a line {"region": {"id": "apac"}}',
    ),
    "an unknown PoP in a site": (
        SITE,
        '"primary": "par1"',
        "line 2, site.primary: there is no PoP par1; correct",
    ),
    "an unknown secondary": (
        '"fra1", "kind"',
        '"par1", "kind"',
        "line 2, site.secondary: there is no PoP par1",
    ),
    "an unknown account": (
        '"account": "acme"',
        '"account": "nix"',
        "line 2, site.account: there is no account nix",
    ),
    "a dedicated PoP of nobody": (
        '"dedicated": "acme"',
        '"dedicated": "x"',
        "line 5, pop.dedicated: there is no acc",
    ),
    "a site on one PoP twice": (
        SITE,
        '"primary": "lis1", "secondary": "lis1"',
        "line 2, site.secondary: lis1 is the primary PoP as well; name another PoP, or leave it out",
    ),
    "an unknown kind of site": (
        '"ipsec"',
        '"ipsek"',
        "site.kind: `ipsek` is not known here; did you mean `ipsec`?",
    ),
    "a zone that is none": (
        '"users": 12',
        '"zone": "Mars/Base"',
        "line 2, site.zone: zone 'Mars/Base' is not in the",
    ),
    "no number of users": ('"users": 12', '"users": -1', "line 2, site.users: -1 is out of range"),
    "hours that are no day": (
        '"load": 0.4',
        '"hours": [0.1, 0.2]',
        "line 4, pop.hours: it has 2 shares; give 24",
    ),
    "an hour beyond the capacity": (
        '"load": 0.4',
        '"hours": [1.1]',
        "pop.hours: it holds something that is no such",
    ),
    "a load below its hours": (
        '"load": 0.4',
        f'"load": 0.4, "hours": {[0.5] * 24}',
        "line 4, pop.load: 0.4 is less than the greatest of `hours`, 0.5; give that, or leave it out",
    ),
    "no capacity": ('"capacity": 40', '"capacity": 0', "line 4, pop.capacity: it is 0; give more than 0"),
    "hardware of another PoP": (
        '"small": ["lis1-n2"]',
        '"small": ["fra1-n1"]',
        "line 4, pop.hardware.small: PoP lis1 has no node fra1-n1; name nodes of this PoP alone",
    ),
    "a node in two classes": (
        '"small": ["lis1-n2"]',
        '"small": ["lis1-n1"]',
        "line 4, pop.hardware.small: node lis1-n1 is of class big already; name each node in one class",
    ),
    "coordinates out of range": (
        "38.7",
        "98.7",
        "line 4, pop.latitude: 98.7 is out of range; give a number from -90",
    ),
    "half a coordinate": (
        ', "longitude": -9.1',
        "",
        "line 4, pop.longitude: `longitude` is missing; give both",
    ),
    "a self-paired group": (
        '["lis1", "fra1"]',
        '["lis1", "lis1"]',
        "line 6, group.members: group pair names a PoP twice; name each once",
    ),
    "a black-out that ends before it begins": (
        '"last": "2026-12-26"',
        '"last": "2026-12-23"',
        "line 7, account.blackouts[0].last: the black-out ends on 2026-12-23, before 2026-12-24; give a later `last`",
    ),
    "a day that no month has": (
        '"2026-12-26"',
        '"2026-12-32"',
        "account.blackouts[0].last: `2026-12-32` is no date",
    ),
    "a window that never opens": (
        '"FREQ=DAILY", "starts": "02:00"',
        '"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "starts": "02:00"',
        "line 4, pop.window: window rule FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30 names no day that ever comes",
    ),
    "a key twice": (
        '"users": 12',
        '"users": 12, "users": 13',
        "line 2, the line: it is not JSON: the key `users`",
    ),
    "a key twice, oddly spaced": (
        '"users": 12',
        '"users": 12, "users" : 13',
        "the key `users` is there twice",
    ),
    "no JSON": ('"users": 12', '"users": ', "line 2, the line: it is not JSON"),
    "a part that is none": (
        '{"group"',
        '{"grup"',
        "line 6, grup: there is no key `grup`; the keys here are: region",
    ),
    "a list for an object": (
        '{"group": {',
        '{"group": [], "x": {',
        "line 6, the line: it is not an object of one key",
    ),
    "text for an object": (
        '{"region": {"id": "emea", "name": "Europe"}}',
        '{"region": 1}',
        "region: it is not an object",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD.keys())
def test_a_fault_is_refused_with_its_line_and_the_way_out(old: str, new: str, said: str) -> None:
    assert old in LINES
    assert said in refused(LINES.replace(old, new, 1))


def test_every_fault_is_told_in_the_order_of_the_file() -> None:
    bad = (
        LINES.replace('"primary": "lis1"', '"primary": "x"')
        .replace('"load"', '"laod"')
        .replace("acme", "b", 2)
    )
    places = [line.split(":")[0].strip() for line in refused(bad).splitlines()[1:]]
    assert places == [
        "line 2, site.account",
        "line 2, site.primary",
        "line 4, pop.laod",
        "line 5, pop.dedicated",
    ]


def test_the_faults_of_sites_have_their_lines_in_toml_too() -> None:
    text = fleet_toml(read(LINES)).replace('primary = "lis1"', 'primary = "par1"')
    with pytest.raises(
        RefusedError, match=r"line \d+, site\[0\]\.primary: there is no PoP par1; correct the name"
    ):
        read_fleet(text, NOW)


def _endless(line: bytes) -> Iterator[bytes]:
    while True:
        yield line


ENDLESS: dict[str, tuple[Iterable[bytes], str]] = {
    "one line without an end": (
        _endless(b"x" * 65_536),
        f"line 1, the line: the line is longer than {LINE_BYTES_MAX}",
    ),
    "blank lines without an end": (
        _endless(b"\n" * 1_000_000),
        f"has more than {LINES_MAX} lines; leave out",
    ),
    "objects without an end": (
        _endless((b'{"region": {"id": "r", "name": "%s"}}' % (b"x" * 400)).ljust(200_000) + b"\n"),
        f"{FAULTS_KEPT_MAX} faults or more",
    ),
    "long lines without an end": (
        _endless(b" " * 200_000 + b"\n"),
        f"is larger than {LINES_BYTES_MAX} bytes; split",
    ),
    "faults without an end": (
        _endless(b'{"pop": 1}\n' * 1_000),
        f"has {FAULTS_KEPT_MAX} faults or more; what follows",
    ),
    "regions without an end": (
        (b'{"region": {"id": "r%d"}}\n' % number for number in range(10**9)),
        f"line {LIMITS['region'] + 1}, region: there are more than {LIMITS['region']} regions; give at most",
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("pieces", "said"), ENDLESS.values(), ids=ENDLESS.keys())
def test_a_stream_without_an_end_is_refused_at_a_named_limit(pieces: Iterable[bytes], said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_lines(pieces, NOW)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b'{"pop": "\xff"}', b"[" * 100_000, b"\x00", b"[]", b"1", b"null"]
)
def test_what_is_no_line_of_a_fleet_is_a_fault_of_that_line(content: bytes) -> None:
    with pytest.raises(RefusedError, match=r"line 2, the line: it is (not|nested)"):
        read_lines([b"\n", content], NOW)


def test_a_line_may_hold_what_looks_like_a_key_in_a_text() -> None:
    line = json.dumps({"region": {"id": "a", "name": 'x": "y'}}).encode() + b"\n"
    with pytest.raises(RefusedError) as caught:
        read_lines([line], NOW)
    assert str(caught.value).splitlines()[1:] == ['  pop: the fleet has no PoP; add a line {"pop": {...}}']
