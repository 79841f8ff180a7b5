"""docs/cli.md is what the commands say of themselves."""

from tests.docs.draw_cli import PAGE, drawn


def test_the_reference_is_drawn_from_the_commands() -> None:
    again = "to draw it anew: .venv/bin/python -m tests.docs.draw_cli"
    assert PAGE.read_text().splitlines() == drawn().splitlines(), again


def test_no_command_and_no_option_is_without_a_sentence() -> None:
    for line in drawn().splitlines():
        assert not line.startswith("- `") or len(line.partition("`: ")[2]) > 3, line
