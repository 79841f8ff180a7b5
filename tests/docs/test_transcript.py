"""What a page shows is found in what was printed, and what was never printed is not."""

import pytest
from tests.docs.transcript import mask, missing_from, shown

OUTPUT = """\
everything is kept in /tmp/wavetrain-x1
2.0.0 is good: pilot ring first
Mon 23 Nov 17:20  gateway-2.0.0: planned -> announced: departs Sun 2026-12-06 00:00 UTC
Sun 06 Dec 02:31  lis1: the canary passed after 0:30:00.306978
Sun 06 Dec 02:31  lis1: waits: slots are taken (owned by lis1-n1, lis1-n4; 2 of 4 at once)
┃          ┃ good 2.0.0 ┃
┡━━━━━━━━━━╇━━━━━━━━━━━━┩
│ status   │  completed │
2.1.0 reached 1 node of 1 PoP; verdict after 2.1 s of full traffic, everything
back 2.8 s later.
"""


def page(*lines: str) -> str:
    return "# A page\n\n```text\n" + "\n".join(lines) + "\n```\n"


@pytest.mark.parametrize(
    "line",
    [
        "Fri 01 Jan 03:07  fra1: the canary passed after 0:45:12",
        "Fri 01 Jan 03:07  gateway-2.1.1: planned -> announced: departs Sat 2027-01-02 00:00 UTC",
        "Fri 01 Jan 03:07  jnb1: waits: slots are taken (owned by jnb1-n2; 1 of 8 at once)",
        "everything is kept in /home/olga/demo",
        "┃   ┃ good 2.0.0 ┃",
        "┡━━━╇━━━━━━━━━━━━━━┩",
        "verdict after 12.25 s of full traffic, everything back 10.8 s later.",
    ],
)
def test_digits_times_places_and_widths_may_differ(line: str) -> None:
    assert missing_from(page(line), OUTPUT) == []


@pytest.mark.parametrize(
    "line",
    [
        "Sun 06 Dec 02:31  lis1: the canary failed after 0:30:00",
        "Sun 06 Dec 02:31  the canary passed after 0:30:00",
        "the whole world is saved",
        "│ status   │  reverted │",
    ],
)
def test_other_words_are_not_found(line: str) -> None:
    assert missing_from(page(line), OUTPUT) == [line]


def test_a_command_and_what_was_left_out_are_not_lines_of_the_output() -> None:
    assert shown(page("$ wavetrain demo", "...", "", "it ends")) == ["it ends"]


def test_a_line_is_masked_the_same_way_twice() -> None:
    for line in OUTPUT.splitlines():
        assert mask(mask(line)) == mask(line)
