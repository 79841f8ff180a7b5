"""The checks of a feature file: labelled counters or a pair for each side, and every fault by its place."""

from datetime import UTC, datetime

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.feature_check import FeatureCheck, OnFail, Side
from wavetrain.model.health import labelled, selected
from wavetrain.model.policy import Direction
from wavetrain.wire.feature_file import read_features

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = """
[[feature]]
key = "menu"
summary = "Menus as tiles"
owner = "console team"
on_fail = "off"
alpha = 0.01

  [[feature.check]]
  name = "errors"
  events = "errors_total"
  exposure = 'requests_total{app="console"}'
  margin_ratio = 0.1
  spread = 2.0

  [[feature.check]]
  name = "logins"
  direction = "down"
  on = { events = "logins_tiles_total", exposure = "visits_tiles_total" }
  off = { events = "logins_list_total", exposure = "visits_list_total" }
"""


def test_counters_carry_the_feature_and_the_variant_or_each_side_names_its_own() -> None:
    (menu,) = read_features(GOOD, NOW)
    errors, logins = menu.checks
    assert (menu.on_fail, menu.alpha) == (OnFail.OFF, 0.01)
    assert errors == FeatureCheck(
        name="errors",
        on=Side(
            events='errors_total{feature="menu",variant="on"}',
            exposure='requests_total{app="console",feature="menu",variant="on"}',
        ),
        off=Side(
            events='errors_total{feature="menu",variant="off"}',
            exposure='requests_total{app="console",feature="menu",variant="off"}',
        ),
        margin_ratio=0.1,
        spread=2.0,
    )
    assert logins.direction is Direction.DOWN
    assert logins.off == Side(events="logins_list_total", exposure="visits_list_total")


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (
            'events = "errors_total"',
            'events = "rate(errors_total[5m])"',
            "is no counter; give a metric's name",
        ),
        ('events = "errors_total"', "events = 'e{variant=~\"on.*\"}'", "is no counter"),
        ('events = "errors_total"', 'events = ""', "it is empty"),
        ('direction = "down"', 'direction = "sideways"', "direction"),
        ("margin_ratio = 0.1", "margin_ratio = -1", "out of range"),
        ("spread = 2.0", "spread = 0.0", "out of range"),
        ('name = "logins"', 'name = "errors"', "check errors is there twice; give each its own name"),
        (
            'on = { events = "logins_tiles',
            'events = "x"\n  on = { events = "logins_tiles',
            "there are `on` and `off`",
        ),
        ("logins_tiles_total", "logins_list_total", None),
        ('"off"\nalpha = 0.01', '"erase"\nalpha = 0.01', "on_fail"),
        ("alpha = 0.01", "alpha = 0.5", "out of range"),
    ],
)
def test_each_fault_is_named_with_its_place_and_way_out(good: str, bad: str, said: str | None) -> None:
    assert good in GOOD
    text = GOOD.replace(good, bad)
    if said is None:
        text, said = text.replace("visits_tiles_total", "visits_list_total"), "it counts the same as `on`"
    with pytest.raises(RefusedError) as refused:
        read_features(text, NOW)
    assert said in str(refused.value)


def test_a_consequence_without_a_check_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"on_fail.*without a \[\[feature.check\]\]; add one"):
        read_features(GOOD.split("  [[feature.check]]", maxsplit=1)[0], NOW)


@pytest.mark.parametrize("name", ["a_total", 'a{b="c"}', 'a:b{c="d",e="f.g-h"}'])
def test_a_name_with_labels_is_read_as_it_was_written(name: str) -> None:
    assert labelled(*selected(name)) == name


@pytest.mark.parametrize("name", ['a{le="+Inf"}', "a{", 'a{b="c}', "a{b=c}", "rate(a[5m])"])
def test_what_is_no_such_name_stands_for_itself(name: str) -> None:
    assert selected(name) == (name, {})
