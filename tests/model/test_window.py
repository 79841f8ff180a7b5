"""Windows, openings and freezes refuse what cannot be, and say the field and the way out."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from wavetrain.model.window import Freeze, Opening, WindowRule

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(hours=4)
RULE: dict[str, Any] = {"rule": "FREQ=DAILY", "starts": "02:00", "minutes": 240, "zone": "Europe/Lisbon"}
FREEZE: dict[str, Any] = {"id": "f1", "starts": START, "ends": END, "reason": "quarter end", "by": "ada"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rule", ""),
        ("rule", "X" * 201),
        ("starts", "2:00"),
        ("starts", "24:00"),
        ("starts", "02:60"),
        ("starts", "02:00\n"),
        ("starts", "٠٢:٠٠"),
        ("minutes", 0),
        ("minutes", -5),
        ("minutes", 7 * 1440 + 1),
        ("zone", ""),
        ("zone", "Z" * 65),
    ],
)
def test_a_window_rule_with_an_impossible_value_names_the_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{field}.*; *(give|$)|`{field}`.*give"):
        WindowRule(**{**RULE, field: value})


@pytest.mark.parametrize("minutes", [1, 240, 7 * 1440])
def test_a_window_may_last_from_a_minute_to_a_week(minutes: int) -> None:
    assert WindowRule(**{**RULE, "minutes": minutes}).minutes == minutes


def test_a_window_rule_is_a_key_by_its_values() -> None:
    assert {WindowRule(**RULE): "a"}[WindowRule(**RULE)] == "a"


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        (START.replace(tzinfo=None), END),
        (START, END.replace(tzinfo=None)),
        (START.astimezone(timezone(timedelta(hours=1))), END),
        (START, START),
        (END, START),
    ],
    ids=["naive opening", "naive closing", "another zone", "empty", "backwards"],
)
def test_an_impossible_opening_is_refused(opens: datetime, closes: datetime) -> None:
    with pytest.raises(ValueError, match=r"opening has (opens|closes) .*; give"):
        Opening(opens, closes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("starts", START.replace(tzinfo=None)),
        ("ends", END.astimezone(timezone(timedelta(hours=-3)))),
        ("ends", START),
        ("reason", ""),
        ("reason", "x" * 501),
        ("by", ""),
        ("scope", ("",)),
        ("scope", tuple(str(n) for n in range(1001))),
    ],
)
def test_a_freeze_with_an_impossible_value_names_the_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"freeze .*{field}.*;"):
        Freeze(**{**FREEZE, field: value})


def test_a_freeze_is_a_record_under_its_id_that_survives_the_store() -> None:
    freeze = Freeze(**FREEZE, scope=("eu", "pop"))
    assert (freeze.key, freeze.version) == (("f1",), 0)
    assert msgspec.json.decode(msgspec.json.encode(freeze), type=Freeze) == freeze


def test_a_bad_freeze_is_refused_while_it_is_decoded() -> None:
    text = msgspec.json.encode({**FREEZE, "ends": START})
    with pytest.raises(msgspec.ValidationError, match="give a later ends"):
        msgspec.json.decode(text, type=Freeze)
