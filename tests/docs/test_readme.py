"""README.md and CONTRIBUTING.md: what they tell people to type can be typed, and what they name is there."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
from tests.docs.pages import DOCS, ROOT, anchors, blocks, links
from tests.docs.transcript import shown

from wavetrain.cli.main import app
from wavetrain.wiring import config as wiring_config

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = [
    line.strip()
    for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```$", README + (ROOT / "CONTRIBUTING.md").read_text())
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("wavetrain ")])
def test_a_command_of_the_readme_is_one_that_the_program_takes(line: str) -> None:
    """Also its options and arguments: an unknown one, or one that is missing, is an error."""
    command, words = typer.main.get_command(app), shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    is_group = bool(getattr(command, "commands", {}))
    is_complete = (
        bool(words) and words[0].startswith("-") and getattr(command, "invoke_without_command", False)
    )
    assert is_complete or not is_group, f"`{line}` names no command"
    command.make_context(line, words)


def test_a_command_that_the_program_does_not_take_is_seen() -> None:
    with pytest.raises(Exception, match="--colour"):
        test_a_command_of_the_readme_is_one_that_the_program_takes("wavetrain rollout list --colour blue")
    with pytest.raises(Exception, match="fly"):
        test_a_command_of_the_readme_is_one_that_the_program_takes("wavetrain fly")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_the_targets(line: str) -> None:
    target = line.partition("#")[0].split()[1]
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_every_line_to_be_typed_is_tested() -> None:
    assert COMMANDS
    assert {line.split()[0] for line in COMMANDS} == {"make", "wavetrain"}


def test_the_first_configuration_is_accepted(tmp_path: Path) -> None:
    found = re.findall(r"(?ms)^ *```toml\n(.*?)^ *```$", README)
    assert len(found) == 1
    file = tmp_path / "wavetrain.toml"
    file.write_text("\n".join(line.strip() for line in found[0].splitlines()))
    config, folder = wiring_config.load(file)
    assert (config, folder) == (wiring_config.Config(), tmp_path / "var")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_it_says_what_it_is_in_five_lines() -> None:
    assert len(README.split("\n\n")[1].splitlines()) == 5


def test_the_transcript_tells_all_three_stories_and_the_receipt() -> None:
    told = "\n".join(shown(README))
    for words in (
        "2.0.0 is good",
        "-> reverted",
        "2.1.1 took a later window",
        "Receipt",
        "Guards violated: 0",
    ):
        assert words in told
    assert len(blocks(README, "text")) == 1
