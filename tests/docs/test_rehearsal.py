"""The page of the rehearsal shows what the program says, and its picture is the program's."""

import re

from tests.docs.draw_rehearsal import PAGE, PICTURE, drawn, train
from typer.testing import CliRunner

from wavetrain.cli.main import app


def test_the_transcript_and_the_picture_are_the_programs_own() -> None:
    """Should the planner plan otherwise: `.venv/bin/python -m tests.docs.draw_rehearsal`, and read the difference."""
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page) == page
    assert train() == PICTURE.read_text(encoding="utf-8")


def test_every_option_that_the_page_names_exists() -> None:
    known = CliRunner().invoke(app, ["rehearse", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    named = set(re.findall(r"--[a-z]+", PAGE.read_text(encoding="utf-8")))
    assert {"--fault", "--freeze", "--svg", "--json", "--plant"} <= named
    assert not {name for name in named if name not in known}
