"""The agent's log: lines that programs read, with the levels that people filter by."""

import io
import json
import re
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, tables

import wavetrain.agent
from wavetrain.agent.log import FAILED, WARNED, log_for


@pytest.mark.parametrize(("event", "level"), [("begin", "info"), ("away", "warning"), ("fault", "error")])
def test_a_line_names_the_node_and_has_its_level(event: str, level: str) -> None:
    out = io.StringIO()
    log_for("lis1-n1", "json", out)(event, release="2.0.0\n{}")
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert said.pop("time").endswith("Z")
    assert said == {"level": level, "event": event, "node": "lis1-n1", "release": "2.0.0\n{}"}


def test_a_person_reads_text() -> None:
    out = io.StringIO()
    log_for("lis1-n1", "text", out)("told", generation="1.7")
    assert out.getvalue().rstrip("\n").endswith("info     told  node=lis1-n1  generation=1.7")


def test_an_agent_whose_log_is_gone_works_on() -> None:
    out = io.StringIO()
    out.close()
    log_for("lis1-n1", "json", out)("away")


def test_every_event_of_the_agent_stands_in_the_documents_with_its_level() -> None:
    texts = [path.read_text() for path in Path(wavetrain.agent.__path__[0]).glob("*.py")]
    said = {name for text in texts for name in re.findall(r"\b_?log\(\s*\"([^\"]+)\"", text)}
    told = {
        row[0].strip("`"): row[1] for row in tables((DOCS / "health.md").read_text())["Events of an agent"]
    }
    assert told == {
        name: "error" if name in FAILED else "warning" if name in WARNED else "info" for name in said
    }
