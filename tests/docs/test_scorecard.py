"""docs/scorecard.md shows the card that is kept, and names what there is."""

from tests.docs.draw_scorecard import PAGE, card, drawn

from wavetrain.simulate.scorecard import SUITES, scenarios
from wavetrain.simulate.scorecard_methods import methods


def test_the_tables_are_those_of_the_card() -> None:
    """Should the card change: `.venv/bin/python -m tests.docs.draw_scorecard`, and read the difference."""
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page, card()) == page


def test_the_card_has_every_method_and_scenario_that_there_is() -> None:
    made = card()
    assert made.suite in SUITES
    assert list(made.methods) == [method.name for method in methods()]
    for row in made.methods.values():
        assert set(row) == set(scenarios())
