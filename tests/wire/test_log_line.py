"""Log lines: one event is one line, whatever is in it."""

import io
import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.wire.log_line import HIDDEN, VALUE_CHARACTERS_MAX, clean, json_line, renderer, text_line

AT = "2026-11-24T02:00:00Z"
WRITERS = [json_line, text_line]
Writer = Callable[[str, str, str, Mapping[str, object]], str]
HOSTILE = 'x\n{"time": "now", "level": "info", "event": "forged"}\r\x1b[2K\x85\u2028\u202e\x7f"'


@pytest.mark.parametrize("write", WRITERS)
def test_a_hostile_text_stays_inside_its_line(write: Writer) -> None:
    line = write(AT, "info", "told", {"detail": HOSTILE})
    assert len(line.splitlines()) == 1
    assert line.isprintable()


@pytest.mark.parametrize("write", WRITERS)
@settings(max_examples=60, deadline=None)
@given(
    fields=st.dictionaries(
        st.text(max_size=8), st.text(max_size=30) | st.floats() | st.lists(st.text(max_size=8))
    )
)
def test_nothing_breaks_a_line(write: Writer, fields: dict[str, object]) -> None:
    line = write(AT, "info", "told", fields)
    assert line.isprintable(), line


@settings(max_examples=60, deadline=None)
@given(detail=st.text(max_size=100))
def test_json_gives_the_text_back_and_a_field_cannot_pass_for_the_event(detail: str) -> None:
    said = json.loads(json_line(AT, "info", "told", {"detail": detail, "event": "forged", "level": "error"}))
    assert said == {"time": AT, "level": "info", "event": "told", "detail": said["detail"]}
    if not any(mark in detail.lower() for mark in ("wt", "://", "bearer", "-----")):
        assert said["detail"] == detail


def test_a_text_that_looks_like_another_field_is_quoted() -> None:
    assert text_line(AT, "info", "told", {"detail": 'a" node="other'}).endswith('detail="a\\" node=\\"other"')


def test_numbers_that_json_has_no_word_for_are_texts() -> None:
    line = json_line(
        AT, "info", "told", {"ratio": float("inf"), "left": float("nan"), "count": 2, "on": True}
    )
    assert json.loads(line, parse_constant=pytest.fail)["ratio"] == "inf"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("token", "abc", HIDDEN),
        ("admin_token", "abc", HIDDEN),
        ("join_secret", "abc", HIDDEN),
        ("Authorization", "Bearer abc", HIDDEN),
        ("error", "wt_" + "A" * 43 + " is unknown", f"{HIDDEN} is unknown"),
        ("error", "sent Bearer abc.def", f"sent Bearer {HIDDEN}"),
        ("store", "postgresql://ana:p@ss@db/wavetrain", f"postgresql://{HIDDEN}@db/wavetrain"),
        ("text", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----.", f"{HIDDEN}."),
        ("text", "-----BEGIN EC PRIVATE KEY-----\nMII", HIDDEN),
        ("token_file", "/etc/wavetrain/token", "/etc/wavetrain/token"),
        ("error", "the token is unknown", "the token is unknown"),
        ("nested", {"token": "abc", "list": ["Bearer abc"]}, {"token": HIDDEN, "list": [f"Bearer {HIDDEN}"]}),
    ],
)
def test_secrets_are_not_written(name: str, value: object, shown: object) -> None:
    assert clean({name: value}) == {name: shown}


def test_a_long_value_is_cut_and_nothing_is_no_field() -> None:
    said = clean({"trace": "x" * (VALUE_CHARACTERS_MAX + 1), "none": None})
    assert list(said) == ["trace"]
    assert len(str(said["trace"])) < VALUE_CHARACTERS_MAX + 30


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_text_and_everything_else_json() -> None:
    closed = io.StringIO()
    closed.close()
    assert renderer("auto", Terminal()) is text_line
    assert renderer("auto", io.StringIO()) is renderer("auto", closed) is json_line
    assert renderer("json", Terminal()) is json_line
    assert renderer("text", io.StringIO()) is text_line
