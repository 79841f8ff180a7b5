"""Fleet commands read both forms without a control plane, compare two files, and show a large fleet in numbers."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Terminal
from tests.control.practice import FLEET, POLICY, pop_text
from typer.testing import CliRunner

from wavetrain.cli import fleet_source
from wavetrain.cli.main import app
from wavetrain.wire.fleet_lines import LINES_BYTES_MAX
from wavetrain.wire.toml_table import FILE_BYTES_MAX

Keep = Callable[[str, str], str]
SITE = (
    '[[account]]\nid = "acme"\n[[site]]\nid = "s1"\naccount = "acme"\nprimary = "lis1"\nsecondary = "fra1"\n'
)


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., Any]:
    """Types a command in a folder where there is no control plane; its exit code, output and errors."""

    def typed(*line: object) -> tuple[int, str, str]:
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(app, [str(word) for word in line], env={"WAVETRAIN_URL": ""})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return typed


def test_a_sample_is_written_checked_and_comes_out_the_same_again(
    alone: Callable[..., Any], tmp_path: Path
) -> None:
    sized = ("--pops", 30, "--nodes", 4, "--sites", 200, "--seed", 5)
    code, said, _ = alone("fleet", "sample", *sized, "-o", "a.toml", "--policy", "p.toml")
    assert code == 0
    assert said.startswith("a.toml: ")
    assert " 30 PoPs, 120 nodes, 200 sites (" in said
    assert alone("fleet", "sample", *sized, "-o", "b.jsonl")[0] == 0
    assert alone("fleet", "sample", *sized, "-o", "c.jsonl", "--json")[0] == 0
    assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes()
    for name in ("a.toml", "b.jsonl"):
        code, said, _ = alone("fleet", "check", name, "--json")
        assert json.loads(said) == {"good": True, "pops": 30, "nodes": 120, "sites": 200, "warnings": []}
    assert alone("policy", "check", "p.toml", "--fleet", "b.jsonl")[0] == 0
    assert alone("fleet", "diff", "a.toml", "b.jsonl")[1] == "nothing changes\n"


def test_without_an_ending_the_size_decides_on_the_form(alone: Callable[..., Any], tmp_path: Path) -> None:
    alone("fleet", "sample", "--pops", 2, "--nodes", 2, "--sites", 3, "-o", "small")
    alone("fleet", "sample", "--pops", 30, "--nodes", 700, "--sites", 3, "-o", "large")
    assert (tmp_path / "small").read_text().startswith("[[region]]")
    assert (tmp_path / "large").read_text().startswith('{"region"')
    assert alone("fleet", "check", "small")[0] == alone("fleet", "check", "large")[0] == 0


def test_what_no_train_could_work_on_is_warned_of_by_the_rules_that_are_named(
    alone: Callable[..., Any], tmp_path: Path
) -> None:
    fleet, policy = tmp_path / "fleet.toml", tmp_path / "policy.toml"
    fleet.write_text(FLEET.replace("place =", "load = 0.7\nplace ="))
    policy.write_text(POLICY + "[budgets]\nheadroom = 1.0\n")
    code, out, _ = alone("fleet", "check", fleet)
    assert code == 0, "a warning is no fault"
    assert out.count("it can spare no node at any hour of its window: 3 of 4 carry 75% of its capacity") == 2
    assert "warning" not in alone("fleet", "check", fleet, "--policy", policy)[1]
    found = json.loads(alone("fleet", "check", fleet, "--json")[1])
    assert (found["good"], len(found["warnings"])) == (True, 2)


def test_two_files_are_compared_field_by_field_and_for_people(alone: Callable[..., Any], kept: Keep) -> None:
    old = kept("old.toml", FLEET + SITE)
    new = kept(
        "new.toml", (FLEET + pop_text("jnb1")).replace('"02:00"', '"03:00"', 1) + SITE.replace("lis1", "jnb1")
    )
    code, said, _ = alone("fleet", "diff", old, new)
    assert code == 0
    assert said.splitlines() == [
        "+ PoP jnb1",
        "~ PoP lis1: window: FREQ=DAILY 02:00 240 Europe/Lisbon -> FREQ=DAILY 03:00 240 Europe/Lisbon",
        "~ site s1: primary: lis1 -> jnb1",
        "=> PoP jnb1 joins region emea with 4 nodes",
        "=> PoP lis1 is worked on at 03:00 for 240 min, FREQ=DAILY, Europe/Lisbon instead of 02:00 for 240 min, "
        "FREQ=DAILY, Europe/Lisbon",
        "=> 1 site moves from lis1 to jnb1 as primary PoP",
    ]
    answer = json.loads(alone("fleet", "diff", old, new, "--json")[1])
    assert (answer["added"], answer["removed"], len(answer["changed"])) == (["PoP jnb1"], [], 2)


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _sparse(folder: Path, name: str, size: int, first: bytes = b"{") -> Path:
    """A file of that size that takes no room on disk."""
    file = folder / name
    with file.open("wb") as target:
        target.write(first)
        target.truncate(size)
    return file


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file of gigabytes": (
        lambda folder: _sparse(folder, "huge.jsonl", 64 * 1024**3),
        f"is larger than {LINES_BYTES_MAX} bytes; split the fleet between control planes",
    ),
    "a TOML file that is too large": (
        lambda folder: _sparse(folder, "huge.toml", 64 * 1024**3, b"#"),
        f"is larger than {FILE_BYTES_MAX} bytes; write so large a fleet as JSON lines",
    ),
    "what has no end": (lambda _: Path("/dev/zero"), "/dev/zero is no file on disk; save the fleet in one"),
    "what nobody writes to": (lambda folder: _pipe(folder), "is no file on disk; save the fleet in one"),
    "a folder": (lambda folder: folder, "is no file on disk; save the fleet in one"),
    "no file": (
        lambda folder: folder / "none.toml",
        "cannot be read: No such file or directory; name a file",
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("made", "said"), BAD.values(), ids=BAD.keys())
def test_what_is_no_fleet_file_is_refused_early(
    made: Callable[[Path], Path], said: str, alone: Callable[..., Any], tmp_path: Path
) -> None:
    code, _, err = alone("fleet", "check", made(tmp_path))
    assert code == 1
    assert said in err


def test_a_size_that_cannot_be_and_a_place_that_cannot_be_written_are_refused(
    alone: Callable[..., Any], tmp_path: Path
) -> None:
    assert "--pops is 0; give 1 to 10000" in alone("fleet", "sample", "--pops", 0, "-o", "x")[2]
    assert "cannot be written: No such file" in alone("fleet", "sample", "--pops", 2, "-o", "none/x")[2]
    assert not list(tmp_path.iterdir())


def test_a_large_fleet_is_applied_as_json_lines_and_shown_in_numbers(
    terminal: Terminal, kept: Keep, tmp_path: Path
) -> None:
    text = FLEET + "".join(pop_text(f"p{number}", 60) for number in range(4)) + SITE
    file = kept("f.toml", text)
    lines = str(tmp_path / "f.jsonl")
    fleet_source.write(fleet_source.read(Path(file)), Path(lines), lambda *_: None)
    said = terminal.type(["fleet", "check", lines]).splitlines()
    assert said[1].startswith("applying it: 6 PoPs, 248 nodes, 1 sites; added PoP p0, PoP p1")
    assert "=> PoP p0 joins region emea with 60 nodes" in said
    assert terminal.type(["fleet", "apply", lines], "olga").startswith(
        "fleet applied: 6 PoPs, 248 nodes, 1 sites"
    )
    shown = terminal.type(["fleet", "show"])
    assert "1 regions, 6 PoPs, 248 nodes, 1 accounts" in shown
    assert "sites: 1 appliance; 0 single-homed, 1 pairs of PoPs" in shown
    assert len(shown.splitlines()) < 20
    assert "p0-n60" in terminal.type(["fleet", "show", "--pop", "p0"])
    rows = terminal.type(["fleet", "show", "--region", "emea"]).splitlines()
    assert [row.split()[0] for row in rows] == ["POP", "fra1", "lis1", "p0", "p1", "p2", "p3"]
    assert terminal.ask(["fleet", "show"])["fleet"]["pops"] == 6
    bad = kept("bad.jsonl", Path(lines).read_text().replace('"primary":"lis1"', '"primary":"x"'))
    assert terminal.type(["fleet", "apply", bad], "olga") == ""
    assert "site.primary: there is no PoP x; correct the name, or add that PoP" in terminal.err
