"""The house keeps its promises: a map that is true, rooms of a human size, floors that hold."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "wavetrain"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
LINES_MAX = 400
BANNED = {"utils", "common", "helpers", "base", "manager", "misc"}


def purpose(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(SOURCE)) for path in paths]


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_a_module_says_in_one_sentence_what_it_is(path: Path) -> None:
    line = purpose(path)
    assert line, f"{path} has no docstring"
    assert line[-1] in ".?:", f"{path}: {line!r} is not a sentence"


def test_the_map_lists_every_module_with_its_own_first_line_and_no_other() -> None:
    listed = dict(
        re.findall(r"^- `([\w/]+\.py)` (.*)$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    )
    assert listed == {str(path.relative_to(SOURCE)): purpose(path) for path in MODULES}, (
        "run: python -m tests.tree.draw_map"
    )


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_MAX


def test_no_module_is_named_after_nothing() -> None:
    assert not [path for path in MODULES if path.stem in BANNED]


def test_a_planted_import_of_an_upper_floor_is_caught(tmp_path: Path) -> None:
    """The floors are enforced by import-linter; here it is shown a copy of the house with a broken floor."""
    copy = tmp_path / "src" / "wavetrain"
    for path in SOURCE.rglob("*.py"):
        target = copy / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    guilty = copy / "decide" / "waves.py"
    guilty.write_text(guilty.read_text() + "\nimport wavetrain.control.tick\n")
    answer = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 1
    assert "wavetrain.decide.waves -> wavetrain.control.tick" in answer.stdout


def test_the_repository_speaks_of_the_product_alone() -> None:
    """No registry's host, no path of a machine, no third party's lock address."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parts = (
        "py" + r"pi\.org",
        "python" + "hosted",
        r"registry\.npm" + "js",
        r"deb\.deb" + "ian",
        "/wo" + "rk/",
        "/ro" + "ot/",
    )
    banned = re.compile("|".join(parts))
    guilty = [
        name
        for name in listed.splitlines()
        if (ROOT / name).is_file() and banned.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert not guilty
