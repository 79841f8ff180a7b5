"""A changes file names causes, nodes and times; a bad line is refused with its place."""

import pytest

from wavetrain.errors import RefusedError
from wavetrain.wire.changes_file import LINE_BYTES_MAX, read_changes

GOOD = b'{"cause": "content menu-7", "node": "fra1-n1", "time": 60}'


def test_lines_are_changes_by_cause() -> None:
    other = b'{"cause": "feature blue", "node": "fra1-n1", "time": 90.5}'
    more = b'{"cause": "content menu-7", "node": "fra1-n2", "time": 70}'
    menu, blue = read_changes([GOOD, b"", other, more], "changes.jsonl")
    assert (menu.cause, dict(menu.at)) == ("content menu-7", {"fra1-n1": 60.0, "fra1-n2": 70.0})
    assert (blue.cause, dict(blue.at)) == ("feature blue", {"fra1-n1": 90.5})
    assert read_changes([], "changes.jsonl") == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"menu", "malformed"),
        (b"\xff", "a change is"),
        (b'{"cause": "a", "node": "n", "time": "noon"}', "Expected `float`"),
        (b'{"cause": "a", "node": "n", "time": 1, "why": "x"}', "unknown field `why`"),
        (b'{"cause": "", "node": "n", "time": 1}', "names of 1 to 200"),
        (b'{"cause": "a", "node": "n", "time": 1e999}', "changes.jsonl, line 2"),
        (GOOD, "content menu-7 changes node fra1-n1 a second time"),
        (b" " * LINE_BYTES_MAX + GOOD, "longer than 4096 bytes"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(line: bytes, says: str) -> None:
    with pytest.raises(RefusedError, match=r"changes\.jsonl, line 2") as refused:
        read_changes([GOOD, line], "changes.jsonl")
    assert says in str(refused.value)
