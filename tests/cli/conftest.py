"""Fixtures of the commands' tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.control.practice import Practice
from tests.doors.served import Served, served
from typer.testing import CliRunner

from wavetrain.cli.main import app


class Terminal:
    """A terminal next to open doors; `as_` says whose token is used."""

    def __init__(self, doors: Served) -> None:
        self.doors = doors
        self.code = 0
        self.err = ""

    def type(self, line: list[str], as_: str = "vic") -> str:
        """Run one command; its output."""
        environment = {
            "WAVETRAIN_URL": self.doors.url,
            "WAVETRAIN_CA": str(self.doors.authority.file),
            "WAVETRAIN_TOKEN": self.doors.secrets[as_],
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, line, env=environment)
        self.code, self.err = result.exit_code, result.stderr
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    def ask(self, line: list[str], as_: str = "vic") -> Any:
        """Run one command with `--json`; what it printed."""
        said = self.type([*line, "--json"], as_)
        assert self.code == 0, self.err
        return json.loads(said)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal of its own."""
    with served(Practice(tmp_path), tmp_path) as doors:
        yield Terminal(doors)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file and names it."""

    def keep(name: str, text: str) -> str:
        file = tmp_path / name
        file.write_text(text)
        return str(file)

    return keep
