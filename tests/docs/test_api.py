"""docs/api.md is what the doors say of themselves."""

from tests.docs.draw_api import PAGE, drawn


def test_the_reference_is_drawn_from_the_doors() -> None:
    again = "to draw it anew: .venv/bin/python -m tests.docs.draw_api"
    assert PAGE.read_text().splitlines() == drawn().splitlines(), again
