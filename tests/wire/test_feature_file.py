"""A feature file is read whole, or refused with every fault, its place and the way out."""

from datetime import UTC, datetime

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.feature import Early, Feature, FeatureKey, Kind, Needs, Step, Variant
from wavetrain.wire.feature_file import FEATURE_FILE_BYTES_MAX, read_features

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GOOD = """
[[feature]]
key = "menu"
kind = "text"
variants = { plain = "list", rich = "tiles" }
on = "rich"
off = "plain"
summary = "Menus as tiles"
owner = "console team"
domain = "navigation"
expires = 2026-06-01T00:00:00Z
notes = ["https://example.org/notes/menu"]

  [feature.needs]
  releases = { gateway = "2.1.0" }
  client = "5.4"
  licences = ["premium"]
  features = ["dark-mode"]

  [feature.early]
  since = 2026-01-03T00:00:00+01:00
  terms = "may change without notice"

  [feature.ramp]
  begins = 2026-01-11T00:00:00Z
  steps = [{ hours = 0, percent = 1 }, { hours = 48, percent = 33.3 }, { hours = 96, percent = 100 }]

[[feature]]
key = "dark-mode"
summary = "Pages for the night"
owner = "console team"
"""


def test_a_whole_file() -> None:
    menu, dark = read_features(GOOD, NOW)
    assert (menu.id, menu.kind, menu.on, menu.off) == ("menu", Kind.TEXT, "rich", "plain")
    assert menu.variants == (Variant("plain", "list"), Variant("rich", "tiles"))
    assert menu.needs == Needs(
        releases={"gateway": "2.1.0"},
        client="5.4",
        licences=("premium",),
        features=(FeatureKey("dark-mode"),),
    )
    assert menu.early == Early(since=datetime(2026, 1, 2, 23, tzinfo=UTC), terms="may change without notice")
    assert menu.ramp is not None
    assert menu.ramp.steps == (Step(0, 10_000), Step(48, 333_000), Step(96, 1_000_000))
    assert dark == Feature(
        id=FeatureKey("dark-mode"),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary="Pages for the night",
        owner="console team",
        announced_at=NOW,
    )


def test_a_ramp_in_days_and_an_object() -> None:
    text = """
[[feature]]
key = "limits"
kind = "object"
variants = { wide = { rules = 10, names = ["a"] }, small = { rules = 1 } }
on = "wide"
off = "small"
summary = "More rules"
owner = "firewall team"
ramp = { begins = 2026-01-11T00:00:00Z, days = 2 }
"""
    (limits,) = read_features(text, NOW)
    assert limits.variants[0].value == {"rules": 10, "names": ["a"]}
    assert limits.ramp is not None
    assert limits.ramp.steps == (Step(0, 500_000), Step(24, 1_000_000))


FAULTS = [
    ('key = "menu"', 'key = "me nu"', "is not an id"),
    ('kind = "text"', 'kind = "txt"', "did you mean `text`"),
    ('plain = "list"', "plain = 7", "it is no value of a feature of kind text; give text in quotes"),
    ('plain = "list", ', "", "there are 1 of them; give 2 to 20"),
    ('on = "rich"', 'on = "plain"', "with the feature and without it"),
    ('off = "plain"', 'off = "plane"', "did you mean `plain`"),
    ('features = ["dark-mode"]', 'features = ["menu"]', "menu needs itself"),
    ("since = 2026-01-03T00:00:00+01:00", "since = 2026-01-03", "it has no offset"),
    (
        "percent = 33.3",
        "percent = 0.5",
        "a ramp never goes down: at hour 48 it has 0.5 % after 1 %; pause it",
    ),
    ("percent = 100 }", "percent = 99 }", "a ramp ends with everybody, this one with 99 %"),
    ("begins = 2026-01-11T00:00:00Z", "begins = 2026-01-11T00:00:00Z\ndays = 3", "give one of them"),
    ('"https://example.org/notes/menu"', '"javascript:alert(1)"', "is no link"),
    ('key = "dark-mode"', 'key = "menu"', "feature menu is there twice"),
    ('owner = "console team"\ndomain', "domain", "`owner` is missing"),
    ('domain = "navigation"', 'domian = "navigation"', "did you mean `domain`"),
]


@pytest.mark.parametrize(("good", "bad", "said"), FAULTS)
def test_each_fault_is_named_with_its_place_and_way_out(good: str, bad: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_features(GOOD.replace(good, bad, 1), NOW)
    assert said in str(refused.value)
    assert "feature" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("switch", "1"),
        ("whole", "1.5"),
        ("whole", "true"),
        ("number", '"1"'),
        ("number", "nan"),
        ("number", "inf"),
        ("object", "[1]"),
        ("object", "{ at = 2026-01-01 }"),
        ("text", '"' + "x" * 16_400 + '"'),
    ],
)
def test_a_value_of_another_kind_or_none_of_json_is_refused(kind: str, value: str) -> None:
    good = {"switch": "true", "whole": "2", "number": "2.5", "object": "{ a = 1 }", "text": '"a"'}[kind]
    text = f"""
[[feature]]
key = "x"
kind = "{kind}"
variants = {{ one = {value}, two = {good} }}
on = "one"
off = "two"
summary = "x"
owner = "x"
"""
    with pytest.raises(RefusedError, match=r"feature\[0\]\.variants\.one"):
        read_features(text, NOW)


@pytest.mark.parametrize("text", ["", "feature = 3", "[[feature]]\n", "[[feature]]\nkey = 1\n"])
def test_a_file_that_announces_nothing_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        read_features(text, NOW)


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(RefusedError, match="split it"):
        read_features("#" * (FEATURE_FILE_BYTES_MAX + 1), NOW)
